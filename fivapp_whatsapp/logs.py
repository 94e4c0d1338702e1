"""Logs: one JSON line per event, and nothing in it that was not allowed by name.

`configure_logging` sends structlog and the stdlib's logging through one pipeline. What may be said, and in
which form, is told by the key (docs/logs.md): ids and codes as they are, phones as a keyed hash, texts as
their length, the rest not at all. Secrets are scrubbed from the finished line once more.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
import secrets
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TextIO
from urllib.parse import unquote, urlsplit

import structlog
from structlog.typing import EventDict

from .addresses import key as address_key
from .errors import GatewayError
from .observe import SAFE, correlation_id
from .settings import Secret, Settings


def _names(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


# Who: a short hash that is equal for equal addresses while the secret stays.
HASHED = _names("phone to sender chat_id address native_id login client quoted_native_id")
# What people wrote: how long it is.
MEASURED = _names("text body caption title name sender_name group_name filename query raw")
# Sentences that we or a library made: without numbers, addresses, queries, keys.
SENTENCES = _names("detail hint warning")

# What uvicorn writes as an error behind every WebSocket that we refuse, with an answer, as we should.
_REFUSED_HANDSHAKE = "ASGI callable returned without completing handshake."
_KNOWN = SAFE | HASHED | MEASURED | SENTENCES

_WORD = re.compile(r"[A-Za-z0-9_.:/{}<>+\-]{1,128}")
_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"eyJ[\w-]+\.[\w-]*\.?[\w-]*"), "***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"']+"), r"\1 ***"),
    (
        re.compile(r"(?i)\b(x-api-key|authorization|cookie|password|secret|token|api_?key)(\"?\s*[:=]\s*)[^\s,;]+"),
        r"\1\2***",
    ),
    (re.compile(r"(/webhooks/whatsapp/)[^\s\"'?]+"), r"\1***"),
    (re.compile(r"\?[^\s\"']+"), "?***"),
    (re.compile(r"://[^/\s@]+@"), "://***@"),
    (re.compile(r"[\w.+:-]+@[\w.-]+"), "<address>"),
    (re.compile(r"\+?\d{7,}|\+\d[\d ()-]{6,}\d|\(?\d{2}\)? ?9?\d{4}-\d{4}"), "<number>"),
)
_JWT = re.compile(r"eyJ[\w-]{6,}\.[\w-]+\.[\w-]*")
_MAX_SENTENCE = 300
_MAX_FRAMES = 25
_MIN_SECRET = 6
# Their message is made by us, by the interpreter or by the system; any other may quote what somebody sent.
_PLAIN_ERRORS = (GatewayError, OSError, ImportError, AttributeError, TypeError, NameError)

# What a library may say at least; the others, and whatever is below our own level, from WARNING up.
# uvicorn.access has no level that is high enough: it writes paths with their queries.
_LIBRARIES = {"uvicorn": logging.INFO, "uvicorn.access": logging.CRITICAL + 1}


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send every log of this process to `stream` (default: stderr), as `log_level` and `log_format` say.

    For programs that own their process (`serve`, `simulate`): a host that mounts the gateway keeps its own
    set-up. Called again, it replaces what it set before.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    stream = stream if stream is not None else sys.stderr
    pipeline = Pipeline(settings, colors=stream.isatty())
    lock = threading.Lock()
    structlog.configure(
        processors=[pipeline],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *names: _Sink(stream, lock, *names[:1]),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, _Handler)]:
        root.removeHandler(handler)
    root.addHandler(_Handler(pipeline, _Sink(stream, lock)))
    root.setLevel(max(level, logging.WARNING))
    for name, least in _LIBRARIES.items():
        logging.getLogger(name).setLevel(max(level, least))
    logging.captureWarnings(True)


class Pipeline:
    """Makes the line of an event: adds what every line has, redacts, renders, scrubs."""

    def __init__(self, settings: Settings, *, colors: bool = False) -> None:
        self._secrets = sorted(_secret_forms(settings), key=len, reverse=True)
        seed = settings.jwt_secret or settings.connection_service_api_key or secrets.token_hex(16)
        self._hash_key = hashlib.blake2b(b"fivapp log addresses\0" + _bytes(seed), digest_size=32).digest()
        self._console = structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False)
        self._json = settings.log_format == "json"

    def __call__(self, logger: Any, method: str, event: EventDict) -> str:
        """Return the finished line, without its end; a fact that cannot be told costs its line, never its caller."""
        try:
            return self._scrub(self._render(self._line(logger, method, event)))
        except Exception as error:
            return json.dumps({"level": "error", "event": "log_failed", "error": type(error).__name__})

    def _line(self, logger: Any, method: str, event: EventDict) -> dict[str, Any]:
        name = event.pop("logger", None) or getattr(logger, "name", "")
        line: dict[str, Any] = {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": "error" if method == "exception" else method,
            "event": self._sentence(str(event.pop("event", ""))),
        }
        if name:
            line["logger"] = name
        if current := correlation_id.get():
            line["correlation_id"] = current if _WORD.fullmatch(current) else len(current)
        error = _error_of(event.pop("exc_info", None))
        event.pop("stack_info", None)
        self._redact(event, line)
        if error is not None:
            line["exception"] = "\n".join(describe_error(error, self._sentence))
        return line

    def _redact(self, facts: EventDict, line: dict[str, Any]) -> None:
        dropped: list[str] = []
        for key, value in facts.items():
            if value is None and key in _KNOWN:
                line[key] = None
            elif key in SAFE:
                line[key] = _safe(value)
            elif key in HASHED:
                line[f"{key}_hash"] = self.hash(str(value))
            elif key in MEASURED:
                line[f"{key}_length"] = len(value) if isinstance(value, str | bytes) else len(str(value))
            elif key in SENTENCES:
                line[key] = self._sentence(str(value))
            else:
                dropped.append(key if _WORD.fullmatch(key) else "?")
        if dropped:
            line["redacted"] = dropped

    def hash(self, address: str) -> str:
        """Return 8 hex digits that stand for a phone or an address, whatever its spelling."""
        return hashlib.blake2b(_bytes(address_key(address)), key=self._hash_key, digest_size=4).hexdigest()

    def _sentence(self, text: str) -> str:
        # Scrubbed first: a mask could leave half of a secret, which the last scrub would not know again.
        return sentence(self._scrub(text))

    def _render(self, line: dict[str, Any]) -> str:
        if self._json:
            return _to_json(line).replace("\x7f", "\\u007f")
        return str(self._console(None, line["level"], line))

    def _scrub(self, rendered: str) -> str:
        for secret in self._secrets:
            if secret in rendered:
                rendered = rendered.replace(secret, "***")
        return _JWT.sub("***", rendered) if "eyJ" in rendered else rendered


def sentence(text: str) -> str:
    """Return the first line of a text without numbers, addresses, queries, keys and control characters."""
    text = text.split("\n", 1)[0][: 4 * _MAX_SENTENCE]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    if not _WORD.fullmatch(text) or text.isdecimal() or "?" in text or "eyJ" in text or "/webhooks/" in text:
        for pattern, instead in _MASKS:
            text = pattern.sub(instead, text)
    return text[:_MAX_SENTENCE]


def describe_error(error: BaseException, tell: Callable[[str], str] = sentence, depth: int = 0) -> Iterator[str]:
    """Yield the lines of an error, its frames and its causes: files, lines and names, never a value."""
    kind = type(error)
    detail = tell(str(error)) if isinstance(error, _PLAIN_ERRORS) else f"({len(str(error))} characters)"
    yield f"{kind.__module__}.{kind.__qualname__}: {detail}"
    for frame, line in list(traceback.walk_tb(error.__traceback__))[-_MAX_FRAMES:]:
        code = frame.f_code
        yield f"  at {'/'.join(code.co_filename.split('/')[-3:])}:{line} in {code.co_name}"
    if depth >= 4:
        return
    inner: Iterable[BaseException] = error.exceptions[:5] if isinstance(error, BaseExceptionGroup) else ()
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    for other in (*inner, *((cause,) if cause is not None else ())):
        lines = describe_error(other, tell, depth + 1)
        yield f"because of {next(lines)}" if other is cause else f"with {next(lines)}"
        yield from lines


class _Sink:
    """Writes lines to a stream, each in one piece; a stream that is gone does not stop the gateway."""

    def __init__(self, stream: TextIO, lock: threading.Lock, name: str = "") -> None:
        self.name = name
        self._stream = stream
        self._lock = lock

    def write(self, line: str) -> None:
        try:
            with self._lock:
                self._stream.write(line + "\n")
                self._stream.flush()
        except (OSError, ValueError):  # a closed pipe or file
            return

    debug = info = warning = error = critical = exception = fatal = warn = msg = log = write


class _Handler(logging.Handler):
    """Takes the stdlib's records into the same pipeline."""

    def __init__(self, pipeline: Pipeline, sink: _Sink) -> None:
        super().__init__()
        self._pipeline = pipeline
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == _REFUSED_HANDSHAKE:
            return
        try:
            message = record.getMessage()
        except Exception:  # arguments that do not fit; the stdlib would print them all
            message = str(record.msg)
        event = {"event": message, "logger": record.name, "exc_info": record.exc_info}
        self._sink.write(self._pipeline(None, record.levelname.lower(), event))


def _secret_forms(settings: Settings) -> set[str]:
    """Return every secret of the settings as it could stand in a line: plain, and as JSON or repr escapes it."""
    plain: set[str] = set()
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, Secret):
                # A database's address is no secret, its password is.
                plain.update(_passwords(text) if name == "database_url" else (str(text),))
    plain = {text for text in plain if len(text) >= _MIN_SECRET}
    return plain | {json.dumps(text)[1:-1] for text in plain} | {repr(text)[1:-1] for text in plain}


def _passwords(url: str) -> tuple[str, ...]:
    try:
        password = urlsplit(url).password or ""
    except ValueError:  # not a URL: then all of it may be one
        return (str(url),)
    return password, unquote(password)


def _safe(value: Any) -> Any:
    """Return an id, code or number as it is, a list of them as a list; of anything else its length or type."""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, str):
        return str(value) if _WORD.fullmatch(value) else f"<{len(value)} characters>"
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(item) for item in list(value)[:20]]
    return _type_name(value)


def _type_name(value: Any) -> str:
    return f"<{type(value).__name__}>"


# ASCII only: no character of a text can end or forge a line.
_to_json = json.JSONEncoder(default=_type_name).encode


def _error_of(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
