"""The gateway inside a Starlette application, under /whatsapp.

uvicorn --app-dir examples starlette_mount:app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from fivapp_whatsapp import create_app

whatsapp = create_app()


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    # A mounted application is not started by its host: this starts it.
    async with whatsapp.lifespan():
        yield


async def home(request: Request) -> JSONResponse:
    return JSONResponse({"page": "yours"})


app = Starlette(routes=[Route("/", home), Mount("/whatsapp", whatsapp)], lifespan=lifespan)
