"""Keys of the main application: public keys and JWKS, each for its own family of algorithms."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fivapp_whatsapp.errors import NotAuthenticated, SettingsError
from fivapp_whatsapp.settings import Secret, Settings
from fivapp_whatsapp.web.errors import KeysUnavailable
from fivapp_whatsapp.web.tokens import MainApplicationTokens, RemoteKeys, find_keys

from .tools import SECRET, SkippingClock, forged, make_token, unsigned

pytestmark = pytest.mark.anyio

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
        content = json.loads(kind.to_jwk(key.public_key()))
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
