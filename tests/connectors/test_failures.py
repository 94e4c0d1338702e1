"""Each way in which a call can fail says whether it was done, refused, or is in doubt."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
import respx

from fivapp_whatsapp.errors import (
    ConnectorError,
    ConnectorKeyRefused,
    ConnectorNotConnected,
    ConnectorProtocolError,
    ConnectorRejected,
    ConnectorRestricted,
    ConnectorUnavailable,
    OutcomeUnknown,
)
from fivapp_whatsapp.ports import Connector
from tests.connectors.conftest import KEY
from tests.connectors.test_connection_service import outgoing

pytestmark = pytest.mark.anyio

SEND = ("POST", "/message/send")
START = ("POST", "/sessions/start")
STATUS = ("GET", "/sessions/acme/status")
STOP = ("DELETE", "/sessions/acme")
REPEATABLE = [START, STATUS, STOP]


async def failure(
    service: respx.MockRouter, connector: Connector, call: tuple[str, str], answer: httpx.Response | Exception
) -> ConnectorError:
    """Return the error of one call that is answered so."""
    route = service.route(method=call[0], path=call[1])
    route.mock(side_effect=answer if isinstance(answer, Exception) else [answer])
    calls: dict[tuple[str, str], Callable[[], Awaitable[object]]] = {
        SEND: lambda: connector.send(outgoing()),
        START: lambda: connector.start_session("acme", "Main"),
        STATUS: lambda: connector.session_status("acme"),
        STOP: lambda: connector.stop_session("acme"),
    }
    with pytest.raises(ConnectorError) as caught:
        await calls[call]()
    return caught.value


NOT_WRITTEN = [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError]
WRITTEN = [
    httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.WriteError, httpx.CloseError,
    httpx.RemoteProtocolError, httpx.DecodingError, TimeoutError, ConnectionResetError,
]  # fmt: skip


@pytest.mark.parametrize("kind", NOT_WRITTEN)
@pytest.mark.parametrize("call", [SEND, *REPEATABLE])
async def test_a_request_that_was_never_written_did_nothing(
    service: respx.MockRouter, connector: Connector, call: tuple[str, str], kind: type[Exception]
) -> None:
    assert type(await failure(service, connector, call, kind("no"))) is ConnectorUnavailable


@pytest.mark.parametrize("kind", WRITTEN)
async def test_a_send_that_broke_off_after_it_was_written_is_unknown(
    service: respx.MockRouter, connector: Connector, kind: type[Exception]
) -> None:
    assert type(await failure(service, connector, SEND, kind("no"))) is OutcomeUnknown


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("call", REPEATABLE)
async def test_a_call_that_may_be_repeated_is_never_unknown(
    service: respx.MockRouter, connector: Connector, call: tuple[str, str], kind: type[Exception]
) -> None:
    assert type(await failure(service, connector, call, kind("no"))) is ConnectorUnavailable


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 507])
async def test_a_server_error_leaves_a_send_unknown_and_anything_else_unavailable(
    service: respx.MockRouter, connector: Connector, status: int
) -> None:
    answer = httpx.Response(status, json={"error": "boom"})
    assert type(await failure(service, connector, SEND, answer)) is OutcomeUnknown
    for call in REPEATABLE:
        answer = httpx.Response(status, json={"error": "boom"})
        assert type(await failure(service, connector, call, answer)) is ConnectorUnavailable


@pytest.mark.parametrize(
    ("status", "headers", "body", "wait"),
    [
        (429, {}, {}, None),
        (429, {"retry-after": "7"}, {}, 7),
        (429, {}, {"ok": False, "code": "RATE_LIMITED", "retryAfterMs": 1500}, 1.5),
        (503, {"retry-after": "0"}, {}, 0),
        (503, {}, {"retryAfterMs": 250}, 0.25),
        (200, {}, {"ok": False, "retryAfterMs": 250}, 0.25),
        (503, {"retry-after": "86400"}, {}, 300),
        (429, {"retry-after": "soon"}, {}, None),
        (429, {"retry-after": "-5"}, {}, None),
        (429, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, {}, 0),
    ],
)
async def test_a_service_that_asks_us_to_wait_did_nothing(
    service: respx.MockRouter, connector: Connector, status: int, headers: Any, body: Any, wait: float | None
) -> None:
    error = await failure(service, connector, SEND, httpx.Response(status, headers=headers, json=body))
    assert isinstance(error, ConnectorUnavailable)
    assert error.retry_after == wait


async def test_a_date_to_wait_for_is_read(service: respx.MockRouter, connector: Connector) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    error = await failure(service, connector, SEND, httpx.Response(503, headers={"retry-after": date}))
    assert isinstance(error, ConnectorUnavailable)
    assert error.retry_after is not None
    assert 50 < error.retry_after <= 60


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, {"error": "bad"}, "rejected"),
        (404, {"ok": False, "code": "NOT_ON_WHATSAPP"}, "not_on_whatsapp"),
        (422, {"code": "window_closed"}, "window_closed"),
        (409, {"ok": False, "code": "DUPLICATE"}, "rejected"),
        (413, {}, "too_large"),
        (422, {"error": {"code": "invalid_number", "message": "no such number"}}, "not_on_whatsapp"),
        (422, {}, "rejected"),
        (405, {}, "rejected"),
        (200, {"success": False, "error": "no"}, "rejected"),
    ],
)
async def test_a_final_no_has_a_reason(
    service: respx.MockRouter, connector: Connector, status: int, body: Any, reason: str
) -> None:
    error = await failure(service, connector, SEND, httpx.Response(status, json=body))
    assert isinstance(error, ConnectorRejected)
    assert error.reason == reason


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {}),
        (404, {"ok": False, "code": "NO_SESSION"}),
        (409, {"error": "no session"}),
        (409, {"ok": False, "code": "NOT_CONNECTED"}),
        (200, {"ok": False, "code": "NOT_CONNECTED"}),
    ],
)
async def test_a_send_waits_for_its_session_and_other_calls_are_refused(
    service: respx.MockRouter, connector: Connector, status: int, body: Any
) -> None:
    assert type(await failure(service, connector, SEND, httpx.Response(status, json=body))) is ConnectorNotConnected
    if status == 409:
        error = await failure(service, connector, STOP, httpx.Response(status, json=body))
        assert isinstance(error, ConnectorRejected)
        assert error.reason == "no_session"


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("call", [SEND, *REPEATABLE])
async def test_a_key_that_is_refused_did_nothing_and_names_its_setting(
    service: respx.MockRouter, connector: Connector, call: tuple[str, str], status: int
) -> None:
    error = await failure(service, connector, call, httpx.Response(status, json={"error": f"bad key {KEY}"}))
    assert type(error) is ConnectorKeyRefused
    assert error.detail == f"The connection service refuses CONNECTION_SERVICE_API_KEY ({status})."


@pytest.mark.parametrize("body", [b"", b"<h1>OK</h1>", b"{", b"[]", b"7", b'"ok"', b"\xff", b'{"a":NaN}', b"[" * 9999])
async def test_a_success_that_cannot_be_read_leaves_a_send_unknown_and_a_status_in_error(
    service: respx.MockRouter, connector: Connector, body: bytes
) -> None:
    assert type(await failure(service, connector, SEND, httpx.Response(200, content=body))) is OutcomeUnknown
    error = await failure(service, connector, STATUS, httpx.Response(200, content=body))
    assert type(error) is ConnectorProtocolError


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(service: respx.MockRouter, connector: Connector, status: int) -> None:
    elsewhere = service.route(path="/elsewhere").respond(json={"status": "connected"})
    for call, kind in ((SEND, OutcomeUnknown), (STATUS, ConnectorProtocolError)):
        answer = httpx.Response(status, headers={"location": "/elsewhere"})
        assert type(await failure(service, connector, call, answer)) is kind
    assert not elsewhere.called


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": "number\r\nnot\0found \u202e"}, "number not found"),
        ({"message": "try later"}, "try later"),
        ({"error": {"message": "deep"}}, "deep"),
        ({"code": "SEND_FAILED"}, "SEND_FAILED"),
        ({"error": "x" * 5000}, "x" * 199 + "…"),
        ({"error": f"key {KEY} is old"}, "key *** is old"),
    ],
)
async def test_a_refusal_quotes_one_clean_sentence_and_never_our_key(
    service: respx.MockRouter, connector: Connector, body: Any, said: str
) -> None:
    error = await failure(service, connector, SEND, httpx.Response(400, json=body))
    assert error.detail == f"The connection service answered 400: {said}"


@pytest.mark.parametrize(
    "answer", [httpx.Response(400, html="<h1>canary</h1>"), httpx.Response(401, json={"error": "canary"})]
)
async def test_a_page_and_an_answer_about_our_key_are_not_quoted(
    service: respx.MockRouter, connector: Connector, answer: httpx.Response
) -> None:
    assert "canary" not in (await failure(service, connector, SEND, answer)).detail


@pytest.mark.parametrize("status", [200, 400, 403, 422, 429])
@pytest.mark.parametrize("code", ["RESTRICTED", "account_banned", "reachout-timelock"])
async def test_a_send_that_whatsapp_restricts_was_not_made_and_may_be_later(
    service: respx.MockRouter, connector: Connector, status: int, code: str
) -> None:
    end = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)
    said = {"success": False, "error": {"code": code, "message": "limited", "until": end.isoformat()}}
    error = await failure(service, connector, SEND, httpx.Response(status, json=said))
    assert isinstance(error, ConnectorRestricted)
    assert (error.detail, error.until) == ("limited", end)


@pytest.mark.parametrize("until", [None, "soon", "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z", -5, True, 1e300])
async def test_an_end_that_is_none_is_not_believed(
    service: respx.MockRouter, connector: Connector, until: object
) -> None:
    said = {"code": "restricted", "restrictedUntil": until}
    error = await failure(service, connector, SEND, httpx.Response(403, content=json.dumps(said).encode()))
    assert isinstance(error, ConnectorRestricted)
    assert error.until is None
