"""Local accounts: logging in and out, and who asks."""

from __future__ import annotations

import re
from typing import Annotated

from litestar import Request, Response, Router, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import Body

from fivapp_whatsapp.errors import InvalidInput, NotAuthenticated, Overloaded, StoreError
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import TENANT_ID, Account, User, to_datetime
from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.text import clean_text
from fivapp_whatsapp.web.auth import PUBLIC, Authenticator, Credential, authenticator_of, check_origin
from fivapp_whatsapp.web.openapi import problems
from fivapp_whatsapp.web.passwords import Passwords
from fivapp_whatsapp.web.schemas import AccountPage, Login, LoginKind, Me

from .common import CurrentUser, TheGateway

_log = get_logger(__name__)
_TENANT_ID = re.compile(TENANT_ID)


async def _me(authenticator: Authenticator, user: User, login: LoginKind, expires_at: float) -> Me:
    tenant = await authenticator.tenant(user.tenant_id)
    # The main application ends what it began.
    logout_url = None if login == "account" else authenticator.settings.logout_url or None
    return Me(
        id=user.id,
        tenant_id=user.tenant_id,
        tenant_name=tenant.name,
        role=user.role,
        name=user.name,
        expires_at=to_datetime(int(expires_at * 1000)),
        login=login,
        logout_url=logout_url,
        send_expiry=authenticator.settings.send_expiry,
    )


@post(
    "/api/auth/login",
    operation_id="login",
    summary="Log in with a local account",
    status_code=200,
    opt=PUBLIC,
    security=[{}],
    responses=problems(400, 413, 415),
)
async def login(
    request: Request[User, Credential | None, State],
    gateway: TheGateway,
    passwords: NamedDependency[Passwords],
    data: Annotated[
        Login,
        Body(examples=[Example(summary="One tenant", value={"login": "ana", "password": "correct horse battery"})]),
    ],
) -> Response[Me]:
    """Set an HttpOnly cookie for an account; the same 401 whatever was wrong. 20 failures a minute per address."""
    authenticator = authenticator_of(request)
    if request.headers.get("origin"):
        check_origin(request.scope, authenticator.settings)
    await authenticator.check_logins(request.scope)
    found = await _account(gateway, passwords, data)
    if found is None:
        await authenticator.count_login(request.scope)
        raise NotAuthenticated("The login or the password is wrong.")
    account, password_hash = found
    await authenticator.tenant(account.tenant_id)
    cookie, expires_at = authenticator.log_in(account, password_hash)
    user = User(id=account.id, tenant_id=account.tenant_id, role=account.role, name=account.name)
    return Response(await _me(authenticator, user, "account", expires_at), cookies=[cookie])


async def _account(gateway: Gateway, passwords: Passwords, data: Login) -> tuple[Account, str] | None:
    """Return the account that a login and its password open, with its hash; as slow for what is not there."""
    tenant_id = data.tenant_id
    if tenant_id is None:
        tenants = await gateway.store.tenants()
        if len(tenants) > 1:
            raise InvalidInput(
                "There are several tenants: say which.",
                code="tenant_required",
                errors=[{"pointer": "#/tenantId", "code": "required"}],
            )
        tenant_id = tenants[0].id if tenants else ""
    found = None
    if _TENANT_ID.fullmatch(tenant_id):
        found = await gateway.store.account(tenant_id, clean_text(data.login))
    fits = await passwords.matches(data.password, found[1] if found else None)
    return found if fits and found is not None and not found[0].disabled else None


@post(
    "/api/auth/logout",
    operation_id="logout",
    summary="Log out",
    status_code=204,
)
async def logout(request: Request[User, Credential | None, State]) -> Response[None]:
    """End the login of a local account and clear its cookie."""
    cookie = await authenticator_of(request).log_out(request.auth)
    return Response(None, status_code=204, cookies=[cookie])


@get("/api/me", operation_id="me", summary="Who asks")
async def me(request: Request[User, Credential, State], gateway: TheGateway, user: CurrentUser) -> Me:
    """Return the user of the token or the cookie; a person of the main application may be assigned to from now on."""
    if request.auth.kind != "account" and not user.program:
        try:
            await gateway.store.see_user(user)
        except (StoreError, Overloaded) as exc:
            # The pages open all the same, and it is tried again with the next visit.
            _log.warning("user_not_seen", error=exc.code)
    return await _me(authenticator_of(request), user, request.auth.kind, request.auth.expires_at)


@get("/api/accounts", operation_id="listAccounts", summary="List whom one may assign to")
async def list_accounts(gateway: TheGateway, user: CurrentUser) -> AccountPage:
    """List whom a conversation may be assigned to.

    These are the local accounts that may log in, and the people of the main application who asked for `/api/me`
    within 90 days: whoever opens the pages does.
    """
    return AccountPage(items=await gateway.store.assignees(user.tenant_id))


def account_router() -> Router:
    """Return the routes of logins."""
    return Router("/", route_handlers=[login, logout, me, list_accounts], tags=["Accounts"])
