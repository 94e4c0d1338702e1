"""The wheel: built, installed into an empty environment, and run far from the clone."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

from .processes import ROOT, Running, clean_environment

INSTALL_SECONDS = 240


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = out.glob("*.whl")
    return found


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name.split("/")[0]} == {"fivapp_whatsapp"}
    assert "fivapp_whatsapp/py.typed" in names
    assert "fivapp_whatsapp/.env.example" in names
    assert any(name.startswith("fivapp_whatsapp/simulator/page/") for name in names)
    # Of the pages what is built, where it is built, and nothing that builds it.
    built = {path.relative_to(ROOT).as_posix() for path in (ROOT / "fivapp_whatsapp/ui/dist").rglob("*.*")}
    assert {name for name in names if name.startswith("fivapp_whatsapp/ui/")} == built
    assert not [name for name in names if name.endswith((".db", ".env", ".pyc")) or "/tests/" in name]


@pytest.mark.timeout(INSTALL_SECONDS + 60)
def test_the_installed_wheel_runs_the_demo_without_the_clone(wheel: Path, tmp_path: Path) -> None:
    home, empty = tmp_path / "environment", tmp_path / "empty"
    empty.mkdir()
    venv.create(home, with_pip=True)
    environment = {name: value for name, value in clean_environment().items() if not name.startswith("PYTHON")}
    install = [home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", wheel]
    constraints = ["--constraint", ROOT / "constraints.txt"]
    done = subprocess.run(
        [*install, *constraints], env=environment, capture_output=True, text=True, timeout=INSTALL_SECONDS
    )
    assert done.returncode == 0, done.stderr
    process = Running(
        [os.fspath(home / "bin" / "fivapp-whatsapp"), "demo", "--json", "--port", "0"], empty, environment
    )
    try:
        ready = process.json()
        assert httpx.get(f"{ready['gateway']}/health/ready").status_code == 200
        assert httpx.get(f"{ready['simulator']}/").status_code == 200
        assert process.end() == 0
    finally:
        process.close()
