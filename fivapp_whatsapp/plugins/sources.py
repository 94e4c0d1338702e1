"""Where plugins come from: files, modules, and the entry points of what is installed."""

from __future__ import annotations

import functools
import importlib
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import msgspec

from fivapp_whatsapp.hookspecs import PROJECT

from .checks import did_you_mean

GROUP = PROJECT
HOST = "fivapp-whatsapp"
BUNDLED = ("autoreply", "chatbot", "groups", "media", "push")
Source = Literal["file", "installed", "bundled"]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """Something that wants to be a plugin; `load` imports it, `origin` says where it comes from.

    `needs` says, when its distribution asks for a later version of this package, for which.
    """

    name: str
    source: Source
    origin: str
    load: Callable[[], Any]
    version: str = ""
    distribution: str = ""
    file: Path | None = None
    needs: str | None = None


# --- files and modules -----------------------------------------------------------------------------


def from_file(file: Path) -> Candidate:
    """Return a file as a candidate; its name is that of the file without `.py`."""
    load = functools.partial(_run_file, file)
    return Candidate(name=file.stem, source="file", origin=file.name, load=load, file=file)


def from_module(name: str, module: ModuleType) -> Candidate:
    """Return a module that is there already as a candidate."""
    return Candidate(name=name, source="file", origin=module.__name__, load=lambda: module)


def module_name(plugin: str) -> str:
    """Return the name that the module of a file has.

    It is not the file's own: a ping.py may lie anywhere, and a json.py must not become everybody's json.
    """
    return f"{GROUP}_file_{plugin}"


def _run_file(file: Path) -> ModuleType:
    """Execute a file as a module; it is in sys.modules before, so that its structs can name one another."""
    name = module_name(file.stem)
    spec = spec_from_file_location(name, file)
    if spec is None:
        raise ImportError("it is no Python file; its name must end in .py")
    module = module_from_spec(spec)
    # Compiled here: the cache of bytecode does not see two changes within a second.
    code = compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    sys.modules[name] = module
    exec(code, module.__dict__)  # noqa: S102  # what the operator named is run, as an import would
    return module


# --- what is installed -----------------------------------------------------------------------------


def installed_points(names: Sequence[str] | None = None) -> list[metadata.EntryPoint]:
    """Return the entry points of the group, without importing any: those named, in that order; all by name."""
    points = sorted(metadata.entry_points(group=GROUP), key=lambda point: (point.name, _distribution(point)))
    if not names:
        return points
    order = {name: place for place, name in reversed(list(enumerate(names)))}
    return sorted((point for point in points if point.name in order), key=lambda point: order[point.name])


def from_point(point: metadata.EntryPoint) -> Candidate:
    """Return an entry point as a candidate."""
    distribution = _distribution(point)
    return Candidate(
        name=point.name,
        source="bundled" if is_bundled(point) else "installed",
        origin=distribution or point.value,
        load=point.load,
        version=point.dist.version if point.dist else "",
        distribution=distribution,
        needs=_later_host(point.dist.requires or ()) if point.dist else None,
    )


def is_bundled(point: metadata.EntryPoint) -> bool:
    """Tell whether an entry point is one of ours, and not somebody else's under its name."""
    distribution = _distribution(point).replace("_", "-").lower()
    return point.name in BUNDLED and distribution == f"{HOST}-{point.name}"


def not_installed(names: Iterable[str], there: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield what was named and is not there, each with a sentence about it."""
    for name in dict.fromkeys(names):
        if name not in there:
            advice = did_you_mean(name, (point.name for point in installed_points()))
            yield name, f"there is no installed plugin of this name.{advice}"


def _distribution(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else ""


def _later_host(requires: Iterable[str]) -> str | None:
    ours = [line for line in requires if re.match(r"fivapp[-_.]whatsapp(?![-_.\w])", line, re.IGNORECASE)]
    wanted = [found[1] for line in ours if (found := re.search(r">=\s*([\d.]+)", line))]
    here = host_version()
    later = [version for version in wanted if _numbers(version) > _numbers(here)]
    return f"It needs {HOST} >= {later[0]}; this is {here}." if later else None


def host_version() -> str:
    """Return the version of this package."""
    try:
        return metadata.version(HOST)
    except metadata.PackageNotFoundError:  # run from a folder that was never installed
        return "0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


# --- what went wrong -------------------------------------------------------------------------------


def import_problem(candidate: Candidate, error: BaseException) -> str:
    """Say why an import failed, and the last line of theirs that it came from."""
    if isinstance(error, SyntaxError):
        where = f"{Path(error.filename or candidate.origin).name}:{error.lineno}"
        return f"cannot be read: {error.msg} ({where})"
    if isinstance(error, FileNotFoundError) and candidate.file is not None and not candidate.file.exists():
        return "there is no such file"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_theirs(frame.filename)]
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    if isinstance(error, SystemExit):
        return f"cannot be imported: it ends the process, as a script does{where}"
    text = str(error).split("\n", 1)[0]
    return f"cannot be imported: {type(error).__name__}: {text}{where}"


def _is_theirs(filename: str) -> bool:
    ours = (Path(__file__).parents[1].as_posix(), str(importlib.__file__), str(metadata.__file__))
    return not filename.startswith(("<", *ours))
