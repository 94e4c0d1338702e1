"""The small examples of plugins do what they say."""

from __future__ import annotations

import asyncio
import secrets
import socket
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner

from fivapp_whatsapp.cli import cli
from fivapp_whatsapp.errors import Hold, InvalidInput
from fivapp_whatsapp.models import MessageStatus, SessionStatus, SessionUpdate, StatusUpdate
from fivapp_whatsapp.testing import Chat
from tests.processes import ROOT


@pytest.mark.plugin("examples/echo.py")
async def test_echo_says_the_same(chat: Chat) -> None:
    await chat.says("olá")
    assert chat.replies == ["olá"]
    await chat.runs_twice()


# --- card guard --------------------------------------------------------------------------------------


@pytest.mark.plugin("examples/card_guard.py")
async def test_a_card_number_is_not_sent_and_other_numbers_are(chat: Chat) -> None:
    card = "4539 1488 0343 6467"  # a valid check digit, nobody's card
    with pytest.raises(Hold, match="cartão"):
        await chat.human_says(f"O cartão é {card}.")
    for text in (f"O pedido é {card[:-1]}8.", "+55 11 98888-7777", "oi"):
        await chat.human_says(text)
    assert len(chat.connector.sends) == 3


# --- support hours ---------------------------------------------------------------------------------


@pytest.mark.plugin("examples/support_hours.py")
async def test_outside_the_hours_a_contact_is_told_once(chat: Chat) -> None:
    await chat.says("bom dia")  # Monday, 9 in the morning
    assert chat.replies == []
    await chat.clock.move_to(datetime(2026, 3, 2, 23, tzinfo=UTC))
    await chat.says("boa noite")
    (told,) = chat.replies
    assert told.startswith("Olá!")
    await chat.says("alguém?")
    assert chat.replies == []
    await chat.clock.move_to(datetime(2026, 3, 7, 15, tzinfo=UTC))
    await chat.says("é sábado")
    assert chat.replies == [told]
    await chat.runs_twice()


@pytest.mark.plugin("examples/support_hours.py")
async def test_a_tenant_has_hours_of_its_own_past_midnight_too(chat: Chat) -> None:
    night = {"opens": "18:00", "closes": "02:00", "weekdays": [6], "zone": "UTC", "text": "Closed."}
    await chat.configure("support_hours", **night)
    await chat.says("Monday noon")
    assert chat.replies == ["Closed."]
    await chat.clock.move_to(datetime(2026, 3, 9, 1, 59, tzinfo=UTC))
    await chat.says("Sunday's night")
    assert chat.replies == []
    await chat.clock.move_to(datetime(2026, 3, 9, 2, 0, tzinfo=UTC))
    await chat.says("over")
    assert chat.replies == ["Closed."]
    with pytest.raises(InvalidInput, match="time zone"):
        await chat.configure("support_hours", zone="Nowhere/Land")


# --- order status ----------------------------------------------------------------------------------


SCHEMA = "CREATE TABLE orders (number text PRIMARY KEY, phone text NOT NULL, status text NOT NULL)"
# Ana's, with and without the ninth digit, and somebody else's.
ORDERS = (("1001", "5511988887777", "sent"), ("1002", "+55 (11) 8888-7777", "lost"), ("1003", "5521911112222", "paid"))


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path}/shop.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        asyncio.run(_fill(url))
    else:
        connection = sqlite3.connect(tmp_path / "shop.db")
        connection.execute(SCHEMA)
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", ORDERS)
        connection.commit()
        connection.close()
    monkeypatch.setenv("SHOP_DATABASE_URL", url)
    return url


async def _fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(SCHEMA)
    await connection.executemany("INSERT INTO orders VALUES ($1, $2, $3)", ORDERS)
    await connection.close()


@pytest.mark.usefixtures("shop")
@pytest.mark.plugin("examples/order_status.py")
async def test_who_ordered_hears_where_the_order_is(chat: Chat) -> None:
    await chat.says("Cadê meu pedido nº 1001?")
    assert chat.replies == ["O pedido 1001 está a caminho."]
    await chat.says("order 1002 please")
    assert chat.replies == ["O pedido 1002 está em andamento."]
    await chat.says("bom dia")
    assert chat.replies == []


@pytest.mark.usefixtures("shop")
@pytest.mark.plugin("examples/order_status.py")
async def test_somebody_elses_order_is_as_one_that_is_not_there(chat: Chat) -> None:
    await chat.says("pedido 1003")
    others = chat.replies
    await chat.says("pedido 9999")
    assert [text.replace("9999", "1003") for text in chat.replies] == others
    await chat.says("pedido 1001' OR '1'='1")
    assert chat.replies == ["O pedido 1001 está a caminho."]


# --- metrics ---------------------------------------------------------------------------------------


@pytest.fixture
def statsd(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        monkeypatch.setenv("STATSD", f"127.0.0.1:{server.getsockname()[1]}")
        yield server


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    file = tmp_path / "failing.py"
    file.write_text(
        "from fivapp_whatsapp import hookimpl\n\n@hookimpl\ndef reply_to(message):\n    raise OSError(message.text)\n"
    )
    return file


class TestSink:
    @pytest.fixture
    def plugins(self, statsd: socket.socket, failing: Path) -> list[str]:
        return ["examples/metrics_sink.py", "examples/echo.py", str(failing)]

    async def test_messages_and_failures_are_counted_without_what_was_written(
        self, chat: Chat, statsd: socket.socket
    ) -> None:
        secret = secrets.token_hex(8)
        await chat.says(secret)
        assert chat.replies == [secret]
        await chat.says(None, kind="image")
        lines = _received(statsd)
        assert "fivapp.messages_received.acme.text:1|c" in lines
        assert "fivapp.messages_received.acme.image:1|c" in lines
        assert "fivapp.messages_sent.acme.plugin:1|c" in lines
        assert "fivapp.plugin_failures.failing.reply_to.OSError:1|c" in lines
        assert not [line for line in lines if secret in line]

    async def test_what_becomes_of_messages_and_sessions_is_counted(self, chat: Chat, statsd: socket.socket) -> None:
        await chat.says()
        native_id = f"true_{chat.connector.sends[0].to}_1"
        update = StatusUpdate(session_id="acme", native_id=native_id, status=MessageStatus.READ)
        connector, gone = chat.connector, SessionUpdate(session_id="acme", status=SessionStatus.DISCONNECTED)
        for told in (connector.webhook(update), connector.webhook(gone)):
            await chat.gateway.receive(connector.name, connector.key, {}, told)
        await chat.quiet()
        lines = _received(statsd)
        assert "fivapp.messages.acme.read:1|c" in lines
        assert "fivapp.sessions.acme.disconnected:1|c" in lines

    async def test_a_sink_that_is_away_costs_nothing(self, chat: Chat, statsd: socket.socket) -> None:
        statsd.close()
        await chat.says("olá")
        assert chat.replies == ["olá"]


def _received(server: socket.socket) -> list[str]:
    lines = []
    try:
        while True:
            lines.append(server.recv(1000).decode())
    except BlockingIOError:
        return lines


@pytest.mark.parametrize(
    "name", ["card_guard", "echo", "llm_bot", "metrics_sink", "order_status", "paper", "support_hours"]
)
def test_an_example_has_no_mistake_that_plugins_check_finds(name: str) -> None:
    done = CliRunner().invoke(cli, ["plugins", "check", str(ROOT / f"examples/{name}.py")])
    assert (done.exit_code, done.stdout.startswith(f"{name}: ok (")) == (0, True), done.output
