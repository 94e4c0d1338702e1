"""The gateway inside a FastAPI application, under /whatsapp.

uvicorn --app-dir examples fastapi_mount:app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from fivapp_whatsapp import create_app

whatsapp = create_app()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    # A mounted application is not started by its host: this starts it.
    async with whatsapp.lifespan():
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/whatsapp", whatsapp)


@app.get("/")
async def home() -> dict[str, str]:
    return {"page": "yours"}
