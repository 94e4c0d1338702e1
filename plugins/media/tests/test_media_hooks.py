"""The plugin in a gateway: what becomes of the files of messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import media_made as files
import msgspec
import pytest

from fivapp_whatsapp import Gateway, Media, Message, MessageKind, OutgoingMessage, Unprocessable
from fivapp_whatsapp.testing import Chat
from fivapp_whatsapp_media import keeper as keeping
from fivapp_whatsapp_media.keeper import File, Keeper, StoreNotOpen, keeper_of
from fivapp_whatsapp_media.library import key_of

DAY = 86_400


async def comes(chat: Chat, data: bytes, *, kind: str = "image", url: str = "/media/1", **media: Any) -> Message:
    """Let the contact send a file; return the message as it is when all is quiet."""
    chat.connector.files[url] = ("application/octet-stream", data)
    sent = await chat.says(None, kind=kind, media=Media(url=url, **media))
    return await chat.gateway.message("acme", sent.id)


def keeper(gateway: Gateway) -> Keeper:
    found: Keeper = gateway.shared("media")["keeper"]
    return found


async def kept(chat: Chat, message: Message) -> bytes:
    view = chat.gateway.as_plugin("acme", "media")
    file = await keeper(chat.gateway).file_to_show(view, message.id)
    pieces = keeper(chat.gateway).library.read(key_of("acme", file.sha256), 0, file.size)
    return b"".join([piece async for piece in pieces])


async def uploaded(chat: Chat, data: bytes) -> File:
    async def body() -> AsyncIterator[bytes]:
        yield data

    return await keeper(chat.gateway).upload(chat.gateway.as_plugin("acme", "media"), body(), "a.png")


async def send(chat: Chat, file: File) -> Any:
    chat.connector_can(media=True)
    url = keeper(chat.gateway).url(chat.gateway.as_plugin("acme", "media"), file, 600)
    media = Media(url=url, mime_type="image/png")
    return await chat.gateway.send("acme", chat.conversation.id, OutgoingMessage(kind=MessageKind.IMAGE, media=media))


async def stored(chat: Chat) -> list[str]:
    """Return the keys of all files that are kept."""
    found = keeper(chat.gateway).library._store.list()
    return [one["path"] for part in found for one in part]


async def test_a_picture_is_fetched_at_once_and_described_by_its_content(chat: Chat) -> None:
    data = files.picture("PNG", (640, 400))
    message = await comes(chat, data, filename="../../a.png", mime_type="image/jpeg")
    assert message.media is not None
    assert (message.media.state, message.media.preview) == ("ready", True)
    assert (message.media.mime_type, message.media.size) == ("image/png", len(data))
    assert (message.media.width, message.media.height) == (640, 400)
    assert await kept(chat, message) == data
    assert chat.replies == []


async def test_a_voice_note_has_its_seconds_and_a_document_its_name(chat: Chat) -> None:
    voice = await comes(chat, files.voice_note(1.0), kind="audio")
    assert voice.media is not None
    assert (voice.media.mime_type, round(voice.media.seconds or 0)) == ("audio/ogg", 1)
    paper = await comes(chat, files.pdf(2), kind="document", url="/media/2", filename="fatura.pdf")
    assert paper.media is not None
    assert (paper.media.mime_type, paper.media.filename, paper.media.preview) == (
        "application/pdf",
        "fatura.pdf",
        True,
    )


async def test_the_same_bytes_are_kept_once_and_each_message_has_them(chat: Chat) -> None:
    data = files.picture()
    first = await comes(chat, data)
    second = await comes(chat, data, url="/media/2")
    assert await kept(chat, first) == await kept(chat, second) == data
    assert chat.connector.fetched == ["/media/1", "/media/2"]


async def test_what_is_no_picture_is_not_kept_as_one(chat: Chat) -> None:
    message = await comes(chat, b"<!doctype html><script>alert(1)</script>", mime_type="image/png")
    assert message.media is not None
    assert (message.media.state, message.media.url) == ("refused", "/media/1")


async def test_a_file_that_is_gone_says_so_and_one_that_may_come_is_tried_again(chat: Chat) -> None:
    gone = await chat.says(None, kind="image", media=Media(url="/media/9"))
    found = (await chat.gateway.message("acme", gone.id)).media
    assert found is not None
    assert found.state == "gone"
    assert chat.connector.fetched == ["/media/9"]


async def test_a_larger_file_than_the_tenant_takes_is_refused(chat: Chat) -> None:
    await chat.configure("media", maxMegabytes=1)
    message = await comes(chat, bytes(1024 * 1024 + 1), kind="document")
    assert message.media is not None
    assert message.media.state == "refused"


async def test_a_tenant_that_keeps_no_files_fetches_none(chat: Chat) -> None:
    await chat.configure("media", fetch=False)
    message = await comes(chat, files.picture())
    assert (chat.connector.fetched, message.media and message.media.state) == ([], None)


async def test_handled_again_nothing_is_fetched_twice(chat: Chat) -> None:
    await comes(chat, files.picture())
    await chat.runs_twice()
    assert chat.connector.fetched == ["/media/1"]


async def test_a_file_goes_after_its_days_unless_another_message_has_it(chat: Chat) -> None:
    await chat.configure("media", retentionDays=2)
    data = files.picture()
    old = await comes(chat, data)
    await chat.clock.advance(2 * DAY)
    young = await comes(chat, data, url="/media/2")
    other = await comes(chat, files.pdf(), kind="document", url="/media/3")
    await chat.clock.advance(1.5 * DAY)
    found = (await chat.gateway.message("acme", old.id)).media
    assert found is not None
    assert (found.state, found.preview) == ("expired", None)
    assert await kept(chat, young) == data
    await chat.clock.advance(2 * DAY)
    for message in (young, other):
        media = (await chat.gateway.message("acme", message.id)).media
        assert media is not None
        assert media.state == "expired"
    view = chat.gateway.as_plugin("acme", "media")
    assert await view.state.items("ref:") == await view.state.items("file:") == {}
    assert await stored(chat) == []


async def test_a_message_that_goes_out_has_the_file_that_was_uploaded(chat: Chat) -> None:
    view, mine = chat.gateway.as_plugin("acme", "media"), keeper(chat.gateway)
    file = await uploaded(chat, files.picture())
    sent = await send(chat, file)
    url = sent.message.media.url if sent.message.media else None
    assert (await mine.file_to_show(view, sent.message.id)).sha256 == file.sha256
    await chat.quiet()
    media = (await chat.gateway.message("acme", sent.message.id)).media
    assert media is not None
    assert (media.state, media.width, media.url) == ("ready", 640, url)


async def test_an_upload_that_nobody_sends_goes_when_its_link_is_over(chat: Chat) -> None:
    await uploaded(chat, files.picture())
    await chat.clock.advance(DAY - 60)
    assert len(await stored(chat)) == 2
    await chat.clock.advance(120)
    assert await stored(chat) == []
    assert await chat.gateway.as_plugin("acme", "media").state.items() == {}


async def test_an_upload_that_was_sent_stays_with_its_message(chat: Chat) -> None:
    data = files.picture()
    sent = await send(chat, await uploaded(chat, data))
    await chat.quiet()
    await chat.clock.advance(2 * DAY)
    assert await kept(chat, sent.message) == data


async def test_an_upload_outlives_an_older_message_with_the_same_bytes(chat: Chat) -> None:
    await chat.configure("media", retentionDays=1)
    data = files.picture()
    old = await comes(chat, data)
    await chat.clock.advance(1.5 * DAY)
    file = await uploaded(chat, data)
    await chat.clock.advance(0.9 * DAY)
    media = (await chat.gateway.message("acme", old.id)).media
    assert media is not None
    assert media.state == "expired"
    assert await keeper(chat.gateway).library.size(key_of("acme", file.sha256)) == len(data)


async def test_an_upload_with_too_many_pixels_leaves_nothing_behind(chat: Chat) -> None:
    mine = keeper(chat.gateway)
    mine.settings = msgspec.structs.replace(mine.settings, pixels=100)
    with pytest.raises(Unprocessable):
        await uploaded(chat, files.picture())
    assert await stored(chat) == []


@pytest.mark.parametrize("problem", ["full", "hangs"])
async def test_a_store_that_takes_no_file_leaves_none_that_seems_to_be_fetched(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    async def keep(*_: Any) -> bool:
        if problem == "full":
            raise OSError("no space left on device")
        await asyncio.Event().wait()
        return False

    monkeypatch.setattr(keeping, "_FETCH_SECONDS", 0.5 if problem == "hangs" else 60.0)
    monkeypatch.setattr(keeper(chat.gateway).library, "keep", keep)
    message = await comes(chat, b"words", kind="document")
    assert message.media is not None
    assert message.media.state == "failed"


async def test_a_store_that_could_not_be_opened_is_named_to_whoever_asks_for_a_file(chat: Chat) -> None:
    chat.gateway.shared("media").clear()
    with pytest.raises(StoreNotOpen, match="FIVAPP_MEDIA_STORE_URL"):
        keeper_of(chat.gateway.shared("media"))
