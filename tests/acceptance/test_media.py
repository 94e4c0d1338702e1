"""Real files over the whole way: from the phone to a browser, and from a page to the phone."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.processes import ROOT

from .cluster import until
from .product import Product, demo
from .test_bots import pair

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]


def _made() -> ModuleType:
    spec = importlib.util.spec_from_file_location("media_made", ROOT / "plugins/media/tests/media_made.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


files = _made()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder: Path = tmp_path_factory.mktemp("media")
    with demo(folder / "demo", environment={"FIVAPP_MEDIA_STORE_URL": (folder / "files").as_uri()}) as product:
        yield product


@pytest.fixture
async def paired(product: Product) -> Product:
    async with product.client() as gateway:
        state = (await gateway.get(f"/api/whatsapp/status/{product.ready.tenant_id}")).json()
    if not state["connected"]:
        await pair(product)
    return product


async def _comes(product: Product, data: bytes, mime_type: str, **message: Any) -> dict[str, Any]:
    """Let a contact send a file; return the message once its file is kept, or is known not to be."""
    tenant = product.ready.tenant_id
    async with product.simulator() as phone, product.client() as gateway:
        put = await phone.post("/simulator/media", content=data, headers={"content-type": mime_type})
        assert put.is_success, put.text
        before = await _last(gateway)
        body = {"from": "5511988887777", "name": "Rita", "mediaUrl": put.json()["url"], **message}
        sent = await phone.post(f"/simulator/sessions/{tenant}/messages", json=body)
        assert sent.is_success, sent.text

        async def kept() -> dict[str, Any] | None:
            last = await _last(gateway)
            state = last.get("media", {}).get("state")
            return last if last.get("id") != before.get("id") and state not in (None, "fetching") else None

        found: dict[str, Any] = await until(kept, 60)
        return found


async def _last(gateway: httpx.AsyncClient) -> dict[str, Any]:
    """Return the newest message of the contact's conversation."""
    found = (await gateway.get("/api/conversations", params={"q": "5511988887777"})).json()["items"]
    last: dict[str, Any] = found[0]["lastMessage"] if found else {}
    return last


@pytest.mark.parametrize(
    ("kind", "mime_type", "data"),
    [
        ("image", "image/jpeg", files.picture("JPEG", (1200, 800))),
        ("audio", "audio/ogg", files.voice_note(1.5)),
        ("document", "application/pdf", files.pdf(3)),
    ],
    ids=["picture", "voice-note", "pdf"],
)
async def test_a_file_from_the_phone_is_shown_whole_and_in_parts(
    paired: Product, kind: str, mime_type: str, data: bytes
) -> None:
    message = await _comes(paired, data, mime_type, kind=kind, filename="março.bin")
    media = message["media"]
    assert (media["state"], media["mimeType"], media["size"]) == ("ready", mime_type, len(data))
    path = f"/api/media/{message['id']}"
    async with paired.client() as gateway:
        whole = await gateway.get(path)
        assert (whole.status_code, whole.content) == (200, data)
        assert whole.headers["content-type"] == mime_type
        assert whole.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in whole.headers["content-security-policy"]
        assert whole.headers["content-disposition"].startswith("attachment" if kind == "document" else "inline")
        part = await gateway.get(path, headers={"range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, data[10:20])
        assert part.headers["content-range"] == f"bytes 10-19/{len(data)}"
        last = await gateway.get(path, headers={"range": "bytes=-5"})
        assert (last.status_code, last.content) == (206, data[-5:])
        beyond = await gateway.get(path, headers={"range": f"bytes={len(data)}-"})
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")
        known = await gateway.get(path, headers={"if-none-match": whole.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
        preview = await gateway.get(path, params={"preview": "true"})
        assert (preview.status_code, preview.headers["content-type"], preview.content[8:12]) == (
            200,
            "image/webp",
            b"WEBP",
        )
        facts = (await gateway.get(f"{path}/facts")).json()
        assert facts["sha256"] == hashlib.sha256(data).hexdigest()
        if kind == "audio":
            assert len(facts["peaks"]) == 64
        if kind == "document":
            assert facts["pages"] == 3


async def test_a_link_opens_a_file_without_a_login_and_only_that_file(paired: Product) -> None:
    data = files.picture()
    message = await _comes(paired, data, "image/png", kind="image")
    async with paired.client() as gateway, httpx.AsyncClient(verify=False) as stranger:
        link = (await gateway.get(f"/api/media/{message['id']}/link")).json()
        assert (await stranger.get(link["url"])).content == data
        wrong = await stranger.get(link["url"][:-4] + "AAAA")
        assert (wrong.status_code, wrong.json()["code"]) == (404, "file_not_kept")
        bare = await stranger.get(f"{paired.ready.gateway}/api/media/{message['id']}")
        assert (bare.status_code, bare.json()["code"]) == (401, "not_authenticated")
        nobody = await gateway.get("/api/media/nobody")
        assert nobody.status_code == 404


async def test_what_is_no_picture_is_refused_and_never_shown(paired: Product) -> None:
    page = b"<!doctype html><script>alert(1)</script>"
    refused = await _comes(paired, page, "image/png", kind="image")
    assert refused["media"]["state"] == "refused"
    kept = await _comes(paired, page, "application/pdf", kind="document", filename="a.pdf")
    async with paired.client() as gateway:
        reply = await gateway.get(f"/api/media/{kept['id']}")
        assert reply.headers["content-type"] == "application/octet-stream"
        assert reply.headers["content-disposition"].startswith("attachment")
        assert (await gateway.get(f"/api/media/{refused['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("kind", "name", "data"),
    [
        ("image", "a.png", files.picture()),
        ("video", "a.mp4", files.film()),
        ("audio", "a.ogg", files.voice_note(0.5)),
        ("document", "fatura março.pdf", files.pdf()),
    ],
    ids=["image", "video", "audio", "document"],
)
async def test_a_file_from_the_page_reaches_the_phone(paired: Product, kind: str, name: str, data: bytes) -> None:
    async with paired.client() as gateway, paired.simulator() as phone:
        conversation = (await gateway.post("/api/conversations", json={"to": "5511977776666"})).json()["id"]
        up = await gateway.post("/api/media", params={"filename": name}, content=data)
        assert up.status_code == 201, up.text
        upload = up.json()
        assert (upload["kind"], upload["media"]["filename"], upload["size"]) == (kind, name, len(data))
        body = {"kind": upload["kind"], "media": upload["media"], "text": "Segue"}
        sent = await gateway.post(f"/api/conversations/{conversation}/send-message", json=body)
        assert sent.status_code == 200, sent.text
        arrived = (await phone.get("/simulator/ledger")).json()["items"][-1]
        assert (arrived["kind"], arrived["mediaSize"]) == (kind, len(data))
        shown = await gateway.get(f"/api/media/{sent.json()['message']['id']}")
        assert (shown.status_code, shown.content) == (200, data)


async def test_what_is_too_large_or_no_file_is_a_problem(tmp_path: Path) -> None:
    limits = {"FIVAPP_MEDIA_UPLOAD_BYTES": "1000"}
    with demo(tmp_path / "demo", environment=limits) as product:
        async with product.client() as gateway:
            large = await gateway.post("/api/media", content=bytes(1001))
            assert (large.status_code, large.json()["code"]) == (413, "file_too_large")
            empty = await gateway.post("/api/media", content=b"")
            assert (empty.status_code, empty.json()["code"]) == (422, "file_empty")
            fine = await gateway.post("/api/media", content=bytes(1000), params={"filename": "../../x"})
            assert fine.json()["media"]["filename"] == "x"
