"""Reads the hooks out of a plugin's module and finds its mistakes: all at once, each with its file and line.

pluggy accepts much that cannot work here, and stops at the first mistake that it sees; so this looks first.
"""

from __future__ import annotations

import difflib
import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import msgspec

from fivapp_whatsapp.hookspecs import COLLECTED, HOOKS, LATER, PROJECT, TOLD, HookOptions, options_of

from .config import odd_secrets

NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
# Routes of a plugin answer under /api/<name>: these are ours.
_TAKEN = (
    "accounts auth automations conversations events labels me messages plugins quick-replies sessions webhooks "
    "whatsapp ws ws-tickets"
)
RESERVED = frozenset(_TAKEN.split())
_LONGEST_DEADLINE = 300.0
# A person waits while these run.
_LONGEST_WAIT = 5.0
_PARAMETER = inspect.Parameter


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """One function of a plugin for one hook; `location` is its "file.py:12".

    `threaded` tells that it is no coroutine function, and so runs in a thread.
    """

    name: str
    plugin: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    options: HookOptions = HookOptions()
    location: str = ""
    threaded: bool = False
    tryfirst: bool = False
    trylast: bool = False


class Checked(msgspec.Struct):
    """What a module holds: its hooks, the type of its settings, what keeps it from running, and what looks wrong."""

    hooks: list[Hook] = []
    config_type: type[msgspec.Struct] | None = None
    problems: list[str] = []
    warnings: list[str] = []


def name_problem(name: str) -> str | None:
    """Say what is wrong with the name of a plugin, or None."""
    if not NAME.fullmatch(name):
        return "its name must begin with a small letter and go on with small letters, digits, _ or -, 32 in all"
    if name in RESERVED:
        return f"its name is taken: /api/{name} belongs to the gateway; choose another"
    return None


def check_module(name: str, module: ModuleType, *, needs: str | None = None) -> Checked:
    """Read a plugin's module; `needs` is the later version of this package that its distribution asks for."""
    checked = Checked()
    for attribute, value in list(vars(module).items()):
        if (marks := _marks(value)) is not None:
            _check_marked(checked, name, attribute, value, marks, needs)
        elif isinstance(value, FunctionType) and (warning := _looks_lost(attribute, value, module)):
            checked.warnings.append(warning)
    checked.hooks.sort(key=lambda hook: (hook.name, not hook.tryfirst, hook.trylast, _line(hook.function)))
    checked.config_type = _config_type(checked)
    if not (checked.hooks or checked.problems):
        checked.warnings.append("it has no function marked with @hookimpl: nothing of it will run")
    return checked


def place(function: Any) -> str:
    """Return where a function or class stands, as "file.py:12"."""
    line = _line(function)
    return f"{_file(function)}:{line}" if line else _file(function)


def did_you_mean(word: str, known: Any) -> str:
    """Return " Did you mean …?", or nothing when no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _marks(value: Any) -> Mapping[str, Any] | None:
    """Return what `@hookimpl` left on a value."""
    if not callable(value):
        return None
    try:
        found = getattr(value, f"{PROJECT}_impl", None)
    except Exception:  # some objects answer for every name, in their own way
        return None
    return found if isinstance(found, dict) else None


def _looks_lost(attribute: str, value: FunctionType, module: ModuleType) -> str | None:
    """Say that a function seems meant as a hook and is none, which pluggy passes over in silence."""
    hidden = next(filter(_marks, _inner(value)), None)
    if hidden is not None:
        return (
            f"{attribute} ({place(hidden)}) will not run: a decorator above its @hookimpl hides the mark; "
            "put @hookimpl on top, or functools.wraps into the decorator"
        )
    own = f"{value.__module__}.".startswith(f"{module.__name__}.")
    if own and attribute in HOOKS:
        return f"{attribute} ({place(value)}) will not run: it has the name of a hook, but no @hookimpl"
    return None


def _inner(value: FunctionType) -> Iterator[Any]:
    for cell in value.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a cell that is still empty
            continue


def _check_marked(
    checked: Checked, plugin: str, attribute: str, value: Any, marks: Mapping[str, Any], needs: str | None
) -> None:
    hook_name = marks.get("specname") or attribute
    where = f"{attribute} ({place(value)})"
    if hook_name not in HOOKS:
        if not marks.get("optionalhook"):
            advice = f" {needs}" if needs else did_you_mean(hook_name, HOOKS)
            checked.problems.append(f"{where}: there is no hook {hook_name}.{advice}")
        return
    found = [*_function_problems(hook_name, value, marks)]
    arguments: tuple[str, ...] = ()
    if not found:
        parameters = inspect.signature(value).parameters
        arguments = tuple(parameters)
        found += _argument_problems(hook_name, parameters, needs)
        found += _option_problems(hook_name, options_of(value))
    checked.problems += [f"{where}: {problem}" for problem in found]
    if not found:
        checked.hooks.append(_hook(plugin, hook_name, value, arguments, marks))


def _hook(plugin: str, name: str, function: Any, arguments: tuple[str, ...], marks: Mapping[str, Any]) -> Hook:
    return Hook(
        name=name,
        plugin=plugin,
        function=function,
        arguments=arguments,
        options=options_of(function),
        location=place(function),
        threaded=not inspect.iscoroutinefunction(function),
        tryfirst=bool(marks.get("tryfirst")),
        trylast=bool(marks.get("trylast")),
    )


def _function_problems(hook: str, value: Any, marks: Mapping[str, Any]) -> Iterator[str]:
    inner = inspect.unwrap(value) if inspect.isroutine(value) else value
    if inspect.isclass(value):
        yield "is a class; a hook is a function of the module"
    elif not inspect.isroutine(value):
        yield "is an object that can be called; a hook is a function of the module"
    elif inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        yield "is a generator; a hook returns its result, and does not yield"
    elif marks.get("wrapper") or marks.get("hookwrapper"):
        yield "is a wrapper around the hooks of others, which are kept apart here"
    elif hook in COLLECTED and inspect.iscoroutinefunction(inner):
        yield "is asked while the gateway is put together, so it cannot be async"


def _argument_problems(hook: str, parameters: Mapping[str, inspect.Parameter], needs: str | None) -> Iterator[str]:
    for name, parameter in parameters.items():
        if parameter.kind is _PARAMETER.VAR_KEYWORD:
            yield f"**{name} stays empty; name the arguments"
        elif parameter.kind is _PARAMETER.VAR_POSITIONAL:
            yield f"*{name} stays empty; name the arguments"
        elif parameter.kind is _PARAMETER.KEYWORD_ONLY:
            yield f"{name} is keyword-only; take the * away"
        elif parameter.kind is _PARAMETER.POSITIONAL_ONLY:
            yield f"{name} is positional-only; take the / away"
        elif name not in HOOKS[hook]:
            yield _unknown_argument(hook, name, needs)
        elif parameter.default is not _PARAMETER.empty:
            yield f"{name} has a default, which is never used; take it away"


def _unknown_argument(hook: str, name: str, needs: str | None) -> str:
    if later := LATER.get(f"{hook}.{name}"):
        return f"the argument {name} needs fivapp-whatsapp >= {later}"
    known = ", ".join(HOOKS[hook]) or "none"
    advice = f" {needs}" if needs else did_you_mean(name, HOOKS[hook])
    return f"there is no argument {name}.{advice} It may take: {known}"


def _option_problems(hook: str, options: HookOptions) -> Iterator[str]:
    longest = _LONGEST_WAIT if hook == "outgoing_message" else _LONGEST_DEADLINE
    if options.timeout is not None and not _between(options.timeout, 0, longest):
        yield f"timeout is in seconds, above 0 and {longest:g} at most"
    if options.quiet_for and hook != "reply_to":
        yield "quiet_for is for reply_to only"
    elif not (options.quiet_for == 0 or _between(options.quiet_for, 0, _LONGEST_DEADLINE)):
        yield f"quiet_for is in seconds, {_LONGEST_DEADLINE:g} at most"
    if options.on_failure not in ("send", "hold"):
        yield 'on_failure is "send" or "hold"'
    elif options.on_failure != "send" and hook != "outgoing_message":
        yield "on_failure is for outgoing_message only"
    if options.ordered not in ("skip", "strict"):
        yield 'ordered is "skip" or "strict"'
    elif options.ordered != "skip" and hook not in TOLD:
        yield f"ordered is for hooks that are told what was stored: {', '.join(TOLD)}"


def _between(value: Any, above: float, most: float) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and above < value <= most


def _config_type(checked: Checked) -> type[msgspec.Struct] | None:
    """Ask the module for the struct of its settings, and hold it to what a form and a missing row need."""
    hooks = [hook for hook in checked.hooks if hook.name == "plugin_config"]
    if not hooks:
        return None
    if len(hooks) > 1:
        places = " and ".join(hook.location for hook in hooks)
        checked.problems.append(f"plugin_config: there are {len(hooks)}, at {places}; settings are one struct")
        return None
    where = f"plugin_config ({hooks[0].location})"
    try:
        found = hooks[0].function()
        problems = _struct_problems(found)
    except Exception as exc:
        problems = [f"failed: {type(exc).__name__}: {exc}"]
    checked.problems += [f"{where}: {problem}" for problem in problems]
    return None if problems else found


def _struct_problems(found: Any) -> list[str]:
    if not (isinstance(found, type) and issubclass(found, msgspec.Struct)):
        what = "an instance" if isinstance(found, msgspec.Struct) else repr(type(found).__name__)
        return [f"returned {what}; it returns a class made of msgspec.Struct"]
    missing = [field.name for field in msgspec.structs.fields(found) if field.required]
    if missing:
        return [
            f"{name} of {found.__name__} ({place(found)}) has no default: who set nothing yet needs one"
            for name in missing
        ]
    if odd := odd_secrets(found):
        where = f"{found.__name__} ({place(found)})"
        return [f"the secret {name} of {where} is no text: a secret is a str of its own, or None" for name in odd]
    try:
        msgspec.convert(msgspec.to_builtins(found()), found)
    except msgspec.ValidationError as exc:
        return [f"a default of {found.__name__} breaks its own rule: {exc}"]
    return []


def _file(value: Any) -> str:
    if (code := _code(value)) is not None:
        return Path(code.co_filename).name
    try:
        return Path(inspect.getsourcefile(_class(value)) or "").name
    except TypeError:  # of no file, as what is built in
        return str(getattr(value, "__module__", "?"))


def _line(value: Any) -> int:
    if (code := _code(value)) is not None:
        return code.co_firstlineno
    try:
        return inspect.getsourcelines(_class(value))[1]
    except (TypeError, OSError):
        return 0


def _code(value: Any) -> CodeType | None:
    found = getattr(inspect.unwrap(value) if inspect.isroutine(value) else value, "__code__", None)
    return found if isinstance(found, CodeType) else None


def _class(value: Any) -> type:
    return value if isinstance(value, type) else type(value)
