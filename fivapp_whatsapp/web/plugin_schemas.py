"""What goes over the wire about plugins and bots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from fivapp_whatsapp.automation.trial import Trial
from fivapp_whatsapp.models import MAX_TEXT, PLUGIN_NAME, GroupBots, OutgoingMessage
from fivapp_whatsapp.plugins.admin import BrokenView, PluginView
from fivapp_whatsapp.ports.plugins import AnswerStep, FailureState, PluginFailure

from .schemas import _END, Body, Id, Reply

PluginName = Annotated[str, Meta(pattern=PLUGIN_NAME + _END)]


class PluginList(Reply, frozen=True, kw_only=True):
    """Plugins in the order in which their bots are asked, and those that could not be loaded."""

    items: Sequence[PluginView]
    broken: Sequence[BrokenView]
    next_cursor: str | None
    seq: int


class PluginUpdate(Body, frozen=True, kw_only=True):
    """What may change in a plugin for the tenant; what is absent stays."""

    enabled: bool | UnsetType = UNSET
    config: dict[str, Any] | UnsetType | None = UNSET


class FailureView(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """A hook that failed: of which plugin, in which conversation, how often it was tried, and when again."""

    id: str
    plugin: str
    hook: str
    state: FailureState
    attempts: int
    error: str
    at: datetime
    next_at: datetime | None = None
    conversation_id: str | None = None
    message_id: str | None = None


class FailurePage(Reply, frozen=True, kw_only=True):
    """Failed deliveries, newest first."""

    items: Sequence[FailureView]
    next_cursor: str | None
    seq: int


class AutomationChange(Body, frozen=True, kw_only=True):
    """What may change for all bots; `order` names plugins, the first is asked first, those left out follow."""

    enabled: bool | UnsetType = UNSET
    group_bots: GroupBots | UnsetType = UNSET
    pause_minutes: Annotated[int, Meta(ge=1, le=10_080)] | UnsetType = UNSET
    order: Annotated[list[PluginName], Meta(max_length=200)] | UnsetType = UNSET


class Try(Body, frozen=True, kw_only=True):
    """What a contact might write; in which conversation, to which plugin alone, and what was said before."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
    conversation_id: Id | None = None
    plugin: PluginName | None = None
    memory: dict[str, Any] | None = None


class Tried(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """What the bots would say, who was asked, and the rule that would silence them in this conversation.

    `effects` are what they would have sent or changed beside their answer.
    """

    answers: Sequence[OutgoingMessage]
    steps: Sequence[AnswerStep]
    effects: Sequence[Mapping[str, Any]]
    memory: Mapping[str, Any]
    plugin: str | None = None
    rule: str | None = None


def failure_view(failure: PluginFailure) -> FailureView:
    """Return a failure as clients see it."""
    return FailureView(
        id=failure.id,
        plugin=failure.plugin,
        hook=failure.hook,
        state=failure.state,
        attempts=failure.attempts,
        error=failure.error,
        at=failure.at,
        next_at=failure.next_at,
        conversation_id=failure.conversation_id,
        message_id=None if failure.event is None else failure.event.message_id,
    )


def tried(trial: Trial) -> Tried:
    """Return what a dry run gave as clients see it."""
    return Tried(
        answers=trial.answers,
        effects=trial.effects,
        steps=trial.trail.steps,
        memory=trial.memory,
        plugin=trial.trail.plugin,
        rule=trial.trail.rule,
    )
