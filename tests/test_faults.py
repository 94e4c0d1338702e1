"""`make faults`: the checker finds what is wrong, and the docs tell of each scenario."""

from __future__ import annotations

import re

import msgspec
import pytest

from benchmarks.faults import evidence
from benchmarks.faults.checker import Found, Heard, Stored, Verdict, check
from benchmarks.faults.history import Operation, Place
from benchmarks.faults.scenarios import SCENARIOS

from .processes import ROOT

WRITER = Place("webhook", "acme", "acme", "a@c.us")
SENDER = Place("send", "acme", "acme", "b@c.us", "conversation-b")


def _operations(count: int = 3) -> dict[str, Operation]:
    made = [
        Operation(place, n, f"{place.kind} {n}", acknowledged=True) for place in (WRITER, SENDER) for n in range(count)
    ]
    return {each.text: each for each in made}


def _rows(operations: dict[str, Operation]) -> list[Stored]:
    return [
        Stored(
            each.place.tenant_id,
            each.place.session_id,
            each.place.chat_id,
            each.text,
            "incoming" if each.place.kind == "webhook" else "outgoing",
            seq,
            "received" if each.place.kind == "webhook" else "read",
            each.text,
        )
        for seq, each in enumerate(operations.values(), 1)
    ]


def _found(operations: dict[str, Operation], **other: object) -> Found:
    parts: dict[str, object] = {
        "stored": _rows(operations),
        "arrived": [text for text in operations if text.startswith("send")],
        "heads": {"acme": len(operations)},
        "events": {"acme": list(range(1, len(operations) + 1))},
        **other,
    }
    return Found(**parts)  # type: ignore[arg-type]


def _wrong(verdict: Verdict) -> dict[str, int]:
    names = ("lost", "duplicated", "disordered", "phantom", "missed", "stuck")
    return {name: count for name in names if (count := getattr(verdict, name))}


def test_what_is_as_promised_is_found_to_be() -> None:
    operations = _operations()
    heard = Heard("acme", 2, [[3, 4], [4, 5, 6]])
    verdict = check(operations, _found(operations, heard=[heard]))
    assert (verdict.wrong, verdict.details) == (0, [])


def test_an_acknowledged_message_without_a_row_is_lost() -> None:
    operations = _operations()
    verdict = check(operations, _found(operations, stored=_rows(operations)[1:]))
    assert _wrong(verdict) == {"lost": 1}
    assert verdict.details == ["lost: 1, as 'webhook 0'"]


def test_a_message_that_was_never_acknowledged_may_be_missing() -> None:
    operations = _operations()
    operations["webhook 0"].acknowledged = False
    assert check(operations, _found(operations, stored=_rows(operations)[1:])).wrong == 0


def test_two_rows_and_two_arrivals_are_duplicates() -> None:
    operations = _operations()
    rows = _rows(operations)
    assert _wrong(check(operations, _found(operations, stored=[*rows, rows[2]]))) == {"duplicated": 1}
    arrived = ["send 0", "send 1", "send 2", "send 1"]
    assert _wrong(check(operations, _found(operations, arrived=arrived))) == {"duplicated": 1}


@pytest.mark.parametrize(("status", "wrong"), [("read", {"lost": 1}), ("pending", {"lost": 1}), ("unknown", {})])
def test_a_send_that_never_arrived_is_lost_unless_it_says_so(status: str, wrong: dict[str, int]) -> None:
    operations = _operations()
    rows = _rows(operations)
    rows[-1] = msgspec.structs.replace(rows[-1], status=status)
    verdict = check(operations, _found(operations, stored=rows, arrived=["send 0", "send 1"]))
    assert _wrong(verdict) == wrong
    assert verdict.unknown == (status == "unknown")


def test_rows_and_arrivals_that_change_places_are_out_of_order() -> None:
    operations = _operations()
    rows = _rows(operations)
    rows[0] = msgspec.structs.replace(rows[0], seq=9)
    verdict = check(operations, _found(operations, stored=rows, arrived=["send 1", "send 0", "send 2"]))
    assert _wrong(verdict) == {"disordered": 2}


def test_a_row_that_nobody_asked_for_or_of_another_session_is_a_phantom() -> None:
    operations = _operations()
    rows = _rows(operations)
    rows.append(msgspec.structs.replace(rows[0], text="x"))
    rows[1] = msgspec.structs.replace(rows[1], tenant_id="bravo")
    assert _wrong(check(operations, _found(operations, stored=rows))) == {"phantom": 2}


def test_a_gap_in_the_log_and_a_gap_at_a_listener_are_missed() -> None:
    operations = _operations()
    verdict = check(operations, _found(operations, events={"acme": [1, 2, 4, 5, 6]}))
    assert _wrong(verdict) == {"missed": 1}
    verdict = check(operations, _found(operations, heard=[Heard("acme", 0, [[1, 2], [4, 5, 6]])]))
    assert _wrong(verdict) == {"missed": 1}


def test_a_listener_that_hears_backwards_and_a_send_that_waits_are_found() -> None:
    operations = _operations()
    found = _found(operations, heard=[Heard("acme", 3, [[5, 4, 6]])], stuck=2)
    assert _wrong(check(operations, found)) == {"disordered": 1, "stuck": 2}


def test_the_docs_tell_of_each_scenario_and_of_no_other() -> None:
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(SCENARIOS)


def test_table_and_readme_say_what_the_evidence_says() -> None:
    rows = evidence.read()
    assert {each.row.scenario for each in rows} <= SCENARIOS.keys()
    assert (evidence.FOLDER / "faults.md").read_text(encoding="utf-8") == evidence.table(rows)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert evidence.with_line(readme, rows) == readme
