"""The files that fake phones have: a picture, a voice note and a document, each made in code when first asked for."""

from __future__ import annotations

import io
import math
import struct
import wave
import zlib
from collections.abc import Callable
from functools import cache

import msgspec

PATH = "/media/"
_SIDE = 240


class MediaFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file with its type and name."""

    content: bytes
    mime_type: str
    filename: str


def find(media_id: str) -> MediaFile | None:
    """Return a file by its id, or None."""
    return _make(media_id) if media_id in _FILES else None


def sample_for(kind: str) -> str | None:
    """Return the id of a file that fits a kind of message, or None."""
    return _SAMPLES.get(kind)


@cache
def _make(media_id: str) -> MediaFile:
    mime_type, build = _FILES[media_id]
    return MediaFile(content=build(), mime_type=mime_type, filename=media_id)


def _picture() -> bytes:
    """Draw a blue vase with a flower, as a PNG."""
    rows = b"".join(b"\0" + b"".join(_color(x, y) for x in range(_SIDE)) for y in range(_SIDE))
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def _color(x: int, y: int) -> bytes:
    across, down = x - _SIDE / 2, y - _SIDE / 2
    angle, far = math.atan2(down + 62, across), math.hypot(across, down + 62)
    belly = 18 + 30 * math.sin(math.pi * min(1.0, max(0.0, (down + 12) / 104))) ** 1.4
    if far < 9:
        return b"\xf2\xb8\x24"
    if far < 18 + 16 * abs(math.cos(2.5 * angle)):
        return b"\xe2\x5b\x6d"
    if -12 <= down <= 92 and abs(across) < belly:
        shade = int(36 * across / belly)
        return bytes((36 - shade // 2, 98 - shade, 190 - shade))
    if -50 < down < 0 and abs(across - 4 * math.sin(down / 9)) < 3:
        return b"\x3c\x8d\x4f"
    if down > 80:
        return bytes((176 - y // 8, 128 - y // 8, 92 - y // 8))
    return bytes((250 - y // 6, 240 - y // 5, 222 - y // 7))


def _voice_note() -> bytes:
    rate, notes = 8000, (523.25, 659.25, 783.99)
    samples = []
    for note in notes:
        for i in range(rate // 4):
            fade = 1 - i / (rate / 4)
            samples.append(int(12_000 * fade * math.sin(2 * math.pi * note * i / rate)))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return out.getvalue()


def _document() -> bytes:
    stream = b"BT /F1 22 Tf 60 760 Td (Orcamento n. 1024) Tj 0 -34 Td /F1 13 Tf (Um documento de exemplo.) Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


_FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "foto.png": ("image/png", _picture),
    "audio.wav": ("audio/wav", _voice_note),
    "orcamento.pdf": ("application/pdf", _document),
}
_SAMPLES = {"image": "foto.png", "sticker": "foto.png", "audio": "audio.wav", "document": "orcamento.pdf"}
