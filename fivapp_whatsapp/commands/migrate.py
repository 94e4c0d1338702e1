"""`migrate`: brings the database to this version's tables; `serve` does the same at its start."""

from __future__ import annotations

import click

from fivapp_whatsapp.db.engine import make_engine
from fivapp_whatsapp.db.migrate import migrate as apply
from fivapp_whatsapp.db.migrate import pending
from fivapp_whatsapp.settings import Settings, load_settings

from .common import require_database, run


@click.command(short_help="Bring the database to this version's tables.")
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 when something is to be done.")
def migrate(check: bool) -> None:
    """Bring the database to this version's tables."""
    names = run(_migrate(load_settings(), check))
    if not names:
        click.echo("The database is up to date.")
        return
    for name in names:
        click.echo(f"{'to apply' if check else 'applied'}  {name}")
    if check:
        raise SystemExit(1)


async def _migrate(settings: Settings, check: bool) -> list[str]:
    if check:
        require_database(settings)
    engine = make_engine(settings.database_url)
    await engine.start_connection_pool()
    try:
        return await (pending(engine) if check else apply(engine))
    finally:
        await engine.close_connection_pool()
