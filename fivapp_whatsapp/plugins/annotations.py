"""Compares what a plugin's functions say of their types with what the hooks give and take.

It reports only what is surely wrong: a type that cannot be found out, or is Any, fits everything.
"""

from __future__ import annotations

import builtins
import inspect
import sys
import types
from collections.abc import Awaitable, Coroutine, Iterator, Mapping, Sequence
from typing import Annotated, Any, NoReturn, Union, get_args, get_origin

import msgspec

from fivapp_whatsapp import hookspecs
from fivapp_whatsapp.models import OutgoingMessage

from .checks import Hook
from .registry import Plugin

# What a hook that is told, or that runs at a time, returns is not looked at.
_RETURNS: Mapping[str, Any] = {
    "reply_to": str | OutgoingMessage | Sequence[str | OutgoingMessage] | None,
    "outgoing_message": OutgoingMessage | None,
    "register_connectors": Mapping[str, Any],
    "register_routes": Sequence[Any],
    "plugin_config": type[msgspec.Struct],
}
_UNKNOWN = object()


def annotation_problems(plugin: Plugin) -> list[str]:
    """Return a sentence for each annotation of a plugin that says something else than what is so."""
    hooks = [hook for functions in plugin.hooks.values() for hook in functions]
    return [f"{hook.name} ({hook.location}): {problem}" for hook in hooks for problem in _problems(plugin, hook)]


def _problems(plugin: Plugin, hook: Hook) -> Iterator[str]:
    function = inspect.unwrap(hook.function)
    said = inspect.get_annotations(function)
    spec = getattr(hookspecs, hook.name)
    for name in hook.arguments:
        found = _resolve(said.get(name, _UNKNOWN), function)
        given = _given(plugin, name, _resolve(spec.__annotations__[name], spec))
        if not _fits(given, found):
            yield _argument_problem(name, found, given)
    returned = _awaited(_resolve(said.get("return", _UNKNOWN), function))
    allowed = _RETURNS.get(hook.name)
    if not _fits(returned, allowed):
        advice = f"it may return {_show(allowed)}" if allowed is not None else "what it returns is not looked at"
        hint = "; to answer, implement reply_to" if hook.name == "message_received" else ""
        yield f"returns {_show(returned)}; {advice}{hint}"


def _argument_problem(name: str, found: Any, given: Any) -> str:
    why = ": this plugin has no plugin_config" if name == "config" and given is None else ""
    if get_origin(given) is Sequence and get_origin(found) in (list, tuple, set):
        why = f": annotate it {_show(given)}, which is read as a list is"
    return f"{name} is annotated {_show(found)}; it is {_show(given)}{why}"


def _given(plugin: Plugin, name: str, kind: Any) -> Any:
    # Any in the specification: each plugin has a type of its own, or None.
    return plugin.config_type if name == "config" else kind


def _resolve(annotation: Any, function: Any) -> Any:
    """Return the type that an annotation means, or Any when that cannot be found out."""
    if annotation is _UNKNOWN:
        return Any
    if isinstance(annotation, str):
        try:
            return eval(annotation, {}, _Names(function.__globals__))  # noqa: S307  # their own code, as typing does it
        except Exception:  # what is imported only for type checkers
            return Any
    return annotation


class _Names(dict[str, Any]):
    """The names of a function's module, then those that this package exports: often imported for type checkers only."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        super().__init__()
        self._module = module

    def __missing__(self, name: str) -> Any:
        if name in self._module:
            return self._module[name]
        if hasattr(builtins, name):
            return getattr(builtins, name)
        ours = sys.modules[hookspecs.PROJECT]
        if name in ours.__all__:
            return getattr(ours, name)
        raise KeyError(name)


def _awaited(kind: Any) -> Any:
    """Return what comes of awaiting, for a plain function that returns something to be awaited."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Awaitable and len(inner) == 1:
        return inner[0]
    return inner[2] if origin is Coroutine and len(inner) == 3 else kind


def _fits(given: Any, wanted: Any) -> bool:
    """Tell whether a value of one type is surely, or perhaps, one of the other; None stands for its type."""
    return all(any(_one_fits(part, other) for other in _parts(wanted)) for part in _parts(given))


def _parts(kind: Any) -> tuple[Any, ...]:
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(part for inner in get_args(kind) for part in _parts(inner))
    return (type(None) if kind is None else kind,)


def _one_fits(given: Any, wanted: Any) -> bool:
    if Any in (given, wanted) or given is NoReturn or wanted is object:
        return True
    mine, other = get_origin(given) or given, get_origin(wanted) or wanted
    if not (isinstance(mine, type) and isinstance(other, type)):
        return True
    try:
        if not (issubclass(mine, other) or (mine is int and other is float)):
            return False
    except TypeError:  # a protocol, which tells nothing at run time
        return True
    inner, others = get_args(given), get_args(wanted)
    if len(inner) != len(others) or ... in inner:
        return True
    return all(_fits(part, one) for part, one in zip(inner, others, strict=True))


def _show(kind: Any) -> str:
    if kind is None or kind is type(None):
        return "None"
    parts = _parts(kind)
    if len(parts) > 1:
        return " | ".join(map(_show, parts))
    name = getattr(get_origin(kind) or kind, "__name__", str(kind))
    inner = ", ".join(_show(part) for part in get_args(kind) if part is not ...)
    return f"{name}[{inner}]" if inner else str(name)
