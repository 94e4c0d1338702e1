"""A connection service that is a sheet of paper: what is sent is printed, and nothing else is needed.

FIVAPP_CONNECTOR=paper fivapp-whatsapp serve --plugin examples/paper.py

A real one implements fivapp_whatsapp.Connector over its own protocol; this one begins with the one for tests.
"""

from collections.abc import Callable, Mapping

from fivapp_whatsapp import Connector, OutgoingSend, SendResult, SessionStatus, SessionUpdate, Settings, hookimpl
from fivapp_whatsapp.testing import FakeConnector


class Paper(FakeConnector):
    """Prints what is sent."""

    name = "paper"

    async def start_session(self, session_id: str, name: str) -> SessionUpdate:
        """Connect at once: there is nothing to scan."""
        self.report(session_id, SessionStatus.CONNECTED)
        return await super().start_session(session_id, name)

    async def send(self, send: OutgoingSend) -> SendResult:
        """Print a message."""
        print(f"to {send.to}: {send.message.text}")
        return await super().send(send)


@hookimpl
def register_connectors() -> Mapping[str, Callable[[Settings], Connector]]:
    return {"paper": lambda settings: Paper(key=settings.connection_service_api_key)}
