"""The evidence: rows as JSON, as a table for people, and as a line of the README; written by machine alone."""

from __future__ import annotations

import platform
import sqlite3
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from benchmarks import machine

from .running import Row

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "evidence"
_BEGIN, _END = "<!-- faults: written by make faults -->", "<!-- /faults -->"
_HEAD = (
    "scenario",
    "database",
    "operations",
    "acknowledged",
    "faults",
    "lost",
    "duplicated",
    "out of order",
    "missed",
    "left unknown",
    "recovery p50 / max",
    "figures",
    "seed",
    "verdict",
)


class Kept(msgspec.Struct, kw_only=True):
    """A row as it was found, where and when."""

    row: Row
    at: str
    commit: str
    machine: str
    versions: dict[str, str]


def kept(row: Row, postgres_version: str | None) -> Kept:
    """Return a row with where and when it was found."""
    versions = {
        "fivapp-whatsapp": version("fivapp-whatsapp"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    if postgres_version:
        versions["postgresql"] = postgres_version
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return Kept(row=row, at=at, commit=_commit(), machine=machine.described(), versions=versions)


def write(fresh: Iterable[Kept], order: Iterable[str]) -> None:
    """Put fresh rows in the place of older ones of their kind; `order` has the names of all scenarios there are."""
    rows = {(each.row.scenario, each.row.database): each for each in (*read(), *fresh)}
    places = {name: place for place, name in enumerate(order)}
    known = [each for each in rows.values() if each.row.scenario in places]
    known.sort(key=lambda each: (places[each.row.scenario], each.row.database != "sqlite"))
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "faults.json").write_bytes(msgspec.json.format(msgspec.json.encode({"rows": known}), indent=1) + b"\n")
    (FOLDER / "faults.md").write_text(table(known), encoding="utf-8")
    readme = ROOT / "README.md"
    readme.write_text(with_line(readme.read_text(encoding="utf-8"), known), encoding="utf-8")


def read() -> list[Kept]:
    """Return the rows that are there."""
    file = FOLDER / "faults.json"
    if not file.exists():
        return []
    return msgspec.json.decode(file.read_bytes(), type=dict[str, list[Kept]])["rows"]


def table(rows: list[Kept]) -> str:
    """Return the table for people."""
    lines = [
        "# What happened under faults",
        "",
        "Written by `make faults`; what each scenario does and how to repeat one with its seed is in"
        " [faults.md](../faults.md). The figures with machine, versions and commit are in [faults.json](faults.json).",
        "",
        f"| {' | '.join(_HEAD)} |",
        f"|{'---|' * len(_HEAD)}",
        *(f"| {' | '.join(_cells(each.row))} |" for each in rows),
        "",
    ]
    if rows:
        newest = max(rows, key=lambda each: each.at)
        versions = ", ".join(f"{name} {number}" for name, number in newest.versions.items())
        lines += [f"Last written {newest.at} at commit {newest.commit}, on {newest.machine}; {versions}.", ""]
    return "\n".join(lines)


def _cells(row: Row) -> list[str]:
    recovery = "" if row.recovery_p50 is None else f"{row.recovery_p50:.1f} / {row.recovery_max:.1f} s"
    counts = row.operations, row.acknowledged, row.faults, row.lost, row.duplicated, row.disordered, row.missed
    figures = ", ".join(f"{name} {value:,g}" for name, value in row.figures.items())
    rest = [f"{row.unknown:,}", recovery, figures, str(row.seed), said(row)]
    return [row.scenario, row.database, *(f"{n:,}" for n in counts), *rest]


def said(row: Row) -> str:
    """Return a row's verdict in words."""
    if row.not_run is not None:
        return f"not run here: {row.not_run}"
    if row.catches is not None:
        return "caught" if not row.wrong else "NOT CAUGHT"
    if row.error is not None:
        return f"FAILED: {' '.join(row.error.split())[-160:]}".replace("|", "/")
    return "FAILED" if row.wrong else "as promised"


def line(rows: Iterable[Kept]) -> str:
    """Return what the README says."""
    ran = [each.row for each in rows if each.row.not_run is None and each.row.catches is None]
    total = sum(row.acknowledged for row in ran)
    faults = sum(row.faults for row in ran)
    counts = [sum(getattr(row, name) for row in ran) for name in ("lost", "duplicated", "disordered", "missed")]
    lost, duplicated, disordered, missed = counts
    return (
        f"{total:,} operations acknowledged under {faults:,} faults in {len(ran)} runs: **{lost:,} lost, "
        f"{duplicated:,} duplicated, {disordered:,} out of order, {missed:,} missed by a listener**"
        " ([the table](docs/evidence/faults.md), [what each scenario does](docs/faults.md))."
    )


def with_line(readme: str, rows: Iterable[Kept]) -> str:
    """Return the README with the line of these rows between its marks."""
    before, begin, rest = readme.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise LookupError("the README has no place for the line")
    return f"{before}{begin}\n{line(rows)}\n{end}{after}"


def _commit() -> str:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or "unknown"
