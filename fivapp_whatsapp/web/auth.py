"""Who makes a request: a Bearer token, a cookie of ours or of the main application; and what that allows.

Every route is guarded by AuthMiddleware unless it says `opt={"exclude_from_auth": True}` itself: patterns of
paths exclude nothing.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
from litestar.connection import ASGIConnection
from litestar.datastructures.cookie import Cookie
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from fivapp_whatsapp.errors import NotAuthenticated, RoleRequired, TenantSuspended
from fivapp_whatsapp.models import Account, Tenant, User
from fivapp_whatsapp.ports import Clock, Store
from fivapp_whatsapp.settings import Settings

from .errors import OriginNotAllowed, RateLimited
from .limits import Buckets, client_key, parse_networks
from .origins import exact_origins, origin_allowed
from .remembered import Remembered
from .tokens import LEEWAY_SECONDS, AccountTokens, MainApplicationTokens, Verified, find_keys

__all__ = [
    "PUBLIC",
    "AuthMiddleware",
    "Authenticator",
    "Credential",
    "authenticate",
    "authenticator_of",
    "check_origin",
    "origin_allowed",
    "require_admin",
]

EXCLUDE = "exclude_from_auth"
PUBLIC = {EXCLUDE: True}
_REVOKED_MAX = 10_000
# Times come back from the store in whole milliseconds.
_STORED_EXACTLY = timedelta(milliseconds=2)
_TOO_MANY = "Too many failed logins from this address; try again later."
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Credential(msgspec.Struct, frozen=True):
    """How a user was recognized: by which means, until when, and for a local account which one, by which password."""

    kind: Literal["bearer", "cookie", "account"]
    expires_at: float
    account_id: str | None = None
    token_id: str | None = None
    password_mark: str | None = None


class Authenticator:
    """Recognizes users; what the store says of tenants and accounts, and keys of tokens, is believed for four seconds.

    So that a revocation counts within five, also for a socket, which asks once a second.
    """

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        exact_origins(settings)  # a pattern there is refused at the start, not with the first request
        self.settings = settings
        self.account_tokens = AccountTokens(settings)
        self._main_tokens = MainApplicationTokens(settings, find_keys(settings, clock.monotonic))
        self._store = store
        self._trusted = parse_networks(settings.trusted_proxies)
        self._failures = Buckets(settings.rate_failed_logins / 60, settings.rate_failed_logins, clock.monotonic)
        self._clock = clock
        self._login_interval = timedelta(minutes=1) / settings.rate_failed_logins
        self._verified: Remembered[Verified] = Remembered(clock.monotonic)
        self._tenants: Remembered[Tenant] = Remembered(clock.monotonic)
        self._accounts: Remembered[tuple[Account, str]] = Remembered(clock.monotonic)
        self._ended: Remembered[bool] = Remembered(clock.monotonic)
        self._revoked: OrderedDict[str, float] = OrderedDict()
        secure = settings.public_url.lower().startswith("https://")
        self.cookie_name = "__Host-fivapp" if secure else "fivapp"
        self._secure = secure

    async def authenticate(self, connection: ASGIConnection[Any, Any, Any, Any]) -> tuple[User, Credential]:
        """Return the user of a connection and how it was recognized.

        Raises NotAuthenticated, TenantSuspended, KeysUnavailable, and RateLimited instead of
        NotAuthenticated once an address has failed too often: a valid token is never refused for it.
        """
        presented = bool(connection.headers.get("authorization"))
        try:
            if presented:
                return await self._by_bearer(connection.headers.getall("authorization"))
            cookies = connection.cookies
            presented = self.cookie_name in cookies or bool(cookies.get(self.settings.jwt_cookie))
            return await self._by_cookie(cookies)
        except NotAuthenticated:
            if presented:
                self.count_failure(connection.scope)
            raise

    async def _by_bearer(self, headers: list[str]) -> tuple[User, Credential]:
        scheme, _, token = headers[0].partition(" ")
        if len(headers) != 1 or scheme.lower() != "bearer":
            raise NotAuthenticated
        return await self._by_token(token, "bearer")

    async def _by_cookie(self, cookies: dict[str, str]) -> tuple[User, Credential]:
        theirs = cookies.get(self.settings.jwt_cookie) if self.settings.jwt_cookie else None
        if token := cookies.get(self.cookie_name):
            try:
                return await self._by_account(token)
            except NotAuthenticated:
                if not theirs:
                    raise
        if not theirs:
            raise NotAuthenticated
        return await self._by_token(theirs, "cookie")

    async def _by_token(self, token: str, kind: Literal["bearer", "cookie"]) -> tuple[User, Credential]:
        # Every request brings its token anew. Its digest stands for it, so that none is held in memory.
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        verified = await self._verified.get(digest, lambda: self._main_tokens.verify(token))
        if verified is None or verified.expires_at <= time.time() - LEEWAY_SECONDS:
            raise NotAuthenticated
        await self.tenant(verified.user.tenant_id)
        return verified.user, Credential(kind, verified.expires_at)

    async def _by_account(self, token: str) -> tuple[User, Credential]:
        claims = self.account_tokens.read(token)
        await self._check_ended(claims.token_id)
        user = await self._account_user(claims.tenant_id, claims.account_id, claims.password_mark)
        return user, Credential("account", claims.expires_at, claims.account_id, claims.token_id, claims.password_mark)

    async def _account_user(self, tenant_id: str, account_id: str, password_mark: str | None) -> User:
        await self.tenant(tenant_id)
        found = await self._accounts.get(
            (tenant_id, account_id), lambda: self._store.account_by_id(tenant_id, account_id)
        )
        if found is None:
            raise NotAuthenticated
        account, password_hash = found
        if account.disabled or self.account_tokens.mark(password_hash) != password_mark:
            raise NotAuthenticated
        return User(id=account.id, tenant_id=tenant_id, role=account.role, name=account.name)

    async def confirm(self, user: User, credential: Credential) -> User:
        """Return the user as it is now; for connections that stay open. Raises NotAuthenticated, TenantSuspended."""
        if credential.expires_at <= time.time():
            raise NotAuthenticated
        if credential.token_id is not None:
            await self._check_ended(credential.token_id)
        if credential.account_id is not None:
            return await self._account_user(user.tenant_id, credential.account_id, credential.password_mark)
        await self.tenant(user.tenant_id)
        return user

    async def _check_ended(self, token_id: str) -> None:
        """Raise NotAuthenticated for a login that was ended: here at once, elsewhere when it was asked for again."""
        if token_id in self._revoked:
            raise NotAuthenticated
        if await self._ended.get(token_id, lambda: self._store.is_spent(self._mark("login", token_id))):
            raise NotAuthenticated

    async def use_once(self, kind: str, text: str, until: float) -> bool:
        """Use something up in all processes, until a time (seconds since 1970); False when it was used up before."""
        return await self._store.spend_token(self._mark(kind, text), datetime.fromtimestamp(until, UTC))

    def _mark(self, kind: str, text: str) -> str:
        # Keyed: what stands in the database opens nothing, and an address cannot be read out of it.
        return self.account_tokens.mark(f"{kind} {text}")

    async def tenant(self, tenant_id: str) -> Tenant:
        """Return a tenant that may act. Raises NotAuthenticated when there is none, TenantSuspended."""
        tenant = await self._tenants.get(tenant_id, lambda: self._store.tenant(tenant_id))
        if tenant is None:
            raise NotAuthenticated
        if tenant.suspended:
            raise TenantSuspended
        return tenant

    # --- logins ------------------------------------------------------------------------------

    def check_failures(self, scope: Scope) -> None:
        """Raise RateLimited when this address has failed too often."""
        if wait := self._failures.wait(client_key(scope, self._trusted)):
            raise RateLimited(wait, _TOO_MANY)

    async def check_logins(self, scope: Scope) -> None:
        """Raise RateLimited when this address has failed to log in too often, in whatever process."""
        self.check_failures(scope)
        full_at = await self._store.logins_full_at(self._address(scope))
        if full_at is not None:
            wait = full_at - self._clock.now() - (self.settings.rate_failed_logins - 1) * self._login_interval
            if wait >= _STORED_EXACTLY:
                raise RateLimited(wait.total_seconds(), _TOO_MANY)

    async def count_login(self, scope: Scope) -> None:
        """Count a failed login of this address, in all processes. Raises RateLimited when there were too many."""
        self.count_failure(scope)
        await self._store.note_failed_login(self._address(scope), self._clock.now(), self._login_interval)

    def _address(self, scope: Scope) -> str:
        return self._mark("address", client_key(scope, self._trusted))

    def count_failure(self, scope: Scope) -> None:
        """Count a failed authentication of this address. Raises RateLimited when there were too many."""
        if wait := self._failures.take(client_key(scope, self._trusted)):
            raise RateLimited(wait, _TOO_MANY)

    def log_in(self, account: Account, password_hash: str) -> tuple[Cookie, float]:
        """Return the cookie of a new login, and when it ends (seconds since 1970)."""
        token, expires_at = self.account_tokens.make(account, password_hash)
        return self._cookie(token, math.ceil(expires_at - time.time())), expires_at

    async def log_out(self, credential: Credential | None) -> Cookie:
        """End a local account's login, and return the cookie that ends it in the browser.

        Other processes take it for ended within four seconds.
        """
        if credential is not None and credential.token_id is not None:
            await self.use_once("login", credential.token_id, credential.expires_at)
            self._revoked[credential.token_id] = credential.expires_at
            if len(self._revoked) > _REVOKED_MAX:
                self._revoked.popitem(last=False)
        return self._cookie("", 0)

    def _cookie(self, value: str, max_age: int) -> Cookie:
        return Cookie(
            self.cookie_name, value=value, path="/", max_age=max_age, httponly=True, secure=self._secure, samesite="lax"
        )


class AuthMiddleware(ASGIMiddleware):
    """Puts the user into the scope of every connection, or refuses it; then the cookie's origin, then the rates."""

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)
    exclude_opt_key = EXCLUDE

    def __init__(self, authenticator: Authenticator, clock: Clock) -> None:
        settings = authenticator.settings
        self._authenticator = authenticator
        self._users = Buckets(settings.rate_user, settings.rate_user_burst, clock.monotonic)
        self._tenants = Buckets(settings.rate_tenant, settings.rate_tenant, clock.monotonic)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Recognize the user. Raises NotAuthenticated, TenantSuspended, OriginNotAllowed, RateLimited."""
        user = await authenticate(ASGIConnection(scope))
        by_cookie = scope["auth"].kind != "bearer"
        if by_cookie and scope.get("method") not in _SAFE_METHODS:
            check_origin(scope, self._authenticator.settings)
        wait = self._users.take((user.tenant_id, user.id)) or self._tenants.take(user.tenant_id)
        if wait:
            raise RateLimited(wait)
        await next_app(scope, receive, send)


async def authenticate(connection: ASGIConnection[Any, Any, Any, Any]) -> User:
    """Return the user of a connection by its header or cookie, and keep both in its scope as `user` and `auth`.

    `scope["auth"]` is the Credential. A WebSocket's caller decides itself whether a cookie is enough. Raises
    NotAuthenticated, TenantSuspended, RateLimited, KeysUnavailable.
    """
    user, credential = await authenticator_of(connection).authenticate(connection)
    connection.scope["user"] = user
    connection.scope["auth"] = credential
    return user


def authenticator_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Authenticator:
    """Return the authenticator of the app that serves a connection."""
    found: Authenticator = connection.app.state.authenticator
    return found


def check_origin(scope: Scope, settings: Settings) -> None:
    """Raise OriginNotAllowed unless a request comes from a page that may use the user's cookies."""
    if not origin_allowed(scope, settings):
        raise OriginNotAllowed


def require_admin(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard a route for the role `admin`. Raises RoleRequired."""
    if connection.user.role != "admin":
        raise RoleRequired
