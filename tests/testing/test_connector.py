"""The fake connector notes what it is asked and answers what was set."""

from __future__ import annotations

import msgspec
import pytest

from fivapp_whatsapp.errors import ConnectorRejected, ConnectorUnavailable
from fivapp_whatsapp.models import Group, GroupMember, GroupUpdate
from fivapp_whatsapp.ports import Connector
from fivapp_whatsapp.testing.connector import FakeConnector

pytestmark = pytest.mark.anyio
ANA = "5511988887777@c.us"
GROUP = Group(chat_id="120363041112223330@g.us", subject="Vendas", members=[GroupMember(address=ANA)])


async def test_it_is_a_connector_that_notes_typing() -> None:
    fake = FakeConnector(capabilities=frozenset({"typing"}))
    connector: Connector = fake
    await connector.typing("acme", ANA, True)
    await connector.typing("acme", ANA, False)
    assert fake.typed == [("acme", ANA, True), ("acme", ANA, False)]


async def test_its_groups_are_those_of_the_session() -> None:
    fake = FakeConnector(capabilities=frozenset({"groups"}))
    fake.group_list["acme"] = [GROUP]
    assert await fake.groups("acme") == [Group(chat_id=GROUP.chat_id, subject="Vendas")]
    assert await fake.group("acme", GROUP.chat_id) == GROUP
    assert await fake.group("beta", GROUP.chat_id) is None
    assert await fake.groups("beta") == []


async def test_what_it_does_not_declare_it_refuses() -> None:
    fake = FakeConnector()
    for call in (fake.typing("acme", ANA, True), fake.groups("acme"), fake.group("acme", GROUP.chat_id)):
        with pytest.raises(ConnectorRejected) as refused:
            await call
        assert refused.value.reason == "capability_missing"
    assert fake.typed == []


async def test_its_files_are_those_that_were_set() -> None:
    fake = FakeConnector()
    content = bytes(range(256)) * 1000
    fake.files["/media/1"] = ("image/png", content)
    fake.files["/media/2"] = ConnectorUnavailable()
    async with fake.fetch_media("/media/1") as file:
        pieces = [piece async for piece in file.pieces]
    assert (file.mime_type, file.size, b"".join(pieces)) == ("image/png", len(content), content)
    assert len(pieces) > 1
    with pytest.raises(ConnectorUnavailable):
        async with fake.fetch_media("/media/2"):
            pass
    with pytest.raises(ConnectorRejected) as refused:
        async with fake.fetch_media("/media/3"):
            pass
    assert refused.value.reason == "gone"
    assert fake.fetched == ["/media/1", "/media/2", "/media/3"]


def test_it_reads_a_groups_change() -> None:
    update = GroupUpdate(session_id="acme", chat_id=GROUP.chat_id, change="joined", changed=[ANA])
    body = msgspec.json.encode({"type": "GroupUpdate", **msgspec.to_builtins(update)})
    assert FakeConnector().decode_webhook(body) == [update]
