"""Flows in the terminal: `python -m fivapp_whatsapp_chatbot check|play FILE`, and the example flows."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from pathlib import Path

import click

from .check import check_flow
from .flow import Flow
from .memory import Memory
from .preview import Preview, try_flow

EXAMPLES = ("pizzeria", "clinic")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def main() -> None:
    """Check and play the flows of the chatbot."""


@main.command()
@click.argument("file", type=_FILE)
def check(file: Path) -> None:
    """Say what is wrong with a flow; ends with 1 when it cannot be used."""
    if _checked(file) is None:
        raise SystemExit(1)
    click.echo(f"{file}: this flow can be used")


@main.command()
@click.argument("file", type=_FILE)
def play(file: Path) -> None:
    """Talk to a flow. Services are not called: their steps' `example` is what they answer. Ctrl+D ends."""
    flow = _checked(file)
    if flow is None:
        raise SystemExit(1)
    memory: Memory | None = None
    while True:
        try:
            said = input("> ")
        except EOFError:
            click.echo()
            return
        found = asyncio.run(try_flow(flow, said, memory))
        _show(found, begun=memory is not None)
        memory = found.memory


@main.command()
@click.argument("name", type=click.Choice(EXAMPLES))
def example(name: str) -> None:
    """Print an example flow, to begin from."""
    click.echo(example_flow(name), nl=False)


def example_flow(name: str) -> str:
    """Return the text of an example flow."""
    return (files(__package__) / "flows" / f"{name}.toml").read_text(encoding="utf-8")


def _checked(file: Path) -> Flow | None:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise click.ClickException(f"{file} is not UTF-8") from exc
    flow, problems = check_flow(text)
    for problem in problems:
        place = f"{file}:{problem.line}" if problem.line else str(file)
        step = f" [{problem.step}]" if problem.step else ""
        click.echo(f"{place}: {problem.severity}:{step} {problem.detail} ({problem.code})", err=True)
    return flow


def _show(found: Preview, *, begun: bool) -> None:
    for output in found.outputs:
        click.echo(output.text)
        for number, choice in enumerate(output.choices, 1):
            more = f" — {choice.description}" if choice.description else ""
            click.echo(f"  {number}. {choice.title}{more}")
    for event in found.events:
        click.secho(f"[{event.kind}] {event.detail}".rstrip(), dim=True)
    if not found.outputs and not found.events and not begun:
        click.secho("[nothing] no trigger of this flow starts by that", dim=True)


if __name__ == "__main__":
    main()
