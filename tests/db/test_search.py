from __future__ import annotations

import re
import unicodedata

import pytest
from piccolo.columns.combination import WhereRaw

from fivapp_whatsapp.db.engine import Engine, PostgresEngine, connect_sqlite, pg_connection
from fivapp_whatsapp.db.search import fold, phone_patterns, text_matches, title_matches
from fivapp_whatsapp.db.tables import Messages, bound

pytestmark = pytest.mark.anyio

TEXTS = [
    "Olá, bom dia! Você já recebeu o meu orçamento?",
    "AMANHÃ às 14:30 — reunião com a Conceição",
    "o pão custa R$ 12,50 no balcão",
    "não gostei... 😡 quero devolução",
    "e-mail: maria.souza@example.com / wi-fi grátis",
    "na\u0303o decomposto: ac\u0327a\u0303o",
    "100% de desconto_especial c:\\temp",
    "1º lugar, 2ª via, nº 42",
    "🎉🎉 parabéns🎂pra você",
    "OR AND NOT NEAR",
    "São Paulo / SÃO PAULO / sao paulo",
    "naïve Ångström ÇELIK",
    "preço-12 temperatura -5 versão 1.2.3",
    "https://exemplo.com.br/caminho?x=1&y=2",
    "",
]
QUERIES = {
    "ola": {0},
    "OLÁ": {0},
    "orcamento recebeu": {0},
    "recebeu orç": {0},
    "rec orçamento": set(),
    "amanha reuniao": {1},
    "conceição": {1},
    "14:30": {1},
    "12,50": {2},
    "r$ 12": {2},
    "nao": {3, 5},
    "não": {3, 5},
    "acao": {5},
    "maria.souza@example.com": {4},
    "example": {4},
    "wi-fi": {4},
    "wifi": set(),
    "desconto_especial": {6},
    "100%": {6},
    "1º": {7},
    "2ª via": {7},
    "42": {7},
    "parabens": {8},
    "pra": {8},
    "or and not": {9},
    "sao paulo": {10},
    "naive angstrom celik": {11},
    "-5": {2, 12},
    "1.2": {12, 13},
    "exemplo.com.br": {13},
    "caminho": {13},
    "😡": None,
    "": None,
    "  \t\n ": None,
    "%": None,
    "_": None,
    "'\"*()&|!:<->\\": None,
}
HOSTILE = [
    "'",
    '"',
    "a'b",
    'a"b',
    "a' | 'b",
    'x" OR "y',
    "a:*b",
    "{}",
    "{0}",
    "$1",
    "?",
    "\0",
    "a\0b",
    "NEAR(a b)",
    "a" * 5000,
]


@pytest.fixture
async def messages(engine: Engine) -> type[Messages]:
    table = bound(Messages, engine)
    rows = [_row(number, text) for number, text in enumerate([*TEXTS, None])]
    if isinstance(engine, PostgresEngine):
        async with pg_connection(engine) as connection:
            await connection.executemany(_insert("${}"), rows)
    else:
        writer = connect_sqlite(engine.path)
        writer.executemany(_insert("?"), rows)
        writer.close()
    return table


COLUMNS = [
    "id",
    "tenant_id",
    "session_id",
    "conversation_id",
    "seq",
    "direction",
    "kind",
    "status",
    "text",
    "author_kind",
    "at",
    "received_at",
]


def _row(number: int, text: str | None) -> tuple[object, ...]:
    return (f"m{number}", "t", "t", "c", number, "incoming", "text", "received", text, "contact", 1, 1)


def _insert(mark: str) -> str:
    marks = ", ".join(mark.format(number) for number in range(1, len(COLUMNS) + 1))
    return f"INSERT INTO fivapp_message ({', '.join(COLUMNS)}) VALUES ({marks})"


async def _found(table: type[Messages], query: str) -> set[int] | None:
    condition = text_matches(query, "t", table._meta.db.engine_type)
    if condition is None:
        return None
    rows = await table.select(table.seq).where(WhereRaw(condition.sql, *condition.values))
    return {row["seq"] for row in rows}


async def test_the_same_messages_are_found_on_both_databases(messages: type[Messages]) -> None:
    found = {query: await _found(messages, query) for query in QUERIES}

    assert found == QUERIES


async def test_nothing_that_a_user_types_is_read_as_a_query(messages: type[Messages]) -> None:
    found = {query: await _found(messages, query) for query in HOSTILE}

    assert found == {query: _expected(fold(query).split()) for query in HOSTILE}


def _expected(wanted: list[str]) -> set[int] | None:
    if not wanted:
        return None
    words = [re.split(r"\W+", fold(text)) for text in TEXTS]
    return {
        number
        for number, have in enumerate(words)
        if set(wanted[:-1]) <= set(have) and any(word.startswith(wanted[-1]) for word in have)
    }


async def test_every_word_of_every_text_finds_that_text(messages: type[Messages]) -> None:
    for number, text in enumerate(TEXTS):
        for word in text.split():
            assert fold(word) == "" or number in (await _found(messages, word) or ()), (text, word)


async def test_a_changed_or_deleted_text_is_found_as_it_is_now(engine: Engine, messages: type[Messages]) -> None:
    statements = (
        "UPDATE fivapp_message SET text = 'agora outro' WHERE seq = 0",
        "UPDATE fivapp_message SET text = NULL WHERE seq = 1",
        "UPDATE fivapp_message SET text = 'antes nada' WHERE text IS NULL AND seq > 1",
        "DELETE FROM fivapp_message WHERE seq = 2",
    )
    if isinstance(engine, PostgresEngine):
        async with pg_connection(engine) as connection:
            for statement in statements:
                await connection.execute(statement)
    else:
        writer = connect_sqlite(engine.path)
        for statement in (*statements, "VACUUM"):
            writer.execute(statement)
        writer.execute("INSERT INTO fivapp_message_search (fivapp_message_search) VALUES ('integrity-check')")
        writer.close()

    assert await _found(messages, "orçamento") == set()
    assert await _found(messages, "agora") == {0}
    assert await _found(messages, "conceição") == set()
    assert await _found(messages, "antes nada") == {len(TEXTS)}
    assert await _found(messages, "pão") == set()


async def test_a_huge_text_is_stored(engine: Engine) -> None:
    text = " ".join(f"palavra{number}" for number in range(150_000))
    if isinstance(engine, PostgresEngine):
        async with pg_connection(engine) as connection:
            await connection.execute(_insert("${}"), *_row(1, text))
    else:
        writer = connect_sqlite(engine.path)
        writer.execute(_insert("?"), _row(1, text))
        writer.close()

    assert await _found(bound(Messages, engine), "palavra17") == {1}


async def test_a_search_uses_the_index(engine: Engine, messages: type[Messages]) -> None:
    condition = text_matches("orçamento", "t", engine.engine_type)
    assert condition is not None
    select = f"SELECT id FROM fivapp_message WHERE {condition.sql}"
    if isinstance(engine, PostgresEngine):
        async with pg_connection(engine) as connection, connection.transaction():
            await connection.execute("SET LOCAL enable_seqscan = off")
            plan = str(await connection.fetch(f"EXPLAIN {select.format('$1', '$2')}", *condition.values))
        assert "fivapp_message_words" in plan
    else:
        reader = connect_sqlite(engine.path)
        plan = str(reader.execute(f"EXPLAIN QUERY PLAN {select.format('?', '?')}", condition.values).fetchall())
        reader.close()
        assert re.search(r"SEARCH fivapp_message USING INTEGER PRIMARY KEY", plan)


async def test_postgresql_folds_every_letter_as_we_do(postgres_engine: PostgresEngine) -> None:
    letters = [
        chr(code)
        for code in (*range(1, 0x180), 0x2014, 0x201C, 0x20AC, 0x1F600, 0x3042, 0x4E00)
        if unicodedata.category(chr(code))[0] == "L" and len(chr(code).lower()) == 1
    ]
    async with pg_connection(postgres_engine) as connection:
        query = "SELECT array_to_string(tsvector_to_array(fivapp_search_vector($1)), ' ')"
        folded = {letter: await connection.fetchval(query, f"x{letter}x") for letter in letters}

    assert {letter: found for letter, found in folded.items() if found != fold(f"x{letter}x")} == {}


def test_a_title_is_matched_by_its_folded_words() -> None:
    assert title_matches("  João_100% ") == ("search_title LIKE {}", ("%joao 100%",))
    assert title_matches("%_%") is None


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("11 98888", {"1198888", "118888"}),
        ("11 8888", {"118888", "1198888"}),
        ("+55 (11) 98888-7777", {"5511988887777", "551188887777"}),
        ("+55 (11) 8888-7777", {"551188887777", "5511988887777"}),
        ("98888-7777", {"988887777", "88887777"}),
        ("11 3333-4444", {"1133334444"}),
        ("1234", {"1234"}),
        ("123", set()),
        ("obra 2024", set()),
        ("", set()),
        ("%", set()),
    ],
)
def test_a_phone_is_looked_for_with_and_without_brazils_ninth_digit(query: str, numbers: set[str]) -> None:
    assert set(phone_patterns(query)) == {f"%{number}%" for number in numbers}
