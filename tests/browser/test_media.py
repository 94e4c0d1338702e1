"""Stories of files that come in: those that do not come say so and what helps; a recording plays on elsewhere."""

from __future__ import annotations

import io
import re
import wave

import pytest
from playwright.sync_api import Page, Route, expect

from .browsing import Site, eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

FIELD = re.compile("Mensagem para")
EXPIRED = "O arquivo já não está guardado aqui: o tempo dele passou."
# The page's players are in no document: each that is made is remembered.
PLAYERS = """window.players = [];
window.Audio = class extends Audio { constructor(...how) { super(...how); window.players.push(this); } };"""


def test_a_picture_that_does_not_come_is_tried_again_and_one_that_has_expired_is_fetched_or_asked_for(
    inbox: Page, paired: Site
) -> None:
    id = received(paired, "Fátima Foto", text="Olha a foto", kind="image")
    # The service stumbles: the file is there, and comes at the second try.
    inbox.route(f"**/api/media/{picture(paired, id)}*", lambda route: route.fulfill(status=503))
    inbox.goto(f"{paired.url}/conversations/{id}")
    bubble = inbox.locator(".bubble[data-kind=image]")
    expect(bubble).to_contain_text("O arquivo não pôde ser carregado.")
    expect(bubble.get_by_role("button", name="Pedir de novo")).to_have_count(0)
    inbox.unroute_all()
    bubble.get_by_role("button", name="Tentar de novo").click()
    shown = bubble.get_by_role("img", name="Olha a foto")
    eventually(lambda: shown.evaluate("img => img.complete && img.naturalWidth > 0"))

    # The gateway keeps it no longer: it can be fetched anew as long as the service has it, and be asked for.
    inbox.route("**/api/media/**", gone)
    inbox.reload()
    expect(bubble).to_contain_text(EXPIRED)
    inbox.unroute_all()
    bubble.get_by_role("button", name="Buscar de novo").click()
    eventually(lambda: shown.evaluate("img => img.complete && img.naturalWidth > 0"))


def test_a_file_that_the_service_no_longer_has_is_asked_for_with_a_quote(inbox: Page, paired: Site) -> None:
    lost = f"{paired.product.ready.simulator}/media/levada.png"
    id = received(paired, "Glória Sumiu", state="gone", text="Segue", kind="image", mediaUrl=lost)
    inbox.goto(f"{paired.url}/conversations/{id}")
    bubble = inbox.locator(".bubble[data-kind=image]")
    expect(bubble).to_contain_text("O WhatsApp já não tem este arquivo. Peça ao contato que envie de novo.")
    bubble.get_by_role("button", name="Pedir de novo").click()
    field = inbox.get_by_role("textbox", name=FIELD)
    expect(field).to_have_value("Não consegui abrir este arquivo. Pode enviar de novo, por favor?")
    expect(field).to_be_focused()
    expect(inbox.get_by_text("Respondendo a Glória Sumiu")).to_be_visible()


def test_a_recording_plays_on_while_one_answers_somebody_else(inbox: Page, paired: Site) -> None:
    url = paired.phone.post(
        "/simulator/media", content=silence(30), headers={"Content-Type": "audio/wav"}, params={"filename": "voz.wav"}
    ).json()["url"]
    id = received(paired, "Ouvida Primeiro", text="", kind="audio", mediaUrl=url)
    paired.conversation("Outra Pessoa")
    inbox.add_init_script(PLAYERS)
    inbox.goto(f"{paired.url}/conversations/{id}")
    inbox.get_by_role("button", name="Tocar").click()
    eventually(lambda: inbox.evaluate("players.length === 1 && !players[0].paused && players[0].currentTime > 0"))
    inbox.locator(".row", has_text="Outra Pessoa").click()
    field = inbox.get_by_role("textbox", name="Mensagem para Outra Pessoa")
    expect(field).to_be_visible()
    before = inbox.evaluate("players[0].currentTime")
    field.fill("Já vejo isso")
    field.press("Enter")
    expect(inbox.locator(".thread-row", has_text="Já vejo isso").locator("[data-status=read]")).to_be_visible()
    eventually(lambda: inbox.evaluate("before => !players[0].paused && players[0].currentTime > before + 0.5", before))
    # Back there it is the same recording that goes on, and one that can be stopped.
    inbox.locator(".row", has_text="Ouvida Primeiro").click()
    inbox.get_by_role("button", name="Pausar").click()
    assert inbox.evaluate("[players.length, players[0].paused]") == [1, True]
    assert float(inbox.get_by_role("slider", name="Posição no áudio").input_value()) > before


def received(paired: Site, name: str, *, state: str = "ready", **file: str) -> str:
    """Let a new contact send a file; return the id of its conversation once it is known what becomes of the file."""
    id = paired.conversation(name)
    chat = paired.api.get(f"/api/conversations/{id}").json()["chatId"].split("@")[0]
    paired.write(file.pop("text"), name, chat, **file)
    eventually(lambda: [one["media"]["state"] for one in files(paired, id)] == [state])
    return id


def files(paired: Site, id: str) -> list[dict[str, dict[str, str]]]:
    """Return the messages of a conversation that have a file of which something is known."""
    items = paired.api.get(f"/api/conversations/{id}/messages").json()["items"]
    return [one for one in items if (one.get("media") or {}).get("state")]


def picture(paired: Site, id: str) -> str:
    """Return the id of the only message with a file."""
    (found,) = files(paired, id)
    return str(found["id"])


def gone(route: Route) -> None:
    """Answer as the gateway does about a file that it does not keep."""
    route.fulfill(status=404, json={"status": 404, "code": "file_not_kept", "title": "x", "detail": "x"})


def silence(seconds: int) -> bytes:
    """Return a recording of nothing."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(b"\x80" * 8000 * seconds)
    return made.getvalue()
