"""What the simulated connection service can be told when it is made."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

Extension = Literal["buttons", "events", "groups", "idempotent_send", "list", "lookup", "media", "quote", "typing"]
ALL_EXTENSIONS: frozenset[str] = frozenset(get_args(Extension))

Seconds = Annotated[float, Meta(ge=0, le=86_400)]


class SimulatorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the simulated connection service behaves.

    `extensions`: True for all of `ALL_EXTENSIONS`, False for the plain service, or a set of names. `events` is
    what webhooks say beyond `{tenantId, from, message, timestamp, messageId}`: further fields, acks, session
    statuses. `webhook_key` is sent as `X-API-KEY`, by default it is `api_key`. `retry_scale` and `pace` multiply
    the pauses of webhook retries and of the contacts that write by themselves. The routes without a key answer
    on loopback host names and on `allowed_hosts`. `public_url` is how others reach the media; by default the
    address under which the simulator was last driven.
    """

    api_key: str
    webhook_url: str | None = None
    webhook_key: str | None = None
    extensions: bool | frozenset[str] = True
    contacts_write: bool = False
    public_url: str | None = None
    allowed_hosts: frozenset[str] = frozenset()
    qr_first_seconds: Seconds = 60.0
    qr_next_seconds: Seconds = 20.0
    qr_count: Annotated[int, Meta(ge=1, le=100)] = 6
    delivered_after: Seconds = 0.4
    read_after: Seconds = 1.2
    ambiguous_seconds: Seconds = 15.0
    webhook_timeout: Annotated[float, Meta(gt=0, le=600)] = 10.0
    retry_scale: Seconds = 1.0
    pace: Seconds = 1.0
    seed: int | None = None

    def has(self, extension: Extension) -> bool:
        """Tell whether an extension is switched on."""
        return extension in self.active_extensions

    @property
    def active_extensions(self) -> frozenset[str]:
        """Return the extensions that are switched on."""
        if isinstance(self.extensions, bool):
            return ALL_EXTENSIONS if self.extensions else frozenset()
        return ALL_EXTENSIONS & self.extensions

    @property
    def capabilities(self) -> list[str]:
        """Return what `GET /capabilities` lists, sorted."""
        return sorted(self.active_extensions - {"events"})
