"""`token`: makes a token for the API, as the main application would."""

from __future__ import annotations

import re
import time
from typing import Any

import click
import jwt

from fivapp_whatsapp.db.engine import make_engine
from fivapp_whatsapp.db.migrate import pending
from fivapp_whatsapp.errors import InvalidInput, SettingsError, StoreError
from fivapp_whatsapp.models import TENANT_ID, Role
from fivapp_whatsapp.settings import Settings, load_settings

from .common import missing_file, run, visit_store


def issue_token(
    settings: Settings,
    tenant_id: str,
    role: Role,
    *,
    hours: float = 12.0,
    user_id: str = "cli",
    name: str = "",
    program: bool = False,
) -> str:
    """Return a JWT signed with FIVAPP_JWT_SECRET, whose claims are named as the settings say.

    Raises SettingsError without a secret, InvalidInput for what is no tenant's id.
    """
    if not settings.jwt_secret:
        raise SettingsError(problems=["FIVAPP_JWT_SECRET is missing: tokens of a key pair come from who has the key."])
    if not re.fullmatch(TENANT_ID, tenant_id):
        raise InvalidInput("A tenant's id has letters, digits, - and _, 64 at most.")
    now = int(time.time())
    claims: dict[str, Any] = {
        settings.jwt_claim_user: user_id,
        settings.jwt_claim_tenant: tenant_id,
        settings.jwt_claim_role: role,
        "iat": now,
        "exp": now + int(hours * 3600),
    }
    if name:
        claims[settings.jwt_claim_name] = name
    if program:
        claims[settings.jwt_claim_program] = True
    if settings.jwt_audience:
        claims["aud"] = settings.jwt_audience
    if settings.jwt_issuer:
        claims["iss"] = settings.jwt_issuer
    return jwt.encode(claims, settings.jwt_secret, algorithm="HS256")


@click.command(short_help="Print a token for the API.")
@click.option("--tenant", required=True, help="The tenant's id.")
@click.option("--role", type=click.Choice(["agent", "admin"]), required=True, help="What its holder may do.")
@click.option("--hours", type=click.FloatRange(0, 8760, min_open=True), default=12.0, show_default=True)
@click.option("--user", "user_id", default="cli", show_default=True, help="The user's id, shown as the author.")
@click.option("--name", default="", help="The user's name.")
@click.option("--program", is_flag=True, help="For a program: what it sends does not pause bots, as a person's does.")
def token(tenant: str, role: Role, hours: float, user_id: str, name: str, program: bool) -> None:
    """Print a token for the API, signed with FIVAPP_JWT_SECRET."""
    settings = load_settings()
    made = issue_token(settings, tenant, role, hours=hours, user_id=user_id, name=name, program=program)
    if not run(_may_be_there(settings, tenant)):
        click.echo(f"There is no tenant {tenant} yet. Add it: fivapp-whatsapp tenant add {tenant}", err=True)
    click.echo(made)


async def _may_be_there(settings: Settings, tenant_id: str) -> bool:
    # Tokens are made on other machines as well: a database that is not reached from here says nothing.
    try:
        if missing_file(settings):
            return True
        engine = make_engine(settings.database_url)
        await engine.start_connection_pool()
        try:
            if await pending(engine):  # a visit would migrate it
                return True
        finally:
            await engine.close_connection_pool()
        async with visit_store(settings) as store:
            return await store.tenant(tenant_id) is not None
    except (StoreError, SettingsError):
        return True
