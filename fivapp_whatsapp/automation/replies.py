"""Who may answer a message: the reply chain and its safety belt.

What the chain decides about a message is committed at once: the mark "answered", the answers, and why. It looks for
the mark before it asks, so that a message is answered once, however often its event is handled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from fivapp_whatsapp.errors import ConversationNotFound, MessageNotFound, StoreError
from fivapp_whatsapp.models import Author, Message, MessageKind, OutgoingMessage
from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.outbox import Outbox
from fivapp_whatsapp.plugins.registry import Plugin
from fivapp_whatsapp.ports import Clock, Store
from fivapp_whatsapp.ports.plugins import (
    AnswerDraft,
    Answered,
    AnswerStep,
    AnswerTrail,
    Limits,
    StepReason,
    StoredEvent,
)
from fivapp_whatsapp.tenant import State

from .asking import Asking, with_choice
from .attempts import Attempts
from .belt import BUDGET, HOUR, RULES, TOLD, UNSEEN, Facts, about_message, may_loop, silencing
from .bursts import Burst, Bursts
from .chain import HOOK, Answer, Chain, Turn, TurnContext
from .decisions import Decisions
from .lines import bots_failed, bots_missed, held_back, rule_line
from .outgoing import Outgoing
from .trial import Rehearse, Trial, Trials

__all__ = ["NAME", "RULES", "Automation", "Decided", "Trial"]

_log = get_logger(__name__)
NAME = "@replies"
_STORE_RETRY_SECONDS = 1.0
_RECENT = 1_000
# An event that is handled so long after it was stored may have others behind it already; among so many it is looked.
_LATE = timedelta(seconds=1)
_LATER = 50
# What a bot is when it could not answer: others may have had nothing to say, these would have.
_GONE = frozenset({"failed", "late", "paused", "held"})
_SILENT = frozenset({"repeated", "silenced", "unanswered"})
_NEVER_ANSWERED = frozenset({MessageKind.NOTE, MessageKind.SYSTEM})


class Decided(msgspec.Struct, frozen=True):
    """What the chain decided about a message, for those who listen: the demo, tests."""

    tenant_id: str
    message: Message
    trail: AnswerTrail
    answers: Sequence[OutgoingMessage]
    outcome: str
    seconds: float


class Automation:
    """The reply chain of all tenants, as a subscriber of events.

    `listeners` hear of each decision after its commit, and raise nothing.
    """

    name = NAME
    strict = False
    types = frozenset({"message.created"})

    def __init__(
        self,
        store: Store,
        asking: Asking,
        decisions: Decisions,
        outgoing: Outgoing,
        outbox: Outbox,
        attempts: Attempts,
        *,
        clock: Clock,
        limits: Limits,
        expiry_seconds: float,
        language: str,
        rehearse: Rehearse,
    ) -> None:
        self.listeners: list[Callable[[Decided], None]] = []
        self.limits = limits
        self.chain = Chain(asking, decisions, clock)
        self._store = store
        self._decisions = decisions
        self._outgoing = outgoing
        self._outbox = outbox
        self._attempts = attempts
        self._clock = clock
        self._expiry = timedelta(seconds=expiry_seconds)
        self._language = language
        self._trials = Trials(store, self.chain, outgoing, decisions, clock, rehearse, self._rule)
        self._bursts = Bursts(attempts, clock, self._go_on, self._fail)

    def paused(self, tenant_id: str) -> None:
        """Return None: a plugin that is paused is passed over, the others are asked."""

    async def order(self, tenant_id: str) -> list[Plugin]:
        """Return the plugins in the order in which a tenant's bots are asked."""
        return await self._decisions.order(tenant_id)

    def say(self, rule: str) -> str:
        """Return what people are told of a rule."""
        return rule_line(rule, self._language)

    async def try_(
        self,
        tenant_id: str,
        text: str,
        *,
        conversation_id: str | None = None,
        plugin: str | None = None,
        memory: Mapping[str, Any] | None = None,
        message: Message | None = None,
    ) -> Trial:
        """Return what the bots would say to a text, without any effect; `memory` of a trial goes on from there.

        With `message`, one of the conversation, they are asked about that one as it is. Raises
        ConversationNotFound, PluginNotFound, InvalidInput.
        """
        return await self._trials.run(
            tenant_id, text, conversation_id=conversation_id, plugin=plugin, memory=memory, message=message
        )

    # --- one message ---------------------------------------------------------------------------

    async def handle(self, tenant_id: str, event: StoredEvent, attempt: int) -> asyncio.Future[None] | None:
        """Answer a message, or note why not; the future ends when a bot that waits for silence was asked."""
        message = None if event.message_id is None else await self._store.message(tenant_id, event.message_id)
        if message is None or message.direction != "incoming" or message.kind in _NEVER_ANSWERED:
            return None
        if await self._store.marked(tenant_id, [message.id]):
            return None
        about = about_message(message, event.at, self._clock.now(), self._decisions.patience)
        turn = await self._turn(tenant_id, event, message, decided=about not in (None, *UNSEEN))
        if turn is None:
            return None
        turn.attempt = attempt
        burst = Burst(turn)
        older = None
        if about is None:  # a reaction, or a message of long ago, says nothing about what was just written
            await self._bursts.asked(turn.key)
            older = self._bursts.take(turn.key)
        if older is not None:
            burst.older.append(older)
            turn.message_ids = [*older.turn.message_ids, message.id]
        try:
            done = await self._go_on(turn, about=about)
        except asyncio.CancelledError:
            if older is not None:
                older.done.cancel()
            raise
        except Exception:
            if older is not None:
                self._bursts.wait(older)
            raise
        if not done:
            return self._bursts.wait(burst)
        burst.end()
        return None

    async def _turn(self, tenant_id: str, event: StoredEvent, message: Message, *, decided: bool) -> Turn | None:
        """Return a message's turn, None when its conversation is gone; one that is decided needs nothing read."""
        if not decided:
            message = await with_choice(self._store, self._clock, tenant_id, message)
        since = await self._silent_since(tenant_id, event, message)
        turn = Turn(TurnContext(self._store, self._clock, tenant_id, message), event, message, since)
        if decided or (await turn.conversation() is not None and await turn.session() is not None):
            return turn
        return None

    async def _silent_since(self, tenant_id: str, event: StoredEvent, message: Message) -> datetime:
        """Return since when a contact is silent, also across a restart.

        What is handled late may have newer messages behind it: then this one waits, for their turn takes it over.
        """
        now = self._clock.now()
        if not self._decisions.patience or now - event.at < _LATE:
            return min(event.at, now)
        later = await self._store.recent_messages(tenant_id, message.conversation_id, event.at, _LATER)
        for each in later:
            if each.id == message.id:
                break
            if each.direction == "incoming" and each.kind is not MessageKind.REACTION:
                return now
        return event.at

    async def _go_on(self, turn: Turn, *, about: str | None = None) -> bool:
        """Look at the rules, ask the bots that were not asked yet, and commit; False when the next bot waits."""
        rule, notice = None if about in UNSEEN else about, None
        if rule is None and not turn.bots:
            await self.chain.begin(turn)
            # Where there are no bots nobody wants to be told what silences them.
            rule = None if turn.bots else "no_bots"
        if rule is None:
            rule, notice = await self._silenced(turn)
        if rule is None and about in UNSEEN:
            rule = about if await _waits(turn) else "too_old"
        if rule is not None:
            await self._finish(turn, None, rule, notice)
            return True
        answer = await self.chain.go_on(turn, self._preparing(turn))
        if turn.wait_until is not None:
            return False
        await self._finish(turn, answer, None, None)
        return True

    def _preparing(self, turn: Turn) -> Callable[[OutgoingMessage], Any]:
        async def prepare(message: OutgoingMessage) -> OutgoingMessage:
            conversation, session = await turn.conversation(), await turn.session()
            turn.prepared += 1
            key = f"{turn.event.seq}:{HOOK}:{turn.prepared}"
            return await self._outgoing.prepare(turn.tenant_id, conversation, session, message, key=key)

        return prepare

    async def _fail(self, turn: Turn, error: Exception) -> None:
        await self._attempts.keep(NAME, turn.tenant_id, turn.event, HOOK, type(error).__name__)

    # --- the belt ------------------------------------------------------------------------------

    async def _silenced(self, turn: Turn) -> tuple[str | None, str | None]:
        """Return the rule that silences the bots in a turn's conversation, and the line that is to say so."""
        rule, told = await self._rule(turn)
        if rule is not None and rule not in TOLD:
            return rule, None
        if rule != "human_answers" and "human_answers" in told:
            await self._memory(turn.key).delete("human_answers")
        turn.told = told
        if rule is None or rule in told:
            return rule, None
        await self._told_of(turn, rule)
        return rule, self.say(rule)

    async def _rule(self, turn: Turn) -> tuple[str | None, set[str]]:
        """Return the rule that silences the bots in a turn's conversation, and those that it was told of lately."""
        now, message = self._clock.now(), turn.message
        conversation = await turn.conversation()
        if turn.wait_until is not None:
            # Somebody may have taken over while it waited.
            conversation = await self._store.conversation(turn.tenant_id, message.conversation_id) or conversation
        facts = Facts(
            message=message,
            conversation=conversation,
            session=await turn.session(),
            automation=await self._decisions.automation(turn.tenant_id),
            now=now,
            limits=self.limits,
            quotes_us=conversation.is_group and await self._speaks_to_us(turn),
        )
        rule = silencing(facts)
        if rule not in (None, "human_answers"):
            return rule, set()
        told = await _told(self._memory(turn.key))
        if rule is None:
            recent = await self._recent(turn, now)
            rule = silencing(msgspec.structs.replace(facts, recent=recent, looping="loop" in told))
        return rule, told

    async def _told_of(self, turn: Turn, rule: str) -> None:
        """Note that a conversation says of a rule: so long the bots pause, or nobody is told again."""
        await self._memory(turn.key).set(rule, True, expires=TOLD[rule])

    async def _recent(self, turn: Turn, now: datetime) -> Sequence[Message]:
        """Return what the rules look back on; what came in only where bots answered often enough to be in a loop."""
        where = (turn.tenant_id, turn.message.conversation_id, now - HOUR, _RECENT)
        sent = await self._store.outgoing_messages(*where)
        return await self._store.recent_messages(*where) if may_loop(sent, now) else sent

    def _memory(self, key: tuple[str, str]) -> State:
        tenant_id, conversation_id = key
        return State(self._store, self._clock, tenant_id, NAME, conversation_id)

    async def has_human(self, tenant_id: str, conversation_id: str) -> None:
        """Note that the conversation says already that people answer there."""
        await self._memory((tenant_id, conversation_id)).set("human_answers", True)

    async def _speaks_to_us(self, turn: Turn) -> bool:
        """Tell whether a message quotes one of ours, or goes on from one that waits for its answer."""
        if len(turn.message_ids) > 1:
            return True
        quoted = turn.message.quoted_message_id
        found = None if quoted is None else await self._store.message(turn.tenant_id, quoted)
        return found is not None and found.direction == "outgoing"

    # --- the end of a turn ---------------------------------------------------------------------

    async def _finish(self, turn: Turn, answer: Answer | None, rule: str | None, notice: str | None) -> None:
        hand_over_until = None
        gone = _all_gone(turn) if answer is None and rule is None else []
        if gone or rule in UNSEEN:
            minutes = (await self._decisions.automation(turn.tenant_id)).pause_minutes
            hand_over_until = self._clock.now() + timedelta(minutes=minutes)
            notice = (
                bots_failed(gone, minutes, self._language) if gone else bots_missed(str(rule), minutes, self._language)
            )
            await self.has_human(*turn.key)
        elif answer is None and (held := [step for step in turn.steps if step.outcome == "held"]):
            notice = held_back(held[0].plugin, held[0].detail or "", self._language)
        draft = AnswerDraft(
            conversation_id=turn.message.conversation_id,
            message_ids=turn.message_ids,
            trail=AnswerTrail(
                message_id=turn.message.id,
                at=self._clock.now(),
                rule=rule,
                plugin=None if answer is None else answer.plugin.name,
                steps=turn.steps,
            ),
            author=None if answer is None else _author(answer.plugin),
            answers=() if answer is None else answer.messages,
            budget=self.limits,
            budget_lines={each: self.say(each) for each in BUDGET if each not in turn.told},
            hand_over_until=hand_over_until,
            notice=notice,
        )
        draft, answered = await self._commit(turn, draft)
        if answered.cut is not None and answered.cut not in turn.told:
            await self._told_of(turn, answered.cut)
        for queued in answered.queued:
            self._outbox.begin(queued)
        self._tell(turn, draft, answered)

    async def _commit(self, turn: Turn, draft: AnswerDraft) -> tuple[AnswerDraft, Answered]:
        """Commit what was decided, however long the database takes: bots are not asked twice for its sake."""
        while True:
            try:
                with self._outbox.place(turn.tenant_id) as owner:
                    answered = await self._store.commit_answer(
                        turn.tenant_id,
                        draft,
                        owner=owner,
                        lease_seconds=self._outbox.lease_seconds,
                        expires_at=self._clock.now() + self._expiry,
                    )
            except StoreError as exc:
                _log.warning("answer_not_stored", error=exc.code, conversation_id=draft.conversation_id)
                await asyncio.sleep(_STORE_RETRY_SECONDS)
            except ConversationNotFound:
                return draft, Answered(first=False)
            except MessageNotFound as exc:
                draft = _without_answers(draft, exc.detail)
            else:
                if answered.first or not (left := await self._unmarked(turn, draft)):
                    return draft, answered
                draft = msgspec.structs.replace(draft, message_ids=left)

    async def _unmarked(self, turn: Turn, draft: AnswerDraft) -> list[str]:
        """Return which messages of a draft still have no mark, when others of them got one elsewhere."""
        marked = await self._store.marked(turn.tenant_id, draft.message_ids)
        return [message_id for message_id in draft.message_ids if message_id not in marked]

    def _tell(self, turn: Turn, draft: AnswerDraft, answered: Answered) -> None:
        outcome = _outcome(draft, answered)
        seconds = time.perf_counter() - turn.started
        # Why nobody answered stands in the trail; a line for each such message would bury the others.
        write = _log.debug if outcome in _SILENT else _log.info
        write(
            "reply_chain",
            outcome=outcome,
            rule=draft.trail.rule or answered.cut,
            plugin=draft.trail.plugin,
            count=len(answered.queued),
            total=len(draft.message_ids),
            duration_ms=round(seconds * 1000, 1),
            tenant_id=turn.tenant_id,
            conversation_id=draft.conversation_id,
            message_id=turn.message.id,
        )
        decided = Decided(turn.tenant_id, turn.message, draft.trail, draft.answers, outcome, seconds)
        for listener in self.listeners:
            listener(decided)


async def _told(memory: State) -> set[str]:
    """Return the rules that a conversation was told of."""
    values = await asyncio.gather(*(memory.get(rule) for rule in TOLD))
    return {rule for rule, value in zip(TOLD, values, strict=True) if value is not None}


async def _waits(turn: Turn) -> bool:
    """Tell whether a contact waits for an answer to what no bot saw in time.

    Whom people have answered meanwhile waits no more; what was written before there was this session is its history.
    """
    conversation, session = await turn.conversation(), await turn.session()
    return conversation.waiting_since is not None and turn.message.at >= session.created_at


def _author(plugin: Plugin) -> Author:
    return Author(kind="plugin", id=plugin.name, name=plugin.title or plugin.name)


def _all_gone(turn: Turn) -> list[AnswerStep]:
    """Return the bots that could not answer, when it was so with every bot that was asked, else none."""
    asked = [step for step in turn.steps if step.outcome != "off"]
    return asked if all(step.outcome in _GONE for step in asked) else []


def _without_answers(draft: AnswerDraft, detail: str) -> AnswerDraft:
    """Return a draft whose answers cannot be queued as one without them."""
    steps = list(draft.trail.steps)
    if steps:
        why = StepReason("refused", MessageNotFound.code)
        steps[-1] = msgspec.structs.replace(steps[-1], outcome="failed", detail=detail, reason=why)
    trail = msgspec.structs.replace(draft.trail, plugin=None, steps=steps)
    return msgspec.structs.replace(draft, trail=trail, author=None, answers=())


def _outcome(draft: AnswerDraft, answered: Answered) -> str:
    if not answered.first:
        return "repeated"
    if answered.overtaken:
        return "overtaken"
    if draft.hand_over_until is not None:
        return "handed_over"
    if draft.trail.rule is not None or (answered.cut is not None and not answered.queued):
        return "silenced"
    return "answered" if draft.trail.plugin is not None else "unanswered"
