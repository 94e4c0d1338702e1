"""JSON Web Tokens: those of the main application are checked, those of local accounts also made.

One family of algorithms is ever accepted, the one of the configured key: JWKS before public key before
secret. Whatever else a token does, it ends as NotAuthenticated with the same text.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from fivapp_whatsapp.errors import NotAuthenticated, SettingsError
from fivapp_whatsapp.models import TENANT_ID, Account, Role, User
from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.settings import Settings
from fivapp_whatsapp.text import clean_line

from .errors import KeysUnavailable

_log = get_logger(__name__)
MAX_TOKEN = 8192
LEEWAY_SECONDS = 30
_FAR_FUTURE = 100_000_000_000  # the year 5138: an `exp` beyond it is a mistake or a trick
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_TYPES = frozenset({None, "JWT", "jwt", "at+jwt"})
_USER_ID = re.compile(r"[\x21-\x7e\u00a1-\ud7ff]{1,128}")
_TENANT_ID = re.compile(TENANT_ID)
_KEYS_BYTES = 262_144
_KEYS_SECONDS = 5.0
_KEYS_MAX_AGE = 600.0
_KEYS_MIN_AGE = 60.0
_ACCOUNT_AUDIENCE = "fivapp-account"


class Key(NamedTuple):
    """What verifies a signature, and the algorithms that it may be used with."""

    material: Any
    algorithms: tuple[str, ...]


class Keys(Protocol):
    """Where the key of a token comes from."""

    async def find(self, kid: str | None) -> Key | None:
        """Return the key of this id, or None. Raises KeysUnavailable."""
        ...


class OneKey:
    """A single configured key; the token's `kid` does not matter."""

    def __init__(self, key: Key) -> None:
        self._key = key

    async def find(self, kid: str | None) -> Key | None:
        """Return the key."""
        return self._key


class RemoteKeys:
    """A JWKS: fetched when needed, kept ten minutes, asked again for an unknown id at most once a minute."""

    def __init__(self, url: str, clock: Callable[[], float], *, transport: httpx.AsyncBaseTransport | None = None):
        self._url = url
        self._clock = clock
        self._transport = transport
        self._keys: dict[str | None, Key] = {}
        self._tried_at: float | None = None
        self._fetched_at: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, kid: str | None) -> Key | None:
        """Return the key of this id; without an id, the only key there is."""
        if self._fresh() and (key := self._pick(kid)):
            return key
        async with self._lock:
            if not (self._fresh() and self._pick(kid)) and self._may_try():
                await self._refresh()
        if self._fetched_at is None:
            raise KeysUnavailable
        return self._pick(kid)

    def _pick(self, kid: str | None) -> Key | None:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    def _fresh(self) -> bool:
        return self._fetched_at is not None and self._clock() - self._fetched_at < _KEYS_MAX_AGE

    def _may_try(self) -> bool:
        return self._tried_at is None or self._clock() - self._tried_at >= _KEYS_MIN_AGE

    async def _refresh(self) -> None:
        self._tried_at = self._clock()
        try:
            keys = _read_jwks(await self._fetch())
        except Exception as exc:  # whatever that server does, the keys from before hold; without any, find() says so
            _log.warning("keys_fetch_failed", error=type(exc).__name__)
            return
        self._keys = keys
        self._fetched_at = self._clock()

    async def _fetch(self) -> bytes:
        body = b""
        async with (
            asyncio.timeout(_KEYS_SECONDS),
            httpx.AsyncClient(transport=self._transport, trust_env=False, timeout=_KEYS_SECONDS) as client,
            client.stream("GET", self._url, headers={"accept-encoding": "identity"}) as response,
        ):
            response.raise_for_status()
            if response.headers.get("content-encoding", "identity") != "identity":
                raise ValueError("a compressed answer was not asked for, and its size is not known")
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _KEYS_BYTES:
                    raise ValueError("the key set is too large")
        return body


def _read_jwks(body: bytes) -> dict[str | None, Key]:
    keys: dict[str | None, Key] = {}
    for item in jwt.PyJWKSet.from_dict(json.loads(body)).keys:
        # An `oct` key is a secret that the whole internet could read.
        if item.key_type in ("RSA", "EC", "OKP") and item.public_key_use in (None, "sig"):
            keys[item.key_id] = Key(item, (item.algorithm_name,))
    return keys


def _public_key(text: str) -> Key:
    try:
        key = load_pem_public_key(text.replace("\\n", "\n").encode())
    except (ValueError, TypeError):
        raise SettingsError("FIVAPP_JWT_PUBLIC_KEY: expected a public key in PEM") from None
    if isinstance(key, rsa.RSAPublicKey):
        return Key(key, _RSA)
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return Key(key, (_CURVES[key.curve.name],))
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return Key(key, ("EdDSA",))
    raise SettingsError("FIVAPP_JWT_PUBLIC_KEY: expected an RSA, P-256, P-384, P-521 or Ed25519 key")


def find_keys(settings: Settings, clock: Callable[[], float]) -> Keys | None:
    """Return where the keys of the main application's tokens come from, or None when none is set."""
    if settings.jwt_jwks_url:
        return RemoteKeys(settings.jwt_jwks_url, clock)
    if settings.jwt_public_key:
        return OneKey(_public_key(settings.jwt_public_key))
    if settings.jwt_secret:
        return OneKey(Key(str(settings.jwt_secret), ("HS256",)))
    return None


class Verified(NamedTuple):
    """The user of a valid token, and when the token ends (seconds since 1970)."""

    user: User
    expires_at: float


class MainApplicationTokens:
    """Checks the tokens of the main application."""

    def __init__(self, settings: Settings, keys: Keys | None) -> None:
        self._settings = settings
        self._keys = keys

    async def verify(self, token: str) -> Verified:
        """Return the user of a token. Raises NotAuthenticated, KeysUnavailable."""
        if self._keys is None or len(token) > MAX_TOKEN:
            raise NotAuthenticated
        try:
            header = jwt.get_unverified_header(token)
        except Exception:  # a library's surprise at a hostile token is a refusal like any other
            raise NotAuthenticated from None
        kid = header.get("kid")
        if header.get("typ") not in _TYPES or not isinstance(kid, str | None):
            raise NotAuthenticated
        key = await self._keys.find(kid)
        if key is None:
            raise NotAuthenticated
        return self._user(_claims(token, key, self._settings.jwt_audience, self._settings.jwt_issuer))

    def _user(self, claims: dict[str, Any]) -> Verified:
        settings = self._settings
        user_id, tenant_id = claims.get(settings.jwt_claim_user), claims.get(settings.jwt_claim_tenant)
        role, name = claims.get(settings.jwt_claim_role, "agent"), claims.get(settings.jwt_claim_name, "")
        if not (isinstance(user_id, str) and _USER_ID.fullmatch(user_id)):
            raise NotAuthenticated
        if not (isinstance(tenant_id, str) and _TENANT_ID.fullmatch(tenant_id)):
            raise NotAuthenticated
        if not (isinstance(role, str) and role in ("agent", "admin") and isinstance(name, str)):
            raise NotAuthenticated
        known: Role = "admin" if role == "admin" else "agent"
        program = claims.get(settings.jwt_claim_program) is True
        user = User(id=user_id, tenant_id=tenant_id, role=known, name=clean_line(name, 128), program=program)
        return Verified(user, float(claims["exp"]))


class AccountClaims(msgspec.Struct, frozen=True):
    """What the cookie of a local account says: who, until when, the token's own id, and of which password."""

    tenant_id: str
    account_id: str
    expires_at: float
    token_id: str
    password_mark: str


class AccountTokens:
    """Makes and checks the tokens in local accounts' cookies.

    They are signed with a key derived from FIVAPP_JWT_SECRET, so that every process takes them and no bearer
    token is one; without that secret with a random key of this process, and a restart ends all logins.
    """

    def __init__(self, settings: Settings) -> None:
        secret = str(settings.jwt_secret).encode() or secrets.token_bytes(32)
        self._key = hmac.digest(secret, b"fivapp account cookie 1", hashlib.sha256)
        self._seconds = int(settings.session_hours * 3600)

    def mark(self, password_hash: str) -> str:
        """Return what is equal as long as a password is, and tells nothing of it: a new one ends all logins."""
        return hmac.digest(self._key, password_hash.encode(), hashlib.sha256).hex()[:32]

    def make(self, account: Account, password_hash: str) -> tuple[str, float]:
        """Return a token for an account, and when it ends."""
        now = int(time.time())
        claims = {
            "aud": _ACCOUNT_AUDIENCE,
            "sub": account.id,
            "tenantId": account.tenant_id,
            "iat": now,
            "exp": now + self._seconds,
            "jti": secrets.token_urlsafe(16),
            "pwd": self.mark(password_hash),
        }
        return jwt.encode(claims, self._key, algorithm="HS256"), float(now + self._seconds)

    def read(self, token: str) -> AccountClaims:
        """Return what a token says. Raises NotAuthenticated."""
        if len(token) > MAX_TOKEN:
            raise NotAuthenticated
        claims = _claims(token, Key(self._key, ("HS256",)), _ACCOUNT_AUDIENCE, "")
        try:
            return AccountClaims(claims["tenantId"], claims["sub"], float(claims["exp"]), claims["jti"], claims["pwd"])
        except KeyError:
            raise NotAuthenticated from None


def _claims(token: str, key: Key, audience: str, issuer: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.material,
            algorithms=list(key.algorithms),
            audience=audience or None,
            issuer=issuer or None,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp"], "verify_aud": bool(audience), "verify_iss": bool(issuer)},
        )
        end = claims["exp"]
    except Exception:  # a library's surprise at a hostile token is a refusal like any other
        raise NotAuthenticated from None
    if isinstance(end, bool) or not isinstance(end, int | float) or end > _FAR_FUTURE:
        raise NotAuthenticated
    return claims
