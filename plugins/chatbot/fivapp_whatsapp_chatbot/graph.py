"""Which step leads where, and what is known on the way."""

from __future__ import annotations

from collections.abc import Iterator

from .flow import AnyStep, Ask, Flow, Http, Menu, Say


def named(step: AnyStep) -> Iterator[tuple[str, str]]:
    """Yield the steps that a step names, with the key that names each."""
    for key in ("next", "to", "on_error", "otherwise"):
        if (target := getattr(step, key, None)) is not None:
            yield key, target
    for option in getattr(step, "options", ()):
        if option.to is not None:
            yield "options", option.to
    for case in getattr(step, "cases", ()):
        yield "cases", case.to


def leads_on(step: AnyStep) -> bool:
    """Tell whether each option of a step names what follows."""
    options = getattr(step, "options", ())
    return bool(options) and all(option.to is not None for option in options)


def following(flow: Flow, name: str) -> set[str]:
    """Return the steps that may follow a step."""
    step = flow.steps[name]
    found = {target for _, target in named(step)}
    if isinstance(step, Say | Menu | Ask | Http) and not leads_on(step):
        found.update(filter(None, [flow.after(name)]))
    if isinstance(step, Menu | Ask) and flow.retries.to is not None:
        found.add(flow.retries.to)
    return found


def entries(flow: Flow) -> list[str]:
    """Return the steps that a flow is entered at."""
    entries = [trigger.to or flow.start for trigger in flow.triggers]
    return [*entries, flow.words.menu_step or flow.start]


def loops(flow: Flow, among: set[str]) -> set[str]:
    """Return the steps that lead back to themselves without asking anything, and those between two such loops."""
    quiet = {name for name in among if not isinstance(flow.steps[name], Menu | Ask)}
    leads = {name: following(flow, name) & quiet for name in quiet}
    comes: dict[str, set[str]] = {name: set() for name in quiet}
    for name, targets in leads.items():
        for target in targets:
            comes[target].add(name)
    # What nothing leads to, or what leads nowhere, is in no loop; without it the same may be true of others.
    for forward, backward in ((leads, comes), (comes, leads)):
        ends = [name for name, targets in forward.items() if not targets]
        while ends:
            end = ends.pop()
            for before in backward[end]:
                forward[before].discard(end)
                if not forward[before]:
                    ends.append(before)
            del forward[end], backward[end]
    return set(leads)


def known(flow: Flow) -> dict[str, frozenset[str]]:
    """Return for each step that can be reached which variables every way to it fills."""
    found: dict[str, frozenset[str]] = dict.fromkeys(entries(flow), frozenset())
    work = list(found)
    while work:
        name = work.pop()
        step = flow.steps[name]
        filled = found[name] | ({flow.variable(name)} if isinstance(step, Menu | Ask | Http) else set())
        for after in following(flow, name):
            failed = isinstance(step, Http) and after == step.on_error
            given = _given_up(flow, step, after)
            there = found[name] if failed or given else filled
            before = found.get(after)
            now = there if before is None else before & there
            if now != before:
                found[after] = now
                work.append(after)
    return found


def _given_up(flow: Flow, step: AnyStep, following: str) -> bool:
    return isinstance(step, Menu | Ask) and following == flow.retries.to
