"""One Chromium and one paired demo for all stories; each has a profile of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from .browsing import PATIENCE_MS, Site, chromium, new_context, site

expect.set_options(timeout=PATIENCE_MS)


# Not for the session: while it is there, its event loop runs in this thread, and no other test's could.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def paired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site")) as running:
        running.pair()
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = new_context(browser)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    made = context.new_page()
    wrong: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # Answers that are errors are part of stories; what breaks a page or its policy is not.
        if message.type == "error" and "Failed to load resource" not in message.text:
            wrong.append(message.text)

    made.on("console", listen)
    made.on("pageerror", lambda error: wrong.append(str(error)))
    yield made
    assert wrong == []


@pytest.fixture
def inbox(page: Page, paired: Site) -> Page:
    """The inbox of the demo's login."""
    paired.log_in(page)
    return page
