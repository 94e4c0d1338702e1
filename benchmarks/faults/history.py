"""What was asked of the gateways and what they answered: every operation, and a line of JSON for each step of it."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Literal

import msgspec

Kind = Literal["webhook", "send"]


class Place(msgspec.Struct, frozen=True):
    """A conversation under load, which is one chat of one session; `conversation_id` is known where we send."""

    kind: Kind
    tenant_id: str
    session_id: str
    chat_id: str
    conversation_id: str = ""


class Operation(msgspec.Struct):
    """One message; its text is its name. In one place each has the next number, and begins when the last has ended."""

    place: Place
    number: int
    text: str
    acknowledged: bool = False
    tries: int = 0
    ended_at: float = 0.0


class History:
    """Keeps the operations of a run by their texts; the file is there to be read when something is wrong."""

    def __init__(self, file: Path) -> None:
        self.operations: dict[str, Operation] = {}
        self.answers: Counter[str] = Counter()
        self.acknowledged = 0
        self._file = file.open("w", encoding="utf-8", buffering=1 << 16)
        self._encode = msgspec.json.Encoder().encode

    def __enter__(self) -> History:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def invoke(self, place: Place, number: int) -> Operation:
        """Begin an operation."""
        text = f"{place.kind} {place.session_id} {place.chat_id} {number}"
        operation = self.operations[text] = Operation(place, number, text)
        self._write("invoke", text)
        return operation

    def answered(self, operation: Operation, status: int) -> None:
        """Note an answer; from 200 to 299 acknowledges."""
        operation.tries += 1
        self.answers[f"{operation.place.kind} {status}"] += 1
        if 200 <= status < 300 and not operation.acknowledged:
            operation.acknowledged = True
            operation.ended_at = time.monotonic()
            self.acknowledged += 1
        self._write("ok" if 200 <= status < 300 else "fail", operation.text, status)

    def unanswered(self, operation: Operation, error: str) -> None:
        """Note that no answer came: the operation may have had its effect or not."""
        operation.tries += 1
        self.answers[f"{operation.place.kind} no answer"] += 1
        self._write("info", operation.text, error)

    def note(self, what: str) -> None:
        """Note what went wrong on purpose."""
        self._write("nemesis", what)

    def _write(self, step: str, about: str, detail: object = None) -> None:
        line = {"at": round(time.monotonic(), 4), "step": step, "of": about, "detail": detail}
        self._file.write(self._encode(line).decode() + "\n")
