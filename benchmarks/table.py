"""The rows of `make bench` by their names, in the order of the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import live, peers, rows
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
        live.sockets,
        live.frame_age,
    )
}
SHORT = tuple(ROWS)
