"""`tenant` and `user`: who may use the gateway."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click
from argon2 import PasswordHasher

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import AccountNotFound, InvalidInput, TenantNotFound
from fivapp_whatsapp.models import TENANT_ID, Account, Role, Tenant
from fivapp_whatsapp.settings import load_settings

from .common import missing_file, print_json, print_table, read_password, run, visit_store

T = TypeVar("T")
_tenant_option = click.option("--tenant", "tenant_id", required=True, help="The tenant's id.")
_json_option = click.option("--json", "as_json", is_flag=True, help="One line of JSON.")


@click.group(short_help="Add, list, suspend and resume tenants.")
def tenant() -> None:
    """Add, list, suspend and resume tenants."""


@tenant.command("add")
@click.argument("tenant_id", metavar="ID")
@click.option("--name", help="What people call it [the id].")
def add_tenant(tenant_id: str, name: str | None) -> None:
    """Add a tenant."""
    if not re.fullmatch(TENANT_ID, tenant_id):
        raise InvalidInput("A tenant's id has letters, digits, - and _, 64 at most.")
    settings = load_settings()
    if file := missing_file(settings):
        click.echo(f"Making the database {file}.", err=True)
    _visit(lambda store: store.add_tenant(tenant_id, name or tenant_id), may_create=True)
    click.echo(f"Added tenant {tenant_id}. Next: fivapp-whatsapp user add NAME --tenant {tenant_id} --role admin")


@tenant.command("list")
@_json_option
def list_tenants(as_json: bool) -> None:
    """List tenants."""
    tenants = _visit(lambda store: store.tenants())
    if as_json:
        print_json(tenants)
    else:
        print_table([("TENANT", "STATE", "NAME"), *((each.id, _tenant_state(each), each.name) for each in tenants)])


@tenant.command("suspend")
@click.argument("tenant_id", metavar="ID")
def suspend_tenant(tenant_id: str) -> None:
    """Suspend a tenant: its users are refused, what it is sent is still stored."""
    _visit(lambda store: store.suspend_tenant(tenant_id, True))
    click.echo(f"Suspended tenant {tenant_id}.")


@tenant.command("resume")
@click.argument("tenant_id", metavar="ID")
def resume_tenant(tenant_id: str) -> None:
    """Lift a tenant's suspension."""
    _visit(lambda store: store.suspend_tenant(tenant_id, False))
    click.echo(f"Resumed tenant {tenant_id}.")


@click.group(short_help="Add, list and change local accounts.")
def user() -> None:
    """Add, list and change local accounts; passwords are asked for, or read from stdin."""


@user.command("add")
@click.argument("login")
@_tenant_option
@click.option("--role", type=click.Choice(["agent", "admin"]), default="agent", show_default=True)
@click.option("--name", help="What people call them [the login].")
def add_user(login: str, tenant_id: str, role: Role, name: str | None) -> None:
    """Add an account."""
    _visit(lambda store: _accounts(store, tenant_id))  # before a password is asked for in vain
    hashed = PasswordHasher().hash(read_password())
    _visit(lambda store: store.add_account(tenant_id, login, name or login, role, hashed))
    click.echo(f"Added {role} {login} of tenant {tenant_id}.")


@user.command("list")
@_tenant_option
@_json_option
def list_users(tenant_id: str, as_json: bool) -> None:
    """List a tenant's accounts."""
    accounts = _visit(lambda store: _accounts(store, tenant_id))
    if as_json:
        print_json(accounts)
    else:
        rows = ((each.login, each.role, _account_state(each), each.name) for each in accounts)
        print_table([("LOGIN", "ROLE", "STATE", "NAME"), *rows])


@user.command("password")
@click.argument("login")
@_tenant_option
def change_password(login: str, tenant_id: str) -> None:
    """Give an account a new password; who is logged in with the old one must log in again."""
    _visit(lambda store: _account(store, tenant_id, login))
    hashed = PasswordHasher().hash(read_password("New password"))
    account = _visit(lambda store: store.change_account(tenant_id, login, password_hash=hashed))
    click.echo(f"Changed the password of {login}.")
    if account.disabled:
        click.echo(f"{login} is disabled. Next: fivapp-whatsapp user enable {login} --tenant {tenant_id}", err=True)


@user.command("disable")
@click.argument("login")
@_tenant_option
def disable_user(login: str, tenant_id: str) -> None:
    """Shut an account out."""
    _visit(lambda store: store.change_account(tenant_id, login, disabled=True))
    click.echo(f"Disabled {login}.")


@user.command("enable")
@click.argument("login")
@_tenant_option
def enable_user(login: str, tenant_id: str) -> None:
    """Let a disabled account in again."""
    _visit(lambda store: store.change_account(tenant_id, login, disabled=False))
    click.echo(f"Enabled {login}.")


def _visit(work: Callable[[DatabaseStore], Awaitable[T]], *, may_create: bool = False) -> T:
    async def visit() -> T:
        async with visit_store(load_settings(), may_create=may_create) as store:
            return await work(store)

    return run(visit())


async def _accounts(store: DatabaseStore, tenant_id: str) -> list[Account]:
    if await store.tenant(tenant_id) is None:
        raise TenantNotFound
    return await store.accounts(tenant_id)


async def _account(store: DatabaseStore, tenant_id: str, login: str) -> Account:
    for account in await _accounts(store, tenant_id):
        if account.login == login:
            return account
    raise AccountNotFound


def _tenant_state(each: Tenant) -> str:
    return "suspended" if each.suspended else "active"


def _account_state(each: Account) -> str:
    return "disabled" if each.disabled else "active"
