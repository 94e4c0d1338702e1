"""What a request may look like before a route sees it: size, pace, type, encoding, depth, each parameter once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.types import Receive, Scope

from fivapp_whatsapp.errors import InvalidInput
from fivapp_whatsapp.models import User

from .auth import Credential
from .errors import BodyTooLarge, BodyTooSlow, InvalidBody, UnsupportedMediaType

# A handler's `opt` by this name takes bodies of any type: files.
ANY_BODY = "any_body"
MAX_DEPTH = 64
BODY_SECONDS = 15.0
_MAX_PARAMETERS = 50
# A string (also one that does not end), or one bracket: never backtracks, so its time is linear.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)
_POINTER = re.compile(r" - at `\$([A-Za-z0-9_.\[\]]*)`$")
_MISSING = re.compile(r"^Object missing required field `(\w+)`")
_REASONS = {
    "too_long": "is too long",
    "too_short": "is too short",
    "out_of_range": "is out of range",
    "invalid_format": "does not have the right format",
    "unknown_value": "has a value that is not known here",
    "wrong_type": "has the wrong type",
    "invalid": "cannot be used as it is",
}
_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}


class ApiRequest(Request[User, Credential | None, State]):
    """A request whose body is read within a deadline and decoded straight into the type that its route declares."""

    _whole = False

    async def body(self) -> bytes:
        """Return the body. Raises BodyTooSlow, and Litestar's error when it is too large."""
        self._whole = True
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await super().body()
        except TimeoutError:
            raise BodyTooSlow from None

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Give the body in pieces. Raises BodyTooSlow when the next one is too long in coming."""
        pieces = super().stream()
        if self._whole:  # all of them have one deadline
            async for part in pieces:
                yield part
            return
        while (piece := await _next(pieces)) is not None:
            yield piece

    async def json(self) -> Any:
        """Return the body as the type of the route's `data`. Raises InvalidBody."""
        field = self.route_handler.parsed_data_field
        return decode(await self.body(), Any if field is None else field.annotation)


async def _next(pieces: AsyncGenerator[bytes, None]) -> bytes | None:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await anext(pieces, None)
    except TimeoutError:
        raise BodyTooSlow from None


def decode(body: bytes, kind: Any) -> Any:
    """Decode JSON strictly into a type. Raises InvalidBody, whose parts say where and what, not the value."""
    check_depth(body)
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as exc:
        raise _refusal(str(exc), kind) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError, OverflowError):
        raise _malformed(body) from None


def check_depth(body: bytes) -> None:
    """Raise InvalidBody for JSON that nests deeper than MAX_DEPTH, before anything recurses into it."""
    if body.count(b"{") + body.count(b"[") <= MAX_DEPTH:
        return
    depth = 0
    for match in _TOKEN.finditer(body):
        first = body[match.start()]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InvalidBody("The body nests too deep.", code="json_too_deep")
        elif first in b"]}":
            depth -= 1


def _malformed(body: bytes) -> InvalidBody:
    try:
        body.decode()
    except UnicodeDecodeError:
        return InvalidBody("The body is not UTF-8.", code="invalid_utf8")
    return InvalidBody("The body is not JSON.", code="invalid_json")


def _refusal(message: str, kind: Any) -> InvalidBody:
    """Translate msgspec's words; the name of an unknown field is the sender's text, so it is not repeated."""
    where = _POINTER.search(message)
    pointer = "#" + re.sub(r"[.\[]", "/", where[1]).replace("]", "") if where else "#"
    if message.startswith("Object contains unknown field"):
        return _unknown_field(pointer, kind)
    if missing := _MISSING.match(message):
        return InvalidBody(
            f"The field {missing[1]} is required.", errors=[{"pointer": f"{pointer}/{missing[1]}", "code": "required"}]
        )
    reason = _reason(message)
    if reason == "unknown_value" and (allowed := _allowed(pointer, kind)):
        error = {"pointer": pointer, "code": reason, "allowed": allowed}
        return InvalidBody(f"The field {pointer[2:]} must be one of: {', '.join(allowed)}.", errors=[error])
    subject = f"The field {pointer[2:]}" if len(pointer) > 2 else "The body"
    return InvalidBody(f"{subject} {_REASONS[reason]}.", errors=[{"pointer": pointer, "code": reason}])


def _unknown_field(pointer: str, kind: Any) -> InvalidBody:
    """Say which fields there are, for which one is wrong must not be said."""
    error: dict[str, Any] = {"pointer": pointer, "code": "unknown_field"}
    detail = "The body has a field that is not known here"
    if pointer == "#" and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        error["known"] = [field.encode_name for field in msgspec.structs.fields(kind)]
        detail += f"; known are {', '.join(error['known']) or 'none'}"
    return InvalidBody(f"{detail}.", code="unknown_field", errors=[error])


def _allowed(pointer: str, kind: Any) -> list[str]:
    """Return the words that a field of the body takes, none where that is not told by its own type."""
    info = msgspec.inspect.type_info(kind)
    if not isinstance(info, msgspec.inspect.StructType):
        return []
    field = next((field.type for field in info.fields if f"#/{field.encode_name}" == pointer), None)
    choices = field.types if isinstance(field, msgspec.inspect.UnionType) else (field,)
    words: list[str] = []
    for choice in choices:
        if isinstance(choice, msgspec.inspect.LiteralType):
            words += [str(value) for value in choice.values]
        elif isinstance(choice, msgspec.inspect.EnumType):
            words += [str(member.value) for member in choice.cls]
    return words


def _reason(message: str) -> str:
    if "of length <=" in message:
        return "too_long"
    if "of length >=" in message:
        return "too_short"
    if "out of range" in message or re.search(r"[<>]=? -?\d", message):
        return "out_of_range"
    if "regex" in message or "RFC3339" in message or "timezone" in message:
        return "invalid_format"
    if "enum value" in message:
        return "unknown_value"
    return "wrong_type" if message.startswith("Expected") else "invalid"


async def check_request(request: Request[Any, Any, Any]) -> None:
    """Refuse parameters that are given twice, and bodies that are not plain JSON: Litestar's `before_request`."""
    if query := request.scope["query_string"]:
        check_query(query)
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return
    if request.route_handler.opt.get(ANY_BODY):
        return
    kind, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise UnsupportedMediaType
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType


def check_query(query: bytes) -> None:
    """Raise InvalidInput for a query that names a parameter twice, or has more than anybody needs."""
    try:
        names = [name for name, _ in parse_qsl(query.decode("latin-1"), True, max_num_fields=_MAX_PARAMETERS)]
    except ValueError:
        raise InvalidInput("The query has too many parameters.", code="invalid_query") from None
    if len(names) != len(set(names)):
        raise InvalidInput("The query names a parameter twice.", code="invalid_query")


async def read_body(scope: Scope, receive: Receive, limit: int, seconds: float = BODY_SECONDS) -> bytes | None:
    """Read a raw body of at most `limit` bytes; None when the sender has gone. Raises BodyTooLarge, BodyTooSlow."""
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or int(value[:20]) > limit):
            raise BodyTooLarge
    first = _Begun(receive())
    if first.ended and _is_whole(message := await first, limit):
        # Most bodies have come with their head: a limit of time would cost them more than all else here.
        body: bytes = message.get("body", b"")
        return body
    try:
        async with asyncio.timeout(seconds):
            return await _rest(await first, receive, limit)
    except TimeoutError:
        raise BodyTooSlow from None


def _is_whole(message: Any, limit: int) -> bool:
    return message["type"] == "http.request" and not message.get("more_body") and len(message.get("body", b"")) <= limit


class _Begun:
    """A coroutine that has run until it had to wait, which may be never; awaiting it goes on."""

    __slots__ = ("_result", "_steps", "_waits_for", "ended")

    def __init__(self, coroutine: Awaitable[Any]) -> None:
        self._steps = coroutine.__await__()
        self._waits_for = self._result = None
        self.ended = False
        self._step(self._steps.__next__)

    def _step(self, step: Callable[[], Any]) -> None:
        try:
            self._waits_for = step()
        except StopIteration as end:
            self._result, self.ended = end.value, True

    def __await__(self) -> Generator[Any, Any, Any]:
        while not self.ended:
            try:
                yield self._waits_for
            except BaseException as error:  # it is for the coroutine, which may go on
                self._step(partial(self._steps.throw, error))
            else:
                self._step(self._steps.__next__)
        return self._result


async def _rest(message: Any, receive: Receive, limit: int) -> bytes | None:
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            return None
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()
