"""Who is in a group: as the connection service tells, else who was seen writing there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from fivapp_whatsapp import Contact, Conversation, GatewayError, Group, Message, TenantGateway

Source = Literal["service", "messages"]
# So many of a group's last messages are looked through for who wrote them.
_MESSAGES = 400
_PAGE = 200


class Participant(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Somebody in a group; `admin` and `name` are absent where they are not known."""

    address: str
    name: str | None = None
    phone: str | None = None
    admin: bool | None = None


class People(msgspec.Struct, frozen=True):
    """The participants of a group, and where they are known from; `group` is what the service tells, if it does."""

    participants: Sequence[Participant]
    source: Source
    group: Group | None = None

    def names(self, addresses: Sequence[str]) -> list[str | None]:
        """Return the name of each address, None where it is not known."""
        known = {one.address: one.name for one in self.participants}
        return [known.get(address) for address in addresses]


async def people_of(gateway: TenantGateway, conversation: Conversation) -> People:
    """Return who is in a group; of a service that cannot tell, or does not answer, who was seen writing."""
    seen = await _seen(gateway, conversation)
    group = await read_group(gateway, conversation)
    if group is None or group.members is None:
        return People(list(seen.values()), "messages", group)
    found = []
    for member in group.members:
        writer = seen.get(member.address)
        name = member.name or (writer and writer.name) or None
        phone = (writer and writer.phone) or _phone(member.address)
        found.append(Participant(address=member.address, name=name, phone=phone, admin=member.admin))
    return People(found, "service", group)


async def read_group(gateway: TenantGateway, conversation: Conversation) -> Group | None:
    """Ask the service about a group; None where it cannot tell or does not answer."""
    try:
        return await gateway.group(conversation.id)
    except GatewayError as exc:
        gateway.log.info("group_not_read", code=exc.code)
        return None


async def _seen(gateway: TenantGateway, conversation: Conversation) -> dict[str, Participant]:
    """Return who wrote the last messages, by each of their addresses, the last to write first."""
    authors: dict[str, str | None] = {}
    for message in await _last_messages(gateway, conversation.id):
        if message.author.kind == "contact" and message.author.id:
            authors.setdefault(message.author.id, message.author.name)
    found: dict[str, Participant] = {}
    for contact_id, name in authors.items():
        contact = await gateway.contact(contact_id)
        if contact is not None:
            found |= {one.address: one for one in _addresses(contact, name)}
    return found


async def _last_messages(gateway: TenantGateway, conversation_id: str) -> list[Message]:
    found: list[Message] = []
    before: int | None = None
    while len(found) < _MESSAGES:
        page = await gateway.messages(conversation_id, before=before, limit=_PAGE)
        found += page.items
        if page.next_cursor is None:
            break
        before = int(page.next_cursor)
    return found


def _addresses(contact: Contact, name: str | None) -> list[Participant]:
    addresses = contact.addresses or ([contact.phone] if contact.phone else [])
    return [Participant(address=one, name=contact.name or name, phone=contact.phone) for one in addresses]


def _phone(address: str) -> str | None:
    user, _, domain = address.partition("@")
    return user if domain in ("c.us", "s.whatsapp.net") and user.isdecimal() else None
