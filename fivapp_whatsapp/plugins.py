"""The plugins of a gateway: found, checked, put in order, and replaced while it runs.

A plugin is a module with functions marked `@hookimpl`. It comes as a file (`--plugin ping.py`), or installed, under
an entry point of the group `fivapp_whatsapp`. One that cannot be loaded is told of, and the others go on.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import msgspec
import pluggy

from . import hookspecs
from .errors import PluginError, PluginNotFound
from .observe import get_logger
from .plugin_checks import Hook, check_module, did_you_mean, name_problem

__all__ = ["BrokenPlugin", "BUNDLED", "GROUP", "Hook", "Plugin", "Plugins", "installed_points"]

GROUP = hookspecs.PROJECT
BUNDLED = ("autoreply", "chatbot", "groups", "media", "push")
HOST = "fivapp-whatsapp"
Source = Literal["file", "installed", "bundled"]

_log = get_logger(__name__)


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that was loaded.

    `hooks` has its functions by hook; `config_type` is the struct of its settings for a tenant, if it has any;
    `title` is the first line of its docstring; `warnings` say what looks wrong and keeps nothing from running.
    """

    name: str
    version: str = ""
    distribution: str = ""
    source: Source
    module: ModuleType
    hooks: Mapping[str, tuple[Hook, ...]]
    config_type: type[msgspec.Struct] | None = None
    title: str = ""
    warnings: tuple[str, ...] = ()


class BrokenPlugin(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that could not be loaded; `problems` has one sentence for each mistake, with its file and line."""

    name: str
    distribution: str = ""
    problems: tuple[str, ...]


class _Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """Something that wants to be a plugin; `load` imports it, `origin` says where it comes from."""

    name: str
    source: Source
    origin: str
    load: Callable[[], Any]
    version: str = ""
    distribution: str = ""
    file: Path | None = None
    needs: str | None = None


class Plugins:
    """The plugins of one gateway, in the order of the chain: files, installed ones by name, bundled ones last."""

    def __init__(
        self, items: Sequence[Plugin] = (), broken: Sequence[BrokenPlugin] = (), files: Mapping[str, Path] | None = None
    ) -> None:
        self.broken = tuple(broken)
        self.files = dict(files or {})
        self._arrange(items)

    @classmethod
    def load(
        cls,
        *,
        files: Sequence[Path] = (),
        names: Sequence[str] | None = None,
        modules: Mapping[str, ModuleType] | None = None,
        installed: bool = True,
    ) -> Plugins:
        """Load plugins: these files and modules, and what is installed.

        `names`, when it is not empty, is all that may be loaded of what is installed, in its order; what it does
        not name is not even imported. Raises nothing for a plugin: what cannot be loaded is in `broken`.
        """
        candidates = [*map(_from_file, files), *(_from_module(*pair) for pair in (modules or {}).items())]
        if installed:
            candidates += _installed(names)
        items: list[Plugin] = []
        broken: list[BrokenPlugin] = []
        for same in _by_name(candidates):
            loaded = _load(same[0]) if len(same) == 1 else _refuse_all(same)
            if isinstance(loaded, Plugin):
                items.append(loaded)
            else:
                broken.append(loaded)
        if installed:
            broken += _not_there(names or (), candidates)
        for each in items:
            _tell(each)
        for refused in broken:
            _tell(refused)
        return cls(items, broken, {each.name: each.file for each in candidates if each.file is not None})

    def get(self, name: str) -> Plugin:
        """Return a plugin. Raises PluginNotFound."""
        try:
            return self._by_name[name]
        except KeyError:
            raise PluginNotFound from None

    def hooks(self, name: str) -> tuple[Hook, ...]:
        """Return the functions of all plugins for one hook, in the order of the chain."""
        return self._hooks.get(name, ())

    def names_with(self, *hooks: str) -> tuple[str, ...]:
        """Return the names of the plugins that have one of these hooks, in the order of the chain."""
        return tuple(plugin.name for plugin in self.items if any(hook in plugin.hooks for hook in hooks))

    def replace(self, file: Path) -> Plugin:
        """Load a file again that was loaded as a plugin, and put it in the place of the old one, between events.

        Raises PluginError when it has mistakes: the old one stays. Raises PluginNotFound for a file that is none
        of these plugins.
        """
        candidate = _from_file(file)
        if candidate.name not in self.files:
            raise PluginNotFound
        loaded = _load(candidate)
        if isinstance(loaded, BrokenPlugin):
            raise PluginError(problems=loaded.problems)
        others = [loaded if plugin.name == loaded.name else plugin for plugin in self.items]
        self.broken = tuple(each for each in self.broken if each.name != loaded.name)
        self._arrange(others if loaded in others else [loaded, *others])
        _tell(loaded)
        return loaded

    def _arrange(self, items: Iterable[Plugin]) -> None:
        rank = {"file": 0, "installed": 1, "bundled": 2}
        self.items = tuple(sorted(items, key=lambda plugin: rank[plugin.source]))
        self._by_name = {plugin.name: plugin for plugin in self.items}
        found: dict[str, list[Hook]] = {}
        for plugin in self.items:
            for name, hooks in plugin.hooks.items():
                found.setdefault(name, []).extend(hooks)
        self._hooks = {name: tuple(hooks) for name, hooks in found.items()}


def installed_points(names: Sequence[str] | None = None) -> list[metadata.EntryPoint]:
    """Return the entry points of the group, without importing any: those named, in that order; all by name."""
    points = sorted(metadata.entry_points(group=GROUP), key=lambda point: (point.name, _distribution(point)))
    if not names:
        return points
    order = {name: place for place, name in reversed(list(enumerate(names)))}
    return sorted((point for point in points if point.name in order), key=lambda point: order[point.name])


# --- where plugins come from -----------------------------------------------------------------------


def _from_file(file: Path) -> _Candidate:
    load = functools.partial(_run_file, file)
    return _Candidate(name=file.stem, source="file", origin=file.name, load=load, file=file)


def _run_file(file: Path) -> ModuleType:
    """Execute a file as a module; it is in sys.modules before, so that its structs can name one another."""
    # Not its bare name: a ping.py may be anywhere, and a json.py must not become everybody's json.
    name = f"{GROUP}_file_{file.stem}"
    spec = spec_from_file_location(name, file)
    if spec is None:
        raise ImportError("it is no Python file; its name must end in .py")
    module = module_from_spec(spec)
    # Compiled here: the cache of bytecode does not see two changes within a second.
    code = compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)  # noqa: S102  # what the operator named is run, as an import would
    except BaseException:
        _put_back(name, before)
        raise
    return module


def _put_back(name: str, module: ModuleType | None) -> None:
    if module is None:
        sys.modules.pop(name, None)
    else:
        sys.modules[name] = module


def _from_module(name: str, module: ModuleType) -> _Candidate:
    return _Candidate(name=name, source="file", origin=module.__name__, load=lambda: module)


def _installed(names: Sequence[str] | None) -> list[_Candidate]:
    return [_from_point(point) for point in installed_points(names)]


def _from_point(point: metadata.EntryPoint) -> _Candidate:
    distribution = _distribution(point)
    ours = point.name in BUNDLED and distribution.replace("_", "-").lower() == f"{HOST}-{point.name}"
    return _Candidate(
        name=point.name,
        source="bundled" if ours else "installed",
        origin=distribution or point.value,
        load=point.load,
        version=point.dist.version if point.dist else "",
        distribution=distribution,
        needs=_later_host(point.dist.requires or ()) if point.dist else None,
    )


def _distribution(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else ""


def _later_host(requires: Iterable[str]) -> str | None:
    """Say which later version of this package a distribution asks for, or None."""
    wanted = [
        found[1]
        for line in requires
        if re.match(r"fivapp[-_.]whatsapp(?![-_.\w])", line, re.IGNORECASE)
        and (found := re.search(r">=\s*([\d.]+)", line))
    ]
    here = _version()
    later = [version for version in wanted if _numbers(version) > _numbers(here)]
    return f"It needs {HOST} >= {later[0]}; this is {here}." if later else None


def _version() -> str:
    try:
        return metadata.version(HOST)
    except metadata.PackageNotFoundError:  # run from a folder that was never installed
        return "0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _not_there(names: Sequence[str], candidates: Sequence[_Candidate]) -> Iterator[BrokenPlugin]:
    there = {candidate.name for candidate in candidates}
    for name in dict.fromkeys(names):
        if name not in there:
            advice = did_you_mean(name, (point.name for point in installed_points()))
            yield BrokenPlugin(name=name, problems=(f"FIVAPP_PLUGINS names it, and it is not installed.{advice}",))


# --- loading ---------------------------------------------------------------------------------------


def _by_name(candidates: Iterable[_Candidate]) -> Iterable[list[_Candidate]]:
    found: dict[str, list[_Candidate]] = {}
    for candidate in candidates:
        found.setdefault(candidate.name, []).append(candidate)
    return found.values()


def _refuse_all(same: Sequence[_Candidate]) -> BrokenPlugin:
    """Refuse plugins of one name: which of them ran would be chance, and they would share what is kept for it."""
    origins = " and ".join(candidate.origin for candidate in same)
    return BrokenPlugin(
        name=same[0].name,
        distribution=", ".join(candidate.distribution or candidate.origin for candidate in same),
        problems=(f"{origins} both call themselves {same[0].name}; take one of them away, or rename it",),
    )


def _load(candidate: _Candidate) -> Plugin | BrokenPlugin:
    def broken(*problems: str) -> BrokenPlugin:
        distribution = candidate.distribution or candidate.origin
        return BrokenPlugin(name=candidate.name, distribution=distribution, problems=problems)

    if problem := name_problem(candidate.name):
        return broken(problem)
    key = f"{GROUP}_file_{candidate.name}"
    before = sys.modules.get(key) if candidate.file else None
    try:
        module = candidate.load()
    except (Exception, SystemExit) as exc:
        return broken(_import_problem(candidate, exc))
    if not isinstance(module, ModuleType):
        return broken(f"its entry point names {_kind(module)}; it must name the module that has the hooks")
    checked = check_module(candidate.name, module, needs=candidate.needs)
    problems = checked.problems or _register(candidate.name, module)
    if problems:
        if candidate.file:
            _put_back(key, before)
        return broken(*problems)
    hooks: dict[str, list[Hook]] = {}
    for hook in checked.hooks:
        hooks.setdefault(hook.name, []).append(hook)
    return Plugin(
        name=candidate.name,
        version=candidate.version,
        distribution=candidate.distribution or candidate.origin,
        source=candidate.source,
        module=module,
        hooks={name: tuple(functions) for name, functions in hooks.items()},
        config_type=checked.config_type,
        title=_title(module) or candidate.name,
        warnings=tuple(checked.warnings),
    )


def _register(name: str, module: ModuleType) -> list[str]:
    """Let pluggy have its say: what it refuses is refused, should it know more than our own checks."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name)
        manager.check_pending()
    except pluggy.PluginValidationError as exc:
        return [str(exc).replace("\n", " ")]
    return []


def _import_problem(candidate: _Candidate, error: BaseException) -> str:
    """Say why an import failed, and the last line outside the interpreter's own import machinery that did it."""
    if isinstance(error, SyntaxError):
        where = f"{Path(error.filename or candidate.origin).name}:{error.lineno}"
        return f"cannot be read: {error.msg} ({where})"
    if isinstance(error, SystemExit):
        error = RuntimeError("it ended the process, as a script does")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_theirs(frame.filename)]
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    text = str(error).split("\n", 1)[0]
    return f"cannot be imported: {type(error).__name__}: {text}{where}"


def _is_theirs(filename: str) -> bool:
    return filename not in (__file__, importlib.__file__, metadata.__file__) and not filename.startswith("<")


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def _title(module: ModuleType) -> str:
    return (module.__doc__ or "").strip().split("\n", 1)[0].rstrip(".")


def _tell(plugin: Plugin | BrokenPlugin) -> None:
    if isinstance(plugin, BrokenPlugin):
        for problem in plugin.problems:
            _log.error("plugin_broken", plugin=plugin.name, hint=problem)
        return
    _log.info("plugin_loaded", plugin=plugin.name, version=plugin.version or None)
    for warning in plugin.warnings:
        _log.warning("plugin_looks_wrong", plugin=plugin.name, hint=warning)
