"""Sessions: pairing, what the phone's owner does, and what is posted of it."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from fivapp_whatsapp.simulator.sessions import qr_data_url

from .conftest import Receiver, Running, Start, until

pytestmark = pytest.mark.anyio


def read_qr(data_url: str) -> str:
    image = Image.open(io.BytesIO(base64.b64decode(data_url.removeprefix("data:image/png;base64,"))))
    found = zxingcpp.read_barcodes(image.convert("L"))
    return found[0].text


async def status(running: Running, session_id: str = "acme") -> dict[str, Any]:
    reply: dict[str, Any] = (await running.api.get(f"/sessions/{session_id}/status")).json()
    return reply


async def test_a_started_session_shows_a_qr_that_a_decoder_reads(running: Running) -> None:
    answer = await running.api.post("/sessions/start", json={"tenantId": "acme", "name": "Acme"})
    reply = answer.json()
    assert answer.status_code == 200
    assert {k: reply[k] for k in ("tenantId", "status", "connected")} == {
        "tenantId": "acme",
        "status": "qr_ready",
        "connected": False,
    }
    assert read_qr(reply["qrCode"]).startswith("2@")
    assert await status(running) == reply


async def test_a_session_that_was_never_started_is_404(running: Running) -> None:
    for answer in (await running.api.get("/sessions/nobody/status"), await running.api.delete("/sessions/nobody")):
        assert answer.status_code == 404
        assert answer.json()["error"]


async def test_a_scan_connects_and_is_told_by_webhook(running: Running, receiver: Receiver) -> None:
    reply = await running.pair()
    assert reply["status"] == "connected"
    assert reply["phone"].startswith("55119")
    assert len(reply["phone"]) == 13
    assert await status(running) == reply
    await until(lambda: bool(receiver.of("session.status")))
    hook = receiver.of("session.status")[0]
    assert (hook["tenantId"], hook["status"], hook["phone"], hook["name"]) == (
        "acme",
        "connected",
        reply["phone"],
        "Acme",
    )
    assert receiver.keys == ["a-key-for-tests"]


async def test_a_sessions_number_is_stable_and_its_own(start: Start) -> None:
    one, other = await start(), await start()
    numbers = [(await one.pair(name))["phone"] for name in ("acme", "acme.shop", "beta")]
    assert len(set(numbers)) == 3
    assert (await other.pair("acme"))["phone"] == numbers[0]


async def test_codes_change_after_60_then_each_20_seconds_and_end_after_six(start: Start) -> None:
    clock = [1_700_000_000.0]
    running = await start(now=lambda: clock[0])
    await running.api.post("/sessions/start", json={"tenantId": "acme"})
    codes = []
    for seconds in (0, 59, 60, 79, 80, 100, 120, 140, 159.9):
        clock[0] = 1_700_000_000.0 + seconds
        codes.append(read_qr((await status(running))["qrCode"]))
    assert codes[0] == codes[1]
    assert codes[2] == codes[3]
    assert codes[7] == codes[8]
    assert len(set(codes)) == 6
    clock[0] = 1_700_000_160.0
    assert await status(running) == {
        "tenantId": "acme",
        "status": "failed",
        "connected": False,
        "reason": "qr_timeout",
    }
    assert (await running.phone.post("/simulator/sessions/acme/scan")).status_code == 409
    again = (await running.api.post("/sessions/start", json={"tenantId": "acme"})).json()
    assert read_qr(again["qrCode"]) not in codes


async def test_a_code_runs_out_at_once_when_it_is_told_to(running: Running) -> None:
    await running.api.post("/sessions/start", json={"tenantId": "acme"})
    codes = [(await status(running))["qrCode"]]
    for _ in range(5):
        codes.append((await running.phone.post("/simulator/sessions/acme/expire")).json()["qrCode"])
        assert (await status(running))["qrCode"] == codes[-1]
    assert len(set(codes)) == 6
    last = (await running.phone.post("/simulator/sessions/acme/expire")).json()
    assert (last["status"], last["reason"]) == ("failed", "qr_timeout")
    assert (await running.phone.post("/simulator/sessions/acme/expire")).status_code == 409
    drawn = qr_data_url.cache_info().currsize
    assert drawn
    await status(running)
    assert qr_data_url.cache_info().currsize == drawn


async def test_a_scan_works_only_while_a_code_is_shown(running: Running) -> None:
    await running.pair()
    assert (await running.phone.post("/simulator/sessions/acme/scan")).status_code == 409
    assert (await running.phone.post("/simulator/sessions/nobody/scan")).status_code == 404


async def test_starting_a_connected_session_leaves_it_connected(running: Running) -> None:
    await running.pair()
    reply = (await running.api.post("/sessions/start", json={"tenantId": "acme"})).json()
    assert (reply["status"], reply["name"]) == ("connected", "Acme")


async def test_the_phones_deeds_change_the_status_and_are_posted_in_order(running: Running, receiver: Receiver) -> None:
    await running.pair()
    for deed, expected in (("drop", "reconnecting"), ("restore", "connected"), ("logout", "logged_out")):
        answer = await running.phone.post(f"/simulator/sessions/acme/{deed}")
        assert answer.json()["status"] == expected
        assert (await status(running))["status"] == expected
    await until(lambda: len(receiver.of("session.status")) == 4)
    assert [hook["status"] for hook in receiver.of("session.status")] == [
        "connected",
        "reconnecting",
        "connected",
        "logged_out",
    ]


@pytest.mark.parametrize("deed", ["logout", "drop", "restore"])
async def test_a_deed_that_does_not_fit_the_status_is_refused(running: Running, deed: str) -> None:
    await running.api.post("/sessions/start", json={"tenantId": "acme"})
    answer = await running.phone.post(f"/simulator/sessions/acme/{deed}")
    assert answer.status_code == 409
    assert answer.json()["error"]


async def test_what_was_written_while_the_line_was_down_arrives_after_it_is_mended(
    running: Running, receiver: Receiver
) -> None:
    await running.pair()
    await running.phone.post("/simulator/sessions/acme/drop")
    for number in range(3):
        assert (await running.write(text=f"n{number}")).status_code == 200
    assert (await running.send()).status_code == 409
    assert receiver.texts == []
    await running.phone.post("/simulator/sessions/acme/restore")
    await until(lambda: len(receiver.texts) == 3)
    assert receiver.texts == ["n0", "n1", "n2"]


async def test_a_deleted_session_is_disconnected_and_can_start_anew(running: Running) -> None:
    await running.pair()
    answer = await running.api.delete("/sessions/acme")
    assert answer.json() == {"success": True, "status": "disconnected"}
    assert (await status(running))["status"] == "disconnected"
    assert (await running.send()).status_code == 409
    assert (await running.write()).status_code == 409
    assert (await running.api.delete("/sessions/acme")).status_code == 200
    assert (await running.api.post("/sessions/start", json={"tenantId": "acme"})).json()["status"] == "qr_ready"


async def test_contacts_begin_to_write_after_a_scan_and_go_on_when_answered(start: Start, receiver: Receiver) -> None:
    running = await start(contacts_write=True, pace=0.001)
    await running.pair()
    await until(lambda: len({hook.get("pushName") for hook in receiver.of("message")}) == 5)
    ana = next(hook for hook in receiver.of("message") if hook["pushName"] == "Ana Souza")
    before = len(receiver.texts)
    await running.send(to=ana["from"], text="Temos sim!")
    await until(lambda: len(receiver.texts) > before)
    assert {hook["type"] for hook in receiver.of("message")} >= {"text", "image"}


async def test_no_contact_writes_by_itself_by_default(running: Running, receiver: Receiver) -> None:
    await running.pair()
    await running.write(text="só eu")
    await until(lambda: running.simulator.courier.tally.delivered == 2)
    assert receiver.texts == ["só eu"]
    assert running.simulator.courier.tally.pending == 0
