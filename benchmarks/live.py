"""Rows about live events: how fast they reach a thousand browsers, what sockets cost, how old a frame is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial

from . import machine
from .bench import Bench, Measure, Result, Site, figure, ratio
from .browsers import Expect, Open
from .processes import Browsers, Server, free_port

_BROWSERS = 1_000
# In flight together; few, so that each is an event of its own in the log and in every socket.
_IN_FLIGHT = 8
# Hello and live: what each socket of ours gets first.
_GREETING = 2


def fan_out(bench: Bench) -> Result:
    """Events to 1,000 browsers of one tenant, each a webhook that is stored first ÷ the library's broadcast()."""
    count = bench.count(400)
    with bench.ours("fan_out", "postgresql") as ours, _browsers() as browsers, _browsers() as others:
        bench.webhooks(ours, 200)  # whose conversations are new is told of twice
        _connect(bench, browsers, ours.server, _BROWSERS)
        size = _events(bench, ours, browsers, 8)[1]
        events_port = free_port()
        with bench.peer("broadcast", str(events_port), str(size)) as library:
            others.open(Open(library.server.port, "/", [], _BROWSERS, 0))
            told = Site(Server(library.server.name, events_port, library.server.pid, library.server.log))
            found = bench.compare(
                {
                    "ours": partial(_measure, bench, ours, browsers, count),
                    "broadcast()": partial(_measure, bench, told, others, count),
                }
            )
            print(f"  an event is {size} bytes; a rate of deliveries is {_BROWSERS} times that of events")
        return ratio("fan_out", found, "ours", "broadcast()", 0.9)


def sockets(bench: Bench) -> Sequence[Result]:
    """Deliveries a second to 100 and 1,000 browsers, and the memory of a socket; reported."""
    results = []
    with bench.ours("sockets", "postgresql") as ours, _browsers() as browsers:
        bench.webhooks(ours, 200)
        empty = machine.memory_mb(ours.server.pid)
        for number in (100, 1_000):
            _connect(bench, browsers, ours.server, number)
            held = (machine.memory_mb(ours.server.pid) - empty) * 1024 / number
            count = bench.count(200_000 // number)
            found = bench.compare({f"{number} sockets": partial(_measure, bench, ours, browsers, count)})
            rates = [each.rate * number for each in found[f"{number} sockets"]]
            results += [figure(f"sockets.{number}", rates), figure(f"sockets.{number}_kb", [held], better="lower")]
    return results


def frame_age(bench: Bench) -> Sequence[Result]:
    """From a webhook's first byte to its frame in a browser, in ms: in one process, and across two; reported."""
    results = []
    with bench.ours("frame_age", "postgresql") as ours, bench.serving("frame_age_two", ours.url) as second:
        for name, server in (("one", ours.server), ("two", second)):
            with _browsers() as browsers:
                bench.webhooks(ours, 200)
                _connect(bench, browsers, server, 1)
                ages = sorted(_ages(bench, ours, browsers, bench.count(1_000)))
                for share, word in ((0.5, "p50"), (0.99, "p99")):
                    results.append(figure(f"frame_age.{name}_{word}", [ages[int(len(ages) * share)]], better="lower"))
    return results


@contextlib.contextmanager
def _browsers() -> Iterator[Browsers]:
    made = Browsers()
    try:
        yield made
    finally:
        made.close()


def _connect(bench: Bench, browsers: Browsers, server: Server, count: int) -> None:
    browsers.open(Open(server.port, "/api/ws", [f"Authorization: Bearer {bench.token}"], count, _GREETING))


def _measure(bench: Bench, site: Site, browsers: Browsers, count: int) -> Measure:
    return _events(bench, site, browsers, count)[0]


def _events(bench: Bench, site: Site, browsers: Browsers, count: int) -> tuple[Measure, int]:
    """Make events and return how they went until every browser had the last, and how large one is."""
    burst = bench.new_webhooks(count)
    site.acknowledged.append(count)
    browsers.expect(Expect(count))
    seen = []

    def ended() -> float:
        seen.append(browsers.seen())
        return seen[0].ended

    measure = bench.burst(site, burst, in_flight=_IN_FLIGHT, ended=ended, beside=[browsers.pid])
    return measure, seen[0].size


def _ages(bench: Bench, site: Site, browsers: Browsers, count: int) -> list[float]:
    burst = bench.new_webhooks(count)
    site.acknowledged.append(count)
    browsers.expect(Expect(count))
    told = bench.send(site, burst, in_flight=1, keeps_times=True)
    return [(came - sent) * 1000 for came, sent in zip(browsers.seen().times, told.sent, strict=True)]
