"""Fake contacts that begin to write by themselves after a scan, each at a person's pace."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any

import msgspec

from .options import SimulatorOptions
from .refusal import Refusal
from .shapes import ContactWrites

WAIT_FOR_ANSWER = 900.0


class Line(msgspec.Struct, frozen=True):
    """One thing a contact writes, `after` seconds; `answered`: only once somebody has answered."""

    after: float
    text: str
    kind: str = "text"
    answered: bool = False


class Contact(msgspec.Struct, frozen=True):
    """A contact and what it has to say, alone or in a group."""

    phone: str
    name: str
    lines: tuple[Line, ...]
    group_id: str | None = None
    group_name: str | None = None


_GROUP = ("120363041112223330@g.us", "Condomínio Jardim das Flores")
SCRIPT: tuple[Contact, ...] = (
    Contact(
        "5511987650001",
        "Ana Souza",
        (
            Line(3, "Oi, bom dia! 😊"),
            Line(4, "Vocês ainda têm aquele vaso azul da foto?"),
            Line(2, "Era este aqui", kind="image"),
            Line(5, "Que ótimo! Pode reservar um pra mim, por favor?", answered=True),
            Line(6, "Muito obrigada, passo aí amanhã cedo! 🙏", answered=True),
        ),
    ),
    Contact(
        "5521987650002",
        "Bruno Lima",
        (
            Line(9, "Boa tarde, meu pedido 1024 já saiu para entrega?"),
            Line(12, "É que hoje só fico em casa até as 18h"),
            Line(6, "Perfeito, obrigado pela agilidade! 👏", answered=True),
        ),
    ),
    Contact(
        "5531987650003",
        "Carla Mendes",
        (
            Line(18, "Olá! Gravei um áudio explicando o que preciso"),
            Line(4, "", kind="audio"),
            Line(7, "Isso mesmo. Quanto fica com a instalação?", answered=True),
            Line(6, "Fechado! Pode mandar o orçamento por aqui.", answered=True),
        ),
    ),
    Contact(
        "5541987650004",
        "Davi Rocha",
        (
            Line(26, "Pessoal, alguém indica uma empresa boa de jardinagem?"),
            Line(15, "Vou chamar no privado, valeu!", answered=True),
        ),
        *_GROUP,
    ),
    Contact("5551987650005", "Elisa Prado", (Line(34, "Eu recomendo muito vocês 💚"),), *_GROUP),
)


class ContactsWriting:
    """Runs the script for each session that asks for it, once at a time."""

    def __init__(self, options: SimulatorOptions, write: Callable[[str, ContactWrites], Any]) -> None:
        self._options = options
        self._write = write
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}
        self._answers: dict[tuple[str, str], asyncio.Event] = {}

    def start(self, session_id: str) -> None:
        """Let the contacts of a session begin; those that began already go on."""
        if session_id in self._tasks:
            return
        loop = asyncio.get_running_loop()
        self._tasks[session_id] = [loop.create_task(self._speak(session_id, contact)) for contact in SCRIPT]

    def answered(self, session_id: str, chat_id: str) -> None:
        """Tell the contact in a chat that somebody answered."""
        if event := self._answers.get((session_id, chat_id)):
            event.set()

    def stop(self, session_id: str) -> None:
        """Let the contacts of a session fall silent; a new start begins anew."""
        for task in self._tasks.pop(session_id, ()):
            task.cancel()

    async def close(self) -> None:
        """Let all contacts fall silent."""
        tasks = [task for group in self._tasks.values() for task in group]
        for session_id in list(self._tasks):
            self.stop(session_id)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _speak(self, session_id: str, contact: Contact) -> None:
        place = (session_id, contact.group_id or f"{contact.phone}@c.us")
        answer = self._answers.setdefault(place, asyncio.Event())
        generator = random.Random(f"{self._options.seed}:{contact.phone}")  # noqa: S311  # a pace, no secret
        for line in contact.lines:
            if line.answered:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(WAIT_FOR_ANSWER):
                        await answer.wait()
            answer.clear()
            await asyncio.sleep(line.after * generator.uniform(0.8, 1.3) * self._options.pace)
            self._say(session_id, contact, line)

    def _say(self, session_id: str, contact: Contact, line: Line) -> None:
        written = ContactWrites(
            from_=contact.phone,
            name=contact.name,
            text=line.text or None,
            kind=line.kind,  # type: ignore[arg-type]  # the script names kinds that exist; a test reads it
            group_id=contact.group_id,
            group_name=contact.group_name,
        )
        # The phone may have been unpaired meanwhile: then nobody hears the contact.
        with contextlib.suppress(Refusal):
            self._write(session_id, written)
