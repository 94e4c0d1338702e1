"""Looks into one file in a process of its own, which may die of it: `python -m … FAMILY FILE PICTURE PIXELS`.

Prints what it found as one line of JSON and writes a small WebP picture. Memory, time and output are limited, for
the libraries that decode files are where hostile ones aim at.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
from typing import Any

EDGE = 480
PEAKS = 64
_WAVE = (480, 96)
_MEMORY = 2 * 1024**3
_CPU_SECONDS = 10
_OUTPUT = 4 * 1024**2
# The waveform of a longer recording is that of its beginning.
_MAX_SAMPLES_SECONDS = 900


def limit() -> None:
    """Limit memory, processor time and the size of what is written, where the system can."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_FSIZE, (_OUTPUT, _OUTPUT))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def image(path: str, picture: str, pixels: int) -> dict[str, Any]:
    """Look at a picture: its size as it is shown, and a small one of it."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # looked at here, before anything is decoded
    with Image.open(path) as found:
        width, height = found.size
        if width * height > pixels:
            return {"tooManyPixels": True, "width": width, "height": height}
        turned = found.getexif().get(0x0112) in (5, 6, 7, 8)
        found.draft("RGB", (2 * EDGE, 2 * EDGE))
        small = ImageOps.exif_transpose(found)
        _save(small, picture)
    return {"width": height if turned else width, "height": width if turned else height, "preview": True}


def pdf(path: str, picture: str, pixels: int) -> dict[str, Any]:
    """Look at a PDF: how many pages, and the first."""
    import pypdfium2

    with pypdfium2.PdfDocument(path) as document:
        count = len(document)
        page = document[0]
        width, height = page.get_size()
        if not 0 < width * height < pixels:
            return {"pages": count}
        _save(page.render(scale=EDGE / max(width, height)).to_pil(), picture)
    return {"pages": count, "preview": True}


def video(path: str, picture: str, pixels: int) -> dict[str, Any]:
    """Look at a film: how long, how large, its first frame; one without pictures is a recording."""
    import av

    with av.open(path) as container:
        if not container.streams.video:
            return audio(path, picture, pixels)
        stream = container.streams.video[0]
        facts: dict[str, Any] = {"seconds": _seconds(container), "width": stream.width, "height": stream.height}
        if stream.width * stream.height > pixels:
            return facts | {"tooManyPixels": True}
        frame: Any = next(container.decode(stream))
        _save(frame.to_image(), picture)
    return facts | {"preview": True}


def audio(path: str, picture: str, _: int) -> dict[str, Any]:
    """Listen to a recording: how long, and how loud along the way, 0 to 100, with a picture of it."""
    import av

    with av.open(path) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="s16", layout="mono", rate=4000)
        loud: list[int] = []
        samples = 0
        for frame in container.decode(stream):
            for small in resampler.resample(frame):
                values = memoryview(bytes(small.planes[0])[: small.samples * 2]).cast("h")
                samples += small.samples
                # A fiftieth of a second, as loud as its loudest sample.
                loud += [max(map(abs, values[at : at + 80])) for at in range(0, len(values), 80)]
            if samples > 4000 * _MAX_SAMPLES_SECONDS:
                break
        seconds = _seconds(container) or samples / 4000
    peaks = _peaks(loud)
    _draw(peaks, picture)
    return {"seconds": round(seconds, 2), "peaks": peaks, "preview": True}


def _seconds(container: Any) -> float | None:
    return None if container.duration is None else round(container.duration / 1_000_000, 2)


def _peaks(loud: list[int]) -> list[int]:
    if not loud:
        return [0] * PEAKS
    most = max(max(loud), 1)
    step = len(loud) / PEAKS
    parts = (
        loud[math.floor(n * step) : max(math.floor((n + 1) * step), math.floor(n * step) + 1)] for n in range(PEAKS)
    )
    return [round(100 * max(part, default=0) / most) for part in parts]


def _draw(peaks: list[int], picture: str) -> None:
    from PIL import Image, ImageDraw

    width, height = _WAVE
    wave = Image.new("RGBA", _WAVE, (0, 0, 0, 0))
    draw = ImageDraw.Draw(wave)
    step = width / len(peaks)
    for place, peak in enumerate(peaks):
        half = max(1.5, peak / 100 * (height / 2 - 4))
        left = place * step + 1.5
        draw.rounded_rectangle(
            (left, height / 2 - half, left + step - 3, height / 2 + half), radius=2, fill=(110, 120, 130, 255)
        )
    wave.save(picture, "WEBP", quality=70)


def _save(found: Any, picture: str) -> None:
    small = found.convert("RGBA" if found.mode in ("RGBA", "LA", "P") else "RGB")
    small.thumbnail((EDGE, EDGE))
    small.save(picture, "WEBP", quality=70)


_WAYS = {"image": image, "pdf": pdf, "video": video, "audio": audio}


def main() -> None:
    """Look into the file that the arguments name."""
    family, path, picture, pixels = sys.argv[1:5]
    limit()
    print(json.dumps(_WAYS[family](path, picture, int(pixels))))  # noqa: T201  # that is how it answers


if __name__ == "__main__":
    main()
