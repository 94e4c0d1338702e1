"""The rows of `make bench` by their names, in the order of the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import grown, live, pages, peers, rows
from .bench import Bench, Result

Row = Callable[[Bench], Result | Sequence[Result]]

ROWS: dict[str, Row] = {
    row.__name__: row
    for row in (
        rows.webhook_postgresql,
        rows.webhook_sqlite,
        peers.webhook_vs_pywa,
        peers.webhook_vs_pywa_storing,
        live.fan_out,
        rows.send,
        rows.hooks,
        rows.hooks_idle,
        rows.hooks_paused,
        pages.page_depth,
        grown.in_flight,
        grown.tenants,
        grown.plugins,
        live.sockets,
        live.frame_age,
        grown.process,
    )
}
# Those with a budget; the others are reported by the long form, or by name.
SHORT = (
    "webhook_postgresql",
    "webhook_sqlite",
    "webhook_vs_pywa",
    "webhook_vs_pywa_storing",
    "fan_out",
    "send",
    "hooks",
    "hooks_idle",
    "page_depth",
)
