"""Groups on the phone: who is in them, and what the service tells of their changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fivapp_whatsapp import addresses

from .phones import Chat, address_of
from .refusal import invalid
from .shapes import MAX_MEMBERS, ChangeGroup, Member

Change = tuple[str, list[str]]


def change_group(group: Chat, change: ChangeGroup) -> list[Change]:
    """Change a group; return the changes that took place, each with the addresses that it is about.

    Raises Refusal 422 for what is no number, and for a group that is full; then nothing has changed.
    """
    joining = {address: name for address, name in map(_member, change.add) if address not in group.people}
    leaving, promoted, demoted = (
        _known(group, listed, joining) for listed in (change.remove, change.promote, change.demote)
    )
    if len(group.people) + len(joining) > MAX_MEMBERS:
        raise invalid("The group is full.")
    changes: list[Change] = []
    if change.subject is not None and change.subject != group.name:
        group.name = change.subject
        changes.append(("subject", []))
    group.people = group.people | joining
    changes.append(("joined", list(joining)))
    changes.append(("promoted", _each(promoted, lambda one: one not in group.admins, group.admins.add)))
    changes.append(("demoted", _each(demoted, lambda one: one in group.admins, group.admins.discard)))
    for address in leaving:
        del group.people[address]
        group.admins.discard(address)
    changes.append(("left", leaving))
    return [(word, people) for word, people in changes if people or word == "subject"]


def _member(told: str | Member) -> tuple[str, str]:
    member = Member(id=told) if isinstance(told, str) else told
    address = address_of(member.id)
    if addresses.is_group(address):
        raise invalid("A group cannot be in a group.")
    return address, member.name or addresses.split(address)[0]


def _known(group: Chat, listed: Iterable[str], joining: dict[str, str]) -> list[str]:
    found = dict.fromkeys(address_of(one) for one in listed)
    return [address for address in found if address in group.people or address in joining]


def _each(listed: list[str], is_due: Callable[[str], bool], do: Callable[[str], None]) -> list[str]:
    due = [address for address in listed if is_due(address)]
    for address in due:
        do(address)
    return due
