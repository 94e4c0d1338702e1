"""How fast the pages answer a person, in a real Chromium over a large inbox. `make figures`.

Each figure is a time from the browser's own stamp of a key or click until the frame that shows its effect is painted,
and beside it the CPU time of the page's main thread, which does not grow with what else the machine does. They say
something of one machine only, so no test holds them; what makes them possible (nothing is asked of the server to show
what was read before) is held by a story.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import CDPSession, Page, expect

from benchmarks import machine

from . import many
from .browsing import Site, chromium, new_context, site

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- pages: begin -->\n", "<!-- pages: end -->\n"
CONVERSATIONS, DEEP = 10_000, 20_000
SWITCHES = 60
RATE = 20
SECONDS = 30
# Cores that others may use in a run whose times count.
QUIET = 0.2
# Waits for a click, then for the frame that has a conversation's name and messages, and tells the time between.
SWITCHING = """name => {
  window.switched = new Promise(done => {
    addEventListener("click", ({timeStamp}) => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () => done(performance.now() - timeStamp);
      const look = () => {
        const title = document.querySelector(".thread-head h2")?.textContent;
        const there = title === name && document.querySelector(".thread-row .bubble");
        // A message posted in a frame comes once that frame is drawn.
        if (there) painted.port2.postMessage(null); else requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    }, {capture: true, once: true});
  });
}"""
# The longest event of each interaction, as the Event Timing API has it (times there are rounded to 8 ms).
INTERACTIONS = """() => {
  window.interactions = new Map();
  new PerformanceObserver(list => {
    for (const {interactionId: id, duration} of list.getEntries())
      if (id) window.interactions.set(id, Math.max(duration, window.interactions.get(id) ?? 0));
  }).observe({type: "event", durationThreshold: 16});
  window.interacted = performance.interactionCount;
}"""
INTERACTED = "() => [performance.interactionCount - window.interacted, [...window.interactions.values()]]"


class MainThread:
    """The CPU time of a page's main thread."""

    def __init__(self, cdp: CDPSession) -> None:
        self._cdp = cdp
        cdp.send("Performance.enable")
        self._before = self._seconds()

    def ms(self) -> float:
        """Return how many ms it used since this was asked last."""
        before, self._before = self._before, self._seconds()
        return 1000 * (self._before - before)

    def _seconds(self) -> float:
        metrics = self._cdp.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "ThreadTime"))


class Others:
    """How many cores others use meanwhile."""

    def __init__(self) -> None:
        self._before = self._now()

    def cores(self) -> float:
        """Return their mean since the begin."""
        begin, others = self._before
        end, then = self._now()
        return (then - others) / (end - begin)

    def _now(self) -> tuple[float, float]:
        return time.monotonic(), machine.machine_seconds() - machine.cpu_seconds(_family(os.getpid()))


def _family(pid: int) -> list[int]:
    """Return a process and all that it started."""
    return [pid, *(one for child in machine.children(pid)[1:] for one in _family(child))]


def switching(page: Page, names: list[str], thread: MainThread) -> tuple[list[float], list[float]]:
    """Go to and fro between conversations that were read before; return how many ms each change took, and its CPU."""
    rows = page.get_by_role("list", name="Lista de conversas").locator(".row")
    found: list[float] = []
    cpu: list[float] = []
    for turn in range(len(names) + SWITCHES):
        name = names[turn % len(names)]
        page.evaluate(SWITCHING, name)
        thread.ms()
        rows.filter(has_text=name).click()
        took: float = page.evaluate("window.switched")
        # The first time each is read from the server.
        if turn >= len(names):
            found.append(took)
            cpu.append(thread.ms())
    return found, cpu


def interacting(page: Page, traffic: many.Traffic) -> tuple[float, list[float]]:
    """Write, search, and go through the list while contacts write; return their rate and each interaction's ms."""
    end = threading.Event()
    page.evaluate(INTERACTIONS)
    with ThreadPoolExecutor(1) as others:
        writing = others.submit(traffic.go_on, RATE, end)
        begin = datetime.now(UTC)
        while (datetime.now(UTC) - begin).total_seconds() < SECONDS:
            page.get_by_role("textbox", name="Mensagem para").press_sequentially("Já vejo, um momento. ", delay=60)
            page.keyboard.press("Escape")
            for key in "jjjkkk":
                page.keyboard.press(key)
                page.wait_for_timeout(120)
            page.get_by_role("list", name="Lista de conversas").locator(".row").nth(2).click()
            expect(page.locator(".thread-row").first).to_be_visible()
        count, long = page.evaluate(INTERACTED)
        end.set()
    # What took less than 16 ms is counted, not told.
    return writing.result(), sorted([16.0] * (count - len(long)) + long)


class Row(NamedTuple):
    """What was measured, how often, and what it may take; all in ms."""

    what: str
    values: list[float]
    budget: int
    cpu: list[float] | None = None

    def __str__(self) -> str:
        middle, late = statistics.median(self.values), statistics.quantiles(self.values, n=50)[-1]
        cpu = "" if self.cpu is None else f"{statistics.median(self.cpu):.0f} ms"
        times = f"{len(self.values)} | {middle:.0f} ms | {late:.0f} ms | {max(self.values):.0f} ms | {cpu}"
        return f"| {self.what} | {times} | < {self.budget} ms |"


def table(rows: list[Row], others: float) -> str:
    """Return what was measured, with the machine that it was measured on."""
    busy = f" **Others used {others:.1f} of its cores meanwhile**: compare the CPU." if others > QUIET else ""
    day = datetime.now(UTC).date().isoformat()
    size = f"{CONVERSATIONS:,} conversations, {DEEP:,} messages in one of them"
    facts = f"Measured on {day}, on {machine.described()}; {size}.{busy}"
    head = ["| what | times | p50 | p98 | most | CPU, p50 | budget |", "|---|---|---|---|---|---|---|"]
    return "\n".join((facts, "", *head, *map(str, rows), ""))


def measure(running: Site) -> str:
    """Measure all, and return it as a table."""
    deep = many.fill(running.data, CONVERSATIONS, DEEP)
    with chromium() as browser:
        page = new_context(browser, viewport={"width": 1280, "height": 800}).new_page()
        running.log_in(page)
        others = Others()
        names = [f"Cliente {CONVERSATIONS - number:05d}" for number in range(6)]
        switches, cpu = switching(page, names, MainThread(page.context.new_cdp_session(page)))
        page.goto(f"{running.url}/conversations/{deep}")
        expect(page.locator(".thread-row").first).to_be_visible()
        chat = running.api.get(f"/api/conversations/{deep}").json()["chatId"]
        rate, interactions = interacting(page, many.Traffic(running, chat))
        rows = [
            Row("from the click on a conversation that was read before to its frame", switches, 100, cpu),
            Row(f"a key or click while {rate:.1f} messages a second come (p98 is INP)", interactions, 200),
        ]
        return table(rows, others.cores())


def main(page: Path) -> None:
    """Measure, and write between the two marks of a page."""
    with tempfile.TemporaryDirectory() as data, site(Path(data)) as running:
        running.pair()
        found = measure(running)
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    page.write_text(f"{before}{BEGIN}{found}{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE)
