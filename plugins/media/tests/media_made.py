"""Real files, made here: a picture, a voice note, a film, a PDF, and hostile ones."""

from __future__ import annotations

import io
import math
import struct
import zlib

import av
from PIL import Image


def picture(kind: str = "PNG", size: tuple[int, int] = (640, 400)) -> bytes:
    """Make a picture with a gradient."""
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def voice_note(seconds: float = 2.0) -> bytes:
    """Make a voice note as phones do: Opus in Ogg, a tone that grows louder."""
    out = io.BytesIO()
    rate = 48_000
    with av.open(out, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=rate, layout="mono")
        frame_size = 960
        for n in range(int(seconds * rate / frame_size)):
            frame = av.AudioFrame(format="s16", layout="mono", samples=frame_size)
            loud = 30_000 * n * frame_size / (seconds * rate)
            values = (int(loud * math.sin(2 * math.pi * 440 * (n * frame_size + i) / rate)) for i in range(frame_size))
            frame.planes[0].update(struct.pack(f"<{frame_size}h", *values))
            frame.sample_rate, frame.pts = rate, n * frame_size
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def film(seconds: int = 1) -> bytes:
    """Make a film of one colour."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(10 * seconds):
            container.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (320, 240), "teal"))))
        container.mux(stream.encode(None))
    return out.getvalue()


def pdf(pages: int = 2) -> bytes:
    """Make a PDF of empty pages."""
    out = io.BytesIO()
    first, *rest = (Image.new("RGB", (210, 297), "white") for _ in range(pages))
    first.save(out, "PDF", save_all=True, append_images=rest)
    return out.getvalue()


def pixel_bomb(edge: int = 50_000) -> bytes:
    """Make a small PNG that says it is huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", edge, edge, 1, 0, 0, 0, 0)
    body = zlib.compress(b"\0" * 1_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
