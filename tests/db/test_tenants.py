"""Tenants, their accounts and their sessions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import AccountNotFound, AlreadyExists, SessionNotFound, TenantNotFound
from fivapp_whatsapp.models import Account, Assignee, QuickReply, SessionStatus, User, now_ms

from .world import AT, add_connected, chats, head, incoming, log, news, receive, run_sql

pytestmark = pytest.mark.anyio


def failures(results: list[Any], kind: type[Exception]) -> int:
    assert all(isinstance(result, kind) or not isinstance(result, BaseException) for result in results), results
    return sum(isinstance(result, kind) for result in results)


# --- tenants ---------------------------------------------------------------------------------------


async def test_a_tenant_begins_with_an_empty_log(store: DatabaseStore) -> None:
    tenant = await store.add_tenant("globex", "Globex")
    assert (tenant.id, tenant.name, tenant.suspended) == ("globex", "Globex", False)
    assert await store.tenant("globex") == tenant
    assert [each.id for each in await store.tenants()] == ["acme", "globex"]
    state = await store.log_state("globex")
    assert (state.head, state.oldest) == (0, 1)
    assert await store.tenant("nope") is None


async def test_two_processes_add_one_tenant_once(store: DatabaseStore, other_store: DatabaseStore) -> None:
    stores = (store, other_store) * 5
    results = await asyncio.gather(*(each.add_tenant("globex", "G") for each in stores), return_exceptions=True)
    assert failures(results, AlreadyExists) == 9
    assert len(await store.tenants()) == 2


async def test_a_tenant_is_suspended_and_lifted(store: DatabaseStore) -> None:
    assert (await store.suspend_tenant("acme", True)).suspended
    found = await store.tenant("acme")
    assert found is not None
    assert found.suspended is True
    assert not (await store.suspend_tenant("acme", False)).suspended
    with pytest.raises(TenantNotFound):
        await store.suspend_tenant("nope", True)


# --- people ----------------------------------------------------------------------------------------


def person(id: str = "7", name: str = "Rui", tenant: str = "acme") -> User:
    return User(id=id, tenant_id=tenant, role="agent", name=name)


async def test_people_who_came_by_and_accounts_are_whom_one_may_assign_to(
    store: DatabaseStore, other_store: DatabaseStore
) -> None:
    await store.add_tenant("globex", "Globex")
    ana = await store.add_account("acme", "ana", "Ana", "admin", "hash")
    await store.add_account("acme", "eva", "Eva", "agent", "hash")
    await store.change_account("acme", "eva", disabled=True)
    await asyncio.gather(*(each.see_user(person()) for each in (store, other_store) * 5))
    await other_store.see_user(person(tenant="globex", id="8"))
    expected = [Assignee(id=ana.id, name="Ana", role="admin", login="ana"), Assignee(id="7", name="Rui", role="agent")]
    assert await store.assignees("acme") == expected
    assert [each.id for each in await store.assignees("globex")] == ["8"]
    await other_store.see_user(person(name="Bob"))
    assert [each.name for each in await store.assignees("acme")] == ["Ana", "Bob"]
    with pytest.raises(TenantNotFound):
        await store.see_user(person(tenant="nope"))


async def test_who_comes_by_is_written_once_a_day_and_forgotten_after_ninety(
    store: DatabaseStore, database_url: str
) -> None:
    await store.see_user(person())

    async def seen() -> list[int]:
        return [row[0] for row in await run_sql(database_url, "SELECT seen_at FROM fivapp_seen_user")]

    async def age(days: int) -> int:
        at = now_ms() - days * 24 * 3600 * 1000
        await run_sql(database_url, f"UPDATE fivapp_seen_user SET seen_at = {at}")
        return at

    [first] = await seen()
    await store.see_user(person())
    assert await seen() == [first]
    old = await age(2)
    await store.see_user(person())
    assert (await seen())[0] > old
    await age(89)
    await store.forget_old(AT)
    assert len(await store.assignees("acme")) == 1
    await age(91)
    assert await store.assignees("acme") == []
    await store.forget_old(AT)
    assert await seen() == []


# --- accounts --------------------------------------------------------------------------------------


async def test_an_account_keeps_its_hash_to_itself(store: DatabaseStore) -> None:
    account = await store.add_account("acme", "ana", "Ana", "agent", "hash-1")
    assert account == Account(id=account.id, tenant_id="acme", login="ana", name="Ana", role="agent", disabled=False)
    assert await store.account("acme", "ana") == (account, "hash-1")
    assert await store.account_by_id("acme", account.id) == (account, "hash-1")
    assert await store.account("acme", "bia") is None


async def test_an_account_belongs_to_its_tenant(store: DatabaseStore) -> None:
    await store.add_tenant("globex", "Globex")
    ours = await store.add_account("acme", "ana", "Ana", "agent", "a")
    theirs = await store.add_account("globex", "ana", "Other Ana", "admin", "b")
    assert await store.account_by_id("globex", ours.id) is None
    assert await store.accounts("globex") == [theirs]
    await store.change_account("globex", "ana", password_hash="c")
    assert await store.account("acme", "ana") == (ours, "a")


async def test_accounts_are_listed_by_login(store: DatabaseStore) -> None:
    for login in ("c", "a", "b"):
        await store.add_account("acme", login, login, "agent", "h")
    assert [account.login for account in await store.accounts("acme")] == ["a", "b", "c"]


async def test_a_login_is_taken_once(store: DatabaseStore, other_store: DatabaseStore) -> None:
    adding = [each.add_account("acme", "ana", "Ana", "agent", "h") for each in (store, other_store) * 5]
    assert failures(await asyncio.gather(*adding, return_exceptions=True), AlreadyExists) == 9
    with pytest.raises(TenantNotFound):
        await store.add_account("nope", "ana", "Ana", "agent", "h")


async def test_changes_of_an_account_at_once_all_hold(store: DatabaseStore, other_store: DatabaseStore) -> None:
    await store.add_account("acme", "ana", "Ana", "agent", "old")
    await asyncio.gather(
        store.change_account("acme", "ana", password_hash="new"),
        other_store.change_account("acme", "ana", role="admin"),
        store.change_account("acme", "ana", disabled=True),
    )
    found = await store.account("acme", "ana")
    assert found is not None
    assert (found[1], found[0].role, found[0].disabled) == ("new", "admin", True)
    assert not (await store.change_account("acme", "ana", disabled=False)).disabled
    with pytest.raises(AccountNotFound):
        await store.change_account("acme", "nope", disabled=True)


# --- sessions --------------------------------------------------------------------------------------


async def test_a_session_begins_disconnected_and_is_told(store: DatabaseStore) -> None:
    after = await head(store)
    session = await store.add_session("acme", "acme.shop", "Shop", "waha")
    assert (session.status, session.desired, session.epoch) == (SessionStatus.DISCONNECTED, "stopped", 0)
    assert (session.name, session.connector, session.problem) == ("Shop", "waha", None)
    assert await store.session("acme", "acme.shop") == session
    assert [(event.type, event.data) for event in await log(store, after)] == [("session.updated", session)]


async def test_a_session_is_made_once(store: DatabaseStore, other_store: DatabaseStore) -> None:
    adding = [each.add_session("acme", "acme.shop", "Shop", "c") for each in (store, other_store) * 5]
    assert len({session.id for session in await asyncio.gather(*adding)}) == 1
    strict = [each.add_session("acme", "acme.x", "X", "c", exists_ok=False) for each in (store, other_store) * 5]
    assert failures(await asyncio.gather(*strict, return_exceptions=True), AlreadyExists) == 9
    assert [session.id for session in await store.sessions("acme")] == ["acme", "acme.shop", "acme.x"]
    with pytest.raises(TenantNotFound):
        await store.add_session("nope", "nope", "N", "c")


async def test_the_id_of_another_tenants_session_is_taken_for_ever(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    for _ in range(2):
        with pytest.raises(AlreadyExists):
            await store.add_session("acme", "globex", "Mine", "c")
        if await store.session("globex", "globex") is not None:
            await store.change_session("globex", "globex", deleted=True)
    assert await store.session("acme", "globex") is None


async def test_a_session_is_changed_by_its_tenant_alone(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    for tenant, session in (("globex", "acme"), ("acme", "nope")):
        with pytest.raises(SessionNotFound):
            await store.change_session(tenant, session, desired="stopped")
    assert [session.id for session in await store.running_sessions()] == ["acme", "globex"]
    await store.change_session("acme", "acme", desired="stopped")
    assert [session.id for session in await store.running_sessions()] == ["globex"]


async def test_a_sign_of_life_alone_is_kept_and_not_told(store: DatabaseStore) -> None:
    before, after = await store.session("acme", "acme"), await head(store)
    session = await store.change_session("acme", "acme", update=news(SessionStatus.CONNECTED))
    assert before is not None
    assert session.last_seen_at is not None
    assert session.status_at == before.status_at
    assert await head(store) == after


async def test_a_new_start_of_a_session_has_a_new_epoch(store: DatabaseStore) -> None:
    await store.change_session("acme", "acme", update=news(SessionStatus.FAILED, reason="banned"))
    session = await store.change_session("acme", "acme", desired="running", new_epoch=True)
    assert (session.epoch, session.status, session.error) == (1, SessionStatus.CONNECTING, None)
    await store.change_session("acme", "acme", update=news(SessionStatus.CONNECTED))
    again = await store.change_session("acme", "acme", new_epoch=True)
    assert (again.epoch, again.status) == (2, SessionStatus.CONNECTED)


async def test_what_was_asked_in_an_earlier_start_changes_nothing(store: DatabaseStore) -> None:
    await store.change_session("acme", "acme", desired="stopped", update=news(SessionStatus.DISCONNECTED))
    started, after = await store.change_session("acme", "acme", desired="running", new_epoch=True), await head(store)
    late = await store.change_session(
        "acme", "acme", update=news(SessionStatus.CONNECTED), problem="degraded", error="old", epoch=started.epoch - 1
    )
    assert late == started
    assert await head(store) == after
    now = await store.change_session("acme", "acme", update=news(SessionStatus.CONNECTED), epoch=started.epoch)
    assert now.status is SessionStatus.CONNECTED


async def test_a_stopped_session_is_not_brought_back_by_late_news(store: DatabaseStore) -> None:
    await store.change_session("acme", "acme", desired="stopped", update=news(SessionStatus.DISCONNECTED))
    for status in (SessionStatus.CONNECTED, SessionStatus.QR_READY, SessionStatus.FAILED):
        await receive(store, news(status, reason="late"))
    session = await store.session("acme", "acme")
    assert session is not None
    assert (session.status, session.error) == (SessionStatus.DISCONNECTED, None)


async def test_a_deleted_session_leaves_the_lists_and_its_conversations_stay(store: DatabaseStore) -> None:
    await receive(store, incoming("n1"))
    after = await head(store)
    await store.change_session("acme", "acme", deleted=True)
    assert (await store.session("acme", "acme"), await store.sessions("acme")) == (None, [])
    assert await store.running_sessions() == []
    assert len(await chats(store)) == 1
    assert (await log(store, after))[-1].data == {"id": "acme", "deleted": True}
    with pytest.raises(SessionNotFound):
        await store.change_session("acme", "acme", name="x")
    back = await store.add_session("acme", "acme", "Again", "c", exists_ok=False)
    assert (back.name, back.status, back.desired) == ("Again", SessionStatus.DISCONNECTED, "stopped")
    assert (await receive(store, incoming("n2"))).stored == 1


async def test_quick_replies_are_replaced_as_a_whole_and_each_tenant_has_its_own(store: DatabaseStore) -> None:
    await store.add_tenant("other", "Other")
    assert await store.quick_replies("acme") == []
    first = [QuickReply(shortcut="hours", text="From 8 to 6."), QuickReply(shortcut="hello", text="Hello {name}")]
    await store.set_quick_replies("acme", first)
    assert await store.quick_replies("acme") == first
    await store.set_quick_replies("acme", first[1:])
    assert await store.quick_replies("acme") == first[1:]
    assert await store.quick_replies("other") == []
    with pytest.raises(TenantNotFound):
        await store.set_quick_replies("nobody", first)
