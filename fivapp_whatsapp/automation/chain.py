"""Asks bots in turn about a message: the first that answers wins, and each step is noted."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from fivapp_whatsapp.errors import GatewayError, Hold, StoreError
from fivapp_whatsapp.models import Conversation, Message, OutgoingMessage, Session
from fivapp_whatsapp.plugins.registry import Hook, Plugin
from fivapp_whatsapp.plugins.runner import Result, UnfitResult
from fivapp_whatsapp.ports import Clock, Store
from fivapp_whatsapp.ports.plugins import AnswerStep, StepOutcome, StepReason, StoredEvent
from fivapp_whatsapp.tenant import Scope

from .asking import Asking, Context, View, sound
from .decisions import Decisions
from .lines import reason_line
from .told import reason

HOOK = "reply_to"
# A contact gets no more at once, whatever the budget.
MOST_ANSWERS = 10
_UNANSWERED = 50
# So many are read first: hardly ever does a contact write more before somebody answers.
_MOSTLY = 8
_UNANSWERED_HOURS = 24
# Makes an answer ready to be queued; raises GatewayError for one that cannot be sent.
Prepare = Callable[[OutgoingMessage], Awaitable[OutgoingMessage]]


class Bot(msgspec.Struct, frozen=True):
    """One function that may answer; `number` tells the functions of one plugin apart."""

    plugin: Plugin
    hook: Hook
    number: int


class Answer(msgspec.Struct, frozen=True):
    """What a bot said, ready to be queued."""

    plugin: Plugin
    messages: Sequence[OutgoingMessage]


class Turn:
    """One asking of the chain: about the newest message of a contact, and the older ones that wait with it.

    `wait_until` is set while the next bot wants the contact to be silent so long.
    """

    def __init__(self, context: Context, event: StoredEvent, message: Message, now: datetime) -> None:
        self.context = context
        self.tenant_id = context.tenant_id
        self.event = event
        self.message = message
        self.message_ids = [message.id]
        self.bots: Sequence[Bot] = ()
        self.steps: list[AnswerStep] = []
        self.asked = 0
        # How many answers were made ready to be queued, also those that were held back then.
        self.prepared = 0
        self.attempt = 1
        self.silent_since = now
        # The rules that its conversation was told of lately.
        self.told: Collection[str] = ()
        self.wait_until: datetime | None = None
        self.started = time.perf_counter()

    @property
    def key(self) -> tuple[str, str]:
        """Return the tenant and the conversation."""
        return self.tenant_id, self.message.conversation_id

    async def conversation(self) -> Conversation:
        """Return the conversation."""
        found: Conversation = await self.context.get("conversation")
        return found

    async def session(self) -> Session:
        """Return its session."""
        found: Session = await self.context.get("session")
        return found


class TurnContext(Context):
    """As a Context, whose `messages` are all that the contact wrote since somebody last answered."""

    def __init__(self, store: Store, clock: Clock, tenant_id: str, message: Message, **facts: Any) -> None:
        super().__init__(store, clock, tenant_id, conversation_id=message.conversation_id, message=message, **facts)

    async def _load(self, name: str) -> Any:
        return await self._unanswered() if name == "messages" else await super()._load(name)

    async def _unanswered(self) -> Sequence[Message]:
        message: Message = self._known["message"]
        recent = await self._recent(message.conversation_id)
        found: list[Message] = []
        for each in recent:
            if each.direction == "outgoing":
                break
            found.append(message if each.id == message.id else each)
        # What came behind this one is another turn's; the one that is asked about stands last in any case.
        places = [place for place, each in enumerate(found) if each.id == message.id]
        return (*reversed(found[places[0] + 1 :]), message) if places else (message,)

    async def _recent(self, conversation_id: str) -> Sequence[Message]:
        since, recent = self._clock.now() - timedelta(hours=_UNANSWERED_HOURS), list[Message]()
        for limit in (_MOSTLY, _UNANSWERED):
            recent = await self._store.recent_messages(self.tenant_id, conversation_id, since, limit)
            if len(recent) < limit or any(each.direction == "outgoing" for each in recent):
                break
        return recent


class Chain:
    """The bots of tenants, in their order."""

    def __init__(self, asking: Asking, decisions: Decisions, clock: Clock) -> None:
        self._asking = asking
        self._decisions = decisions
        self._clock = clock

    async def begin(self, turn: Turn, only: str | None = None) -> None:
        """Find the bots of a turn; those that a tenant switched off are noted. `only` names one, also one that is off.

        Raises PluginNotFound for an `only` that is not there.
        """
        turn.bots, turn.steps, turn.asked = [], [], 0
        for plugin in await self._decisions.order(turn.tenant_id):
            if not plugin.hooks.get(HOOK) or only not in (None, plugin.name):
                continue
            found = await self._decisions.plugin(turn.tenant_id, plugin.name)
            if found.idle and only is None:
                continue
            if found.on or (only is not None and found.problem is None):
                turn.bots += [Bot(plugin, hook, number) for number, hook in enumerate(plugin.hooks[HOOK])]
            else:
                turn.steps.append(AnswerStep(plugin=plugin.name, outcome="off", detail=found.problem))

    async def go_on(
        self, turn: Turn, prepare: Prepare, *, view: View | None = None, patient: bool = True
    ) -> Answer | None:
        """Ask the bots that were not asked yet, until one answers; None also when `turn.wait_until` is set.

        `patient=False` asks at once also those that wait for the contact's silence. Raises StoreError.
        """
        turn.wait_until = None
        while turn.asked < len(turn.bots):
            bot = turn.bots[turn.asked]
            until = turn.silent_since + timedelta(seconds=bot.hook.options.quiet_for)
            if patient and bot.hook.options.quiet_for and until > self._clock.now():
                turn.wait_until = until
                return None
            answer = await self._ask(turn, bot, prepare, view)
            turn.asked += 1
            if answer is not None:
                return answer
        return None

    async def _ask(self, turn: Turn, bot: Bot, prepare: Prepare, view: View | None) -> Answer | None:
        key = f"{turn.event.seq}:{HOOK}" if bot.number == 0 else f"{turn.event.seq}:{HOOK}.{bot.number}"
        scope = Scope(key=key, hook=HOOK, conversation_id=turn.message.conversation_id, automatic=True)
        result = await self._asking.call(
            bot.hook, turn.context, scope, attempt=turn.attempt, view=view, check=answers_of
        )
        if result.outcome != "ok":
            outcome: StepOutcome = result.outcome
            why = reason(bot.hook, result)
            if outcome == "paused":
                why = StepReason("paused", self._asking.paused(bot.plugin.name, HOOK, turn.tenant_id) or "")
            self._note(turn, bot, result, outcome, why)
            return None
        if result.value is None:
            self._note(turn, bot, result, "nothing", None)
            return None
        return await self._answer(turn, bot, result, prepare)

    async def _answer(self, turn: Turn, bot: Bot, result: Result, prepare: Prepare) -> Answer | None:
        try:
            messages = [await prepare(message) for message in result.value]
        except Hold as exc:
            # Whoever wrote is not to be left without a word for that: the next one is asked.
            self._note(turn, bot, result, "held", StepReason("held", exc.detail))
            return None
        except StoreError:
            raise
        except GatewayError as exc:
            self._note(turn, bot, result, "failed", StepReason("refused", exc.code, bot.hook.location), exc.detail)
            return None
        self._note(turn, bot, result, "answered", None)
        return Answer(bot.plugin, messages)

    def _note(
        self,
        turn: Turn,
        bot: Bot,
        result: Result,
        outcome: StepOutcome,
        why: StepReason | None,
        more: str | None = None,
    ) -> None:
        """Note a step; the timeline has its reason in English, with `more` words for the plugin's author."""
        ms, detail = round(result.seconds * 1000, 1), None
        if why is not None:
            detail = reason_line(why, "en") if more is None else f"{why.what}: {more} ({why.place})"
        turn.steps.append(AnswerStep(plugin=bot.plugin.name, outcome=outcome, ms=ms, detail=detail, reason=why))


def answers_of(value: Any) -> list[OutgoingMessage] | None:
    """Return what `reply_to` returned as messages, None for no answer. Raises UnfitResult for what is neither."""
    if value is None:
        return None
    found = list(value) if isinstance(value, list | tuple) else [value]
    if len(found) > MOST_ANSWERS:
        raise UnfitResult(f"reply_to returned {len(found)} messages, more than {MOST_ANSWERS}")
    messages = []
    for each in found:
        message = OutgoingMessage(text=each) if isinstance(each, str) else each
        if not isinstance(message, OutgoingMessage):
            raise UnfitResult(f"reply_to returned {_kind(value, each)}, not a text or an OutgoingMessage")
        messages.append(sound(message))
    return messages


def _kind(value: Any, each: Any) -> str:
    return type(value).__name__ if each is value else f"a {type(value).__name__} with {type(each).__name__}"
