"""The gateway as a web application: to serve alone, or to mount in FastAPI, Starlette or another Litestar.

    app = create_app()

Only `fivapp-whatsapp serve` refuses weak secrets: here they are a warning in the log. A mounted application's
lifespan is not run by its host; `lifespan(app)` is for that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar

from . import safety
from .assemble import build_gateway
from .gateway import Gateway
from .observe import get_logger
from .settings import Settings, load_settings
from .web.server import create_web

_log = get_logger(__name__)


def create_app(settings: Settings | None = None, *, gateway: Gateway | None = None) -> Litestar:
    """Return the application; without settings they are read from the environment and `.env`.

    It starts and stops the gateway with its lifespan, except a `gateway` that is given and runs already. What
    `serve` would refuse is a warning in the log. Raises SettingsError.
    """
    if gateway is None:
        settings = settings or load_settings()
        for problem in safety.problems(settings):
            _log.warning("unsafe_settings", hint=problem)
        gateway = build_gateway(settings)
    return create_web(gateway)


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Run a mounted application's lifespan inside its host's: `async with lifespan(app): yield`."""
    async with app.lifespan():
        yield
