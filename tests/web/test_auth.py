"""Who is let in: tokens of every bad kind, keys of every good kind, and what changes while a token lives."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fivapp_whatsapp.web.auth import PUBLIC

from .bad_input.table import PAGES
from .conftest import serving
from .tools import SECRET, TestServer, assert_problem, bearer, forged, make_token, unsigned

pytestmark = pytest.mark.anyio

# What may be asked without a token, by path and method; every other route must refuse.
OPEN = {"/", "/health/live", "/health/ready", "/api/auth/login", *(path for _, path in PAGES)}
OPEN_TO_OTHER_PROOFS = {"/api/webhooks", "/api/webhooks/whatsapp", "/api/ws"}


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
    reply = await shared.client.get("/api/me", headers=[(b"authorization", b"Bearer " + BAD_TOKENS[name]().encode())])
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
    assert (me.pop("login"), me.pop("logoutUrl")) == ("bearer", None)
    assert me.pop("sendExpiry") == server.gateway.settings.send_expiry
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
        for name in (
            "tenant_id",
            "session_id",
            "conversation_id",
            "message_id",
            "plugin",
            "failure_id",
            "path",
            "name",
        ):
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
