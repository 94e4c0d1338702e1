"""The table of a run as docs/performance.md has it, between two marks; everything around it is written by hand."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .bench import Measure, Result

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
_BEGIN, _END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
_ROW = re.compile(r"^\| `(\w+)` \|[^\n]*\| ([^|\n]*) \|$", re.MULTILINE)

Seen = Mapping[str, Mapping[str, Sequence[Measure]]]


def write(results: Sequence[Result], seen: Seen, facts: str, *, counts: bool = True) -> None:
    """Write what was measured into the page; `facts` say on which machine, when and how.

    Whether budgets are met is left out where the run does not count.
    """
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2]
    PAGE.write_text(f"{before}{_BEGIN}{table(results, seen, facts, counts=counts)}{_END}{after}", encoding="utf-8")


def table(results: Sequence[Result], seen: Seen, facts: str, *, counts: bool) -> str:
    """Return the results, and what each variant of each row cost, as two tables."""
    lines = [facts, "", "| row | value | spread | budget | |", "|---|---|---|---|---|"]
    lines += [_result(each, counts) for each in results]
    lines += ["", "| row | variant | rate: least, median, most | p99 | CPU for each: server | database | foreign |"]
    lines += ["|---|---|---|---|---|---|---|"]
    lines += [_variant(row, name, rounds) for row, found in seen.items() for name, rounds in found.items()]
    return "\n".join((*lines, ""))


def documented(text: str) -> dict[str, str]:
    """Return the rows that a page says are measured, each with its budget as it stands there."""
    return dict(_ROW.findall(text.partition(_BEGIN)[0]))


def budget(result: Result) -> str:
    """Return a result's budget in the words of the page."""
    if result.budget is None:
        return "reported"
    return f"{'≥' if result.better == 'higher' else '≤'} {result.budget:g}"


def _result(result: Result, counts: bool) -> str:
    verdict = {None: "", True: "met", False: "**not met**"}[result.met if counts else None]
    return f"| `{result.name}` | {_short(result.value)} | {_short(result.spread)} | {budget(result)} | {verdict} |"


def _variant(row: str, name: str, rounds: Sequence[Measure]) -> str:
    rates = sorted(each.rate for each in rounds)
    middle = {field: _median(getattr(each, field) for each in rounds) for field in Measure.__struct_fields__}
    return (
        f"| `{row}` | {name} | {rates[0]:,.0f} · {_median(rates):,.0f} · {rates[-1]:,.0f} /s |"
        f" {middle['p99']:,.0f} ms | {middle['server']:,.0f} µs | {middle['database']:,.0f} µs |"
        f" {middle['foreign']:.0%} |"
    )


def _median(values: Iterable[float]) -> float:
    return float(statistics.median(values))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
