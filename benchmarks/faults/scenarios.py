"""The scenarios, by name: what goes wrong, on which databases, with how many gateways."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from . import nemesis
from .nemesis import Run

BOTH = ("sqlite", "postgresql")


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong while a load runs; `rounds` is how often it does at least, in the long form."""

    name: str
    does: str
    nemesis: Callable[[Run], Awaitable[None]]
    databases: tuple[str, ...] = BOTH
    gateways: int = 1
    rounds: int = 20


SCENARIOS = {
    each.name: each
    for each in (
        Scenario(
            name="kill_gateway",
            does="SIGKILL of the gateway at any moment, started again at once",
            nemesis=nemesis.kill_gateways,
        ),
    )
}
