"""The yardstick of the webhook: an `@asgi` route of a bare Litestar app that reads, verifies, decodes and answers.

It stores nothing. The server around it is set as `serve` sets its own.

    python -m benchmarks.bare PORT
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

from fivapp_whatsapp.commands.serving import Site, answering, bind, run_until_stopped, stop_signal
from fivapp_whatsapp.connectors.connection_service import ConnectionServiceConnector
from fivapp_whatsapp.settings import load_settings
from fivapp_whatsapp.web.webhook import Headers

_BODY = b'{"success":true,"message":"Message processed successfully"}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]


def bare_app() -> Litestar:
    """Return the app."""
    connector = ConnectionServiceConnector.from_settings(load_settings())

    @asgi("/api/webhooks/whatsapp", copy_scope=False)
    async def webhook(scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message: Any = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = Headers(scope["headers"])
        status = 401
        if connector.verify_webhook(headers.get("x-api-key"), headers, body):
            connector.decode_webhook(body)
            status = 200
        start: Any = {"type": "http.response.start", "status": status, "headers": [*_HEADERS]}
        end: Any = {"type": "http.response.body", "body": _BODY, "more_body": False}
        await send(start)
        await send(end)

    return Litestar([webhook], openapi_config=None, logging_config=None)


async def main(port: int) -> None:
    """Answer until SIGTERM."""
    with bind("127.0.0.1", port, advice="Choose another.") as sock:
        async with stop_signal() as stop, answering(Site(bare_app(), sock)):
            await run_until_stopped(stop)


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1])))
