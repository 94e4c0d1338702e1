"""A story of languages that are written by composing: the Enter that ends a word sends nothing."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import CDPSession, Page, expect

from .browsing import Site, eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

# What the page heard of the keys, in its own words.
HEARD = """field => {
  window.heard = [];
  field.addEventListener("keydown", event => window.heard.push([event.key, event.isComposing]), {capture: true});
}"""


def test_enter_that_ends_a_composition_sends_nothing_and_the_next_one_does(inbox: Page, paired: Site) -> None:
    id = paired.conversation("Kenji Compõe")
    inbox.goto(f"{paired.url}/conversations/{id}")
    field = inbox.get_by_role("textbox", name=re.compile("Mensagem para"))
    expect(field).to_be_focused()
    field.evaluate(HEARD)
    hand = inbox.context.new_cdp_session(inbox)
    compose(hand, "とうきょう")
    expect(field).to_have_value("とうきょう")
    press_enter(hand)
    expect(field).to_have_value("とうきょう")
    # The input method puts in what was chosen, and the word is a word.
    hand.send("Input.insertText", {"text": "東京"})
    expect(field).to_have_value("東京")
    expect(inbox.locator(".thread-row", has_text="東京")).to_have_count(0)
    assert {"東京", "とうきょう"}.isdisjoint(paired.sent())
    press_enter(hand)
    expect(field).to_have_value("")
    expect(inbox.locator(".thread-row", has_text="東京")).to_have_count(1)
    assert inbox.evaluate("window.heard") == [["Enter", True], ["Enter", False]]
    eventually(lambda: paired.sent().count("東京") == 1)
    assert "とうきょう" not in paired.sent()


def compose(hand: CDPSession, text: str) -> None:
    """Compose a word, as an input method does: it grows, and nothing of it is put in yet."""
    for end in range(1, len(text) + 1):
        hand.send("Input.imeSetComposition", {"text": text[:end], "selectionStart": end, "selectionEnd": end})


def press_enter(hand: CDPSession) -> None:
    """Press and let go the key alone: what it puts in is the page's or the input method's to say."""
    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    hand.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **key})
    hand.send("Input.dispatchKeyEvent", {"type": "keyUp", **key})
