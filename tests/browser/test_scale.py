"""An inbox of ten thousand conversations: no frame of scrolling is empty, and an hour of traffic leaves no heap."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import CDPSession, Locator, Page, expect

from . import many
from .browsing import Site, site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CONVERSATIONS, DEEP = 10_000, 20_000
FRAMES = 60
# One each second.
HOUR = 3_600
# How many of three places of a scroller hold a row, in each frame that has moved.
SAMPLING = """(scroller, [row, frames]) => {
  const seen = window.sampled = [];
  let before = scroller.scrollTop;
  const look = () => {
    if (scroller.scrollTop !== before) {
      before = scroller.scrollTop;
      const box = scroller.getBoundingClientRect();
      const at = y => document.elementsFromPoint(box.left + box.width / 2, box.top + box.height * y);
      seen.push([0.1, 0.5, 0.9].filter(y => at(y).some(element => element.matches(row))).length);
    }
    if (seen.length < frames) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, str]]:
    """A gateway with a large inbox, and the id of the conversation with a long thread."""
    with site(tmp_path_factory.mktemp("full")) as running:
        running.pair()
        yield running, many.fill(running.data, CONVERSATIONS, DEEP)


def rows_while_scrolling(page: Page, scroller: Locator, row: str, by: int) -> list[int]:
    """Scroll by the wheel; return for each frame that moved how many of three places held a row."""
    scroller.hover()
    scroller.evaluate(SAMPLING, [row, FRAMES])
    found: list[int] = []
    turns = iter(range(10 * FRAMES))
    while len(found) < FRAMES and next(turns, None) is not None:
        page.mouse.wheel(0, by)
        found = page.evaluate("window.sampled")
    assert len(found) == FRAMES, scroller.evaluate("e => [e.isConnected, e.scrollTop, e.scrollHeight]")
    return found


def test_each_frame_shows_rows_while_a_list_of_ten_thousand_and_a_thread_of_twenty_thousand_scroll(
    page: Page, full: tuple[Site, str]
) -> None:
    running, deep = full
    running.log_in(page)
    rows = page.get_by_role("list", name="Lista de conversas")
    expect(rows.get_by_text("Cliente 10000")).to_be_visible()
    assert set(rows_while_scrolling(page, rows, ".row-item", 300)) == {3}
    assert rows.locator(".row-item").count() < 60
    page.goto(f"{running.url}/conversations/{deep}")
    thread = page.get_by_role("group", name="Mensagens")
    expect(thread.get_by_text(f"Mensagem {DEEP - 1}.")).to_be_visible()
    seen = rows_while_scrolling(page, thread, ".thread-row", -400)
    assert set(seen) == {3}, seen
    assert thread.locator(".thread-row").count() < 60


def heap(cdp: CDPSession) -> float:
    """Return how many bytes the page's own objects take, after all garbage is gone."""
    # What V8 compiled and does not use goes after a few collections only.
    for _ in range(8):
        cdp.send("HeapProfiler.collectGarbage")
    metrics = {each["name"]: each["value"] for each in cdp.send("Performance.getMetrics")["metrics"]}
    return float(metrics["JSHeapUsedSize"])


def test_the_heap_after_an_hour_of_traffic_is_that_of_its_first_minutes(page: Page, full: tuple[Site, str]) -> None:
    running, deep = full
    running.log_in(page)
    page.goto(f"{running.url}/conversations/{deep}")
    thread = page.get_by_role("group", name="Mensagens")
    expect(thread.get_by_text(f"Mensagem {DEEP - 1}.")).to_be_visible()
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable")
    traffic = many.Traffic(running, running.api.get(f"/api/conversations/{deep}").json()["chatId"])
    sizes = []
    for messages in (HOUR // 10, HOUR - HOUR // 10):
        last = traffic.write(messages)
        expect(thread.get_by_text(last, exact=True)).to_be_visible()
        sizes.append(heap(cdp))
    # What waits for a timer (a notice on its way out, a question for the list) is garbage a moment later.
    for _ in range(10):
        if sizes[-1] > 1.2 * sizes[0]:
            page.wait_for_timeout(1_000)
            sizes.append(heap(cdp))
    assert sizes[-1] <= 1.2 * sizes[0], sizes
