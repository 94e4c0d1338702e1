"""Counts messages and failures of plugins, and sends the counts to a StatsD server.

STATSD=127.0.0.1:8125 fivapp-whatsapp demo --plugin examples/metrics_sink.py

Each count is a UDP packet, which costs nothing when nobody listens. The gateway's own metrics are at /metrics.
"""

import os
import re
import socket

from fivapp_whatsapp import Message, Session, hookimpl

host, _, port = os.environ.get("STATSD", "127.0.0.1:8125").rpartition(":")
sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sink.setblocking(False)


@hookimpl
def message_received(message: Message, session: Session) -> None:
    count("messages_received", session.tenant_id, message.kind)


@hookimpl
def message_sent(message: Message, session: Session) -> None:
    count("messages_sent", session.tenant_id, message.author.kind)


@hookimpl
def message_status_changed(message: Message, session: Session) -> None:
    count("messages", session.tenant_id, message.status)


@hookimpl
def session_status_changed(session: Session) -> None:
    count("sessions", session.tenant_id, session.status)


@hookimpl
def plugin_failed(plugin: str, hook: str, error: BaseException) -> None:
    count("plugin_failures", plugin, hook, type(error).__name__)


@hookimpl
def shutdown() -> None:
    sink.close()


def count(*words: str) -> None:
    """Add one to a counter; its name never holds what people wrote."""
    name = ".".join(re.sub(r"[^A-Za-z0-9_-]", "_", word) for word in words)
    try:
        sink.sendto(f"fivapp.{name}:1|c".encode(), (host, int(port)))
    except OSError:
        return  # nobody listens, or not fast enough: a count is worth no wait
