"""The plugins of a gateway: found, checked, put in order, and replaced while it runs.

A plugin is a module with functions marked `@hookimpl`. It comes as a file (`--plugin ping.py`), or installed, under
an entry point of the group `fivapp_whatsapp`. One that cannot be loaded is told of, and the others go on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pluggy

from fivapp_whatsapp import hookspecs
from fivapp_whatsapp.errors import PluginError, PluginNotFound
from fivapp_whatsapp.observe import get_logger

from .checks import Hook, check_module, name_problem
from .sources import (
    BUNDLED,
    Candidate,
    Source,
    from_file,
    from_module,
    from_point,
    import_problem,
    installed_points,
    module_name,
    not_installed,
)

__all__ = ["BrokenPlugin", "BUNDLED", "Hook", "Plugin", "Plugins"]

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


class Plugins:
    """The plugins of one gateway, in the order of the chain: files, installed ones by name, bundled ones last.

    `files` has the paths of those that came as files, by name; what stands in `replaced` is called with the name of
    each that was replaced.
    """

    items: tuple[Plugin, ...]

    def __init__(
        self, items: Sequence[Plugin] = (), broken: Sequence[BrokenPlugin] = (), files: Mapping[str, Path] | None = None
    ) -> None:
        self.broken = tuple(broken)
        self.files = dict(files or {})
        self.replaced: list[Callable[[str], None]] = []
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
        candidates = [*map(from_file, files), *(from_module(*pair) for pair in (modules or {}).items())]
        if installed:
            candidates += map(from_point, installed_points(names))
        by_name: dict[str, list[Candidate]] = {}
        for candidate in candidates:
            by_name.setdefault(candidate.name, []).append(candidate)
        loaded = [_load(same[0]) if len(same) == 1 else _refuse_all(same) for same in by_name.values()]
        broken = [each for each in loaded if isinstance(each, BrokenPlugin)]
        if installed:
            broken += (BrokenPlugin(name=name, problems=(why,)) for name, why in not_installed(names or (), by_name))
        paths = {each.name: each.file for each in candidates if each.file is not None}
        return cls([each for each in loaded if isinstance(each, Plugin)], broken, paths)

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
        candidate = from_file(file)
        if self.files.get(candidate.name) != file:
            raise PluginNotFound
        loaded = _load(candidate)
        if isinstance(loaded, BrokenPlugin):
            raise PluginError(problems=loaded.problems)
        others = [loaded if plugin.name == loaded.name else plugin for plugin in self.items]
        self._arrange(others if loaded in others else [loaded, *others])
        self.broken = tuple(each for each in self.broken if each.name != loaded.name)
        for listener in self.replaced:
            listener(loaded.name)
        return loaded

    def tell(self) -> None:
        """Write to the log what was loaded, and loudly what could not be."""
        for plugin in self.items:
            _log.info("plugin_loaded", plugin=plugin.name, version=plugin.version or None)
            for warning in plugin.warnings:
                _log.warning("plugin_looks_wrong", plugin=plugin.name, hint=warning)
        for broken in self.broken:
            for problem in broken.problems:
                _log.error("plugin_broken", plugin=broken.name, hint=problem)

    def complain(self, name: str, problem: str) -> None:
        """Note that a part of a loaded plugin cannot be used: it goes on without it, and is told of as broken."""
        complaint = BrokenPlugin(name=name, distribution=self.get(name).distribution, problems=(problem,))
        self.broken = (*self.broken, complaint)
        _log.error("plugin_broken", plugin=name, hint=problem)

    def _arrange(self, items: Iterable[Plugin]) -> None:
        rank = {"file": 0, "installed": 1, "bundled": 2}
        self.items = tuple(sorted(items, key=lambda plugin: rank[plugin.source]))
        self._by_name = {plugin.name: plugin for plugin in self.items}
        found: dict[str, list[Hook]] = {}
        for plugin in self.items:
            for name, hooks in plugin.hooks.items():
                found.setdefault(name, []).extend(hooks)
        self._hooks = {name: tuple(hooks) for name, hooks in found.items()}


def _refuse_all(same: Sequence[Candidate]) -> BrokenPlugin:
    """Refuse plugins of one name: which of them ran would be chance, and they would share what is kept for it."""
    name = same[0].name
    origins = " and ".join(candidate.origin for candidate in same)
    return BrokenPlugin(
        name=name,
        distribution=", ".join(candidate.origin for candidate in same),
        problems=(f"{origins} both call themselves {name}; take one of them away, or rename it",),
    )


def _load(candidate: Candidate) -> Plugin | BrokenPlugin:
    key = module_name(candidate.name)
    before = sys.modules.get(key)
    loaded = _import(candidate)
    if isinstance(loaded, BrokenPlugin) and candidate.file is not None:
        # What runs on has its structs looked up there.
        if before is None:
            sys.modules.pop(key, None)
        else:
            sys.modules[key] = before
    return loaded


def _import(candidate: Candidate) -> Plugin | BrokenPlugin:
    def broken(*problems: str) -> BrokenPlugin:
        return BrokenPlugin(name=candidate.name, distribution=candidate.origin, problems=problems)

    if problem := name_problem(candidate.name):
        return broken(problem)
    try:
        module = candidate.load()
    except (Exception, SystemExit) as exc:
        return broken(import_problem(candidate, exc))
    if not isinstance(module, ModuleType):
        return broken(f"its entry point names {_kind(module)}; it must name the module that has the hooks")
    checked = check_module(candidate.name, module, needs=candidate.needs)
    if problems := checked.problems or _register(candidate.name, module):
        return broken(*problems)
    hooks: dict[str, list[Hook]] = {}
    for hook in checked.hooks:
        hooks.setdefault(hook.name, []).append(hook)
    return Plugin(
        name=candidate.name,
        version=candidate.version,
        distribution=candidate.origin,
        source=candidate.source,
        module=module,
        hooks={name: tuple(functions) for name, functions in hooks.items()},
        config_type=checked.config_type,
        title=(module.__doc__ or "").strip().split("\n", 1)[0].rstrip(".") or candidate.name,
        warnings=tuple(checked.warnings),
    )


def _register(name: str, module: ModuleType) -> list[str]:
    """Let pluggy have its say: what it refuses is refused, should it know more than our own checks."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name)
        manager.check_pending()
    except pluggy.PluginValidationError as exc:
        return [str(exc).replace("\n", " ")]
    return []


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
