"""What a message holds on the phone, out of what a send or a contact says: text, a file, choices."""

from __future__ import annotations

import msgspec

from . import media
from .files import Files, guessed_type
from .options import SimulatorOptions
from .phones import PhoneChoice, PhoneMedia
from .refusal import invalid
from .shapes import MAX_BUTTONS, MEDIA_KINDS, SendMessage


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """A message's content."""

    kind: str
    text: str
    file: PhoneMedia | None = None
    style: str | None = None
    choices: tuple[PhoneChoice, ...] = ()


def content_of(request: SendMessage, options: SimulatorOptions, files: Files) -> Content:
    """Read a send as far as the extensions go; the plain service knows text only. Raises Refusal 422."""
    text = request.text or ""
    if request.type == "interactive" and options.has(request.style):
        _check_choices(request, text)
        return Content(kind="interactive", text=text, style=request.style, choices=request.choices)
    if names_file(request, options):
        if request.media_url is None:
            raise invalid("A message with media needs a `mediaUrl`.")
        kind = request.type if request.type in MEDIA_KINDS else "document"
        file = file_of(kind, request.media_url, request.filename, files, "")
        return Content(kind=kind, text=text or request.caption or "", file=file)
    if not text:
        raise invalid("`text` is required.")
    kind = request.type if request.type and options.has("media") else "text"
    return Content(kind="text" if kind == "interactive" else kind, text=text)


def names_file(request: SendMessage, options: SimulatorOptions) -> bool:
    """Tell whether a send is to carry a file."""
    return options.has("media") and (request.type in MEDIA_KINDS or request.media_url is not None)


def file_of(kind: str, url: str | None, filename: str | None, files: Files, base_url: str) -> PhoneMedia | None:
    """Return the file of a message, a made one where no URL is given; None for a kind without. Raises Refusal 422."""
    if kind not in MEDIA_KINDS:
        return None
    if url is None:
        media_id = media.sample_for(kind)
        if media_id is None:
            raise invalid("This kind of message needs a `mediaUrl`.")
        url = f"{base_url}{media.PATH}{media_id}"
    elif not url.startswith(("http://", "https://")) or any(c.isspace() for c in url):
        raise invalid("`mediaUrl` must be an http or https URL.")
    kept = files.at(url)
    if kept is None:
        return PhoneMedia(url=url, filename=filename, mime_type=guessed_type(url, filename))
    return PhoneMedia(
        url=url,
        mime_type=kept.file.mime_type,
        filename=filename or kept.file.filename,
        size=len(kept.file.content),
        kept=kept.id,
    )


def own_copy(file: PhoneMedia | None, base_url: str) -> PhoneMedia | None:
    """Return a file as this service hands it on: under an address of its own, where it has a copy."""
    if file is None or file.kept is None:
        return file
    return msgspec.structs.replace(file, url=f"{base_url}{media.PATH}{file.kept}")


def _check_choices(request: SendMessage, text: str) -> None:
    if not text or not request.choices:
        raise invalid("An interactive message needs a `text` and `choices`.")
    if request.style == "buttons" and len(request.choices) > MAX_BUTTONS:
        raise invalid(f"There are at most {MAX_BUTTONS} buttons.")
    if len({choice.id for choice in request.choices}) < len(request.choices):
        raise invalid("Each of the `choices` needs an `id` of its own.")
