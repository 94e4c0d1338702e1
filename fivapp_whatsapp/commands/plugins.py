"""`plugins`: lists what is installed, checks what one writes, begins a new one."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from fivapp_whatsapp.plugins.annotations import annotation_problems
from fivapp_whatsapp.plugins.checks import name_problem
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.plugins.sources import BUNDLED, host_version, installed_points

from . import plugin_pauses, plugin_template, plugin_upkeep
from .common import print_json, print_table

_as_json = click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
_check = click.option("--check", is_flag=True, help="Load each and name what is wrong; exit code 1 when one is broken.")


class InstalledPlugin(msgspec.Struct, frozen=True, omit_defaults=True):
    """A plugin as its distribution announces it; `state` and `problems` are known once it was loaded."""

    name: str
    distribution: str
    version: str
    module: str
    state: str = ""
    problems: list[str] = []


@click.group(invoke_without_command=True, short_help="List and check plugins, begin a new one.")
@_as_json
@click.pass_context
def plugins(context: click.Context, as_json: bool) -> None:
    """List and check plugins, begin a new one; alone it lists them."""
    if context.invoked_subcommand is None:
        _list(as_json=as_json, check=False)


@plugins.command("list")
@_as_json
@_check
def list_(as_json: bool, check: bool) -> None:
    """List the plugins that are installed, without importing any of them."""
    _list(as_json=as_json, check=check)


@plugins.command()
@click.argument("what", metavar="FILE|NAME...", nargs=-1, required=True)
def check(what: tuple[str, ...]) -> None:
    """Import files and installed plugins and name all their mistakes; exit code 1 when there are any.

    Beyond what keeps a plugin from running, it compares the types of arguments and results with those of the hooks.
    """
    files = [Path(each) for each in what if each.endswith(".py") or "/" in each]
    names = [each for each in what if Path(each) not in files]
    loaded = Plugins.load(files=files, names=names, installed=bool(names))
    found = {broken.name: list(broken.problems) for broken in loaded.broken}
    found |= {plugin.name: [*annotation_problems(plugin), *plugin.warnings] for plugin in loaded.items}
    for name, problems in found.items():
        for problem in problems:
            click.echo(f"{name}: {problem}")
        if not problems:
            hooks = ", ".join(loaded.get(name).hooks)
            click.echo(f"{name}: ok ({hooks})")
    if any(found.values()):
        raise SystemExit(1)


@plugins.command()
@click.argument("name")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Folder [this one].")
def new(name: str, into: Path) -> None:
    """Write a new plugin: a distribution of its own in a folder NAME, with tests that pass."""
    problem = name_problem(name) or ("one of this name comes with the gateway" if name in BUNDLED else None)
    if problem:
        raise click.ClickException(f"{name}: {problem}")
    folder = into / name
    if folder.exists() and any(folder.iterdir()):
        raise click.ClickException(f"{folder} is there already, and not empty. Choose another name or folder.")
    for path, text in plugin_template.files(name, host_version()).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    click.echo(f"Made {folder}. Its README.md says how to go on.")


for command in (
    plugin_upkeep.failed,
    plugin_pauses.paused,
    plugin_pauses.resume,
    plugin_upkeep.purge,
    plugin_upkeep.replay,
):
    plugins.add_command(command)


def _list(*, as_json: bool, check: bool) -> None:
    found = [
        InstalledPlugin(
            name=point.name,
            distribution=point.dist.name if point.dist else "",
            version=point.dist.version if point.dist else "",
            module=point.value,
        )
        for point in installed_points()
    ]
    if check:
        found = _loaded(found)
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No plugins are installed.")
    else:
        state = ("STATE",) if check else ()
        rows = ((p.name, p.distribution, p.version, p.module, p.state)[: 4 + check] for p in found)
        print_table([("PLUGIN", "DISTRIBUTION", "VERSION", "MODULE", *state), *rows])
        for each in found:
            for problem in each.problems:
                click.echo(f"{each.name}: {problem}")
    if any(each.state == "broken" for each in found):
        raise SystemExit(1)


def _loaded(found: list[InstalledPlugin]) -> list[InstalledPlugin]:
    loaded = Plugins.load()
    problems = {broken.name: list(broken.problems) for broken in loaded.broken}
    problems |= {plugin.name: list(plugin.warnings) for plugin in loaded.items}
    broken = {each.name for each in loaded.broken}
    return [
        msgspec.structs.replace(
            each, state="broken" if each.name in broken else "ok", problems=problems.get(each.name, [])
        )
        for each in found
    ]
