"""Says when somebody will answer, to those who write outside the hours of support.

fivapp-whatsapp demo --plugin examples/support_hours.py

A tenant sets its own hours on /automations. It is said once in a while, not to each message.
"""

from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from fivapp_whatsapp import Message, State, hookimpl

TIME = "^([01][0-9]|2[0-3]):[0-5][0-9]$"
QUIET_HOURS = timedelta(hours=4)


class Hours(msgspec.Struct, frozen=True):
    """When people answer. Weekdays are numbered from Monday, 0, to Sunday, 6."""

    opens: Annotated[str, Meta(title="Opens", description="In the zone's time", pattern=TIME)] = "09:00"
    closes: Annotated[str, Meta(title="Closes", pattern=TIME)] = "18:00"
    weekdays: Annotated[tuple[Annotated[int, Meta(ge=0, le=6)], ...], Meta(title="Weekdays")] = (0, 1, 2, 3, 4)
    zone: Annotated[str, Meta(title="Time zone")] = "America/Sao_Paulo"
    text: Annotated[str, Meta(title="Text", max_length=1000)] = (
        "Olá! Atendemos de segunda a sexta, das 9h às 18h. Sua mensagem está guardada: respondemos assim que abrirmos."
    )

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (LookupError, ValueError, OSError):
            raise ValueError(f"There is no time zone {self.zone!r}.") from None


@hookimpl
def plugin_config() -> type[Hours]:
    return Hours


@hookimpl
async def reply_to(message: Message, config: Hours, state: State) -> str | None:
    if is_open(config, message.at) or await state.get("told"):
        return None
    await state.set("told", True, expires=QUIET_HOURS)
    return config.text


def is_open(hours: Hours, at: datetime) -> bool:
    """Tell whether people answer at a time; hours that end before they begin go past midnight."""
    there = at.astimezone(ZoneInfo(hours.zone))
    now = f"{there:%H:%M}"
    if hours.opens <= hours.closes:
        return there.weekday() in hours.weekdays and hours.opens <= now < hours.closes
    yesterday = (there.weekday() - 1) % 7
    return (there.weekday() in hours.weekdays and now >= hours.opens) or (
        yesterday in hours.weekdays and now < hours.closes
    )
