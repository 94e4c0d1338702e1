"""Every error as RFC 9457 `application/problem+json`, made here and nowhere else.

A problem says what is wrong in our own words and never repeats what was sent. `RULES` tells the HTTP status
of each error class; a class that is not listed has the one of its nearest base.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, MethodNotAllowedException, ValidationException
from litestar.types import Scope, Send

from fivapp_whatsapp import errors
from fivapp_whatsapp.models import Message
from fivapp_whatsapp.observe import correlation_id, get_logger

from . import errors as web_errors

CONTENT_TYPE = "application/problem+json"
# Where the code of a problem waits for the request's line in the log.
SCOPE_CODE = "fivapp.problem"
_log = get_logger(__name__)

RULES: dict[type[errors.GatewayError], int] = {
    errors.InvalidInput: 400,
    errors.RecipientMismatch: 422,
    errors.CapabilityMissing: 422,
    errors.IdempotencyMismatch: 422,
    errors.TooLarge: 413,
    errors.Unprocessable: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.NotAllowed: 403,
    errors.NotAuthenticated: 401,
    errors.InvalidWebhookKey: 401,
    errors.ConnectorError: 502,
    errors.ConnectorUnavailable: 503,
    errors.ConnectorKeyRefused: 502,
    errors.OutcomeUnknown: 504,
    errors.StoreError: 503,
    errors.Overloaded: 503,
    errors.AddressRefused: 422,
    errors.GatewayError: 500,
    web_errors.MethodNotAllowed: 405,
    web_errors.BodyTooSlow: 408,
    web_errors.BodyTooLarge: 413,
    web_errors.UnsupportedMediaType: 415,
    web_errors.RateLimited: 429,
    web_errors.KeysUnavailable: 503,
    web_errors.LifespanNotStarted: 503,
    web_errors.MessageRejected: 422,
    web_errors.MessageExpired: 504,
    web_errors.MessageCancelled: 409,
}
_RETRY_AFTER = 5.0
# How a WebSocket is closed that cannot be answered: login over, try again later; any other is against the rules.
_CLOSE_CODES = {401: 4401, 429: 1013, 503: 1013}
_POLICY_VIOLATION = 1008
_FRAMEWORK: dict[int, type[errors.GatewayError]] = {
    401: errors.NotAuthenticated,
    403: errors.NotAllowed,
    404: web_errors.RouteNotFound,
    413: web_errors.BodyTooLarge,
    415: web_errors.UnsupportedMediaType,
}


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An error as clients see it; `message` repeats `detail` for the predecessor's page.

    `errors` names each part that is wrong: `pointer` into the body or `parameter`, and a `code`.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    message: str
    errors: Sequence[Mapping[str, Any]] = ()
    reason: Annotated[
        str | None, msgspec.Meta(description="Why the connection service said no, as a word: `not_on_whatsapp` …")
    ] = None
    message_object: Annotated[
        Message | None, msgspec.Meta(description="Where a send failed: the message, which is stored.")
    ] = None


def status_of(error: errors.GatewayError | type[errors.GatewayError]) -> int:
    """Return the HTTP status of an error or of its class."""
    kind = error if isinstance(error, type) else type(error)
    return next(RULES[base] for base in kind.__mro__ if base in RULES)


def problem_of(error: errors.GatewayError) -> tuple[Problem, dict[str, str]]:
    """Return the problem of an error, and the headers that belong to it."""
    status = status_of(error)
    problem = Problem(
        type=f"/problems/{error.code}",
        title=(type(error).__doc__ or "").strip().split("\n", 1)[0],
        status=status,
        detail=error.detail,
        instance=f"urn:request:{correlation_id.get()}",
        code=error.code,
        message=error.detail,
        errors=tuple(error.errors) if isinstance(error, errors.InvalidInput) else (),
        reason=error.reason if isinstance(error, errors.ConnectorRejected | web_errors.SendFailed) else None,
        message_object=error.message if isinstance(error, web_errors.SendFailed) else None,
    )
    return problem, _headers(error, status)


def _headers(error: errors.GatewayError, status: int) -> dict[str, str]:
    headers: dict[str, str] = {}
    if status in (429, 503):
        seconds = getattr(error, "retry_after", None) or _RETRY_AFTER
        headers["retry-after"] = str(max(1, math.ceil(seconds)))
    if isinstance(error, errors.NotAuthenticated):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, web_errors.MethodNotAllowed):
        headers["allow"] = error.allow
    return headers


def gateway_error(error: Exception) -> errors.GatewayError:
    """Return any exception as one of ours: the framework's by their status, what nobody foresaw as InternalError."""
    if isinstance(error, errors.GatewayError):
        return error
    if isinstance(error, MethodNotAllowedException):
        allow = (error.headers or {}).get("allow", "").split(", ")
        # What Litestar calls the handler of a WebSocket is no method.
        return web_errors.MethodNotAllowed(", ".join(sorted(name for name in allow if name.isupper())))
    if isinstance(error, ValidationException):
        return _invalid(error)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _FRAMEWORK.get(error.status_code, errors.InvalidInput)()
    _log.error("http.failed", error=type(error).__name__, exc_info=error)
    return web_errors.InternalError()


def _invalid(error: ValidationException) -> errors.InvalidInput:
    """Name the parameters that Litestar refused, all of them declared by us; `data` is a body that is not there."""
    keys = [str(item["key"]) for item in error.extra or () if isinstance(item, dict) and "key" in item]
    if "data" in keys:
        return web_errors.InvalidBody("A JSON body is required.", errors=[{"pointer": "#", "code": "required"}])
    names = [camel(key) for key in keys]
    wrong = [{"parameter": name, "code": "invalid"} for name in names]
    return errors.InvalidInput(f"This parameter cannot be used as it is: {', '.join(names)}.", errors=wrong)


def camel(name: str) -> str:
    """Return a name of ours as JSON and queries spell it."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer with the problem of an exception: Litestar's exception handler for all of them."""
    found = gateway_error(error)
    problem, headers = problem_of(found)
    request.scope[SCOPE_CODE] = problem.code  # type: ignore[literal-required]
    return Response(msgspec.json.encode(problem), status_code=problem.status, media_type=CONTENT_TYPE, headers=headers)


async def send_problem(scope: Scope, send: Send, error: Exception) -> None:
    """Answer with the problem of an exception where no request object was made.

    The handshake of a WebSocket is answered alike where the server can, else it is closed with a code.
    """
    problem, headers = problem_of(gateway_error(error))
    scope[SCOPE_CODE] = problem.code  # type: ignore[literal-required]
    prefix = ""
    if scope["type"] == ScopeType.WEBSOCKET:
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            code = _CLOSE_CODES.get(problem.status, _POLICY_VIOLATION)
            await send({"type": "websocket.close", "code": code, "reason": problem.code})
            return
        prefix = "websocket."
    body = msgspec.json.encode(problem)
    raw = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", b"%d" % len(body))]
    raw += [(name.encode(), value.encode()) for name, value in headers.items()]
    start: Any = {"type": f"{prefix}http.response.start", "status": problem.status, "headers": raw}
    end: Any = {"type": f"{prefix}http.response.body", "body": body, "more_body": False}
    await send(start)
    await send(end)
