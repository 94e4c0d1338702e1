"""The simulated connection service as a Litestar app: the service's routes, the phone's routes, the phone page."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.exceptions import HTTPException

from .options import SimulatorOptions
from .phone_routes import phone_router
from .refusal import Refusal
from .service import Simulator
from .service_routes import service_router

BODY_LIMIT = 1_048_576


def create_simulator(options: SimulatorOptions, now: Callable[[], float] = time.time) -> Litestar:
    """Return the app; `app.state.simulator` is its `Simulator`. `now` returns seconds since 1970."""
    simulator = Simulator(options, now)

    def provide_simulator() -> Simulator:
        return simulator

    app = Litestar(
        route_handlers=[service_router(options), phone_router(options)],
        dependencies={"simulator": Provide(provide_simulator, sync_to_thread=False)},
        exception_handlers={Refusal: _refused, HTTPException: _http_error},
        on_shutdown=[simulator.close],
        request_max_body_size=BODY_LIMIT,
        openapi_config=None,
        logging_config=None,
    )
    app.state.simulator = simulator
    return app


def _refused(_request: Request[Any, Any, Any], exc: Refusal) -> Response[dict[str, Any]]:
    body: dict[str, Any] = {"error": exc.error}
    if exc.code is not None:
        body = {"success": False, "code": exc.code, **body}
    return Response(body, status_code=exc.status)


def _http_error(_request: Request[Any, Any, Any], exc: HTTPException) -> Response[dict[str, str]]:
    return Response({"error": exc.detail}, status_code=exc.status_code)
