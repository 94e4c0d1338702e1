"""What would the bots say? Asks the chain about a text without any effect, over as many turns as one likes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from fivapp_whatsapp.choices import as_choices, chosen
from fivapp_whatsapp.errors import ConversationNotFound, InvalidInput, SessionNotFound
from fivapp_whatsapp.models import (
    Author,
    Choice,
    Contact,
    Conversation,
    Message,
    MessageKind,
    MessageStatus,
    Model,
    OutgoingMessage,
    Session,
    new_id,
)
from fivapp_whatsapp.ports import Clock, Store
from fivapp_whatsapp.ports.plugins import AnswerTrail, StoredEvent
from fivapp_whatsapp.text import clean_text

from .chain import Chain, Turn, TurnContext
from .decisions import Decisions
from .outgoing import Outgoing
from .rehearsal import Rehearsal, nobody

Rehearse = Callable[[str, Mapping[str, Any] | None], Rehearsal]


class Trial(Model, frozen=True, kw_only=True):
    """What bots would say to a text.

    The `rule` of the trail is what would silence them in this conversation now; they were asked all the same.
    `effects` are what they would have sent or changed beside their answer. `memory` is JSON: given to the next trial,
    it goes on from there.
    """

    answers: Sequence[OutgoingMessage]
    trail: AnswerTrail
    effects: Sequence[Mapping[str, Any]]
    memory: Mapping[str, Any]


class Trials:
    """Rehearses the reply chain; `rehearse` makes a rehearsal with a memory, `rule` finds what would silence bots."""

    def __init__(
        self,
        store: Store,
        chain: Chain,
        outgoing: Outgoing,
        decisions: Decisions,
        clock: Clock,
        rehearse: Rehearse,
        rule: Callable[[Turn], Awaitable[tuple[str | None, Collection[str]]]],
    ) -> None:
        self._outgoing = outgoing
        self._silencing = rule
        self._store = store
        self._chain = chain
        self._decisions = decisions
        self._clock = clock
        self._rehearse = rehearse

    async def run(
        self,
        tenant_id: str,
        text: str,
        *,
        conversation_id: str | None = None,
        plugin: str | None = None,
        memory: Mapping[str, Any] | None = None,
        message: Message | None = None,
    ) -> Trial:
        """Ask the bots, one of them with `plugin`, in a conversation or in one that nobody ever had.

        `message` is what they are asked about in place of a new one with the text. Raises ConversationNotFound,
        PluginNotFound, InvalidInput for a memory that is none.
        """
        rehearsal = self._rehearse(tenant_id, memory)
        conversation, contact, session = await self._place(tenant_id, conversation_id)
        if message is None:
            message = self._message(conversation, contact, text, _offered(memory))
        elif message.author.id is not None:
            # In a group it is not the conversation's contact who wrote.
            contact = await self._store.contact(tenant_id, message.author.id)
        context = TurnContext(
            self._store,
            self._clock,
            tenant_id,
            message,
            conversation=conversation,
            contact=contact,
            session=session,
            messages=(message,),
        )
        event = StoredEvent(tenant_id, 0, "message.created", message.at, conversation.id, message.id, session.id)
        turn = Turn(context, event, message, message.at)
        if plugin is not None:
            self._decisions.known(plugin)
        await self._chain.begin(turn, plugin)

        async def prepare(answer: OutgoingMessage) -> OutgoingMessage:
            """Go the way of a message that is sent, but for the form of its choices: people are to see them."""
            if conversation_id is not None:
                await self._outgoing.able(session, answer)
            answer = await self._outgoing.ask(tenant_id, conversation, session, answer, view=rehearsal.view)
            return _as_it_is(answer)

        answer = await self._chain.go_on(turn, prepare, view=rehearsal.view, patient=False)
        answers = () if answer is None else answer.messages
        return Trial(
            answers=answers,
            trail=AnswerTrail(
                message_id=message.id,
                at=message.at,
                rule=(await self._silencing(turn))[0] if turn.bots else "no_bots",
                plugin=None if answer is None else answer.plugin.name,
                steps=turn.steps,
            ),
            effects=rehearsal.effects,
            memory={"states": rehearsal.states, "choices": _offers(answers, memory)},
        )

    async def _place(self, tenant_id: str, conversation_id: str | None) -> tuple[Conversation, Contact | None, Session]:
        if conversation_id is None:
            return nobody(tenant_id, self._clock.now())
        conversation = await self._store.conversation(tenant_id, conversation_id)
        if conversation is None:
            raise ConversationNotFound
        session = await self._store.session(tenant_id, conversation.session_id)
        if session is None:
            raise SessionNotFound
        contact_id = conversation.contact_id
        return conversation, await self._store.contact(tenant_id, contact_id) if contact_id else None, session

    def _message(
        self, conversation: Conversation, contact: Contact | None, text: str, offered: Sequence[Choice]
    ) -> Message:
        author = Author(kind="contact", id=contact.id, name=contact.name) if contact else Author(kind="contact")
        return Message(
            id=new_id(),
            conversation_id=conversation.id,
            direction="incoming",
            kind=MessageKind.TEXT,
            status=MessageStatus.RECEIVED,
            text=clean_text(text),
            author=author,
            choice=chosen(text, offered),
            at=self._clock.now(),
        )


def _as_it_is(message: OutgoingMessage) -> OutgoingMessage:
    if message.media is None and not (message.text or "").strip():
        raise InvalidInput("A message needs a text.")
    text = None if message.text is None else clean_text(message.text)
    return msgspec.structs.replace(message, text=text, choices=as_choices(message.choices))


def _offers(answers: Sequence[OutgoingMessage], memory: Mapping[str, Any] | None) -> Any:
    """Return the choices that stand after these answers: the last that were offered."""
    offered = next((answer.choices for answer in reversed(answers) if answer.choices), None)
    return msgspec.to_builtins(_offered(memory) if offered is None else offered)


def _offered(memory: Mapping[str, Any] | None) -> Sequence[Choice]:
    try:
        return msgspec.convert((memory or {}).get("choices", ()), tuple[Choice, ...])
    except msgspec.ValidationError:
        raise InvalidInput("This memory is not one of a trial.", errors=[{"pointer": "#/memory"}]) from None
