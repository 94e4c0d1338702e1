"""One run: what is measured, in which processes, and how often; ours and the yardstick in turn."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fivapp_whatsapp.commands.token import issue_token
from fivapp_whatsapp.settings import Secret, Settings

from . import databases, machine, requests
from .databases import TENANT, Databases
from .load import Burst, Told
from .processes import Generator, Secrets, Server, environment, free_port, running

CONTACTS = 200
# Of a core; what a generator uses beyond is time in which it lets requests wait.
GENERATOR_SHARE = 0.9


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One burst: messages a second, latencies in ms, CPU in µs for each message, and how busy the machine was."""

    rate: float
    p50: float
    p99: float
    server: float
    database: float
    generator: float
    foreign: float


class Result(msgspec.Struct, frozen=True):
    """A row of the table; `spread` is the greatest value of the rounds minus the least."""

    name: str
    value: float
    spread: float
    budget: float | None
    better: str

    @property
    def met(self) -> bool | None:
        """Tell whether the budget is met; None where there is none."""
        if self.budget is None:
            return None
        return self.value >= self.budget if self.better == "higher" else self.value <= self.budget


class Site(msgspec.Struct, frozen=True):
    """A server under measurement, its database, and how many webhooks it has acknowledged."""

    server: Server
    url: str = ""
    conversations: Sequence[str] = ()
    acknowledged: list[int] = []  # msgspec makes each its own


class Bench:
    """What all rows share. `scale` shortens the bursts, `rounds` is how often each variant is measured."""

    def __init__(self, folder: Path, made: Databases, generator: Generator, *, rounds: int, scale: float) -> None:
        self.folder = folder
        self.keys = Secrets.new()
        self.rounds = rounds
        self.token = issue_token(
            Settings(jwt_secret=Secret(self.keys.jwt_secret)), TENANT, "agent", hours=12, user_id="bench", program=True
        )
        self._databases = made
        self.generator = generator
        self.scale = scale
        self._service_port = free_port()
        self._number = 0
        # What was measured, by the row and the variant; the row that is under way.
        self.seen: dict[str, dict[str, list[Measure]]] = {}
        self.row = ""

    # --- servers -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def service(self) -> Iterator[Server]:
        """Run the connection service that only answers."""
        port = self._service_port
        arguments = ["benchmarks.service", str(port)]
        with running("service", arguments, self.folder, self._environment(""), port=port) as server:
            yield server

    @contextlib.contextmanager
    def ours(self, name: str, kind: str, *plugins: Path, **made: Any) -> Iterator[Site]:
        """Run `serve` on a database of its own (`made` as Databases.new says).

        What it acknowledged is looked for afterwards.
        """
        url, opened = asyncio.run(self._databases.new(kind, name, **made))
        with self.serving(name, url, *plugins) as server:
            site = Site(server, url, opened)
            yield site
        self._check(site)

    @contextlib.contextmanager
    def serving(self, name: str, url: str, *plugins: Path) -> Iterator[Server]:
        """Run `serve` on a database that is there."""
        port = free_port()
        arguments = ["benchmarks.ours", str(port), *map(str, plugins)]
        with running(name, arguments, self.folder, self._environment(url), port=port) as server:
            yield server

    @contextlib.contextmanager
    def peer(self, name: str, *arguments: str) -> Iterator[Site]:
        """Run a yardstick of ours: a module of this folder that is given a port and these arguments."""
        port = free_port()
        command = [f"benchmarks.{name}", str(port), *arguments]
        with running(name, command, self.folder, self._environment(""), port=port) as server:
            yield Site(server)

    def new_database(self, kind: str, name: str, **made: Any) -> tuple[str, list[str]]:
        """Make a database, see Databases.new."""
        return asyncio.run(self._databases.new(kind, name, **made))

    def empty_database(self) -> str:
        """Make a database without a table on the PostgreSQL server."""
        return asyncio.run(self._databases.empty())

    def _environment(self, url: str) -> dict[str, str]:
        return environment(self.keys, self._service_port, url or "sqlite:///unused.db")

    def _check(self, site: Site) -> None:
        kept, acknowledged = asyncio.run(databases.kept(site.url)), sum(site.acknowledged)
        if not kept.received == kept.distinct == kept.unread == acknowledged:
            raise AssertionError(f"{site.server.name}: acknowledged {acknowledged}, and {kept}")
        if acknowledged:
            print(
                f"  {site.server.name}: {acknowledged} webhooks acknowledged, {kept.received} messages kept, each once"
            )

    # --- bursts --------------------------------------------------------------------------------

    def webhooks(
        self,
        site: Site,
        count: int,
        *,
        in_flight: int = 64,
        until: Callable[[int], float] | None = None,
        tenants: int = 1,
        cloud: bool = False,
    ) -> Measure:
        """Send new webhooks, as the connection service or as the Cloud API posts them.

        `until` waits for what follows so many acknowledged ones and returns when it ended.
        """
        burst = self.new_webhooks(count, tenants=tenants, cloud=cloud)
        site.acknowledged.append(count)
        ended = None if until is None else (lambda: until(sum(site.acknowledged)))
        return self.burst(site, burst, in_flight=in_flight, ended=ended)

    def new_webhooks(self, count: int, *, tenants: int = 1, cloud: bool = False) -> list[bytes]:
        """Make requests, each with a message that there was not yet."""
        first, self._number = self._number, self._number + count
        numbers = range(first, first + count)
        if cloud:
            return [requests.cloud_webhook(self.keys.app_secret, number, CONTACTS) for number in numbers]
        return [requests.webhook(self.keys.api_key, number, CONTACTS, tenants) for number in numbers]

    def send(self, site: Site, burst: list[bytes], *, in_flight: int, keeps_times: bool = False) -> Told:
        """Send requests to a server. Raises AssertionError when one is not answered with 200."""
        told = self.generator.send(Burst(site.server.port, in_flight, burst, keeps_times))
        if told.answers != {200: len(burst)}:
            raise AssertionError(f"{site.server.name} answered {told.answers}: see {site.server.log}")
        return told

    def burst(
        self,
        site: Site,
        burst: list[bytes],
        *,
        in_flight: int,
        ended: Callable[[], float] | None = None,
        beside: Sequence[int] = (),
    ) -> Measure:
        """Send requests to a server and measure, as `send` does; `beside` are processes that take part."""
        count, pid = len(burst), site.server.pid
        watched = [pid, self.generator.pid, *beside, *self._databases.server_pids()]
        before = {each: machine.cpu_seconds([each]) for each in watched}
        everything = machine.machine_seconds()
        told = self.send(site, burst, in_flight=in_flight)
        last = told.ended if ended is None else ended()
        everything = machine.machine_seconds() - everything
        watched = [pid, self.generator.pid, *beside, *self._databases.server_pids()]
        used = {each: machine.cpu_seconds([each]) - before.get(each, 0.0) for each in watched}
        return _measure(told, last - told.began, count, used, everything, pid, [self.generator.pid, *beside])

    def count(self, full: int) -> int:
        """Return how many requests a burst has in this run."""
        return max(64, round(full * self.scale))

    # --- rounds --------------------------------------------------------------------------------

    def compare(self, variants: Mapping[str, Callable[[], Measure]]) -> dict[str, list[Measure]]:
        """Measure each variant once to warm up, then in turn, round by round."""
        for measure in variants.values():
            measure()
        found: dict[str, list[Measure]] = {name: [] for name in variants}
        for _ in range(self.rounds):
            for name, measure in variants.items():
                found[name].append(measure())
        for name, measures in found.items():
            print(f"  {name:<12} {described(measures)}")
            _require_an_idle_generator(name, measures)
        sys.stdout.flush()
        self.seen[self.row] = found
        return found


def _require_an_idle_generator(name: str, measures: Sequence[Measure]) -> None:
    """Raise AssertionError where the generator had no time left: then its rate was measured, not the server's."""
    share = statistics.median(each.generator for each in measures)
    if share > GENERATOR_SHARE:
        raise AssertionError(f"{name}: the generator was the bottleneck, it used {share:.0%} of a core")


def figure(name: str, values: Sequence[float], *, better: str = "higher") -> Result:
    """Return a figure that has no budget: the median, and how far the rounds lie apart."""
    return Result(name, round(statistics.median(values), 3), round(max(values) - min(values), 3), None, better)


def ratio(
    name: str, found: Mapping[str, list[Measure]], of: str, to: str, budget: float | None, *, field: str = "rate"
) -> Result:
    """Return one variant's figure ÷ another's, round by round."""
    pairs = zip(found[of], found[to], strict=True)
    values = [getattr(one, field) / getattr(other, field) for one, other in pairs]
    better = "higher" if field == "rate" else "lower"
    return Result(name, round(statistics.median(values), 3), round(max(values) - min(values), 3), budget, better)


def described(measures: Sequence[Measure]) -> str:
    """Return rounds of a variant in words: min, median and max of the rate, else medians."""
    rates = [each.rate for each in measures]

    def middle(field: str) -> float:
        return float(statistics.median(getattr(each, field) for each in measures))

    return (
        f"{min(rates):7.0f} {statistics.median(rates):7.0f} {max(rates):7.0f} /s"
        f"  p50 {middle('p50'):6.1f} p99 {middle('p99'):7.1f} ms"
        f"  CPU/message: server {middle('server'):6.0f} database {middle('database'):5.0f} µs"
        f"  generator {middle('generator'):4.0%} foreign {middle('foreign'):4.0%} of a core"
    )


def _measure(
    told: Told,
    seconds: float,
    count: int,
    used: Mapping[int, float],
    everything: float,
    server: int,
    clients: Sequence[int],
) -> Measure:
    database = sum(cpu for pid, cpu in used.items() if pid not in (server, *clients))
    return Measure(
        rate=count / seconds,
        p50=told.p50 * 1000,
        p99=told.p99 * 1000,
        server=used[server] / count * 1e6,
        database=database / count * 1e6,
        generator=max(used[client] for client in clients) / seconds,
        foreign=max(0.0, everything - sum(used.values())) / seconds,
    )
