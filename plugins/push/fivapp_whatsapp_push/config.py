"""What a tenant may set about notifications, and what the operator sets for the installation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from .endpoints import PUSH_SERVICES
from .notification import Content
from .vapid import Vapid, read_private_key, vapid_of


def _said(
    title: str,
    description: str,
    title_pt: str,
    description_pt: str,
    values: Mapping[str, tuple[str, str]] | None = None,
) -> dict[str, Any]:
    """Return a field's words for the form, in English and Brazilian Portuguese, also of its values."""
    portuguese: dict[str, Any] = {"title": title_pt, "description": description_pt}
    words = {"pt-BR": portuguese}
    if values is not None:
        portuguese["values"] = {value: said[1] for value, said in values.items()}
        words["en"] = {"values": {value: said[0] for value, said in values.items()}}
    return {"title": title, "description": description, "extra_json_schema": {"i18n": words}}


_CONTENTS = {
    "nothing": ("Only that somebody wrote", "Só que alguém escreveu"),
    "name": ("Who wrote", "Quem escreveu"),
    "text": ("Who wrote, and what", "Quem escreveu, e o quê"),
}


class Push(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Browser notifications for those who have switched them on, on the device where they did."""

    content: Annotated[
        Content,
        Meta(
            **_said(
                "Content",
                "What the notification says. It is seen on locked screens.",
                "Conteúdo",
                "O que o aviso diz. Aparece na tela bloqueada.",
                _CONTENTS,
            )
        ),
    ] = "name"
    groups: Annotated[
        bool,
        Meta(**_said("Groups", "Also for messages in groups.", "Grupos", "Também para mensagens em grupos.")),
    ] = False
    bot_seconds: Annotated[
        int,
        Meta(
            **_said(
                "Seconds for bots",
                "Where bots answer, somebody is told only when nothing was answered for so long.",
                "Segundos para os bots",
                "Onde bots respondem, só se avisa alguém quando nada foi respondido nesse tempo.",
            ),
            ge=0,
            le=600,
        ),
    ] = 10
    ttl_minutes: Annotated[
        int,
        Meta(
            **_said(
                "Minutes to live",
                "A device that is off for longer does not hear of it any more.",
                "Minutos de validade",
                "Um aparelho desligado por mais tempo não é mais avisado.",
            ),
            ge=1,
            le=10_080,
        ),
    ] = 240


class PushSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's settings: FIVAPP_PUSH_VAPID_KEY, FIVAPP_PUSH_CONTACT, FIVAPP_PUSH_HOSTS (comma-separated)."""

    vapid_key: str = ""
    contact: str = ""
    hosts: str = ""


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who this installation is to push services, and which of them it pushes to."""

    vapid: Vapid
    services: tuple[str, ...]


def sender_of(settings: PushSettings, secret: bytes, public_url: str) -> Sender:
    """Return who we are; `secret` stands in for a key that is not set. Raises ValueError for one that is unusable."""
    contact = settings.contact or (public_url if public_url.startswith("https://") else "")
    if contact and not contact.startswith(("mailto:", "https://")):
        raise ValueError("FIVAPP_PUSH_CONTACT is a mailto: or https: address")
    given = settings.vapid_key.strip()
    vapid = read_private_key(given, contact) if given else vapid_of(secret, contact)
    further = tuple(host.strip() for host in settings.hosts.split(",") if host.strip())
    return Sender(vapid=vapid, services=(*PUSH_SERVICES, *further))
