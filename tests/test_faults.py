"""`make faults`: the checker finds what is wrong, and the docs tell of each scenario."""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
from array import array

import msgspec
import pytest

from benchmarks.faults import evidence
from benchmarks.faults.caller import Caller, NoAnswer
from benchmarks.faults.checker import Found, Heard, Stored, Verdict, check
from benchmarks.faults.history import Operation, Place
from benchmarks.faults.line import Line
from benchmarks.faults.listeners import Listener, frame
from benchmarks.faults.mishaps import PLANTS
from benchmarks.faults.scenarios import SCENARIOS, SHORT
from benchmarks.faults.syncs import count

from .processes import ROOT, clean_environment

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
    names = ("lost", "duplicated", "disordered", "phantom", "missed", "gaps", "stuck")
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


@pytest.mark.parametrize(("status", "wrong"), [("read", {"lost": 1}), ("pending", {"stuck": 1}), ("unknown", {})])
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


def test_a_gap_in_the_log_and_an_event_that_a_listener_missed_are_found() -> None:
    operations = _operations()
    verdict = check(operations, _found(operations, events={"acme": [1, 2, 4, 5, 6]}))
    assert _wrong(verdict) == {"gaps": 1}
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


# --- what is counted beside ----------------------------------------------------------------------------


def _traced(synced: bool, began: float = 2.0) -> list[str]:
    """Lines of strace: a webhook is read in two halves, something is synced by another thread, it is answered."""
    sync = [f"12 {began:.6f} fdatasync(7 <unfinished ...>", "12 2.500000 <... fdatasync resumed>) = 0"]
    return [
        "11 1.000000 read(36,  <unfinished ...>",
        '11 1.500000 <... read resumed>"POST /api/webhooks/whatsapp HTTP"..., 256000) = 333',
        *(sync if synced else ()),
        '11 3.000000 write(36, "HTTP/1.1 200 OK\\r\\ndate: Thu, 26 N"..., 297) = 297',
        '11 3.100000 write(36, "{\\"success\\":true"..., 59) = 59',
    ]


@pytest.mark.parametrize(("lines", "synced"), [(_traced(True), 1), (_traced(False), 0), (_traced(True, began=1.25), 0)])
def test_an_answer_counts_as_synced_when_a_sync_began_after_its_request(lines: list[str], synced: int) -> None:
    counted = count(lines)
    assert (counted.answered, counted.synced) == (1, synced)


def test_a_listener_keeps_its_cursor_and_what_it_heard_of_each_connection() -> None:
    listener = Listener("acme", "", list, random.Random(1))
    listener.connections.append(array("q"))
    listener.take(b'{"type":"hello","data":{"epoch":"e1","seq":41}}')
    listener.take(b'{"seq":42,"type":"message.created","data":{"text":"a \\"seq\\":7"}}')
    listener.take(b'{"type":"live","data":{}}')
    assert (listener.seq, listener.epoch, listener.live) == (42, b"e1", True)
    listener.connections.append(array("q"))
    listener.take(b'{"type":"hello","data":{"epoch":"e1","seq":50}}')
    listener.take(b'{"seq":43,"type":"message.created","data":{}}')
    listener.take(b'{"type":"resync_required","data":{"reason":"retention"}}')
    assert listener.heard == Heard("acme", 41, [[42], [43]], resyncs=1)


def test_frames_are_found_whole_and_in_parts() -> None:
    small, large = b"\x81\x05hello", b"\x81\x7e\x01\x00" + b"x" * 256
    buffer = bytearray(small + large)
    first = frame(buffer, 0)
    assert first == (1, 2, 7)
    assert frame(buffer, first[2]) == (1, 11, 267)
    assert frame(bytearray(large[:100]), 0) is None
    assert frame(bytearray(b"\x81"), 0) is None


def test_the_short_form_is_a_part_of_the_scenarios_with_every_planted_bug() -> None:
    planted = {name for name, each in SCENARIOS.items() if each.catches is not None}
    assert planted <= SHORT.keys() <= SCENARIOS.keys()
    assert all(set(databases) <= set(SCENARIOS[name].databases) for name, databases in SHORT.items())
    assert {each.mishaps[0].split(":")[1] for each in SCENARIOS.values() if each.catches} == PLANTS.keys()


async def test_a_line_carries_is_cut_and_loses_answers() -> None:
    """Four ways of one line, in one server's life."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            asked.append(1)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        writer.close()

    asked: list[int] = []
    far = await asyncio.start_server(answer, "127.0.0.1", 0)
    line, caller = Line(lambda: [far.sockets[0].getsockname()[1]]), Caller()
    request = b"GET / HTTP/1.1\r\n\r\n"
    try:
        await line.mend()
        assert await caller.post(line.port, request) == (200, b"ok")
        line.mode = "garbage"
        assert b"\xff" in (await caller.post(line.port, request))[1]
        line.mode = "swallow"
        with pytest.raises(NoAnswer):
            await caller.post(line.port, request)
        assert len(asked) == 3
        line.mode = "hang"
        with pytest.raises(NoAnswer):
            await caller.post(line.port, request, seconds=0.1)
        await line.cut()
        with pytest.raises(NoAnswer):
            await caller.post(line.port, request)
        assert len(asked) == 3
        await line.mend()
        assert await caller.post(line.port, request) == (200, b"ok")
    finally:
        caller.close()
        await line.cut()
        far.close()


def test_a_scenario_runs_and_prints_a_line_of_json_and_nothing_else_on_stdout() -> None:
    command = [sys.executable, "-m", "benchmarks.faults", "webhooks_again", "--json", "--operations", "100"]
    done = subprocess.run(
        [*command, "--databases", "sqlite"],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    (line,) = done.stdout.splitlines() or [done.stderr]
    assert json.loads(line) == {
        "results": [{"name": "webhooks_again_sqlite", "value": 0, "spread": 0, "budget": 0, "better": "lower"}]
    }, done.stderr
    assert "as promised" in done.stderr
    assert done.returncode == 0
