"""The whole way: somebody joins a group on the phone, and the welcome arrives there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fivapp_whatsapp.testing import Demo, running_demo
from fivapp_whatsapp.testing.demo import eventually

GROUP, ANA, BIA = "120363025246125486", "5511988887777", "5511977776666"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="module")
def group(demo: Demo) -> str:
    """The id of a group in which Ana has written."""
    _change(demo, subject="Vizinhos", add=[{"id": ANA, "name": "Ana"}])
    demo.says("oi", ANA, name="Ana", groupId=GROUP, groupName="Vizinhos")
    return str(eventually(lambda: _listed(demo))[0]["id"])


def _change(demo: Demo, **change: Any) -> None:
    path = f"/simulator/sessions/{demo.tenant_id}/groups/{GROUP}"
    demo.phone.post(path, json=change).raise_for_status()


def _listed(demo: Demo) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = demo.gateway.get("/api/groups").raise_for_status().json()["items"]
    return [item for item in items if item["chatId"].startswith(GROUP) and "id" in item]


def test_who_joins_is_welcomed_on_the_phone(demo: Demo, group: str) -> None:
    demo.configure("groups", welcome="Boas-vindas a {group}, {names}!")
    changed = demo.gateway.patch(f"/api/groups/{group}", json={"welcome": True}).raise_for_status().json()
    assert changed["welcome"] == "Boas-vindas a {group}, {names}!"
    _change(demo, add=[{"id": BIA, "name": "Bia"}])
    (welcome,) = demo.waits_for(1, GROUP)
    assert welcome["text"] == "Boas-vindas a Vizinhos, Bia!"
    _change(demo, remove=[BIA])
    _change(demo, add=[{"id": BIA, "name": "Bia"}])
    demo.gateway.patch(f"/api/groups/{group}", json={"welcome": False}).raise_for_status()
    assert len(demo.sent(GROUP)) == 1


def test_a_group_is_read_with_its_participants_and_its_new_subject(demo: Demo, group: str) -> None:
    _change(demo, subject="Vizinhos do 302", promote=[ANA])
    read = eventually(lambda: _with_subject(demo, group, "Vizinhos do 302"))
    assert read["source"] == "service"
    (ana,) = [one for one in read["participants"] if one["phone"] == ANA]
    assert (ana["name"], ana["admin"]) == ("Ana", True)
    eventually(lambda: demo.gateway.get(f"/api/conversations/{group}").json()["title"] == "Vizinhos do 302")


def _with_subject(demo: Demo, group: str, subject: str) -> dict[str, Any] | None:
    read: dict[str, Any] = demo.gateway.get(f"/api/groups/{group}").raise_for_status().json()
    return read if read["subject"] == subject else None


def test_bots_answer_in_a_group_when_it_says_so(demo: Demo, group: str) -> None:
    demo.configure(
        "autoreply", rules=[{"name": "x", "match": "exact", "patterns": ["bot?"], "replies": ["bot!"]}],
        pace={"longestSeconds": 0},
    )  # fmt: skip
    demo.says("bot?", ANA, name="Ana", groupId=GROUP)
    changed = demo.gateway.patch(f"/api/groups/{group}", json={"bots": "always"}).raise_for_status().json()
    assert changed["bots"] == "always"
    before = len(demo.sent(GROUP))
    demo.says("bot?", ANA, name="Ana", groupId=GROUP)
    assert demo.waits_for(before + 1, GROUP)[-1]["text"] == "bot!"
    changed = demo.gateway.patch(f"/api/groups/{group}", json={"bots": None}).raise_for_status().json()
    assert "bots" not in changed


@pytest.mark.parametrize(
    "change", [{"bots": "sometimes"}, {"welcomeText": "Oi {nome}"}, {"subject": "x"}, {"welcome": "yes"}]
)
def test_what_cannot_be_decided_is_a_problem(demo: Demo, group: str, change: dict[str, Any]) -> None:
    refused = demo.gateway.patch(f"/api/groups/{group}", json=change)
    assert refused.status_code == 400
    assert refused.headers["content-type"].startswith("application/problem+json")


def test_what_is_no_group_is_the_same_404(demo: Demo, group: str) -> None:
    demo.says("oi", ANA, name="Ana")
    conversations = demo.gateway.get("/api/conversations").json()["items"]
    single = eventually(lambda: [one["id"] for one in conversations if not one["isGroup"]] or ["x"])[0]
    for path in (f"/api/groups/{single}", "/api/groups/nothing", "/api/groups/%00", "/api/groups/" + "x" * 99):
        refused = demo.gateway.get(path)
        assert (refused.status_code, refused.json()["code"]) == (404, "group_not_found"), path


def test_a_cursor_of_nobody_is_refused_and_the_list_needs_a_login(demo: Demo, group: str) -> None:
    refused = demo.gateway.get("/api/groups", params={"cursor": "-1"})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_cursor")
    assert demo.gateway.get("/api/groups", params={"limit": 0}).status_code == 400
    assert demo.gateway.get("/api/groups", params={"sessionId": "\0"}).status_code == 400
    assert demo.gateway.get("/api/groups", params={"sessionId": "nobody.s"}).status_code == 404
    stranger = demo.gateway.get("/api/groups", headers={"Authorization": ""})
    assert stranger.status_code == 401
