"""`make bench ARGS='--short --json'`: the table of ratios, from one run on one machine."""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import msgspec

from fivapp_whatsapp.testing.postgres import postgres_server

from . import machine, report
from .bench import Bench, Result
from .databases import Databases
from .processes import Generator
from .table import ROWS, SHORT

# Cores that others may use in a run that counts.
_QUIET = 0.2


def main() -> int:
    """Measure and print; the exit code is 1 when a budget is not met."""
    arguments = _arguments()
    names = arguments.rows or (SHORT if arguments.short else ROWS)
    results: list[Result] = []
    # What is told beside the results goes to stderr with --json, so that stdout can be read by a program.
    with contextlib.redirect_stdout(sys.stderr if arguments.json else sys.stdout):
        print(f"{machine.described()}; PostgreSQL with fsync on, SQLite with synchronous=FULL")
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fivapp-bench-")))
            made = Databases(stack.enter_context(postgres_server(durable=True)), folder)
            generator = Generator()
            stack.callback(generator.close)
            rounds, scale = (3, 0.2) if arguments.short else (7, 1.0)
            bench = Bench(folder, made, generator, rounds=arguments.rounds or rounds, scale=arguments.scale or scale)
            for name in names:
                print(f"{name}: {ROWS[name].__doc__}")
                bench.row = name
                found = ROWS[name](bench)
                results += [found] if isinstance(found, Result) else found
                # After each row: a run that is broken off leaves those that were measured.
                if arguments.write:
                    report.write(results, bench.seen, _facts(bench), counts=_foreign(bench) < _QUIET)
        for result in results:
            print(_line(result))
    print(msgspec.json.encode({"results": results}).decode())
    return int(any(result.met is False for result in results))


def _foreign(bench: Bench) -> float:
    """Return how many cores others used meanwhile."""
    return statistics.median(each.foreign for found in bench.seen.values() for each in chain(*found.values()))


def _facts(bench: Bench) -> str:
    """Say when, where and how it was measured, and whether alone."""
    foreign = _foreign(bench)
    when = datetime.now(UTC).date().isoformat()
    how = f"{bench.rounds} rounds, bursts × {bench.scale:g}"
    alone = (
        "The machine was free otherwise."
        if foreign < _QUIET
        else f"**Others used {foreign:.1f} of its cores meanwhile**: a server got what was left, so rates and their "
        "ratios say little; compare the CPU for each. No budget counts as met or missed by these figures."
    )
    return f"Measured on {when}, {how}, on {machine.described()}. {alone}"


def _line(result: Result) -> str:
    verdict = {None: "reported", True: "met", False: "NOT MET"}[result.met]
    budget = "" if result.budget is None else f"{'>=' if result.better == 'higher' else '<='} {result.budget}"
    return f"{result.name:<28} {result.value:8.3f}  spread {result.spread:6.3f}  {budget:<8} {verdict}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("rows", nargs="*", help=f"only these rows: {', '.join(ROWS)}", metavar="ROW")
    parser.add_argument("--short", action="store_true", help="fewer and shorter rounds: five minutes at most")
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    parser.add_argument("--json", action="store_true", help="stdout carries the last line alone")
    parser.add_argument("--rounds", type=int, help="how often each variant is measured")
    parser.add_argument("--scale", type=float, help="how long a burst is, 1.0 in the long form")
    arguments = parser.parse_args()
    if unknown := set(arguments.rows) - ROWS.keys():
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
