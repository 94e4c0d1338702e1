"""`doctor` against services that are well, absent or wrong."""

from __future__ import annotations

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.ports import Outcome
from tests.db.world import ANA, OWNER, add_connected, send
from tests.processes import ROOT, command, running

KEY = "k-" + secrets.token_hex(16)


def examine(cwd: Path, **environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    strong = {"CONNECTION_SERVICE_API_KEY": KEY, "FIVAPP_JWT_SECRET": "s-" + secrets.token_hex(32)}
    done = command("doctor", "--json", cwd=cwd, **{**strong, **environment})
    return done.returncode, {finding["name"]: finding for finding in json.loads(done.stdout)}


def test_doctor_is_content_with_what_is_well(tmp_path: Path) -> None:
    command("migrate", cwd=tmp_path)
    with running("simulate", "--port", "0", "--api-key", KEY, cwd=tmp_path) as simulator:
        url = simulator.line().split()[-1].rstrip("/")
        code, found = examine(tmp_path, CONNECTION_SERVICE_URL=url)
        wrong_code, wrong = examine(
            tmp_path, CONNECTION_SERVICE_URL=url, CONNECTION_SERVICE_API_KEY="other-" + secrets.token_hex(16)
        )
    assert code == 0
    assert {name for name, finding in found.items() if finding["state"] != "ok"} == {"way back"}
    assert found["way back"]["state"] == "warn"
    assert "FIVAPP_PUBLIC_URL" in found["way back"]["detail"]
    assert wrong_code == 1
    assert "CONNECTION_SERVICE_API_KEY" in wrong["connection service"]["advice"]


def test_doctor_says_what_fails_and_shows_no_secret(tmp_path: Path) -> None:
    done = command(
        "doctor",
        cwd=tmp_path,
        CONNECTION_SERVICE_URL="http://127.0.0.1:9",
        CONNECTION_SERVICE_API_KEY=KEY,
        FIVAPP_JWT_SECRET="canary-short",
        FIVAPP_PUBLIC_URL="http://127.0.0.1:9",
    )
    assert done.returncode == 1
    lines = {line.split(":")[0].split(maxsplit=1)[1]: line.split()[0] for line in done.stdout.splitlines()}
    assert lines["secrets"] == lines["connection service"] == lines["way back"] == "fail"
    assert lines["database"] == "warn"
    assert not (tmp_path / "fivapp.db").exists()
    assert "canary" not in done.stdout
    assert KEY not in done.stdout


async def _trouble(url: str) -> str:
    """Leave one message of unknown outcome and one body in quarantine; returns the message's id."""
    store = DatabaseStore(url, server=False)
    await store.start()
    try:
        await add_connected(store)
        await store.quarantine("connection_service", b"{canary", "unreadable")
        queued = await send(store, await store.open_conversation("acme", "acme", ANA, "Canary"), "canary")
        assert queued.item is not None
        await store.record_outcome(queued.item, OWNER, Outcome(kind="unknown", code="outcome_unknown"))
        return queued.message.id
    finally:
        await store.close()


def test_doctor_names_what_needs_a_person_when_asked_without_what_people_wrote(tmp_path: Path) -> None:
    message_id = asyncio.run(_trouble(f"sqlite:///{tmp_path}/fivapp.db"))
    brief = command("doctor", cwd=tmp_path).stdout
    assert "doctor --details" in brief
    assert message_id not in brief
    shown = command("doctor", "--details", cwd=tmp_path).stdout
    assert f"message {message_id}" in shown
    assert "tenant acme" in shown
    assert "reason unreadable" in shown
    assert "bytes 7" in shown
    assert "anary" not in shown


def test_doctor_prints_the_example_of_all_settings(tmp_path: Path) -> None:
    done = command("doctor", "--env-example", cwd=tmp_path)
    assert done.stdout == (ROOT / ".env.example").read_text(encoding="utf-8")


def test_doctor_says_where_postgresql_was_looked_for_and_what_it_answered(tmp_path: Path) -> None:
    _, found = examine(tmp_path, DATABASE_URL="postgresql://u:canary-pw@127.0.0.1:9/d")
    assert "127.0.0.1, port 9, cannot be reached: it refuses connections" in found["database"]["detail"]
    _, found = examine(tmp_path, DATABASE_URL="postgresql://u:canary-pw@no-such-host.invalid/d")
    assert "no-such-host.invalid, port 5432, cannot be reached: there is no such host" in found["database"]["detail"]
    assert "canary" not in json.dumps(found)


def test_doctor_names_settings_that_cannot_be_read(tmp_path: Path) -> None:
    code, found = examine(tmp_path, FIVAPP_PORT="many")
    assert code == 1
    assert "FIVAPP_PORT" in found["settings"]["detail"]


def test_doctor_tells_of_a_database_that_does_not_answer(tmp_path: Path) -> None:
    code, found = examine(tmp_path, DATABASE_URL="postgresql://fivapp:not-a-real-one@127.0.0.1:9/fivapp")
    assert code == 1
    assert found["database"]["state"] == "fail"
    assert "not-a-real-one" not in json.dumps(found)
