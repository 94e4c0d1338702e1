"""How a plugin does, as it is told to other processes and to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import inf
from typing import Literal, NamedTuple

import msgspec

Reason = Literal["failing", "blocking", "hanging"]

# In place of a hook's name: all hooks of a plugin.
EVERY = "all"
# In place of a tenant's id: no single one, as of `startup`, or a pause for all of them.
EVERYBODY = ""


class PluginHealth(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a plugin does for a tenant, since the start of the process, or of each of several.

    `left` counts the calls that run on beyond their deadline; `last_error` is an error's type and its place. `reason`
    says why it is paused: `failing` and `hanging` pause the `paused_hooks`, `blocking` all; what hangs has no
    `paused_until`. `paused_in` counts the processes in which it is paused. `for_all` marks a pause for all tenants.
    """

    failures: int = 0
    late: int = 0
    stalls: int = 0
    left: int = 0
    paused_until: datetime | None = None
    reason: Reason | None = None
    paused_hooks: tuple[str, ...] = ()
    paused_in: int = 0
    for_all: bool = False
    last_error: str | None = None


class Place(NamedTuple):
    """Where something is paused; EVERYBODY and EVERY stand for all tenants and all hooks."""

    tenant_id: str
    plugin: str
    hook: str


# What an operator reads in the log and from `plugins paused`, and does next.
NEXT_STEPS: Mapping[Reason, str] = {
    "failing": "It failed for five events within a minute, and is tried again by itself. Mend what last_error names.",
    "blocking": "It blocked the event loop three times within ten minutes, and is called again by itself. "
    "Have its author use async libraries, or a plain function.",
    "hanging": "Its calls do not come back, and each keeps a thread. Restart the server to be rid of them, "
    "and have its author set time limits on what it waits for.",
}


def together(healths: Sequence[PluginHealth], paused_in: int | None = None) -> PluginHealth:
    """Return several healths of a plugin as one: counts are added, of pauses the one that ends last told.

    `paused_in` is the number of processes, where it is not the sum.
    """
    paused = [one for one in healths if one.reason is not None]
    last = max(paused, key=_end_of, default=PluginHealth())
    return PluginHealth(
        failures=sum(one.failures for one in healths),
        late=sum(one.late for one in healths),
        stalls=sum(one.stalls for one in healths),
        left=sum(one.left for one in healths),
        paused_until=last.paused_until,
        reason=last.reason,
        paused_hooks=tuple(sorted({hook for one in healths for hook in one.paused_hooks})),
        paused_in=sum(one.paused_in for one in healths) if paused_in is None else paused_in,
        for_all=last.for_all,
        last_error=next((one.last_error for one in healths if one.last_error is not None), None),
    )


def in_one_process(healths: Sequence[PluginHealth]) -> PluginHealth:
    """Return what one process knows of a plugin for a tenant and for all of them as one."""
    return together(healths, paused_in=int(any(one.reason for one in healths)))


def _end_of(health: PluginHealth) -> float:
    return inf if health.paused_until is None else health.paused_until.timestamp()
