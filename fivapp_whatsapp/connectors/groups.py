"""Groups as connection services tell of them, read by every name that such services use."""

from __future__ import annotations

from typing import Any

from fivapp_whatsapp import addresses
from fivapp_whatsapp.models import Group, GroupMember

from . import wire
from .words import folded

GROUP_ID = ("groupId", "group_id", "group.id", "id", "chatId")
SUBJECT = ("subject", "groupName", "group_name", "group.subject", "group.name", "name")
MEMBERS = ("participants", "members", "group.participants")
_MEMBER_ID = ("id", "address", "jid", "phone", "phoneNumber")
_MEMBER_NAME = ("name", "pushName", "displayName")
_ADMINS = frozenset({"admin", "superadmin", "super_admin", "owner"})


def groups_of(document: dict[str, Any]) -> list[Group]:
    """Read a list of groups; what is no group is left out."""
    listed = wire.pick(document, ("groups", "items", "data"))
    found = [group_of(item) for item in listed] if isinstance(listed, list) else []
    return [group for group in found if group is not None]


def group_of(document: Any) -> Group | None:
    """Read one group, or None where there is none; without a list of participants its members are not known."""
    if not isinstance(document, dict):
        return None
    if isinstance(inner := document.get("group"), dict) and "id" in inner:
        document = inner
    chat_id = group_address(wire.pick(document, GROUP_ID))
    if chat_id is None:
        return None
    listed = wire.pick(document, MEMBERS)
    members = [_member(item) for item in listed] if isinstance(listed, list) else None
    return Group(
        chat_id=chat_id,
        subject=wire.line(wire.pick(document, SUBJECT)),
        members=None if members is None else [member for member in members if member is not None],
    )


def group_address(value: Any) -> str | None:
    """Return a group's address, also out of its bare id, or None for what can be none."""
    if isinstance(value, str) and "@" not in value:
        value = f"{value}@g.us"
    found = wire.address(value)
    return found if found and addresses.is_group(found) else None


def member_addresses(listed: Any) -> tuple[str, ...]:
    """Return the addresses of a list of participants, each once, in their order."""
    members = [_member(item) for item in listed] if isinstance(listed, list) else []
    return tuple(dict.fromkeys(member.address for member in members if member is not None))


def _member(value: Any) -> GroupMember | None:
    if not isinstance(value, dict) or "_serialized" in value:
        address = wire.address(value)
        return GroupMember(address=address) if address else None
    address = wire.address(wire.pick(value, _MEMBER_ID))
    if address is None:
        return None
    role = folded(wire.pick(value, ("role", "admin")))
    is_admin = wire.flag(wire.pick(value, ("isAdmin", "isSuperAdmin", "admin"))) is True
    return GroupMember(
        address=address, name=wire.line(wire.pick(value, _MEMBER_NAME)), admin=is_admin or role in _ADMINS
    )
