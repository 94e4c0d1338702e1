"""Files on the phone are real bytes: uploaded for a contact, or fetched because a send named them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar import Litestar, Response, get
from litestar.params import FromPath

from fivapp_whatsapp.simulator.files import MAX_FILE, Files

from .conftest import Receiver, Running, Start, served, until

pytestmark = pytest.mark.anyio
PHOTO = b"\x89PNG" + secrets.token_bytes(5000)


class Shop:
    """A server elsewhere with files; `slow` is set free by a test, `asked` counts."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = 0
        self.released = asyncio.Event()
        self.released.set()

    def app(self) -> Litestar:
        @get("/{name:str}")
        async def file(name: FromPath[str]) -> Response[bytes]:
            self.asked += 1
            await self.released.wait()
            if name == "gone":
                return Response(b"", status_code=410)
            content = b"x" * (MAX_FILE + 1) if name == "huge" else PHOTO
            return Response(content, media_type="image/png; charset=binary")

        return Litestar([file], openapi_config=None, logging_config=None)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    async with served(shop.app()) as url:
        shop.url = url
        yield shop


async def upload(running: Running, content: bytes, mime_type: str, **query: str) -> dict[str, Any]:
    answer = await running.phone.post(
        "/simulator/media", content=content, headers={"Content-Type": mime_type}, params=query
    )
    assert answer.status_code == 201, answer.text
    reply: dict[str, Any] = answer.json()
    return reply


@pytest.mark.parametrize(
    ("kind", "mime_type", "filename"),
    [
        ("image", "image/png", "café da manhã.png"),
        ("audio", "audio/ogg; codecs=opus", "voz.ogg"),
        ("document", "application/pdf", "orçamento.pdf"),
        ("video", "video/mp4", "filme.mp4"),
    ],
)
async def test_an_uploaded_file_comes_with_a_contacts_message(
    running: Running, receiver: Receiver, kind: str, mime_type: str, filename: str
) -> None:
    await running.pair()
    uploaded = await upload(running, PHOTO, mime_type, filename=filename)
    await running.write(kind=kind, text="veja", mediaUrl=uploaded["url"])
    await until(lambda: bool(receiver.of("message")))
    hook = receiver.of("message")[0]
    plain = mime_type.partition(";")[0]
    assert hook["media"] == {"url": uploaded["url"], "mimetype": plain, "filename": filename, "size": len(PHOTO)}
    assert hook["type"] == kind
    assert uploaded["url"].startswith(f"{running.url}/media/")
    answer = await running.api.get(uploaded["url"])
    assert (answer.content, answer.headers["content-type"]) == (PHOTO, plain)
    assert (await running.phone.get(uploaded["url"])).status_code == 401
    [chat] = (await running.phone.get("/simulator/sessions/acme")).json()["chats"]
    assert (await running.phone.get(chat["messages"][0]["media"]["src"])).content == PHOTO


@pytest.mark.parametrize(
    ("mime_type", "shown"), [("image/png", "inline"), ("text/html", "attachment"), ("image/svg+xml", "attachment")]
)
async def test_what_a_browser_could_run_is_only_saved(running: Running, mime_type: str, shown: str) -> None:
    uploaded = await upload(running, b"<script>", mime_type, filename='a"\r\nb.html')
    answer = await running.api.get(uploaded["url"])
    assert answer.headers["content-disposition"].startswith(f"{shown}; filename*=UTF-8''a%22%20b.html")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_an_upload_that_says_nothing_of_itself_is_kept_as_bytes(running: Running) -> None:
    uploaded = await upload(running, b"x", "nonsense")
    assert uploaded["mimetype"] == "application/octet-stream"
    named = await upload(running, b"x", "", filename="conta.pdf")
    assert (named["mimetype"], named["url"][-4:]) == ("application/pdf", ".pdf")


@pytest.mark.parametrize(("content", "status"), [(b"", 422), (b"x" * (MAX_FILE + 1), 413)])
async def test_an_empty_upload_and_one_too_big_are_refused(running: Running, content: bytes, status: int) -> None:
    assert (await running.phone.post("/simulator/media", content=content)).status_code == status


async def test_a_link_to_a_file_elsewhere_stays_a_link(running: Running, receiver: Receiver, shop: Shop) -> None:
    await running.pair()
    await running.write(kind="document", mediaUrl=f"{shop.url}/conta.pdf")
    await until(lambda: bool(receiver.of("message")))
    assert receiver.of("message")[0]["media"] == {"url": f"{shop.url}/conta.pdf", "mimetype": "application/pdf"}
    assert shop.asked == 0


async def test_the_gateways_address_of_the_service_is_the_one_of_its_files(
    running: Running, receiver: Receiver
) -> None:
    await running.pair()
    by_name = running.url.replace("127.0.0.1", "localhost")
    assert by_name != running.url
    uploaded = await running.phone.post(f"{by_name}/simulator/media", content=PHOTO)
    assert uploaded.json()["url"].startswith(f"{running.url}/media/")
    await running.write(kind="image")
    await until(lambda: bool(receiver.of("message")))
    assert receiver.of("message")[0]["media"]["url"].startswith(f"{running.url}/media/")


async def test_a_sent_file_is_fetched_shown_and_written_down(running: Running, shop: Shop) -> None:
    await running.pair()
    url = f"{shop.url}/foto.png"
    assert (await running.send(text=None, type="image", mediaUrl=url, caption="veja")).status_code == 200
    [item] = await running.ledger()
    assert (item["kind"], item["text"]) == ("image", "veja")
    assert (item["mediaType"], item["mediaSize"]) == ("image/png", len(PHOTO))
    [chat] = (await running.phone.get("/simulator/sessions/acme")).json()["chats"]
    media = chat["messages"][0]["media"]
    assert (media["url"], media["filename"], media["size"]) == (url, "foto.png", len(PHOTO))
    assert (await running.phone.get(media["src"])).content == PHOTO


@pytest.mark.parametrize("name", ["gone", "huge"])
async def test_a_file_that_cannot_be_fetched_reaches_the_phone_as_its_address(
    running: Running, shop: Shop, name: str
) -> None:
    await running.pair()
    assert (await running.send(type="image", mediaUrl=f"{shop.url}/{name}")).status_code == 200
    [item] = await running.ledger()
    assert item["kind"] == "image"
    assert "mediaSize" not in item
    [chat] = (await running.phone.get("/simulator/sessions/acme")).json()["chats"]
    assert chat["messages"][0]["media"]["src"] == f"{shop.url}/{name}"


async def test_a_file_that_is_fetched_for_two_of_the_same_send_arrives_once(running: Running, shop: Shop) -> None:
    await running.pair()
    shop.released.clear()
    fields = {"type": "image", "mediaUrl": f"{shop.url}/foto.png", "clientMessageId": "c-1"}
    sends = [asyncio.create_task(running.send(**fields)) for _ in range(2)]
    async with asyncio.timeout(8):
        while shop.asked < 2:
            await asyncio.sleep(0.005)
    shop.released.set()
    first, second = [(await send).json() for send in sends]
    assert first == second
    assert (await running.send(**fields)).json() == first
    assert len(await running.ledger()) == 1
    assert shop.asked == 2


async def test_a_file_goes_on_to_another_session_under_our_own_address(
    running: Running, receiver: Receiver, shop: Shop
) -> None:
    await running.pair("acme", "Acme")
    beta = (await running.pair("beta", "Beta"))["phone"]
    await running.send("acme", to=beta, type="image", mediaUrl=f"{shop.url}/foto.png")
    await until(lambda: bool(receiver.of("message")))
    media = receiver.of("message")[0]["media"]
    assert media["url"].startswith(f"{running.url}/media/")
    assert (await running.api.get(media["url"])).content == PHOTO


async def test_a_file_of_ours_is_not_fetched_from_ourselves(running: Running) -> None:
    await running.pair()
    await running.send(type="image", mediaUrl=f"{running.url}/media/foto.png")
    [item] = await running.ledger()
    assert item["mediaType"] == "image/png"
    assert item["mediaSize"] > 100


async def test_the_plain_service_fetches_nothing(start: Start, shop: Shop) -> None:
    running = await start(extensions=False)
    await running.pair()
    await running.send(type="image", mediaUrl=f"{shop.url}/foto.png")
    assert shop.asked == 0


def test_the_oldest_files_fall_out_when_there_are_too_many_bytes() -> None:
    files = Files(max_kept=10)
    first, second = files.add(b"12345"), files.add(b"12345")
    assert files.find(first.id) is not None
    third = files.add(b"1")
    assert [files.find(kept.id) is None for kept in (first, second, third)] == [True, False, False]
    whole = files.add(b"x" * 20)
    assert files.find(whole.id) is not None
    assert files.find(third.id) is None
