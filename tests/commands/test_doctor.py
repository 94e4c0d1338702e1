"""`doctor` against services that are well, absent or wrong."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from tests.processes import command, running

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


def test_doctor_names_settings_that_cannot_be_read(tmp_path: Path) -> None:
    code, found = examine(tmp_path, FIVAPP_PORT="many")
    assert code == 1
    assert "FIVAPP_PORT" in found["settings"]["detail"]


def test_doctor_tells_of_a_database_that_does_not_answer(tmp_path: Path) -> None:
    code, found = examine(tmp_path, DATABASE_URL="postgresql://fivapp:not-a-real-one@127.0.0.1:9/fivapp")
    assert code == 1
    assert found["database"]["state"] == "fail"
    assert "not-a-real-one" not in json.dumps(found)
