"""Who is let in: tokens of every bad kind, keys of every good kind, and what changes while a token lives."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fivapp_whatsapp.errors import NotAuthenticated, SettingsError
from fivapp_whatsapp.settings import Secret, Settings
from fivapp_whatsapp.web.auth import PUBLIC
from fivapp_whatsapp.web.errors import KeysUnavailable
from fivapp_whatsapp.web.tokens import MainApplicationTokens, RemoteKeys, find_keys

from .conftest import serving
from .tools import SECRET, SkippingClock, TestServer, assert_problem, bearer, make_token

pytestmark = pytest.mark.anyio

# What may be asked without a token, by path and method; every other route must refuse.
OPEN = {"/", "/health/live", "/health/ready", "/api/auth/login"}
OPEN_TO_OTHER_PROOFS = {"/api/webhooks", "/api/webhooks/whatsapp", "/api/ws"}


def encode(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def unsigned(algorithm: str = "none") -> str:
    claims = {"sub": "ana", "tenantId": "acme", "role": "admin", "exp": int(time.time()) + 600}
    return f"{encode({'alg': algorithm, 'typ': 'JWT'})}.{encode(claims)}."


def forged(header: Any, key: bytes, claims: Any = None) -> str:
    """Sign by hand what a library would refuse to sign."""
    if claims is None:
        claims = {"sub": "ana", "tenantId": "acme", "role": "admin", "exp": int(time.time()) + 600}
    signed = f"{encode(header)}.{encode(claims)}"
    mac = hmac.digest(key, signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def cut(token: str) -> str:
    return token[:-3]


BAD_TOKENS: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "garbage": lambda: "garbage",
    "three dots": lambda: "...",
    "not base64": lambda: "§.§.§".encode().decode("latin-1"),
    "oversize": lambda: make_token(padding="x" * 9000),
    "alg none": unsigned,
    "alg None": lambda: unsigned("None"),
    "alg nOnE": lambda: unsigned("nOnE"),
    "alg unknown": lambda: unsigned("HS999"),
    "alg of another size": lambda: make_token(algorithm="HS512", key=SECRET * 2),
    "signature cut": lambda: cut(make_token()),
    "another secret": lambda: make_token(key="another-secret-" * 3),
    "claims of another token": lambda: ".".join(
        [make_token().split(".")[0], make_token("other").split(".")[1], make_token().split(".")[2]]
    ),
    "expired": lambda: make_token(exp=int(time.time()) - 31),
    "no exp": lambda: make_token(exp=None),
    "exp text": lambda: make_token(exp="soon"),
    "exp list": lambda: make_token(exp=[1]),
    "exp far away": lambda: make_token(exp=10**18),
    "exp of 400 digits": lambda: make_token(exp=10**400),
    "exp infinite": lambda: make_token(exp=float("inf")),
    "exp nan": lambda: make_token(exp=float("nan")),
    "exp true": lambda: make_token(exp=True),
    "not yet valid": lambda: make_token(nbf=int(time.time()) + 60),
    "nbf text": lambda: make_token(nbf="x"),
    "sub missing": lambda: make_token(sub=None),
    "sub number": lambda: make_token(sub=7),
    "sub empty": lambda: make_token(sub=""),
    "sub with a line feed": lambda: make_token(sub="ana\n"),
    "sub too long": lambda: make_token(sub="x" * 129),
    "tenant missing": lambda: make_token(tenantId=None),
    "tenant number": lambda: make_token(tenantId=5),
    "tenant list": lambda: make_token(tenantId=["acme"]),
    "tenant with a slash": lambda: make_token("acme/other"),
    "tenant with a line feed": lambda: make_token("acme\n"),
    "tenant unknown": lambda: make_token("nobody"),
    "role unknown": lambda: make_token(role="owner"),
    "role list": lambda: make_token(role=["admin"]),  # type: ignore[arg-type]
    "name number": lambda: make_token(name=5),
    "typ of something else": lambda: make_token(headers={"typ": "secevent+jwt"}),
    "kid a path to an empty key": lambda: forged({"alg": "HS256", "kid": "../../../dev/null"}, b""),
    "kid number": lambda: forged({"alg": "HS256", "kid": 5}, SECRET.encode()),
    "header a list": lambda: forged(["HS256"], SECRET.encode()),
    "claims a list": lambda: forged({"alg": "HS256"}, SECRET.encode(), [1]),
    "claims too deep": lambda: forged({"alg": "HS256"}, SECRET.encode(), json.loads("[" * 500 + "]" * 500)),
    "key in its own header": lambda: make_token(key="k" * 40, headers={"jwk": {"kty": "oct", "k": "a2s"}}),
    "key at its own address": lambda: make_token(key="k" * 40, headers={"jku": "http://127.0.0.1:1/keys"}),
    "critical extension": lambda: make_token(headers={"crit": ["b64"], "b64": False}),
}


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_a_bad_token_is_always_the_same_refusal(shared: TestServer, name: str) -> None:
    reply = await shared.client.get("/api/me", headers={"authorization": b"Bearer " + BAD_TOKENS[name]().encode()})
    problem = assert_problem(reply, 401, "not_authenticated")
    assert problem["detail"] == "Authentication is missing or not valid."
    assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Basic", "Token", "", "bearer\t", "JWT"])
async def test_only_the_scheme_bearer_is_taken(shared: TestServer, scheme: str) -> None:
    reply = await shared.client.get("/api/me", headers={"authorization": f"{scheme} {make_token()}".strip()})
    assert_problem(reply, 401, "not_authenticated")


async def test_two_authorization_headers_are_refused(server: TestServer) -> None:
    headers = [("authorization", f"Bearer {make_token()}")] * 2
    assert_problem(await server.client.get("/api/me", headers=headers), 401, "not_authenticated")


async def test_a_token_in_the_query_or_in_another_header_counts_for_nothing(server: TestServer) -> None:
    token = make_token()
    headers = {"x-access-token": token, "x-tenant-id": "acme"}
    reply = await server.client.get("/api/me", params={"access_token": token, "token": token}, headers=headers)
    assert_problem(reply, 401, "not_authenticated")


async def test_a_good_token_tells_who_asks(server: TestServer) -> None:
    reply = await server.client.get("/api/me", headers=bearer(make_token(exp=int(time.time()) + 60)))
    assert reply.status_code == 200
    me = reply.json()
    assert me.pop("expiresAt").endswith("Z")
    assert me == {"id": "ana", "tenantId": "acme", "tenantName": "Acme", "role": "admin", "name": "Ana"}


async def test_a_token_without_a_role_is_an_agents(server: TestServer) -> None:
    reply = await server.client.get("/api/me", headers=bearer(make_token(role=None)))
    assert reply.json()["role"] == "agent"


async def test_thirty_seconds_of_skew_are_forgiven(server: TestServer) -> None:
    token = make_token(exp=int(time.time()) - 20, nbf=int(time.time()) + 20)
    assert (await server.client.get("/api/me", headers=bearer(token))).status_code == 200


async def test_every_route_is_guarded_unless_it_is_known_to_be_open(server: TestServer) -> None:
    seen = set()
    for route in server.app.routes:
        path = route.path
        for name in ("tenant_id", "session_id", "conversation_id", "message_id", "path"):
            path = path.replace(f"{{{name}:str}}", "acme")
        assert "{" not in path, "name an example for this parameter"
        if route.path in OPEN | OPEN_TO_OTHER_PROOFS:
            seen.add(route.path)
            continue
        for method in getattr(route, "methods", None) or {"POST"}:
            assert_problem(await server.client.request(method, path, json={}), 401, "not_authenticated")
    assert seen == OPEN | OPEN_TO_OTHER_PROOFS


async def test_only_the_routes_that_are_known_to_be_open_leave_authentication_out(server: TestServer) -> None:
    handlers = [*getattr(server.app, "route_handler_method_map", {}).items()]
    assert handlers
    for path, methods in handlers:
        for handler in methods.values():
            opened = handler.opt.get(next(iter(PUBLIC))) is True
            assert not opened or path in OPEN | OPEN_TO_OTHER_PROOFS, path


async def test_a_suspended_tenant_is_refused_within_five_seconds(server: TestServer) -> None:
    assert (await server.call("GET", "/api/me")).status_code == 200
    await server.gateway.store.suspend_tenant("acme", True)
    server.clock.skipped += 5.1
    assert_problem(await server.call("GET", "/api/me"), 403, "tenant_suspended")
    await server.gateway.store.suspend_tenant("acme", False)
    server.clock.skipped += 5.1
    assert (await server.call("GET", "/api/me")).status_code == 200


async def test_audience_and_issuer_are_checked_when_they_are_set(tmp_path: Path) -> None:
    async with serving(tmp_path, jwt_audience="fivapp", jwt_issuer="https://main.test") as server:

        async def status(**claims: Any) -> int:
            return (await server.client.get("/api/me", headers=bearer(make_token(**claims)))).status_code

        assert await status(aud="fivapp", iss="https://main.test") == 200
        assert await status(aud=["x", "fivapp"], iss="https://main.test") == 200
        assert await status(aud="other", iss="https://main.test") == 401
        assert await status(aud="fivapp", iss="https://else.test") == 401
        assert await status(aud="fivapp") == 401
        assert await status(iss="https://main.test") == 401
        assert await status(aud={"a": 1}, iss="https://main.test") == 401


async def test_an_audience_is_no_harm_where_none_is_set(server: TestServer) -> None:
    assert (await server.client.get("/api/me", headers=bearer(make_token(aud="any")))).status_code == 200


async def test_the_names_of_the_claims_are_settings(tmp_path: Path) -> None:
    names = {"jwt_claim_user": "uid", "jwt_claim_tenant": "company", "jwt_claim_role": "kind", "jwt_claim_name": "n"}
    async with serving(tmp_path, **names) as server:
        token = make_token(sub=None, tenantId=None, role=None, uid="u1", company="other", kind="admin", n="Eva")
        me = (await server.client.get("/api/me", headers=bearer(token))).json()
        assert (me["id"], me["tenantId"], me["role"], me["name"]) == ("u1", "other", "admin", "Eva")


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


@pytest.mark.parametrize(("key", "algorithm"), [(RSA_KEY, "RS256"), (EC_KEY, "ES256"), (ED_KEY, "EdDSA")])
async def test_a_public_key_verifies_its_own_family_only(key: Any, algorithm: str) -> None:
    # One line, as an environment variable carries it.
    settings = Settings(jwt_public_key=pem(key).replace("\n", "\\n"), jwt_secret=Secret(SECRET))
    tokens = MainApplicationTokens(settings, find_keys(settings, time.monotonic))
    assert (await tokens.verify(make_token(key=key, algorithm=algorithm))).user.tenant_id == "acme"
    # The public key as an HMAC secret is the classic confusion; the secret itself is no longer a key either.
    confused = forged({"alg": "HS256"}, pem(key).encode())
    for wrong in (confused, make_token(), unsigned()):
        with pytest.raises(NotAuthenticated):
            await tokens.verify(wrong)


@pytest.mark.parametrize("text", ["nonsense", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"])
async def test_a_public_key_that_is_none_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError):
        find_keys(Settings(jwt_public_key=text), time.monotonic)


class KeyServer:
    """Serves a JWKS; counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.asked = 0
        self.answer: httpx.Response | None = None

    def add(self, kid: str, key: Any, algorithm: str) -> None:
        kind = jwt.algorithms.get_default_algorithms()[algorithm]
        content = json.loads(kind.to_jwk(key.public_key()))  # type: ignore[attr-defined]
        self.keys.append({**content, "kid": kid, "alg": algorithm, "use": "sig"})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return self.answer or httpx.Response(200, json={"keys": self.keys})


@pytest.fixture
def key_server() -> KeyServer:
    served = KeyServer()
    served.add("one", RSA_KEY, "RS256")
    served.add("two", EC_KEY, "ES256")
    return served


def verifier(served: KeyServer, clock: SkippingClock) -> MainApplicationTokens:
    keys = RemoteKeys("https://main.test/jwks", clock.monotonic, transport=httpx.MockTransport(served))
    return MainApplicationTokens(Settings(), keys)


async def test_remote_keys_are_found_by_their_id_and_fetched_once(key_server: KeyServer) -> None:
    tokens = verifier(key_server, SkippingClock())
    for _ in range(3):
        await tokens.verify(make_token(key=RSA_KEY, algorithm="RS256", headers={"kid": "one"}))
        await tokens.verify(make_token(key=EC_KEY, algorithm="ES256", headers={"kid": "two"}))
    assert key_server.asked == 1


async def test_a_remote_key_is_taken_for_its_own_algorithm_only(key_server: KeyServer) -> None:
    tokens = verifier(key_server, SkippingClock())
    for wrong in (
        make_token(key=RSA_KEY, algorithm="RS512", headers={"kid": "one"}),
        make_token(key=RSA_KEY, algorithm="RS256", headers={"kid": "two"}),
        make_token(headers={"kid": "one"}),
        make_token(key=RSA_KEY, algorithm="RS256"),
    ):
        with pytest.raises(NotAuthenticated):
            await tokens.verify(wrong)


async def test_a_new_remote_key_is_found_after_a_minute_and_unknown_ids_do_not_flood(key_server: KeyServer) -> None:
    clock = SkippingClock()
    tokens = verifier(key_server, clock)
    await tokens.verify(make_token(key=RSA_KEY, algorithm="RS256", headers={"kid": "one"}))
    key_server.add("three", ED_KEY, "EdDSA")
    fresh = make_token(key=ED_KEY, algorithm="EdDSA", headers={"kid": "three"})
    for _ in range(50):
        with pytest.raises(NotAuthenticated):
            await tokens.verify(fresh)
    assert key_server.asked == 1
    clock.skipped += 61
    assert (await tokens.verify(fresh)).user.id == "ana"
    assert key_server.asked == 2


async def test_keys_from_before_hold_while_their_server_is_away(key_server: KeyServer) -> None:
    clock = SkippingClock()
    tokens = verifier(key_server, clock)
    token = make_token(key=RSA_KEY, algorithm="RS256", headers={"kid": "one"})
    await tokens.verify(token)
    key_server.answer = httpx.Response(500)
    clock.skipped += 3600
    assert (await tokens.verify(token)).user.id == "ana"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(302, headers={"location": "http://127.0.0.1:1/"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"keys": []}),
        httpx.Response(200, json=[]),
        httpx.Response(200, content=b" " * 300_000),
        httpx.Response(200, json={"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "one", "alg": "HS256"}]}),
    ],
    ids=["error", "redirect", "html", "no keys", "a list", "too large", "a secret"],
)
async def test_no_token_is_good_while_there_are_no_remote_keys(key_server: KeyServer, answer: httpx.Response) -> None:
    key_server.answer = answer
    with pytest.raises((KeysUnavailable, NotAuthenticated)):
        await verifier(key_server, SkippingClock()).verify(
            make_token(key=RSA_KEY, algorithm="RS256", headers={"kid": "one"})
        )
