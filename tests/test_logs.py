"""One line an event, and nothing in it that was not allowed by name."""

from __future__ import annotations

import ast
import asyncio
import io
import json
import logging
import re
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from fivapp_whatsapp import logs
from fivapp_whatsapp.errors import ConnectorRejected, ConnectorUnavailable, MessageNotFound, StoreUnavailable
from fivapp_whatsapp.observe import correlation_id, new_correlation_id, operation
from fivapp_whatsapp.settings import Settings, load_settings

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[1]
CANARIES = {
    "key": "CANARY-key-5f1d",
    "jwt": 'CANARY "quoted\\secret ü',
    "webhook": "CANARY-webhook-77",
    "database": "CANARY-pass-word",
}
PHONE = "5511987654321"
HOSTILE = [
    "two\nlines",
    'x\r\n{"level":"info","event":"forged"}',
    "\x1b[31mred\x1b[0m\x9b31m",
    "a\u2028b\u2029c\x85d\x0be\x0cf",
    "\ud800 alone \udfff",
    "\x00\x07\x7f",
    "\u202egnp.exe",
    'quote " and \\ backslash',
    "x" * 100_000,
]


class Lines(io.StringIO):
    """A stream that reads what was logged."""

    def read_all(self) -> list[dict[str, Any]]:
        """Return every line as the object that it is, and fail for what is none."""
        text = self.getvalue()
        assert text.isascii()
        assert len(text.splitlines()) == text.count("\n")
        return [json.loads(line) for line in text.splitlines()]

    def one(self) -> dict[str, Any]:
        """Return the only line."""
        (line,) = self.read_all()
        return line


def settings(**overrides: Any) -> Settings:
    environment = {
        "CONNECTION_SERVICE_API_KEY": CANARIES["key"],
        "FIVAPP_JWT_SECRET": CANARIES["jwt"],
        "FIVAPP_WEBHOOK_KEYS": f"{CANARIES['webhook']},other-key",
        "DATABASE_URL": f"postgresql://fivapp:{CANARIES['database']}@db.example/fivapp",
    }
    return load_settings(environment, env_file=None, **overrides)


@pytest.fixture
def untouched() -> Iterator[None]:
    """Put the process's logging back as it was."""
    root = logging.getLogger()
    handlers, names = list(root.handlers), [None, *logs._LIBRARIES]
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
def lines(untouched: None) -> Lines:
    stream = Lines()
    logs.configure_logging(settings(), stream)
    return stream


log = structlog.get_logger("tests")


def test_a_line_has_time_level_event_and_logger(lines: Lines) -> None:
    log.info("session.connected", tenant_id="acme", attempt=2, durable=True)
    line = lines.one()
    assert list(line) == ["timestamp", "level", "event", "logger", "tenant_id", "attempt", "durable"]
    assert line["timestamp"].endswith("Z")
    assert datetime.fromisoformat(line["timestamp"]).utcoffset() == timedelta(0)
    assert (line["level"], line["event"], line["logger"]) == ("info", "session.connected", "tests")
    assert (line["tenant_id"], line["attempt"], line["durable"]) == ("acme", 2, True)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_one_line_wherever_it_stands(lines: Lines, text: str) -> None:
    log.info(text, tenant_id=text, text=text, phone=text, detail=text, other=text, **{text: text})
    logging.getLogger("uvicorn.error").warning("%s", text)
    assert len(lines.read_all()) == 2
    assert "forged" not in [line["event"] for line in lines.read_all()]
    assert max(map(len, lines.getvalue().splitlines())) < 5_000


@pytest.mark.parametrize("text", HOSTILE)
def test_the_console_shows_a_hostile_text_in_one_line_without_control_characters(untouched: None, text: str) -> None:
    stream = io.StringIO()
    logs.configure_logging(settings(log_format="console"), stream)
    log.info(text, tenant_id=text, detail=text, text=text)
    assert len(stream.getvalue().splitlines()) == 1
    assert stream.getvalue().rstrip("\n").isprintable()


def test_the_console_is_readable(untouched: None) -> None:
    stream = io.StringIO()
    logs.configure_logging(settings(log_format="console"), stream)
    with operation("connect", tenant_id="acme"):
        pass
    assert re.search(r"\[info +\] connect .*outcome=ok duration_ms=[\d.]+ tenant_id=acme", stream.getvalue())


def test_what_nobody_listed_is_dropped_and_named(lines: Lines) -> None:
    log.info("x", shoe_size=44, message={"text": "hello"}, headers={"cookie": "s"}, authorization="Bearer abc", seq=1)
    line = lines.one()
    assert line["redacted"] == ["shoe_size", "message", "headers", "authorization"]
    assert line["seq"] == 1
    assert "44" not in lines.getvalue()
    assert "hello" not in lines.getvalue()
    assert "abc" not in lines.getvalue()


def test_phones_and_addresses_become_one_short_hash_in_every_spelling(lines: Lines) -> None:
    spellings = {"phone": "+55 (11) 98765-4321", "to": f"{PHONE}@c.us", "sender": f"{PHONE}:3@s.whatsapp.net"}
    log.info("x", **spellings, chat_id="5521999990000@c.us")
    line = lines.one()
    assert line["phone_hash"] == line["to_hash"] == line["sender_hash"] != line["chat_id_hash"]
    assert re.fullmatch("[0-9a-f]{8}", line["phone_hash"])
    assert "98765" not in lines.getvalue()
    assert line["phone_hash"] == logs.Pipeline(settings()).hash(PHONE)


def test_a_hash_means_nothing_without_the_secret() -> None:
    hashes = {logs.Pipeline(load_settings({}, env_file=None, jwt_secret=s)).hash(PHONE) for s in ("", "", "a", "b")}
    assert len(hashes) == 4


def test_texts_become_their_length(lines: Lines) -> None:
    log.info("x", text="Olá, tudo bem?", title="Ana", body=b"12345", name=None)
    line = lines.one()
    assert (line["text_length"], line["title_length"], line["body_length"], line["name"]) == (14, 3, 5, None)
    assert "Ana" not in lines.getvalue()


@pytest.mark.parametrize(
    "value",
    ["Olá Ana", "ana@example.com", "a" * 129, "a\nb", {"a": "b"}, object(), b"raw", ["Olá Ana"], Exception("Olá")],
)
def test_a_safe_key_with_something_else_than_an_id_shows_only_what_it_is(lines: Lines, value: object) -> None:
    log.info("x", session_id=value)
    shown = json.dumps(lines.one()["session_id"])
    assert "<" in shown
    assert "Ol" not in shown
    assert "ana" not in shown


def test_numbers_that_json_does_not_know_stay_json(lines: Lines) -> None:
    log.info("x", duration_ms=float("nan"), size=float("inf"), ids=[1])
    assert (lines.one()["duration_ms"], lines.one()["size"]) == ("nan", "inf")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"No answer for {PHONE}.", "No answer for <number>."),
        ("Call +55 11 98765-4321 now", "Call <number> now"),
        ("Call (11) 98765-4321 now", "Call <number> now"),
        (f"{PHONE}@c.us left", "<address> left"),
        ("ana.b@example.com left", "<address> left"),
        ('GET /api/ws?ticket=abc&x=1 HTTP/1.1" 101', 'GET /api/ws?*** HTTP/1.1" 101'),
        ("POST /api/webhooks/whatsapp/wrong-key failed", "POST /api/webhooks/whatsapp/*** failed"),
        ("http://user:pw@host:3001/x refused", "http://***@host:3001/x refused"),
        ("sent Authorization: abc123, refused", "sent Authorization: ***, refused"),
        ("with bearer abc123 refused", "with bearer *** refused"),
        ('{"password": "abc123"}', '{"password": ***'),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln ended", "token *** ended"),
        ("Why? Nobody knows.", "Why? Nobody knows."),
        ("Uvicorn running on http://127.0.0.1:8000", "Uvicorn running on http://127.0.0.1:8000"),
        ("since 2026-03-01 12:00:00", "since 2026-03-01 12:00:00"),
        ("first\nsecond", "first"),
    ],
)
def test_a_sentence_loses_what_is_about_people_and_keys(said: str, told: str) -> None:
    assert logs.sentence(said) == told


def test_secrets_are_scrubbed_from_the_finished_line(lines: Lines) -> None:
    for secret in CANARIES.values():
        log.info("said", detail=f"it is {secret}!", tenant_id=secret, kind=[secret])
        log.info(f"the event {secret}")
        logging.getLogger("other").error("%r", secret)
        try:
            raise OSError(secret)
        except OSError:
            log.exception("failed")
    assert len(lines.read_all()) == 16
    assert "CANARY" not in lines.getvalue()
    assert "db.example" not in lines.getvalue()


def test_the_address_of_a_database_without_password_is_no_secret(untouched: None) -> None:
    stream = Lines()
    logs.configure_logging(load_settings({}, env_file=None), stream)
    log.info("opened", detail="sqlite:///fivapp.db")
    assert stream.one()["detail"] == "sqlite:///fivapp.db"


def test_an_exception_shows_where_and_never_a_value(lines: Lines) -> None:
    text = "CANARY of a customer"
    try:
        try:
            {}[text]
        except KeyError as error:
            raise ExceptionGroup(text, [ValueError(text), FileNotFoundError(2, "No such file")]) from error
    except ExceptionGroup:
        log.exception("failed", tenant_id="acme")
    told = lines.one()["exception"].split("\n")
    assert told[0] == "builtins.ExceptionGroup: (39 characters)"
    assert re.fullmatch(r"  at \S*tests/test_logs\.py:\d+ in test_an_exception_\w+", told[1])
    assert "with builtins.ValueError: (20 characters)" in told
    assert "with builtins.FileNotFoundError: [Errno 2] No such file" in told
    assert "because of builtins.KeyError: (22 characters)" in told
    assert "CANARY" not in lines.getvalue()


def test_an_endless_exception_is_cut(lines: Lines) -> None:
    def deeper(depth: int) -> None:
        if depth == 0:
            raise ValueError
        try:
            deeper(depth - 1)
        except ValueError as error:
            raise ValueError from error

    try:
        deeper(50)
    except ValueError:
        log.exception("failed")
    assert len(lines.getvalue()) < 20_000


class Grumpy:
    """What has no text."""

    def __str__(self) -> str:
        raise RuntimeError("CANARY")


def test_a_fact_that_cannot_be_told_never_reaches_its_caller(lines: Lines) -> None:
    log.info("x", detail=Grumpy())
    # To our handler alone: pytest's own would raise.
    (handler,) = [handler for handler in logging.getLogger().handlers if isinstance(handler, logs._Handler)]
    for message, args in (("%s", (Grumpy(),)), ("%d of %d", ("CANARY",))):
        handler.handle(logging.LogRecord("other", logging.WARNING, __file__, 1, message, args, None))
    assert [line["event"] for line in lines.read_all()] == ["log_failed", "%s", "%d of %d"]
    assert "CANARY" not in lines.getvalue()


def test_a_stream_that_is_gone_does_not_stop_the_gateway(untouched: None) -> None:
    stream = Lines()
    logs.configure_logging(settings(), stream)
    stream.close()
    log.info("x")
    logging.getLogger("other").error("x")


def test_libraries_speak_through_the_same_pipeline(lines: Lines) -> None:
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    logging.getLogger("uvicorn.access").info("GET /api/ws?ticket=CANARY")
    logging.getLogger("httpx").info("HTTP Request: GET http://host/?key=CANARY")
    for quiet in ("asyncpg", "piccolo", "litestar", "websockets"):
        logging.getLogger(quiet).info("CANARY")
    logging.getLogger("asyncpg").warning("slow")
    logging.getLogger("py.warnings").warning("old")
    found = [(line["logger"], line["level"], line["event"]) for line in lines.read_all()]
    assert found == [
        ("uvicorn.error", "info", "Started server process [7]"),
        ("asyncpg", "warning", "slow"),
        ("py.warnings", "warning", "old"),
    ]


def test_the_level_holds_for_us_and_for_libraries(untouched: None) -> None:
    stream = Lines()
    logs.configure_logging(settings(log_level="error"), stream)
    log.warning("x")
    logging.getLogger("uvicorn.error").warning("x")
    with operation("connect"):
        pass
    assert stream.getvalue() == ""
    log.error("y")
    assert stream.one()["level"] == "error"


def test_configuring_again_replaces_what_was_set(untouched: None) -> None:
    first, second = Lines(), Lines()
    logs.configure_logging(settings(), first)
    logs.configure_logging(settings(), second)
    log.info("x")
    logging.getLogger("other").warning("y")
    assert first.getvalue() == ""
    assert [line["event"] for line in second.read_all()] == ["x", "y"]


def test_lines_of_many_threads_do_not_mix(lines: Lines) -> None:
    def work() -> None:
        for number in range(50):
            log.info("x", seq=number)
            logging.getLogger("other").warning("y")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines.read_all()) == 400


# --- operations ------------------------------------------------------------------------------------


def test_an_operation_is_one_line_with_outcome_and_duration(lines: Lines) -> None:
    with operation("send", tenant_id="acme") as op:
        op.add(message_id="m1", status="sent")
    line = lines.one()
    assert (line["event"], line["outcome"], line["level"]) == ("send", "ok", "info")
    assert 0 <= line["duration_ms"] < 10_000
    assert (line["tenant_id"], line["message_id"], line["status"]) == ("acme", "m1", "sent")


def test_an_operation_may_name_its_own_outcome(lines: Lines) -> None:
    with operation("send") as op:
        op.outcome = "duplicate"
    assert lines.one()["outcome"] == "duplicate"


@pytest.mark.parametrize(
    ("error", "outcome", "level"),
    [
        (MessageNotFound(), "message_not_found", "info"),
        (ConnectorUnavailable(f"No answer for {PHONE}."), "connector_unavailable", "warning"),
        (ConnectorRejected(), "connector_rejected", "warning"),
        (StoreUnavailable(), "store_unavailable", "warning"),
        (ZeroDivisionError("x"), "internal_error", "error"),
        (asyncio.CancelledError(), "cancelled", "info"),
    ],
)
def test_a_failed_operation_is_one_line_with_the_errors_code(
    lines: Lines, error: BaseException, outcome: str, level: str
) -> None:
    with pytest.raises(type(error)) as raised, operation("send"):
        raise error
    assert raised.value is error
    line = lines.one()
    assert (line["outcome"], line["level"]) == (outcome, level)
    assert ("exception" in line) is (level == "error")
    assert ("detail" in line) is (level == "warning")
    assert PHONE not in lines.getvalue()


def test_a_quiet_operation_is_seen_when_it_fails(lines: Lines) -> None:
    with operation("poll", quiet=True):
        pass
    assert lines.getvalue() == ""
    with pytest.raises(StoreUnavailable), operation("poll", quiet=True):
        raise StoreUnavailable
    assert lines.one()["level"] == "warning"


async def test_an_operation_may_wait(lines: Lines) -> None:
    with operation("send"):
        await asyncio.sleep(0)
    assert lines.one()["outcome"] == "ok"


async def test_the_correlation_id_follows_a_request_through_its_tasks(lines: Lines) -> None:
    async def request() -> str:
        new = new_correlation_id()
        with operation("send"):
            await asyncio.create_task(asyncio.to_thread(log.info, "inside"))  # type: ignore[arg-type]
        return new

    ids = await asyncio.gather(request(), request())
    log.info("outside")
    found = lines.read_all()
    assert sorted(line["correlation_id"] for line in found[:-1]) == sorted([*ids, *ids])
    assert "correlation_id" not in found[-1]
    assert correlation_id.get() == ""
    assert all(re.fullmatch("[0-9a-f]{16}", new) for new in ids)


def test_a_foreign_correlation_id_cannot_forge_a_line(lines: Lines) -> None:
    token = correlation_id.set("x\nforged")
    log.info("x")
    correlation_id.reset(token)
    assert lines.one()["correlation_id"] == len("x\nforged")


# --- the package's own calls -------------------------------------------------------------------------

METHODS = {"debug", "info", "warning", "error", "exception", "critical"}


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield every call of a logger or `operation` in the package, with its place."""
    for path in sorted((ROOT / "fivapp_whatsapp").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            func = node.func
            logger = isinstance(func, ast.Attribute) and func.attr in METHODS and "log" in ast.unparse(func.value)
            if logger or (isinstance(func, ast.Name) and func.id == "operation"):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_the_package_logs_fixed_words_and_known_keys() -> None:
    known = logs.SAFE | logs.HASHED | logs.MEASURED | logs.SENTENCES | {"exc_info", "quiet"}
    problems = []
    for place, call in log_calls():
        event = call.args[0] if call.args else None
        if not (isinstance(event, ast.Constant) and re.fullmatch(r"[a-z0-9_.]+", str(event.value))):
            problems.append(f"{place}: the event is not one fixed word")
        problems += [f"{place}: {word.arg} is no known key" for word in call.keywords if word.arg not in known]
    assert problems == []


def test_no_key_is_listed_twice() -> None:
    groups = [logs.SAFE, logs.HASHED, logs.MEASURED, logs.SENTENCES]
    assert sum(map(len, groups)) == len(frozenset[str]().union(*groups))


def test_the_document_names_the_groups_and_its_example_is_real() -> None:
    text = (ROOT / "docs/logs.md").read_text(encoding="utf-8")
    for group in ("SAFE", "HASHED", "MEASURED", "SENTENCES"):
        assert group in text
    (example,) = re.findall(r"```json\n(.*)\n```", text)
    assert set(json.loads(example)) <= logs.SAFE | {"timestamp", "event", "logger", "correlation_id"}
