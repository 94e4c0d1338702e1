"""Groups as connection services tell of them, read by every name that such services use."""

from __future__ import annotations

from typing import Any

import msgspec

from fivapp_whatsapp import addresses
from fivapp_whatsapp.models import Group, GroupChange, GroupMember

from . import wire
from .words import folded

# Bytes of an answer that lists groups: some services list all members with them, a thousand a group.
MAX_GROUPS = 8 * 1024**2
# WAHA puts what happened into `payload`, Evolution into `data`.
SESSION = (*wire.SESSION_ID, "session", "instance")
TIMESTAMP = ("timestamp", "payload.timestamp", "date_time")
_GROUP_ID = ("groupId", "group_id", "group.id", "id", "chatId")
_SUBJECT = ("subject", "groupName", "group_name", "group.subject", "group.name", "name")
_MEMBERS = ("participants", "members", "group.participants")
_MEMBER_ID = ("id", "address", "jid", "phone", "phoneNumber")
_MEMBER_NAME = ("name", "pushName", "displayName")
_ADMINS = frozenset({"admin", "superadmin", "super_admin", "owner"})
_CHANGED = ("participants", "participantsData", "members")
_CHANGE = ("change", "action", "type")
_CHANGES: dict[str, GroupChange] = {
    "subject": "subject",
    "joined": "joined", "join": "joined", "add": "joined", "invite": "joined",
    "left": "left", "leave": "left", "remove": "left",
    "promoted": "promoted", "promote": "promoted",
    "demoted": "demoted", "demote": "demoted",
}  # fmt: skip


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a group; `changed` are the participants whom it is about."""

    chat_id: str
    change: GroupChange
    subject: str | None
    changed: tuple[str, ...]


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
    chat_id = _group_address(wire.pick(document, _GROUP_ID))
    if chat_id is None:
        return None
    listed = wire.pick(document, _MEMBERS)
    members = [_member(item) for item in listed] if isinstance(listed, list) else None
    return Group(
        chat_id=chat_id,
        subject=wire.line(wire.pick(document, _SUBJECT)),
        members=None if members is None else [member for member in members if member is not None],
    )


def change_of(event: dict[str, Any]) -> Change | None:
    """Read what a webhook tells of a group, or None where it names none; a word that we do not know is `changed`."""
    content = wire.pick(event, ("payload", "data"))
    content = content if isinstance(content, dict) else event
    chat_id = _group_address(wire.pick(content, _GROUP_ID))
    if chat_id is None:
        return None
    subject, word = wire.line(wire.pick(content, _SUBJECT)), folded(wire.pick(content, _CHANGE))
    return Change(
        chat_id=chat_id,
        change=_CHANGES.get(word) or ("subject" if subject and not word else "changed"),
        subject=subject,
        changed=_addresses(content),
    )


def _group_address(value: Any) -> str | None:
    """Return a group's address, also out of its bare id, or None for what can be none."""
    if isinstance(value, str) and "@" not in value:
        value = f"{value}@g.us"
    found = wire.address(value)
    return found if found and addresses.is_group(found) else None


def _addresses(content: dict[str, Any]) -> tuple[str, ...]:
    # Evolution's first list may be empty beside a full second one.
    listed = next((found for name in _CHANGED if isinstance(found := content.get(name), list) and found), [])
    members = [_member(item) for item in listed]
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
