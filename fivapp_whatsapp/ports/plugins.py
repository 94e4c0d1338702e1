"""The seam for what plugins and bots need kept: lanes, answers, failures, settings, state, timers, presence.

It is the part of ports.Store that is there for them. Times are datetimes with zone UTC; `now` is the caller's clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from fivapp_whatsapp.models import Author, Message, Model, OutgoingMessage

if TYPE_CHECKING:
    from fivapp_whatsapp.ports import Queued

StepOutcome = Literal["answered", "nothing", "failed", "late", "paused", "off", "held"]
FailureState = Literal["retrying", "dead"]


class Lane(msgspec.Struct, frozen=True):
    """One subscriber's place in one tenant's log, held by a process under a lease: all up to `seq` is done."""

    tenant_id: str
    plugin: str
    seq: int


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as the dispatcher reads it: ids and small facts, no contents.

    `was` and `reached` are, for `message.updated`, the message's status before and after this event.
    """

    tenant_id: str
    seq: int
    type: str
    at: datetime
    conversation_id: str | None = None
    message_id: str | None = None
    session_id: str | None = None
    was: str | None = None
    reached: str | None = None
    data: Any = None


class StepReason(Model, frozen=True, omit_defaults=True):
    """Why a call brought nothing, as a code with its facts, for whoever puts it into words.

    `what` is for `late` the seconds, for `raised` and `refused` the error's type or code, for `paused` why (`failing`,
    `blocking`, `hanging`), for `held` the words of the plugin that holds back, for `unfit` what was returned, in
    English; `place` is a file and its line.
    """

    code: Literal["late", "raised", "unfit", "refused", "held", "paused"]
    what: str = ""
    place: str = ""


class AnswerStep(Model, frozen=True, kw_only=True, omit_defaults=True):
    """One plugin that was asked, or passed over, for an answer.

    `detail` says why it did not answer, in English; `reason` says it for other languages.
    """

    plugin: str
    outcome: StepOutcome
    ms: float = 0.0
    detail: str | None = None
    reason: StepReason | None = None


class AnswerTrail(Model, frozen=True, kw_only=True, omit_defaults=True):
    """Why a message was answered, or not: who was asked, and the rule that silenced the bots.

    `rule` is a snake_case word of automation.RULES, None when the chain was asked to its end.
    """

    message_id: str
    at: datetime
    rule: str | None = None
    plugin: str | None = None
    steps: Sequence[AnswerStep] = ()
    answer_ids: Sequence[str] = ()


class Limits(msgspec.Struct, frozen=True):
    """How many automatic messages a conversation may get."""

    per_minute: int = 10
    per_hour: int = 60


class AnswerDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What the chain decided about one or several messages of a contact, to be committed at once.

    `message_ids` all get the mark "answered". `answers` are queued to the conversation, in order, by `author`.
    `budget` cuts them where it ends, and `budget_lines` has the system line for its rule, where one is to be left.
    `hand_over_until` gives the conversation to a human until then. `notice` is a system line.
    """

    conversation_id: str
    message_ids: Sequence[str]
    trail: AnswerTrail
    author: Author | None = None
    answers: Sequence[OutgoingMessage] = ()
    budget: Limits | None = None
    budget_lines: Mapping[str, str] = {}
    hand_over_until: datetime | None = None
    notice: str | None = None


class Answered(msgspec.Struct, frozen=True):
    """What became of a draft: `first` is False when a mark was there already (nothing was changed then).

    `overtaken` is True when a human took over meanwhile: the mark is set, nothing was queued. `cut` is the rule of the
    budget that some of the answers fell to.
    """

    first: bool
    overtaken: bool = False
    cut: str | None = None
    queued: Sequence[Queued] = ()


class AutomationSettings(Model, frozen=True, kw_only=True):
    """What a tenant decided about all bots; `group_bots` is the rule for groups that have none of their own."""

    enabled: bool = True
    group_bots: Literal["off", "mentioned", "always"] = "off"
    pause_minutes: int = 30


class PluginSetting(Model, frozen=True, kw_only=True):
    """What a tenant decided about one plugin; `config` is None until it was set, `enabled` None until switched."""

    plugin: str
    enabled: bool | None = None
    config: Mapping[str, Any] | None = None
    position: int | None = None


class PluginFailure(Model, frozen=True, kw_only=True, omit_defaults=True):
    """A hook of one event, or a timer, that failed three quick tries and is tried again later, or is given up.

    `error` names the exception's type and where it came from, never its text's values.
    """

    id: str
    tenant_id: str
    plugin: str
    hook: str
    state: FailureState
    attempts: int
    error: str
    at: datetime
    next_at: datetime | None = None
    conversation_id: str | None = None
    event: StoredEvent | None = None
    timer: Timer | None = None


class Timer(Model, frozen=True, kw_only=True, omit_defaults=True):
    """A timer of a plugin: one for each key, in a conversation or for the tenant as a whole."""

    id: str
    tenant_id: str
    plugin: str
    key: str
    due_at: datetime
    data: Any = None
    conversation_id: str | None = None
    attempt: int = 0


class ToldHealth(msgspec.Struct, frozen=True):
    """What a process told of a plugin, as JSON; `resumed` is a person's word to go on, which it has not heard yet.

    `tenant_id` is empty for what it told of no single tenant.
    """

    process: str
    tenant_id: str
    plugin: str
    health: Any
    resumed: bool = False


class PluginStore(Protocol):
    """What is kept for plugins. Everything is one tenant's, and but for lanes one plugin's; the rest is not seen."""

    # lanes
    async def open_lanes(self, plugins: Sequence[str]) -> None:
        """Make the lanes that are missing, of all tenants, at the heads of their logs: called once at the start.

        A tenant that comes later gets its lanes from `claim_lanes`, from the beginning of its log.
        """
        ...

    async def claim_lanes(
        self, owner: str, plugins: Sequence[str], lease_seconds: float, *, limit: int = 100
    ) -> list[Lane]:
        """Take lanes of these plugins that have something to read and that nobody holds, the longest waiting first.

        Lanes that `owner` itself holds come again, after all others.
        """
        ...

    async def keep_lanes(self, owner: str, lanes: Sequence[Lane], lease_seconds: float) -> list[Lane]:
        """Save the places of lanes and hold them on; returns those that are still the owner's.

        A place never goes back. `lease_seconds=0` gives them up.
        """
        ...

    async def skip_lane(self, tenant_id: str, plugin: str) -> None:
        """Put a lane at the head of the log: a plugin that was off begins with what comes."""
        ...

    async def stored_events(
        self, tenant_id: str, after: int, limit: int, types: Collection[str] | None = None
    ) -> list[StoredEvent]:
        """Read events after a seq, oldest first, of some types or of all; none of them is passed over."""
        ...

    # the reply chain
    async def marked(self, tenant_id: str, message_ids: Sequence[str]) -> set[str]:
        """Return which of these messages have the mark "answered"."""
        ...

    async def commit_answer(
        self, tenant_id: str, draft: AnswerDraft, *, owner: str | None, lease_seconds: float, expires_at: datetime
    ) -> Answered:
        """Commit the mark, the trail and the answers in one transaction, unless one of the marks is there."""
        ...

    async def answer_trail(self, tenant_id: str, message_id: str) -> AnswerTrail | None:
        """Return why a message was answered or not, or None while nobody has looked at it."""
        ...

    async def recent_messages(self, tenant_id: str, conversation_id: str, since: datetime, limit: int) -> list[Message]:
        """Return a conversation's messages stored since a time, newest first, notes and system lines left out."""
        ...

    async def outgoing_messages(
        self, tenant_id: str, conversation_id: str, since: datetime, limit: int
    ) -> list[Message]:
        """Return of the recent messages of a conversation those that went out, whoever wrote them."""
        ...

    # failures
    async def add_failure(self, failure: PluginFailure) -> None:
        """Keep a failure; the same event and hook of a plugin is kept once."""
        ...

    async def claim_failures(
        self,
        owner: str,
        plugins: Sequence[str],
        limit: int,
        lease_seconds: float,
        *,
        paused: Collection[tuple[str, str, str]] = (),
    ) -> list[PluginFailure]:
        """Take failures whose next try is due, each with this attempt counted.

        None is taken that is `paused`, by tenant, plugin and hook: "" is any tenant, "all" any hook.
        """
        ...

    async def hold_failures(self, failure_ids: Sequence[str], owner: str, lease_seconds: float) -> None:
        """Hold failures on that the owner still has."""
        ...

    async def end_failure(
        self,
        failure_id: str,
        owner: str,
        *,
        next_at: datetime | None = None,
        error: str | None = None,
        tried: bool = True,
    ) -> None:
        """Forget a failure that went well; with `error` it is kept: tried again at `next_at`, dead without.

        `tried=False` takes back that the attempt was counted: it was not made.
        """
        ...

    async def failures(
        self,
        tenant_id: str | None,
        *,
        plugin: str | None = None,
        state: FailureState | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> list[PluginFailure]:
        """List failures, newest first; `tenant_id=None`, for operators, lists those of all tenants."""
        ...

    async def replay_failure(self, tenant_id: str, failure_id: str) -> PluginFailure:
        """Try a failure again at once. Raises FailureNotFound."""
        ...

    async def discard_failure(self, tenant_id: str, failure_id: str) -> None:
        """Drop a failure for good. Raises FailureNotFound."""
        ...

    # settings
    async def automation_settings(self, tenant_id: str) -> AutomationSettings:
        """Return what a tenant decided about all bots."""
        ...

    async def set_automation(self, tenant_id: str, settings: AutomationSettings) -> None:
        """Store it. Raises TenantNotFound."""
        ...

    async def plugin_settings(self, tenant_id: str) -> list[PluginSetting]:
        """List what a tenant decided about plugins."""
        ...

    async def set_plugin(self, tenant_id: str, setting: PluginSetting) -> None:
        """Store what a tenant decided about one plugin, all of it. Raises TenantNotFound."""
        ...

    # state: values are JSON
    async def state(self, tenant_id: str, plugin: str, conversation_id: str, key: str, now: datetime) -> Any:
        """Return a value, or None; `conversation_id` is empty for the plugin's own of the tenant."""
        ...

    async def set_state(
        self, tenant_id: str, plugin: str, conversation_id: str, key: str, value: Any, expires_at: datetime | None
    ) -> None:
        """Store a value; None deletes it."""
        ...

    async def states(
        self, tenant_id: str, plugin: str, conversation_id: str, prefix: str, now: datetime, limit: int = 1000
    ) -> dict[str, Any]:
        """Return the values whose keys begin with a prefix, by key, in the order of keys."""
        ...

    async def purge_plugin(self, plugin: str) -> int:
        """Delete everything that is kept for a plugin, of all tenants; returns how many rows."""
        ...

    # timers
    async def set_timer(self, timer: Timer) -> None:
        """Set a timer; one of the same plugin, conversation and key is replaced."""
        ...

    async def cancel_timer(self, tenant_id: str, plugin: str, conversation_id: str | None, key: str) -> bool:
        """Take a timer back; False when there is none."""
        ...

    async def claim_timers(
        self,
        owner: str,
        plugins: Sequence[str],
        now: datetime,
        limit: int,
        lease_seconds: float,
        *,
        paused: Collection[tuple[str, str]] = (),
    ) -> list[Timer]:
        """Take timers that are due, each with its attempt counted; none that is `paused`, by tenant and plugin."""
        ...

    async def hold_timers(self, timers: Sequence[Timer], owner: str, now: datetime, lease_seconds: float) -> None:
        """Hold timers on that the owner still has."""
        ...

    async def end_timer(self, timer: Timer, owner: str, *, due_at: datetime | None = None) -> None:
        """Delete a timer that was handled, or put it off to another time; not one that was set anew meanwhile."""
        ...

    # presence
    async def show_presence(self, process: str, users: Mapping[tuple[str, str], datetime]) -> None:
        """Tell which users (tenant, user) watch through a process, and until when; replaces what it told before."""
        ...

    async def is_watching(self, tenant_id: str, user_id: str, now: datetime) -> bool:
        """Tell whether a user has the pages before their eyes, at any process."""
        ...

    # health, by tenant and plugin; the tenant is empty where it is not a single one's
    async def tell_healths(
        self, process: str, healths: Mapping[tuple[str, str], Any], until: datetime, *, all_: bool = True
    ) -> set[tuple[str, str]]:
        """Tell how plugins do in a process, as JSON, and until when that holds.

        `all_` tells that these are all: what the process told before beside them is over. Returns the plugins that
        are to go on by a person's word, each word once.
        """
        ...

    async def plugin_healths(self, tenant_id: str | None, now: datetime) -> list[ToldHealth]:
        """Return what all processes told of plugins for a tenant, and for no single one; None: for all of them."""
        ...

    async def resume_plugin(self, plugin: str, tenant_id: str | None = None) -> None:
        """Give all processes that told of a plugin the word that it is to go on, for one tenant or for all."""
        ...
