"""The hooks: what a plugin may implement, with the arguments that it may ask for.

A plugin is a module with functions marked `@hookimpl`. A function takes only the arguments that it needs, by
name: those of its hook, as they stand below. docs/plugins.md explains each hook; a test holds the two together.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import msgspec
import pluggy

if TYPE_CHECKING:
    from .gateway import Gateway
    from .models import Contact, Conversation, Group, Message, OutgoingMessage, Session
    from .ports import Connector
    from .tenant import PluginLog, State, TenantGateway

PROJECT = "fivapp_whatsapp"
F = TypeVar("F", bound=Callable[..., Any])

_spec = pluggy.HookspecMarker(PROJECT)
_impl = pluggy.HookimplMarker(PROJECT)
_OPTIONS = f"{PROJECT}_options"


class HookOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What `@hookimpl(…)` says of one function.

    `timeout` is the deadline in seconds (None: the hook's own). `quiet_for`, for `reply_to` only, is how long a
    contact must be silent before the bot is asked once about all that was written. `ordered="strict"` keeps an
    event that fails in front of its conversation instead of letting it step aside. `on_failure`, for
    `outgoing_message` only, says what becomes of a message when the function fails.
    """

    timeout: float | None = None
    quiet_for: float = 0.0
    ordered: Literal["skip", "strict"] = "skip"
    on_failure: Literal["send", "hold"] = "send"


@overload
def hookimpl(function: F) -> F: ...


@overload
def hookimpl(
    *,
    timeout: float | None = None,
    quiet_for: float = 0.0,
    ordered: Literal["skip", "strict"] = "skip",
    on_failure: Literal["send", "hold"] = "send",
    tryfirst: bool = False,
    trylast: bool = False,
    optionalhook: bool = False,
    specname: str | None = None,
) -> Callable[[F], F]: ...


def hookimpl(
    function: Any = None,
    *,
    timeout: float | None = None,
    quiet_for: float = 0.0,
    ordered: Literal["skip", "strict"] = "skip",
    on_failure: Literal["send", "hold"] = "send",
    tryfirst: bool = False,
    trylast: bool = False,
    optionalhook: bool = False,
    specname: str | None = None,
) -> Any:
    """Mark a function of a plugin as the implementation of the hook of its name.

    `tryfirst` and `trylast` order the functions of one plugin; `optionalhook` allows a hook that this version
    does not have; the other options are those of HookOptions.
    """
    options = HookOptions(timeout=timeout, quiet_for=quiet_for, ordered=ordered, on_failure=on_failure)

    def mark(function: F) -> F:
        setattr(function, _OPTIONS, options)
        return _impl(tryfirst=tryfirst, trylast=trylast, optionalhook=optionalhook, specname=specname)(function)

    return mark if function is None else mark(function)


def options_of(function: Any) -> HookOptions:
    """Return what `@hookimpl` said of a function."""
    found = getattr(function, _OPTIONS, None)
    return found if isinstance(found, HookOptions) else HookOptions()


@_spec
def startup(gateway: Gateway) -> None:
    """Run when the gateway has started, with the whole Gateway."""


@_spec
def shutdown(gateway: Gateway) -> None:
    """Run before the gateway stops, with the whole Gateway."""


@_spec
def message_received(
    message: Message,
    gateway: TenantGateway,
    conversation: Conversation,
    contact: Contact | None,
    session: Session,
    config: Any,
    state: State,
    attempt: int,
    log: PluginLog,
) -> None:
    """Hear of an incoming message that was stored."""


@_spec
def message_sent(
    message: Message,
    gateway: TenantGateway,
    conversation: Conversation,
    contact: Contact | None,
    session: Session,
    config: Any,
    state: State,
    attempt: int,
    log: PluginLog,
) -> None:
    """Hear of an outgoing message that first reached `accepted` or higher, or that was typed on the phone."""


@_spec
def message_status_changed(
    message: Message,
    gateway: TenantGateway,
    conversation: Conversation,
    contact: Contact | None,
    session: Session,
    config: Any,
    state: State,
    attempt: int,
    log: PluginLog,
) -> None:
    """Hear of every other change of a message."""


@_spec
def session_status_changed(
    session: Session,
    gateway: TenantGateway,
    config: Any,
    attempt: int,
    log: PluginLog,
) -> None:
    """Hear of a session whose status or problem changed."""


@_spec
def conversation_changed(
    conversation: Conversation,
    gateway: TenantGateway,
    contact: Contact | None,
    session: Session,
    config: Any,
    state: State,
    attempt: int,
    log: PluginLog,
) -> None:
    """Hear of a conversation that is new, or changed in another way than by counting a message."""


@_spec
def group_changed(
    group: Group,
    gateway: TenantGateway,
    conversation: Conversation,
    session: Session,
    config: Any,
    state: State,
    attempt: int,
    log: PluginLog,
) -> None:
    """Hear of a group whose subject or participants changed."""


@_spec
def reply_to(
    message: Message,
    messages: Sequence[Message],
    gateway: TenantGateway,
    conversation: Conversation,
    contact: Contact | None,
    session: Session,
    config: Any,
    state: State,
    attempt: int,
    log: PluginLog,
) -> Any:
    """Answer an incoming message: a text, an OutgoingMessage, a list of them, or None to leave it to the next bot.

    `messages` are all that the contact wrote since somebody last answered, oldest first; `message` is the last.
    """


@_spec
def outgoing_message(
    message: OutgoingMessage,
    gateway: TenantGateway,
    conversation: Conversation,
    contact: Contact | None,
    session: Session,
    config: Any,
    log: PluginLog,
) -> OutgoingMessage | None:
    """Change a message before it is stored and sent, by returning another; or `raise Hold(reason)`."""


@_spec
def timer(
    key: str,
    data: Any,
    gateway: TenantGateway,
    conversation: Conversation | None,
    contact: Contact | None,
    session: Session | None,
    config: Any,
    state: State,
    attempt: int,
    log: PluginLog,
) -> None:
    """Act on a timer that this plugin set by `gateway.later(key, after, data)` and that is due."""


@_spec
def register_connectors() -> Mapping[str, Callable[..., Connector]]:
    """Return connectors by name: each is called with the Settings, once, when the gateway is put together."""
    raise AssertionError  # a specification is never called


@_spec
def register_routes() -> Sequence[Any]:
    """Return Litestar route handlers; they answer under `/api/<plugin>`, for users of a tenant only."""
    raise AssertionError  # a specification is never called


@_spec
def plugin_config() -> type[msgspec.Struct]:
    """Return the struct of the plugin's settings for a tenant; every field has a default."""
    raise AssertionError  # a specification is never called


@_spec
def plugin_failed(plugin: str, hook: str, error: BaseException) -> None:
    """Hear of a function of any plugin that failed, came too late or blocked the event loop."""


# The hooks by name, each with the arguments that a function may ask for.
HOOKS: Mapping[str, tuple[str, ...]] = {
    name: tuple(inspect.signature(value).parameters)
    for name, value in list(globals().items())
    if hasattr(value, f"{PROJECT}_spec")
}
# They hear of what is stored, after the commit and in order.
TOLD = (
    "message_received",
    "message_sent",
    "message_status_changed",
    "session_status_changed",
    "conversation_changed",
    "group_changed",
)
# They are asked once, while the gateway is put together: nothing runs yet that could await them.
COLLECTED = ("register_connectors", "register_routes", "plugin_config")
# Arguments of later versions than this one, as "hook.argument": a maintained older version learns them here, so
# that it can tell a plugin which version it needs. Within a major version arguments are only added.
LATER: Mapping[str, str] = {}
