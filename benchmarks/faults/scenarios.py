"""The scenarios, by name: what goes wrong, on which databases, with how many gateways; and the planted bugs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from . import disk, measures, nemesis, syncs
from .nemesis import Run

BOTH = ("sqlite", "postgresql")
PLAIN = ("--plain",)


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong while a load runs; `rounds` is how often it does at least, in the long form.

    `service` are words for the simulated service, `mishaps` for the gateways; `catches` names what the checker must
    find when a bug is planted. `{folder}` in a mishap is the folder of the run. `operations` are enough where there are
    to be fewer than elsewhere, `longer` are more seconds in which it must end, `pause` lies between two operations of
    one place. `unavailable`: 503 may be answered. `needs` says what the machine lacks.
    """

    name: str
    does: str
    nemesis: Callable[[Run], Awaitable[None]]
    databases: tuple[str, ...] = BOTH
    gateways: int = 1
    rounds: int = 8
    listeners: int = 6
    receive_buffer: int | None = None
    service: tuple[str, ...] = ()
    mishaps: tuple[str, ...] = ()
    unavailable: bool = True
    writers: int = 24
    senders: int = 16
    pause: float = 0.0
    operations: int | None = None
    longer: float = 0.0
    disk: bool = False
    needs: Callable[[], str | None] | None = None
    catches: str | None = None


_SQLITE = ("sqlite",)
_POSTGRES = ("postgresql",)
_ALL = (
    Scenario(
        name="kill_gateway",
        does="SIGKILL of the gateway at any moment, started again at once",
        nemesis=nemesis.kill_gateways,
    ),
    Scenario(
        name="kill_one_of_two",
        does="SIGKILL of one of two gateways at any moment, the other goes on",
        nemesis=nemesis.kill_gateways,
        databases=_POSTGRES,
        gateways=2,
    ),
    Scenario(
        name="kill_one_of_four",
        does="SIGKILL of one of four gateways at any moment, the others go on",
        nemesis=nemesis.kill_gateways,
        databases=_POSTGRES,
        gateways=4,
    ),
    Scenario(
        name="crash_points",
        does="the gateway dies at a named point: a webhook read, before and after a commit, a send claimed, answered, "
        "its outcome stored",
        nemesis=nemesis.crash_at_points,
        rounds=12,
    ),
    Scenario(
        name="kill_gateway_plain_service",
        does="SIGKILL of the gateway, before a service that knows no ids of ours: what was in flight is left unknown",
        nemesis=nemesis.kill_gateways,
        service=PLAIN,
    ),
    Scenario(
        name="kill_database",
        does="in turn: SIGKILL of the postmaster, SIGKILL of a backend, a restart, the end of all connections",
        nemesis=nemesis.kill_database,
        databases=_POSTGRES,
        rounds=12,
    ),
    Scenario(
        name="wake_ups_lost",
        does="two gateways, and no commit of one is ever told to the other",
        nemesis=nemesis.nothing,
        databases=_POSTGRES,
        gateways=2,
        mishaps=("deaf",),
    ),
    Scenario(
        name="service_down",
        does="the line to the connection service is cut for seconds",
        nemesis=nemesis.service(None),
    ),
    Scenario(
        name="service_bad",
        does="in turn: the connection service takes what it is sent and never answers, answers a byte at a time, "
        "answers garbage, does what it is asked and its answer is lost",
        nemesis=nemesis.service("hang", "drip", "garbage", "swallow"),
        rounds=12,
    ),
    Scenario(
        name="service_bad_plain",
        does="the same before a service that knows no ids of ours: what may have gone out is left unknown",
        nemesis=nemesis.service("hang", "drip", "garbage", "swallow"),
        service=PLAIN,
        rounds=12,
    ),
    Scenario(
        name="webhooks_again",
        does="webhooks up to five times, at once and late; those of the service twice and in another order as well",
        nemesis=nemesis.webhooks_again,
    ),
    Scenario(
        name="clock_jumps",
        does="the gateway's wall clock jumps minutes and hours ahead and back",
        nemesis=nemesis.clock_jumps,
        mishaps=("clock:{folder}/clock0",),
    ),
    Scenario(
        name="slow_browsers",
        does="a third of the listeners stop reading for seconds",
        nemesis=nemesis.slow_browsers,
        listeners=12,
        receive_buffer=4096,
        rounds=6,
    ),
    Scenario(
        name="rolling_restarts",
        does="two gateways are asked to end and started again, one after the other; no request is refused",
        nemesis=nemesis.rolling_restarts,
        databases=_POSTGRES,
        gateways=2,
        unavailable=False,
    ),
    Scenario(
        name="disk_full",
        does="the disk of the database is full to the last byte for seconds",
        nemesis=nemesis.disk_full,
        databases=_SQLITE,
        disk=True,
        needs=disk.missing,
    ),
    Scenario(
        name="reconnect_storm",
        does="5,000 browsers listen, the gateway is killed, and all come back at once with their cursors",
        nemesis=measures.storm,
        rounds=1,
        # Each event goes to half of them: a load that looks small is not.
        writers=2,
        senders=0,
        listeners=0,
        pause=2.0,
        operations=20,
    ),
    Scenario(
        name="syncs_before_answers",
        does="nothing goes wrong: strace counts the answers to webhooks before which something was synced",
        nemesis=measures.count_syncs,
        writers=1,
        senders=0,
        listeners=0,
        operations=1_000,
        needs=syncs.missing,
    ),
    Scenario(
        name="soak",
        does="a steady load of some 50 messages a second for 20 minutes",
        nemesis=measures.soak,
        pause=0.8,
        longer=1_200.0,
    ),
)
_PLANTED = (
    Scenario(
        name="planted_acknowledge_before_commit",
        does="planted: a webhook is answered before its commit",
        nemesis=nemesis.kill_gateways,
        rounds=6,
        mishaps=("plant:acknowledge_before_commit",),
        catches="lost",
    ),
    Scenario(
        name="planted_mark_before_effect",
        does="planted: a webhook is marked as seen before it is stored",
        nemesis=nemesis.kill_gateways,
        rounds=6,
        mishaps=("plant:mark_before_effect:{folder}/marks",),
        catches="lost",
    ),
    Scenario(
        name="planted_cursor_of_sequence",
        does="planted: events are numbered by a sequence, before the commit",
        nemesis=nemesis.nothing,
        databases=_POSTGRES,
        gateways=2,
        mishaps=("plant:cursor_of_sequence",),
        catches="missed",
    ),
    Scenario(
        name="planted_blind_resend",
        does="planted: what may have been sent is sent again",
        nemesis=nemesis.service("swallow"),
        rounds=4,
        service=PLAIN,
        mishaps=("plant:blind_resend",),
        catches="duplicated",
    ),
)
SCENARIOS = {each.name: each for each in (*_ALL, *_PLANTED)}
# What CI can bear: each kind of fault once, and every planted bug.
SHORT = {
    "kill_gateway": BOTH,
    "kill_one_of_two": _POSTGRES,
    "kill_database": _POSTGRES,
    "service_bad_plain": _SQLITE,
    "webhooks_again": _POSTGRES,
    "planted_acknowledge_before_commit": _SQLITE,
    "planted_mark_before_effect": _SQLITE,
    "planted_cursor_of_sequence": _POSTGRES,
    "planted_blind_resend": _SQLITE,
}
