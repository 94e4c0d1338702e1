"""Reads what is there after a run and holds it against what was acknowledged; plain Python over lists."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from .history import Operation

# What a message may be in the end whose way is not known: a person sees it and decides.
_OPEN_ENDS = frozenset({"unknown", "expired", "failed"})
_SHOWN = 5


class Stored(msgspec.Struct, frozen=True):
    """A message as the database has it."""

    tenant_id: str
    session_id: str
    conversation_id: str
    message_id: str
    direction: str
    seq: int
    status: str
    text: str


class Heard(msgspec.Struct):
    """What one listener heard: the texts of new messages, and each event's seq in the order of its coming.

    A list of seqs for each connection; `after` is the cursor of the first one.
    """

    tenant_id: str
    after: int
    connections: list[list[int]]
    resyncs: int = 0


class Found(msgspec.Struct, frozen=True):
    """All that is looked at: rows, the phone's ledger in its order, heads of logs, what listeners heard."""

    stored: Sequence[Stored]
    arrived: Sequence[str]
    heads: dict[str, int]
    events: dict[str, list[int]]
    heard: Sequence[Heard] = ()
    stuck: int = 0


class Verdict(msgspec.Struct):
    """How many operations went wrong, by how; `unknown` are sends that a person must decide, which is promised."""

    lost: int = 0
    duplicated: int = 0
    disordered: int = 0
    phantom: int = 0
    missed: int = 0
    gaps: int = 0
    stuck: int = 0
    unknown: int = 0
    details: list[str] = []

    @property
    def wrong(self) -> int:
        """Return how much is not as promised."""
        return self.lost + self.duplicated + self.disordered + self.phantom + self.missed + self.gaps + self.stuck

    def add(self, what: str, about: Iterable[str]) -> None:
        """Count things of one sort."""
        names = list(about)
        if names:
            setattr(self, what, getattr(self, what) + len(names))
            self.details.append(f"{what}: {len(names)}, as {'; '.join(map(repr, names[:_SHOWN]))}")


def check(operations: dict[str, Operation], found: Found) -> Verdict:
    """Return what is not as promised."""
    verdict = Verdict()
    _check_rows(verdict, operations, found.stored)
    _check_phone(verdict, operations, found)
    _check_order(verdict, operations, found)
    _check_log(verdict, found)
    for heard in found.heard:
        _check_listener(verdict, heard, found.events[heard.tenant_id])
    if found.stuck:
        verdict.add("stuck", [f"{found.stuck} webhooks of the service wait"] * found.stuck)
    return verdict


def _check_rows(verdict: Verdict, operations: dict[str, Operation], stored: Sequence[Stored]) -> None:
    counts = Counter(row.text for row in stored)
    verdict.add("lost", (text for text, each in operations.items() if each.acknowledged and text not in counts))
    verdict.add("duplicated", (text for text, count in counts.items() if count > 1))
    verdict.add("phantom", (row.text for row in stored if _foreign(operations.get(row.text), row)))


def _foreign(operation: Operation | None, row: Stored) -> bool:
    """Tell whether a row was never asked for, or stands where it does not belong."""
    if operation is None:
        return True
    place = operation.place
    direction = "incoming" if place.kind == "webhook" else "outgoing"
    wanted = (place.tenant_id, place.session_id, direction)
    return (row.tenant_id, row.session_id, row.direction) != wanted


def _check_phone(verdict: Verdict, operations: dict[str, Operation], found: Found) -> None:
    """Each send reached the phone once, or its message says that this is not known."""
    arrived = Counter(found.arrived)
    verdict.add("duplicated", (f"{text} (on the phone)" for text, count in arrived.items() if count > 1))
    verdict.add("phantom", (text for text in arrived if text not in operations))
    outgoing = [row for row in found.stored if row.direction == "outgoing"]
    verdict.add("lost", (f"{row.text} ({row.status})" for row in outgoing if _silently_lost(row, arrived)))
    verdict.add("stuck", (row.text for row in outgoing if row.status == "pending" and row.text not in arrived))
    verdict.unknown = sum(row.status == "unknown" for row in outgoing)


def _silently_lost(row: Stored, arrived: Counter[str]) -> bool:
    return row.text not in arrived and row.status not in _OPEN_ENDS and row.status != "pending"


def _check_order(verdict: Verdict, operations: dict[str, Operation], found: Found) -> None:
    """In one conversation the rows, and what came to the phone, are in the order in which they were asked for."""
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row in sorted(found.stored, key=lambda row: row.seq):
        if row.text in operations:
            rows[f"{row.direction} in {row.conversation_id}"].append(operations[row.text].number)
    for text in dict.fromkeys(found.arrived):
        if (operation := operations.get(text)) is not None:
            rows[f"on the phone to {operation.place.session_id} {operation.place.chat_id}"].append(operation.number)
    for where, numbers in rows.items():
        late = [n for before, n in itertools.pairwise(numbers) if n < before]
        verdict.add("disordered", (f"{number} {where}" for number in late))


def _check_log(verdict: Verdict, found: Found) -> None:
    """The log of a tenant has every seq up to its head once, and an event for each message at its seq."""
    for tenant_id, seqs in found.events.items():
        expected = set(range(1, found.heads[tenant_id] + 1))
        verdict.add("gaps", (f"event {seq} of {tenant_id} in the log" for seq in sorted(expected - set(seqs))))
        verdict.add("phantom", (f"event {seq} of {tenant_id}" for seq in sorted(set(seqs) - expected)))


def _check_listener(verdict: Verdict, heard: Heard, events: Sequence[int]) -> None:
    """All connections of a listener together heard every event since its first cursor, each connection in order."""
    all_heard = {seq for connection in heard.connections for seq in connection}
    missing = [seq for seq in events if seq > heard.after and seq not in all_heard]
    verdict.add("missed", (f"event {seq} by a listener of {heard.tenant_id}" for seq in missing))
    if heard.resyncs:
        verdict.add("missed", [f"a listener of {heard.tenant_id} was told to read everything anew"])
    for seqs in heard.connections:
        late = [seq for before, seq in itertools.pairwise(seqs) if seq <= before]
        verdict.add("disordered", (f"event {seq} at a listener of {heard.tenant_id}" for seq in late))
