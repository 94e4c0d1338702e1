"""How the simulated connection service says no."""

from __future__ import annotations


class Refusal(Exception):
    """A request is refused with an HTTP status between 400 and 499, a sentence, and perhaps a code in capitals."""

    def __init__(self, status: int, error: str, code: str | None = None) -> None:
        self.status = status
        self.error = error
        self.code = code
        super().__init__(error)


def not_connected() -> Refusal:
    """Return the refusal of a send through a session that has no open connection."""
    return Refusal(409, "This session is not connected to WhatsApp.", "NOT_CONNECTED")


def no_session() -> Refusal:
    """Return the refusal of a request about a session that was never started."""
    return Refusal(404, "There is no such session.", "NO_SESSION")


def invalid(error: str, code: str = "INVALID_INPUT") -> Refusal:
    """Return the refusal of a value that cannot be used."""
    return Refusal(422, error, code)
