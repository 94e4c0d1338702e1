"""The gateway inside another Litestar application, under /whatsapp.

uvicorn --app-dir examples litestar_mount:app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, asgi, get
from litestar.types import Receive, Scope, Send

from fivapp_whatsapp import create_app

whatsapp = create_app()


@asgi("/whatsapp", is_mount=True, copy_scope=True)
async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
    await whatsapp(scope, receive, send)


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    # A mounted application is not started by its host: this starts it.
    async with whatsapp.lifespan():
        yield


@get("/", sync_to_thread=False)
def home() -> dict[str, str]:
    return {"page": "yours"}


app = Litestar(route_handlers=[home, gateway], lifespan=[lifespan])
