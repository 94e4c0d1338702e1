"""What the simulator's routes accept, decoded and limited at the edge."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from fivapp_whatsapp.models import SESSION_ID

from .phones import PhoneChoice
from .refusal import Refusal

SessionId = Annotated[str, Meta(pattern=SESSION_ID)]
Name = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=65_536)]
Address = Annotated[str, Meta(min_length=1, max_length=128)]
Identifier = Annotated[str, Meta(pattern=r"^[!-~]{1,256}$")]
Url = Annotated[str, Meta(max_length=4096)]
Kind = Literal[
    "text", "image", "video", "audio", "document", "sticker", "location", "contact", "reaction", "poll", "interactive"
]
AckStatus = Literal["sent", "delivered", "read", "played", "failed"]
# WhatsApp's own limits: three buttons, ten rows, 1,024 participants.
MAX_BUTTONS = 3
MAX_ROWS = 10
MAX_MEMBERS = 1024
MEDIA_KINDS = frozenset(("image", "video", "audio", "document", "sticker"))


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A JSON object; unknown fields are ignored, as the services that we imitate do."""


class StartSession(Body, frozen=True, kw_only=True):
    """POST /sessions/start."""

    tenant_id: SessionId
    name: Name | None = None


class SendMessage(Body, frozen=True, kw_only=True):
    """POST /message/send; all from `type` on belongs to extensions."""

    tenant_id: SessionId
    to: str
    text: Text | None = None
    type: Kind | None = None
    client_message_id: Identifier | None = None
    media_url: Url | None = None
    caption: Text | None = None
    filename: Name | None = None
    quoted_message_id: Identifier | None = None
    style: Literal["buttons", "list"] = "buttons"
    choices: Annotated[tuple[PhoneChoice, ...], Meta(max_length=MAX_ROWS)] = ()


class Typing(Body, frozen=True, kw_only=True):
    """POST /typing."""

    tenant_id: SessionId
    to: str
    typing: bool = True


class ContactWrites(Body, frozen=True, kw_only=True):
    """POST /simulator/sessions/{id}/messages; with `fromMe` it was typed on the paired phone, to `from`.

    `choiceId` is a tap on a button or a row; its title is the text where none is given.
    """

    from_: Address = msgspec.field(name="from")
    name: Name | None = None
    text: Text | None = None
    kind: Kind = "text"
    media_url: Url | None = None
    filename: Name | None = None
    group_id: Address | None = None
    group_name: Name | None = None
    from_me: bool = False
    message_id: Identifier | None = None
    quoted_message_id: Identifier | None = None
    choice_id: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    timestamp: Annotated[int, Meta(ge=0, le=99_999_999_999_999)] | None = None


class Member(Body, frozen=True, kw_only=True):
    """A participant with a name; one without is only an address."""

    id: Address
    name: Name | None = None


class ChangeGroup(Body, frozen=True, kw_only=True):
    """POST /simulator/sessions/{id}/groups/{groupId}: a group that is not there is made."""

    subject: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    add: Annotated[tuple[Address | Member, ...], Meta(max_length=MAX_MEMBERS)] = ()
    remove: Annotated[tuple[Address, ...], Meta(max_length=MAX_MEMBERS)] = ()
    promote: Annotated[tuple[Address, ...], Meta(max_length=MAX_MEMBERS)] = ()
    demote: Annotated[tuple[Address, ...], Meta(max_length=MAX_MEMBERS)] = ()


class SetStatus(Body, frozen=True, kw_only=True):
    """POST /simulator/sessions/{id}/messages/{messageId}/status."""

    status: AckStatus


class SetWebhook(Body, frozen=True, kw_only=True):
    """PUT /simulator/webhook."""

    url: Url | None
    key: Annotated[str, Meta(max_length=1024)] | None = None


T = TypeVar("T")


def decode(body: bytes, kind: type[T]) -> T:
    """Read a JSON body. Raises Refusal 400 for anything that is not of this kind."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as exc:
        raise Refusal(400, str(exc), "INVALID_INPUT") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(400, "The body is not readable JSON.", "INVALID_JSON") from None
