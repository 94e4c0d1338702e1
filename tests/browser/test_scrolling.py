"""Stories of scrolling: what one reads stays where it is, and what is new is a click away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from . import many
from .browsing import Site, new_context, site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

DEEP = 400
# The topmost row that is whole in view, and how many pixels below the edge it stands.
TOPMOST = """scroller => {
  const top = scroller.getBoundingClientRect().top;
  const rows = [...scroller.querySelectorAll(".thread-row")]
    .map(row => [row.dataset.row, row.getBoundingClientRect().top - top])
    .filter(([, y]) => y >= 0);
  return rows.sort((a, b) => a[1] - b[1])[0];
}"""
PLACE = """(scroller, key) => {
  const row = scroller.querySelector(`[data-row="${key}"]`);
  return row && row.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
}"""
FROM_END = "scroller => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight"


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, str]]:
    """A gateway with a long list, and the id of the conversation with a long thread."""
    with site(tmp_path_factory.mktemp("long")) as running:
        running.pair()
        yield running, many.fill(running.data, 120, DEEP)


def opened(page: Page, long: tuple[Site, str], query: str = "") -> Locator:
    """Open the long thread; return what scrolls it."""
    running, id = long
    running.log_in(page)
    page.goto(f"{running.url}/conversations/{id}{query}")
    thread = page.get_by_role("group", name="Mensagens")
    expect(thread.locator(".thread-row").first).to_be_visible()
    return thread


def write(running: Site, id: str, text: str) -> None:
    """Let the contact of a conversation write."""
    conversation = running.api.get(f"/api/conversations/{id}").json()
    running.write(text, conversation["title"], conversation["chatId"].split("@")[0])


def wheel(page: Page, scroller: Locator, by: int) -> None:
    """Turn the wheel over a scroller until it has moved and stands still again."""
    before = scroller.evaluate("e => e.scrollTop")
    scroller.hover()
    page.mouse.wheel(0, by)
    scroller.evaluate(
        """(e, before) => new Promise(done => {
          let last = null;
          const look = () => {
            if (e.scrollTop !== before && e.scrollTop === last) return done();
            last = e.scrollTop;
            setTimeout(look, 50);
          };
          look();
        })""",
        before,
    )


def test_older_messages_that_come_above_move_nothing_in_view(page: Page, long: tuple[Site, str]) -> None:
    held: list[Route] = []
    page.route("**/messages?*cursor=*", lambda route: held.append(route), times=1)
    thread = opened(page, long)
    while not held:
        wheel(page, thread, -600)
    key, place = thread.evaluate(TOPMOST)
    height = thread.evaluate("e => e.scrollHeight")
    held.pop().continue_()
    page.wait_for_function(
        "height => document.querySelector('.messages .scroller').scrollHeight > height + 500", arg=height
    )
    # In the frame that draws them, and once their heights are known.
    assert abs(thread.evaluate(PLACE, key) - place) <= 1
    page.wait_for_load_state("networkidle")
    assert abs(thread.evaluate(PLACE, key) - place) <= 1


def test_at_the_very_top_older_messages_of_the_day_come_above_what_one_reads(
    page: Page, long: tuple[Site, str]
) -> None:
    held: list[Route] = []
    page.route("**/messages?*cursor=*", lambda route: held.append(route), times=1)
    thread = opened(page, long)
    while not held or thread.evaluate("e => e.scrollTop") > 0:
        wheel(page, thread, -600)
    top = thread.get_by_text(re.compile(r"^Mensagem \d+\.")).first
    text = top.inner_text()
    height = thread.evaluate("e => e.scrollHeight")
    held.pop().continue_()
    page.wait_for_function(
        "height => document.querySelector('.messages .scroller').scrollHeight > height + 500", arg=height
    )
    page.wait_for_load_state("networkidle")
    expect(thread.get_by_text(text, exact=True)).to_be_in_viewport()
    assert thread.evaluate("e => e.scrollTop") > 500


def test_at_the_end_one_follows_and_above_it_a_pill_counts_until_one_goes_down(
    page: Page, long: tuple[Site, str]
) -> None:
    running, id = long
    thread = opened(page, long)
    expect(thread.get_by_text(f"Mensagem {DEEP - 1}.")).to_be_in_viewport()
    write(running, id, "Nova um")
    expect(thread.get_by_text("Nova um", exact=True)).to_be_in_viewport()
    wheel(page, thread, -500)
    key, place = thread.evaluate(TOPMOST)
    write(running, id, "Nova dois")
    write(running, id, "Nova três")
    pill = page.get_by_role("button", name="2 mensagens novas abaixo")
    expect(pill).to_be_visible()
    assert abs(thread.evaluate(PLACE, key) - place) <= 1
    pill.click()
    expect(thread.get_by_text("Nova três", exact=True)).to_be_in_viewport()
    expect(pill).to_have_count(0)
    # What one sends oneself is always seen.
    wheel(page, thread, -500)
    expect(page.get_by_role("button", name="Ir para o fim")).to_be_visible()
    field = page.get_by_role("textbox", name=re.compile("Mensagem para"))
    field.fill("Minha resposta")
    field.press("Enter")
    expect(thread.get_by_text("Minha resposta", exact=True)).to_be_in_viewport()
    page.wait_for_function(f"() => ({FROM_END})(document.querySelector('.messages .scroller')) < 80")


def test_an_address_with_a_message_leads_to_it_and_marks_it(page: Page, long: tuple[Site, str]) -> None:
    running, id = long
    cursor: dict[str, Any] = {"limit": 150}
    found = running.api.get(f"/api/conversations/{id}/messages", params=cursor).json()["items"][-1]
    thread = opened(page, long, f"?message={found['id']}")
    row = thread.locator(".thread-row", has=page.locator(f"[data-message='{found['id']}']"))
    expect(row).to_be_in_viewport()
    expect(row).to_have_class(re.compile("marked"))
    expect(row).not_to_have_class(re.compile("marked"))


def test_back_leads_to_where_the_list_was(browser: Browser, long: tuple[Site, str]) -> None:
    running, _ = long
    context = new_context(browser, viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    running.log_in(page)
    rows = page.get_by_role("list", name="Lista de conversas")
    wheel(page, rows, 3000)
    before = rows.evaluate("e => e.scrollTop")
    assert before > 1000
    row = rows.locator(".row").nth(8)
    name = row.locator(".row-name").inner_text()
    row.click()
    expect(page.get_by_role("heading", name=name, level=2)).to_be_visible()
    # A finger opens no keyboard.
    expect(page.get_by_role("textbox", name=f"Mensagem para {name}")).not_to_be_focused()
    page.go_back()
    expect(rows.get_by_text(name, exact=True)).to_be_in_viewport()
    assert abs(rows.evaluate("e => e.scrollTop") - before) <= 1
    context.close()


def test_the_list_stays_under_the_pointer_and_says_how_many_have_moved(page: Page, long: tuple[Site, str]) -> None:
    running, _ = long
    running.log_in(page)
    rows = page.get_by_role("list", name="Lista de conversas")
    names = rows.locator(".row-name")
    expect(names.nth(5)).to_be_visible()
    before = names.all_inner_texts()[:6]
    moving = before[5]
    names.nth(2).hover()
    id = running._find(moving)
    assert id is not None
    write(running, id, "Eu primeiro")
    # It says so where it stands, and moves when one wants it to.
    expect(rows.locator(".row", has_text=moving).get_by_text("Eu primeiro")).to_be_visible()
    assert names.all_inner_texts()[:6] == before
    page.get_by_role("button", name="1 atualizada").click()
    expect(names.first).to_have_text(moving)


def test_a_conversation_that_was_read_before_is_shown_without_asking_for_it(page: Page, long: tuple[Site, str]) -> None:
    running, _ = long
    running.log_in(page)
    rows = page.get_by_role("list", name="Lista de conversas").locator(".row")
    expect(rows.nth(3)).to_be_visible()
    names = rows.locator(".row-name").all_inner_texts()[1:3]
    texts = page.locator(".thread-row .bubble-text")
    for name in names:
        rows.filter(has_text=name).click()
        expect(page.get_by_role("heading", name=name, level=2)).to_be_visible()
        expect(texts.first).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/messages" in request.url else None)
    page.route("**/api/conversations/**", lambda route: route.abort())
    rows.filter(has_text=names[0]).click()
    expect(page.get_by_role("heading", name=names[0], level=2)).to_be_visible()
    expect(texts.first).to_be_visible()
    assert asked == []
