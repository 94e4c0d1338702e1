"""`make faults`: the scenarios, one after the other; the exit code is 1 when anything was not as promised."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks import machine
from benchmarks.databases import fetch
from fivapp_whatsapp.testing.postgres import PostgresServer, create_database, postgres_process

from . import disk, evidence
from .running import Form, Place, Row, run_scenario
from .scenarios import BOTH, SCENARIOS, SHORT, Scenario

LONG_FORM = Form(operations=10_000, share=1.0, seconds=480, limit=900)
SHORT_FORM = Form(operations=500, share=0.35, seconds=20, limit=600)


def main() -> int:
    """Run, print and write down; what is asked of it beside that is said by --help."""
    arguments = _arguments()
    # So that the processes of a run end with it, however it is ended.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    form = SHORT_FORM if arguments.short else LONG_FORM
    if arguments.operations:
        form = msgspec.structs.replace(form, operations=arguments.operations)
    with contextlib.redirect_stdout(sys.stderr if arguments.json else sys.stdout), contextlib.ExitStack() as stack:
        print(f"{machine.described()}; PostgreSQL with fsync on, SQLite with synchronous=FULL")
        folder = Path(arguments.keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="fivapp-faults-")))
        places = Places(stack, folder)
        kept = []
        for name in arguments.scenarios or (SHORT if arguments.short else SCENARIOS):
            whole = arguments.scenarios or not arguments.short
            for database in SCENARIOS[name].databases if whole else SHORT[name]:
                if database in arguments.databases:
                    row = _run(SCENARIOS[name], database, places, arguments.seed, form)
                    kept.append(evidence.kept(row, places.postgres_version))
                    if arguments.evidence or not (arguments.short or arguments.operations):
                        # At once, so that what was found stays when a later one is broken off.
                        evidence.write(kept[-1:], SCENARIOS)
        rows = [each.row for each in kept]
        for row in rows:
            print(f"{row.scenario:<24} {row.database:<12} {row.acknowledged:>8,} acknowledged  {evidence.said(row)}")
    print(msgspec.json.encode({"results": [_result(row) for row in rows if row.not_run is None]}).decode())
    return int(any(row.wrong for row in rows))


class Places:
    """Makes a folder and a database for each run; PostgreSQL starts when the first one needs it."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path) -> None:
        self.folder = folder
        self.postgres_version: str | None = None
        self._stack = stack
        self._server: PostgresServer | None = None

    @contextlib.contextmanager
    def new(self, scenario: Scenario, database: str) -> Iterator[Place]:
        """Make a place where a run may happen."""
        folder = self.folder / f"{scenario.name}-{database}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if database == "postgresql":
            server = self._postgres()
            yield Place(database, asyncio.run(create_database(server.url)), folder, server)
        elif scenario.disk and disk.missing() is None:
            with disk.mounted(folder / "disk"):
                yield Place(database, f"sqlite:///{folder}/disk/fivapp.db", folder)
        else:
            yield Place(database, f"sqlite:///{folder}/fivapp.db", folder)

    def _postgres(self) -> PostgresServer:
        if self._server is None:
            self._server = self._stack.enter_context(postgres_process(durable=True))
            [[self.postgres_version]] = asyncio.run(fetch(self._server.url, "SHOW server_version"))
        return self._server


def _run(scenario: Scenario, database: str, places: Places, seed: int | None, form: Form) -> Row:
    seed = random.SystemRandom().randrange(1 << 31) if seed is None else seed
    print(f"{scenario.name} on {database}, seed {seed}: {scenario.does}", flush=True)
    with places.new(scenario, database) as place:
        row = run_scenario(scenario, place, seed, form)
    again = "" if not row.wrong else f"; again with ARGS='{scenario.name} --databases {database} --seed {seed}'"
    print(f"  {evidence.said(row)}: {_figures(row)}{again}", flush=True)
    return row


def _figures(row: Row) -> str:
    return (
        f"{row.operations:,} operations, {row.acknowledged:,} acknowledged, {row.faults} faults; {row.lost} lost, "
        f"{row.duplicated} duplicated, {row.disordered} out of order, {row.missed} missed, {row.unknown} left unknown; "
        f"{row.seconds:.0f} s{''.join(f'; {name} {value:g}' for name, value in row.figures.items())}"
    )


def _result(row: Row) -> dict[str, object]:
    name = f"{row.scenario}_{row.database}"
    return {"name": name, "value": row.wrong, "spread": 0, "budget": 0, "better": "lower"}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help=f"only these: {', '.join(SCENARIOS)}", metavar="SCENARIO")
    parser.add_argument(
        "--short", action="store_true", help="each kind of fault once, and every planted bug, in some minutes"
    )
    parser.add_argument("--json", action="store_true", help="stdout carries the last line alone")
    parser.add_argument("--seed", type=int, help="repeat what went wrong with this seed")
    parser.add_argument("--operations", type=int, help="acknowledged operations of each scenario at least")
    parser.add_argument("--evidence", action="store_true", help="write docs/evidence, as the whole long form does")
    parser.add_argument("--databases", nargs="+", choices=BOTH, default=BOTH)
    parser.add_argument("--keep", help="keep histories, logs and databases in this folder")
    arguments = parser.parse_args()
    if unknown := set(arguments.scenarios) - SCENARIOS.keys():
        parser.error(f"there is no scenario {', '.join(sorted(unknown))}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
