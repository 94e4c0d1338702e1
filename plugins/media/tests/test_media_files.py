"""What a file is, what is seen of it, and where it is kept, without a gateway."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import media_made as files
import msgspec
import pytest

from fivapp_whatsapp import TooLarge, Unprocessable
from fivapp_whatsapp_media.kinds import DOWNLOAD, family_of, fits, safe_name, type_of
from fivapp_whatsapp_media.library import Library, key_of
from fivapp_whatsapp_media.links import Link, Links
from fivapp_whatsapp_media.previews import Previews

pytestmark = pytest.mark.anyio
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


async def pieces(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "spool").mkdir()
    return Library((tmp_path / "store").as_uri(), spool=tmp_path / "spool")


@pytest.mark.parametrize(
    ("data", "mime_type", "family"),
    [
        (files.picture("PNG"), "image/png", "image"),
        (files.picture("JPEG"), "image/jpeg", "image"),
        (files.picture("WEBP"), "image/webp", "image"),
        (files.voice_note(0.2), "audio/ogg", "audio"),
        (files.film(), "video/mp4", "video"),
        (files.pdf(), "application/pdf", "pdf"),
        (HTML, DOWNLOAD, "other"),
        (SVG, DOWNLOAD, "other"),
        (b"MZ\x90\0" * 100, DOWNLOAD, "other"),
        (b"PK\x03\x04" + bytes(100), DOWNLOAD, "other"),
        (b"just words", DOWNLOAD, "other"),
    ],
    ids=["png", "jpeg", "webp", "ogg", "mp4", "pdf", "html", "svg", "exe", "zip", "text"],
)
def test_a_file_is_what_its_bytes_say(data: bytes, mime_type: str, family: str) -> None:
    assert type_of(data[:8192]) == mime_type
    assert family_of(mime_type) == family


def test_a_picture_message_holds_pictures_and_a_document_anything() -> None:
    assert fits("image", "image/png")
    assert not fits("image", DOWNLOAD)
    assert not fits("audio", "image/png")
    assert fits("document", DOWNLOAD)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "etc_passwd"),
        ("..\\..\\CON", "_CON"),
        ("a\u202egpj.exe", "a_gpj.exe"),
        ("fatura março.pdf", "fatura março.pdf"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
        ("\0\n", "file.pdf"),
        ("", "file.pdf"),
        (None, "file.pdf"),
        ('a"b;c', "a_b;c"),
    ],
)
def test_a_name_is_made_safe_to_save_under(name: str | None, safe: str) -> None:
    made = safe_name(name, "application/pdf")
    assert made == safe
    assert not set(made) & set('\\/:*?"<>|\0\n\u202e')


async def test_a_picture_has_its_size_and_a_small_one_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(files.picture("JPEG", (1200, 800)))
    facts = await Previews(50_000_000).look(path, "image")
    assert (facts.width, facts.height, facts.preview) == (1200, 800, True)
    assert facts.picture is not None
    assert facts.picture[8:12] == b"WEBP"


async def test_a_voice_note_has_its_length_and_how_loud_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(files.voice_note(2.0))
    facts = await Previews(50_000_000).look(path, "audio")
    assert facts.seconds == pytest.approx(2.0, abs=0.1)
    assert facts.peaks is not None
    assert len(facts.peaks) == 64
    assert sum(facts.peaks[:16]) < sum(facts.peaks[-16:])
    assert facts.preview


async def test_a_pdf_has_its_pages_and_a_film_its_first_picture(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(files.pdf(3))
    assert (await Previews(50_000_000).look(tmp_path / "a", "pdf")).pages == 3
    (tmp_path / "b").write_bytes(files.film())
    facts = await Previews(50_000_000).look(tmp_path / "b", "video")
    assert (facts.width, facts.height, facts.preview) == (320, 240, True)


async def test_a_picture_with_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(files.pixel_bomb())
    started = time.monotonic()
    facts = await Previews(50_000_000).look(tmp_path / "a", "image")
    assert (facts.too_many_pixels, facts.picture) == (True, None)
    assert time.monotonic() - started < 10


async def test_what_cannot_be_looked_into_has_no_facts_and_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(files.picture("PNG")[:30] + bytes(5000))
    (tmp_path / "b").write_bytes(b"%PDF-1.7\n" + b"\0" * 5000)
    (tmp_path / "c").write_bytes(b"OggS" + bytes(5000))
    for name, family in (("a", "image"), ("b", "pdf"), ("c", "audio")):
        facts = await Previews(50_000_000).look(tmp_path / name, family)  # type: ignore[arg-type]
        assert (facts.preview, facts.picture) == (False, None)


async def test_a_file_is_kept_once_for_a_tenant_and_never_shared(library: Library) -> None:
    data = files.picture()
    async with library.spooled(pieces(data), len(data)) as file:
        assert (file.size, file.mime_type) == (len(data), "image/png")
        assert file.sha256 == hashlib.sha256(data).hexdigest()
        assert await library.keep("acme", file)
        assert not await library.keep("acme", file)
        assert await library.keep("other", file)
    key = key_of("acme", file.sha256)
    assert b"".join([piece async for piece in library.read(key, 0, len(data))]) == data
    assert b"".join([piece async for piece in library.read(key, 10, 20)]) == data[10:20]
    await library.delete("acme", file.sha256)
    assert await library.size(key) is None
    assert await library.size(key_of("other", file.sha256)) == len(data)
    await library.delete("acme", file.sha256)


async def test_a_file_that_is_too_large_leaves_nothing_behind(library: Library, tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        async with library.spooled(pieces(bytes(5000)), 4999):
            raise AssertionError
    with pytest.raises(Unprocessable):
        async with library.spooled(pieces(b""), 10):
            raise AssertionError
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_link_opens_one_file_until_its_time_and_nothing_else() -> None:
    links = Links(b"k" * 32)
    link = Link("acme", "ab" * 32, "image/png", "a.png", int(time.time()) + 60)
    token = links.make(link)
    assert links.read(token) == link
    over = msgspec.structs.replace(link, expires_at=int(time.time()) - 1)
    assert links.read(links.make(over)) is None
    assert links.read(links.make(over), expired=True) == over
    assert Links(b"x" * 32).read(token) is None
    for place in range(0, len(token) - 1, 7):
        other = "A" if token[place] != "A" else "B"
        assert links.read(token[:place] + other + token[place + 1 :]) is None
    for text in ("", "x", "é", "A" * 3000, "=" * 8):
        assert links.read(text) is None
