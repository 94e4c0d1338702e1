"""The command line: a group that loads a command's module only when that command is used."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import click

from .errors import GatewayError, SettingsError

# sysexits' EX_CONFIG: supervisors know that starting again does not help.
EXIT_SETTINGS = 78


class Entry(NamedTuple):
    """Where a command lives, and its line in the help: so that `--help` loads no server and no database."""

    module: str
    help: str


COMMANDS: dict[str, Entry] = {
    "demo": Entry("demo", "Run a gateway with a simulated connection service."),
    "serve": Entry("serve", "Run the gateway."),
    "simulate": Entry("simulate", "Run the simulated connection service alone."),
    "migrate": Entry("migrate", "Bring the database to this version's tables."),
    "tenant": Entry("accounts", "Add, list, suspend and resume tenants."),
    "user": Entry("accounts", "Add, list and change local accounts."),
    "token": Entry("token", "Print a token for the API."),
    "plugins": Entry("plugins", "List and check plugins, begin a new one."),
    "webhooks": Entry("webhooks", "List webhooks that could not be read, and read what came once more."),
    "doctor": Entry("doctor", "Check settings, database, connection service and the way back to us."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"{__package__}.commands.{entry.module}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as exc:
            for problem in exc.problems or (exc.detail,):
                click.echo(f"Settings: {problem}", err=True)
            ctx.exit(EXIT_SETTINGS)
        except GatewayError as exc:
            raise click.ClickException(exc.detail) from exc


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fivapp-whatsapp", prog_name="fivapp-whatsapp")
def cli() -> None:
    """Run and look after a WhatsApp gateway.

    Settings come from the environment or a .env file; `doctor --env-example` explains them all.
    """


def main() -> None:
    """Run the command line."""
    cli(prog_name="fivapp-whatsapp")


if __name__ == "__main__":
    main()
