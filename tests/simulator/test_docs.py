"""docs/simulator.md names what there is: every route, every capability, every field of a body."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from fivapp_whatsapp.connectors.connection_service import CAPABILITIES
from fivapp_whatsapp.simulator.app import create_simulator
from fivapp_whatsapp.simulator.chaos import Chaos
from fivapp_whatsapp.simulator.ledger import LedgerItem
from fivapp_whatsapp.simulator.options import ALL_EXTENSIONS, SimulatorOptions
from fivapp_whatsapp.simulator.shapes import Body, ChangeGroup, ContactWrites, SendMessage, SetWebhook, Typing

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "simulator.md").read_text(encoding="utf-8")


def test_every_route_of_the_simulator_has_its_line() -> None:
    app = create_simulator(SimulatorOptions(api_key="key"))
    routes = {
        f"{method} {route.path_format}"
        for route in app.routes
        for method in getattr(route, "methods", ())
        if method != "OPTIONS"
    }
    assert len(routes) > 25
    assert {f"{method} {path}" for method, path in re.findall(r"`([A-Z]+) (/[^`\s]*)`", PAGE)} == routes


@pytest.mark.parametrize("body", [Typing, SendMessage, ContactWrites, ChangeGroup, SetWebhook, Chaos, LedgerItem])
def test_every_field_of_a_body_is_named(body: type[Body]) -> None:
    words = set(re.findall(r"[A-Za-z]+", PAGE))
    assert {field.encode_name for field in msgspec.structs.fields(body)} <= words


def test_every_capability_is_named_and_the_simulator_has_all_but_pairing_codes() -> None:
    listed = (DOCS / "words.md").read_text(encoding="utf-8").split("| capability |")[1].split("\n")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == CAPABILITIES
    assert {"pairing_code"} == CAPABILITIES - ALL_EXTENSIONS
    assert {"events"} == ALL_EXTENSIONS - CAPABILITIES
