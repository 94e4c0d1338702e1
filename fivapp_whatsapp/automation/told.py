"""Told-after hooks: which hook an event is for, and a plugin as a subscriber of events."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from time import monotonic

from fivapp_whatsapp.models import Message, MessageKind, MessageStatus, StatusChange
from fivapp_whatsapp.plugins.registry import Hook, Plugins
from fivapp_whatsapp.plugins.runner import Result, UnfitResult
from fivapp_whatsapp.ports import Clock, Store
from fivapp_whatsapp.ports.plugins import StepReason, StoredEvent
from fivapp_whatsapp.tenant import Scope

from .asking import Asking, Context
from .attempts import HookFailed, HookPaused
from .decisions import Decisions
from .lines import reason_line

# The event types that each hook comes from.
SOURCES: Mapping[str, tuple[str, ...]] = {
    "message_received": ("message.created",),
    "message_sent": ("message.created", "message.updated"),
    "message_status_changed": ("message.updated",),
    "session_status_changed": ("session.updated",),
    "conversation_changed": ("conversation.updated",),
    "group_changed": ("group.updated",),
}
_BY_TYPE = {
    "session.updated": "session_status_changed",
    "conversation.updated": "conversation_changed",
    "group.updated": "group_changed",
}
_NEVER_SENT = frozenset({MessageKind.NOTE, MessageKind.SYSTEM})
_SENT = frozenset(
    {MessageStatus.ACCEPTED, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ, MessageStatus.PLAYED}
)
# Lanes of one tenant run side by side: what one has loaded of an event serves the others for a moment.
_SHARED_SECONDS = 1.0
_SHARED_EVENTS = 1_000


def hook_of(event: StoredEvent, message: Message | None) -> str | None:
    """Return the hook that an event is for, or None; `message` is the event's. Notes and system lines cause none."""
    if event.type in _BY_TYPE:
        return _BY_TYPE[event.type]
    if message is None or message.kind in _NEVER_SENT:
        return None
    if event.type == "message.created":
        if message.direction == "incoming":
            return "message_received"
        return "message_sent" if message.author.kind == "phone" else None
    if event.type == "message.updated":
        return "message_sent" if _first_sent(event) else "message_status_changed"
    return None


def _first_sent(event: StoredEvent) -> bool:
    if event.was is None or event.reached is None:
        return False
    return MessageStatus(event.was).rank < MessageStatus.ACCEPTED.rank and MessageStatus(event.reached) in _SENT


class Contexts:
    """The contexts of events, shared by the plugins that hear of one at about the same time."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._shared: OrderedDict[tuple[str, int], tuple[float, Context]] = OrderedDict()

    def of(self, tenant_id: str, event: StoredEvent, *, fresh: bool = False) -> Context:
        """Return an event's context; `fresh` when what was loaded may be old by now."""
        key, now = (tenant_id, event.seq), monotonic()
        known = self._shared.get(key)
        if known is not None and not fresh and now - known[0] < _SHARED_SECONDS:
            return known[1]
        context = self._make(tenant_id, event)
        self._shared[key] = (now, context)
        while len(self._shared) > _SHARED_EVENTS:
            self._shared.popitem(last=False)
        return context

    async def timeline(self, tenant_id: str, message_id: str) -> Sequence[StatusChange]:
        """Return what happened to a message."""
        return await self._store.timeline(tenant_id, message_id)

    def _make(self, tenant_id: str, event: StoredEvent) -> Context:
        return Context(
            self._store,
            self._clock,
            tenant_id,
            conversation_id=event.conversation_id,
            message_id=event.message_id,
            session_id=event.session_id,
            data=event.data,
        )


class ToldAfter:
    """A plugin with told-after hooks: hears of events after their commit."""

    def __init__(self, name: str, plugins: Plugins, asking: Asking, decisions: Decisions, contexts: Contexts) -> None:
        self.name = name
        self._plugins = plugins
        self._asking = asking
        self._decisions = decisions
        self._contexts = contexts

    # Asked for anew each time: a plugin's file may be loaded again while it runs.

    @property
    def types(self) -> frozenset[str]:
        """Return the event types of its hooks."""
        return frozenset(kind for name in SOURCES if self._hooks(name) for kind in SOURCES[name])

    @property
    def strict(self) -> bool:
        """Tell whether one of its hooks wants events in order even when they fail."""
        return any(hook.options.ordered == "strict" for name in SOURCES for hook in self._hooks(name))

    def _hooks(self, name: str) -> Sequence[Hook]:
        return self._plugins.get(self.name).hooks.get(name, ())

    def paused(self, tenant_id: str) -> str | None:
        """Return why all of its hooks are paused for a tenant; the events of one alone that is paused wait in turn."""
        names = [name for name in SOURCES if self._hooks(name)]
        reasons = [self._asking.paused(self.name, name, tenant_id) for name in names]
        return reasons[0] if reasons and all(reasons) else None

    async def handle(self, tenant_id: str, event: StoredEvent, attempt: int) -> None:
        """Tell the plugin of an event; one that is off for the tenant hears nothing."""
        if not (await self._decisions.plugin(tenant_id, self.name)).on:
            return
        context = self._contexts.of(tenant_id, event, fresh=attempt > 1)
        message = await context.get("message") if event.message_id is not None else None
        name = hook_of(event, message)
        if name == "message_status_changed" and await self._sent_after_all(tenant_id, event):
            name = "message_sent"
        for number, hook in enumerate(self._hooks(name) if name else ()):
            await self._tell(hook, number, context, event, attempt)

    async def _sent_after_all(self, tenant_id: str, event: StoredEvent) -> bool:
        """Tell whether a message that had failed before it was ever sent has reached somebody now."""
        if event.was != MessageStatus.FAILED or event.reached not in _SENT or event.message_id is None:
            return False
        steps = await self._contexts.timeline(tenant_id, event.message_id)
        return not any(step.status in _SENT and step.received_at < event.at for step in steps)

    async def _tell(self, hook: Hook, number: int, context: Context, event: StoredEvent, attempt: int) -> None:
        key = f"{event.seq}:{hook.name}" if number == 0 else f"{event.seq}:{hook.name}.{number}"
        scope = Scope(key=key, hook=hook.name, conversation_id=event.conversation_id, automatic=True)
        check(hook, await self._asking.call(hook, context, scope, attempt=attempt))


def check(hook: Hook, result: Result) -> None:
    """Raise HookPaused or HookFailed for a call that did not go well; what was held back will be again."""
    if result.outcome == "paused":
        raise HookPaused(hook.name)
    if result.outcome in ("failed", "late"):
        raise HookFailed(hook.name, reason_line(reason(hook, result), "en"))


def reason(hook: Hook, result: Result) -> StepReason:
    """Return why a call did not go well, without values."""
    if result.outcome == "late":
        return StepReason("late", f"{result.seconds:.1f}", hook.location)
    if result.outcome == "held":
        return StepReason("held", getattr(result.error, "detail", "held"))
    if result.outcome == "paused":
        return StepReason("paused")
    if isinstance(result.error, UnfitResult):
        return StepReason("unfit", str(result.error), hook.location)
    kind = type(result.error).__name__ if result.error is not None else result.outcome
    return StepReason("raised", kind, _place(hook, result.error))


def _place(hook: Hook, error: BaseException | None) -> str:
    """Return the innermost line of the plugin's own that an error passed, else where its function begins."""
    module = str(getattr(inspect.unwrap(hook.function), "__globals__", {}).get("__name__"))
    package = module.rpartition(".")[0] or module
    place, inner = hook.location, error.__traceback__ if error is not None else None
    while inner is not None:
        if f"{inner.tb_frame.f_globals.get('__name__')}.".startswith(f"{package}."):
            place = f"{inner.tb_frame.f_code.co_filename.rpartition('/')[2]}:{inner.tb_lineno}"
        inner = inner.tb_next
    return place
