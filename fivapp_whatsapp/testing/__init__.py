"""For tests of plugins and of applications around the gateway: a pytest plugin, a connector and a clock that obey.

Installing fivapp-whatsapp gives pytest the fixtures of `pytest_plugin`; docs/plugins.md shows them at work. What is
exported here, and no more, is loaded when its name is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .chat import Chat
    from .clock import FakeClock
    from .connector import FakeConnector
    from .demo import Demo, running_demo
    from .postgres import create_database, drop_database, postgres_server

__all__ = [
    "Chat",
    "create_database",
    "Demo",
    "drop_database",
    "FakeClock",
    "FakeConnector",
    "postgres_server",
    "running_demo",
]

_HOMES = {
    "Chat": ".chat",
    "create_database": ".postgres",
    "Demo": ".demo",
    "drop_database": ".postgres",
    "FakeClock": ".clock",
    "FakeConnector": ".connector",
    "postgres_server": ".postgres",
    "running_demo": ".demo",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
