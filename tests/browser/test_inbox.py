"""Stories of an agent's inbox: by the keyboard alone, and what is read."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from .browsing import Site, eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

FIELD = re.compile("Mensagem para")


def test_the_keyboard_alone_walks_the_list_answers_and_puts_away(inbox: Page, paired: Site) -> None:
    ids = [paired.conversation(name) for name in ("Tecla Um", "Tecla Dois", "Tecla Três")]
    rows = inbox.get_by_role("list", name="Lista de conversas")
    expect(rows.get_by_text("Tecla Três")).to_be_visible()
    press = inbox.keyboard.press
    field = inbox.get_by_role("textbox", name=FIELD)

    # J and K, again and again: no letter lands in the field.
    for key, name in (("j", "Tecla Três"), ("j", "Tecla Dois"), ("j", "Tecla Um"), ("k", "Tecla Dois")):
        press(key)
        expect(inbox.get_by_role("heading", name=name, exact=True, level=2)).to_be_visible()
    expect(field).to_have_value("")
    press("a")
    eventually(lambda: paired.api.get(f"/api/conversations/{ids[1]}").json().get("assigneeId"))
    press("r")
    expect(inbox.get_by_text("Respondendo a Tecla Dois")).to_be_visible()
    expect(field).to_be_focused()
    press("Escape")
    press("Escape")
    expect(field).not_to_be_focused()
    press("Enter")
    inbox.keyboard.type("Sem mouse")
    press("Enter")
    expect(inbox.locator(".thread-row", has_text="Sem mouse")).to_be_visible()
    press("Escape")
    press("e")
    expect(rows.get_by_text("Tecla Dois")).to_have_count(0)
    press("Escape")
    expect(inbox.get_by_text("Escolha uma conversa")).to_be_visible()
    press("?")
    expect(inbox.get_by_role("dialog")).to_be_visible()
    press("Escape")
    press("Control+k")
    expect(inbox.get_by_role("searchbox")).to_be_focused()
    press("Escape")
    # A link that has the focus is a link.
    rows.get_by_role("link", name="Tecla Um").focus()
    press("Enter")
    inbox.wait_for_url(f"**/conversations/{ids[0]}")
    expect(inbox.locator(".thread-row", has_text="Oi!")).to_be_visible()
    expect(field).to_be_focused()
    press("Escape")
    press("u")
    expect(inbox.get_by_text("Escolha uma conversa")).to_be_visible()
    expect(inbox.locator(".row", has_text="Tecla Um").get_by_text("1 não lida")).to_be_attached()


def test_nothing_that_was_written_or_dropped_is_lost(inbox: Page, paired: Site) -> None:
    id = paired.conversation("Perde Nada")
    inbox.locator(".row", has_text="Perde Nada").click()
    expect(inbox.locator(".thread-row", has_text="Oi!")).to_be_visible()
    field = inbox.get_by_role("textbox", name=FIELD)

    # A note that is refused stays in its row while one writes on.
    refusal = {"status": 422, "code": "unprocessable", "detail": "x", "title": "x"}
    inbox.route("**/notes", lambda route: route.fulfill(status=422, json=refusal), times=1)
    inbox.get_by_role("button", name="Nota interna").click()
    note = inbox.get_by_role("textbox", name="Escreva uma nota")
    note.fill("Só para nós")
    note.press("Enter")
    note.fill("Outra")
    row = inbox.locator(".thread-row", has_text="Só para nós")
    row.get_by_role("button", name="Tentar de novo").click()
    expect(row.locator(".bubble.note")).to_be_visible()
    path = f"/api/conversations/{id}/messages"
    eventually(lambda: paired.api.get(path).json()["items"][0]["text"] == "Só para nós")
    note.fill("")
    inbox.get_by_role("button", name="Nota interna").click()

    # A file may be dropped anywhere on the conversation.
    held = inbox.evaluate_handle("""() => {
        const held = new DataTransfer()
        held.items.add(new File(['olá'], 'solta.txt', {type: 'text/plain'}))
        return held
    }""")
    inbox.dispatch_event(".messages", "dragover", {"dataTransfer": held})
    expect(inbox.get_by_text("Solte aqui para anexar")).to_be_visible()
    inbox.dispatch_event(".messages", "drop", {"dataTransfer": held})
    expect(inbox.get_by_text("Solte aqui para anexar")).to_have_count(0)
    expect(inbox.locator(".attachment", has_text="solta.txt")).to_be_visible()

    # A part that a deploy took away asks to reload, and what is being written stays.
    field.fill("meio escrito")
    inbox.route("**/assets/shortcuts-*.js", lambda route: route.fulfill(status=404))
    field.press("Escape")
    inbox.keyboard.press("?")
    expect(inbox.get_by_role("button", name="Recarregar")).to_be_visible()
    expect(field).to_have_value("meio escrito")
    inbox.unroute("**/assets/shortcuts-*.js")
    inbox.get_by_role("button", name="Recarregar").click()
    expect(field).to_have_value("meio escrito")


def test_a_connection_that_is_dead_but_open_is_replaced_and_nothing_is_missed(page: Page, paired: Site) -> None:
    dead: list[bool] = []

    def between(client: WebSocketRoute) -> None:
        server = client.connect_to_server()
        mine = len(dead) == 0
        dead.append(False)
        client.on_message(lambda text: None if mine and dead[0] else server.send(text))
        server.on_message(lambda text: None if mine and dead[0] else client.send(text))

    page.route_web_socket(re.compile("/api/ws"), between)
    paired.log_in(page)
    paired.conversation("Antes do Silêncio")
    expect(page.locator(".row", has_text="Antes do Silêncio")).to_be_visible()
    dead[0] = True
    paired.conversation("Durante o Silêncio")
    # Back from a sleep: the page looks whether anybody is there.
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".row", has_text="Durante o Silêncio")).to_be_visible()
    assert len(dead) == 2


def test_what_comes_while_another_tab_is_in_front_is_there_once_and_unread_until_somebody_looks(
    page: Page, paired: Site
) -> None:
    page.clock.install()
    paired.log_in(page)
    id = paired.conversation("Vera Oculta")
    path = f"/api/conversations/{id}"
    page.goto(f"{paired.url}/conversations/{id}")
    expect(page.locator(".thread-row", has_text="Oi!")).to_be_visible()
    page.clock.run_for(1_500)
    eventually(lambda: paired.api.get(path).json()["unreadCount"] == 0)
    show(page, False)
    chat = paired.api.get(path).json()["chatId"].split("@")[0]
    for text in ("Oculta um", "Oculta dois"):
        paired.write(text, "Vera Oculta", chat)
    for text in ("Oculta um", "Oculta dois"):
        expect(page.locator(".thread-row", has_text=text)).to_have_count(1)
    expect(page).to_have_title(re.compile(r"^\(\d+\) "))
    # However long it stays behind: nobody has read them.
    page.clock.run_for(30_000)
    assert paired.api.get(path).json()["unreadCount"] == 2
    show(page, True)
    page.clock.run_for(1_500)
    eventually(lambda: paired.api.get(path).json()["unreadCount"] == 0)


def show(page: Page, visible: bool) -> None:
    """Put the page behind another tab, or in front again; this browser, which has no window, shows all of its pages."""
    page.evaluate(
        """visible => {
          const value = visible ? "visible" : "hidden";
          Object.defineProperty(document, "visibilityState", {value, configurable: true});
          document.hasFocus = () => visible;
          document.dispatchEvent(new Event("visibilitychange"));
          dispatchEvent(new Event(visible ? "focus" : "blur"));
        }""",
        visible,
    )


def test_a_page_that_nobody_touches_asks_for_nothing(page: Page, paired: Site) -> None:
    page.clock.install()
    paired.log_in(page)
    id = paired.conversation("Ivo Parado")
    page.goto(f"{paired.url}/conversations/{id}")
    expect(page.locator(".thread-row", has_text="Oi!")).to_be_visible()
    page.clock.run_for(3_000)
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(30_000)
    assert asked == []


def test_a_thread_speaks_only_what_is_new_counts_its_rows_and_says_what_came_late(inbox: Page, paired: Site) -> None:
    id = paired.conversation("Clara Fala")
    inbox.goto(f"{paired.url}/conversations/{id}")
    rows = inbox.locator(".thread-row")
    expect(rows.filter(has_text="Oi!")).to_be_visible()
    spoken = inbox.get_by_role("log", name="Mensagens da conversa com Clara Fala")
    expect(spoken).to_be_empty()
    chat = paired.api.get(f"/api/conversations/{id}").json()["chatId"].split("@")[0]
    paired.write("Veio tarde", "Clara Fala", chat, timestamp=int((time.time() - 12 * 60) * 1000))
    late = rows.filter(has_text="Veio tarde")
    expect(late.get_by_text("chegou 12 min depois")).to_be_visible()
    expect(spoken.locator("p")).to_have_text(["Clara Fala disse: Veio tarde"])
    # What we write ourselves is no news to us.
    field = inbox.get_by_role("textbox", name="Mensagem para Clara Fala")
    field.fill("Digo eu")
    field.press("Enter")
    expect(rows.filter(has_text="Digo eu").locator("[data-status=read]")).to_be_visible()
    expect(spoken.locator("p")).to_have_count(1)
    places = rows.evaluate_all("rows => rows.map(row => [row.ariaPosInSet, row.ariaSetSize])")
    assert places == [[str(number), str(len(places))] for number in range(1, len(places) + 1)]
    assert len(places) >= 3


def test_a_part_that_a_deploy_took_away_asks_for_a_reload_and_what_was_written_stays(page: Page, paired: Site) -> None:
    paired.log_in(page)
    id = paired.conversation("Nova Versão")
    page.goto(f"{paired.url}/conversations/{id}")
    field = page.get_by_role("textbox", name="Mensagem para Nova Versão")
    field.fill("Ainda não mandei")
    page.route("**/assets/emoji-*.js", lambda route: route.fulfill(status=404))
    page.get_by_role("button", name="Emojis").click()
    asked = page.get_by_role("alert").filter(has=page.get_by_role("button", name="Recarregar"))
    expect(asked).to_be_visible()
    expect(field).to_have_value("Ainda não mandei")
    page.unroute_all()
    asked.get_by_role("button").click()
    expect(asked).to_have_count(0)
    expect(field).to_have_value("Ainda não mandei")
    page.get_by_role("button", name="Emojis").click()
    expect(page.locator(".emoji")).to_be_visible()
