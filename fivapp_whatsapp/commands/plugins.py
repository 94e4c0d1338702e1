"""`plugins`: lists what is installed under the entry-point group, without importing any of it."""

from __future__ import annotations

from importlib.metadata import entry_points

import click
import msgspec

from .common import print_json, print_table

GROUP = "fivapp_whatsapp"


class InstalledPlugin(msgspec.Struct, frozen=True):
    """A plugin as its distribution announces it."""

    name: str
    distribution: str
    version: str
    module: str


def installed_plugins() -> list[InstalledPlugin]:
    """Return the installed plugins by name."""
    found = [
        InstalledPlugin(
            name=point.name,
            distribution=point.dist.name if point.dist else "",
            version=point.dist.version if point.dist else "",
            module=point.value,
        )
        for point in entry_points(group=GROUP)
    ]
    return sorted(found, key=lambda plugin: (plugin.name, plugin.distribution))


@click.command(short_help="List the plugins that are installed.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def plugins(as_json: bool) -> None:
    """List the plugins that are installed."""
    found = installed_plugins()
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No plugins are installed.")
    else:
        rows = ((each.name, each.distribution, each.version, each.module) for each in found)
        print_table([("PLUGIN", "DISTRIBUTION", "VERSION", "MODULE"), *rows])
