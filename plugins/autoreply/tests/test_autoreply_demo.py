"""The whole way: a contact's phone, the connection service, the gateway, the plugin, and back to the phone."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from fivapp_whatsapp.testing import Demo, running_demo

ANA = "5511988887777"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


def test_a_contact_is_greeted_and_answered_by_the_rules(demo: Demo) -> None:
    demo.configure(
        "autoreply",
        greeting="Olá, {first_name}!",
        rules=[{"name": "price", "match": "contains", "patterns": ["preço"], "replies": ["R$ 10, {name}."]}],
        pace={"longestSeconds": 0.2},
    )
    demo.says("Qual o PRECO?", ANA, name="Ana Silva")
    assert [item["text"] for item in demo.waits_for(2, ANA)] == ["Olá, Ana!", "R$ 10, Ana Silva."]
    demo.says("e o preço do outro?", ANA, name="Ana Silva")
    assert [item["text"] for item in demo.waits_for(3, ANA)][2:] == ["R$ 10, Ana Silva."]


def test_the_form_is_served_and_what_cannot_work_is_refused_with_a_sentence(demo: Demo) -> None:
    served = demo.gateway.get("/api/plugins/autoreply").json()
    assert "greeting" in str(served["schema"])
    refused = demo.gateway.put("/api/plugins/autoreply", json={"config": {"greeting": "Oi {nome}"}})
    assert refused.status_code in (400, 422)
    assert "{nome}" in refused.json()["detail"]
    with pytest.raises(httpx.HTTPStatusError):
        demo.configure("autoreply", rules=[{"name": "x", "match": "regex", "patterns": ["("], "replies": ["x"]}])


def test_a_rehearsal_tells_the_answer_and_sends_nothing(demo: Demo) -> None:
    demo.configure("autoreply", rules=[{"name": "hi", "match": "any", "replies": ["Oi!"]}])
    before = len(demo.sent())
    tried = demo.gateway.post("/api/automations/try", json={"text": "oi"})
    assert tried.status_code == 200, tried.text
    assert "Oi!" in tried.text
    assert len(demo.sent()) == before
