"""Gateway: the one object that users hold. It connects sessions, sends, receives and reads, for each tenant.

Every method that serves a tenant takes its id first and sees nothing of another tenant.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from . import addresses
from .automation.host import PluginHost
from .automation.lines import given_back, handed_over
from .errors import (
    Conflict,
    ConnectorError,
    ConnectorUnavailable,
    ConversationNotFound,
    InvalidInput,
    MessageNotFound,
    SessionNotFound,
    StoreError,
)
from .feed import Feed
from .intake import Intake
from .models import (
    Author,
    Conversation,
    ConversationPatch,
    FoundPage,
    Message,
    MessageStatus,
    Model,
    OutgoingMessage,
    Page,
    Session,
    SessionStatus,
    SessionUpdate,
    StatusChange,
)
from .monitor import Monitor
from .observe import get_logger, operation
from .outbox import Outbox, Sent
from .plugins.registry import Plugins
from .ports import (
    Clock,
    Connector,
    ConversationFilter,
    Metrics,
    NoMetrics,
    Queued,
    Receipt,
    Store,
    SystemClock,
)
from .ports.plugins import AnswerTrail, AutomationSettings, PluginSetting
from .presence import Presence
from .pulse import Pulse
from .reconciler import Reconciler
from .settings import Settings
from .states import problem_of
from .tenant import TenantGateway
from .typing_marks import TypingMarks

if TYPE_CHECKING:
    import httpx

_log = get_logger(__name__)
_API = Author(kind="api")
_DRAIN_SECONDS = 20.0
_PLUGINS_DRAIN_SECONDS = 10.0
_FORGET_EVERY_SECONDS = 3600.0
_WAKE_EVERY_SECONDS = 5.0


class SessionView(Model, frozen=True, kw_only=True):
    """A session as it is now, with its QR code (a data URL) while one is shown."""

    session: Session
    qr_code: str | None = None


class Gateway:
    """Owns the conversations of all tenants; the connection services are settings.

    `connectors` maps a name to a connector; `default_connector` names the one of new sessions; `companions` is
    work that runs as long as the gateway does, by name; `http` is the guarded client for plugins, closed with the
    gateway. Use it as an async context manager, or call `start` and `stop`.
    """

    def __init__(
        self,
        store: Store,
        connectors: Mapping[str, Connector],
        settings: Settings,
        *,
        default_connector: str = "connection_service",
        clock: Clock | None = None,
        metrics: Metrics | None = None,
        companions: Mapping[str, Callable[[], Awaitable[None]]] | None = None,
        http: httpx.AsyncClient | None = None,
        plugins: Plugins | None = None,
    ) -> None:
        self.store = store
        self.settings = settings
        self.clock = clock or SystemClock()
        self.metrics = metrics or NoMetrics()
        self.connectors = dict(connectors)
        self.default_connector = default_connector
        self.http = http
        self.plugins = Plugins() if plugins is None else plugins
        self.feed = Feed(store, metrics=self.metrics)
        self.presence = Presence(store, self.clock)
        pulse = Pulse(store, self.clock)
        self._typing = TypingMarks(store, self.clock)
        store.hear(self.feed.tell_typing)
        self.monitor = Monitor(
            store,
            self.connectors,
            clock=self.clock,
            metrics=self.metrics,
            pairing_seconds=settings.poll_pairing,
            connected_seconds=settings.poll_connected,
            silence_seconds=settings.silence_seconds,
            quiet_seconds=settings.quiet_hours * 3600,
            on_connected=self._connected,
            pulse=pulse,
        )
        self.reconciler = Reconciler(store, self.connectors, clock=self.clock, metrics=self.metrics)
        self.outbox = Outbox(
            store,
            self.connectors,
            clock=self.clock,
            metrics=self.metrics,
            call_seconds=settings.connector_timeout,
            on_call=self.monitor.heard,
            reconciler=self.reconciler,
        )
        self.intake = Intake(store, self.connectors, metrics=self.metrics, on_connected=self._connected, pulse=pulse)
        self._host = PluginHost(
            self,
            self.plugins,
            store,
            self.outbox,
            settings,
            self.connector,
            clock=self.clock,
            metrics=self.metrics,
        )
        self.runner = self._host.runner
        self.plugin_health = self._host.health
        self.vault = self._host.vault
        self.decisions = self._host.decisions
        self.automation = self._host.automation
        self.dispatcher = self._host.dispatcher
        self.timers = self._host.timers
        self._shared: dict[str, dict[str, Any]] = {}
        self._companions = dict(companions or {})
        self._tasks: list[asyncio.Task[None]] = []
        # Asked for each request, when nobody wants to look at every task.
        self._stopped = False

    # --- running -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the store and begin to work."""
        await self.store.start()
        try:
            await self._host.open()
        except BaseException:
            await self._close()
            raise
        self._stopped = False
        for name, work in (
            ("feed", self.feed.run),
            ("presence", self.presence.run),
            ("outbox", self.outbox.run),
            ("reconciler", self.reconciler.run),
            ("monitor", self.monitor.run),
            ("quarantine", self._release_all),
            ("snoozed", self._wake_snoozed),
            ("forget", self._forget),
            *self._host.works(),
            *self._companions.items(),
        ):
            self._tasks.append(asyncio.create_task(_supervise(name, work), name=name))
            self._tasks[-1].add_done_callback(self._note_end)

    async def stop(self) -> None:
        """Finish what is in flight and close everything."""
        await self._host.drain(_PLUGINS_DRAIN_SECONDS)
        await self.outbox.drain(_DRAIN_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._close()

    async def _close(self) -> None:
        # The store last, and whatever else fails: it is what holds other servers off.
        async with contextlib.AsyncExitStack() as ends:
            ends.push_async_callback(self.store.close)
            for connector in self.connectors.values():
                ends.push_async_callback(connector.close)
            if self.http is not None:
                ends.push_async_callback(self.http.aclose)
            ends.push_async_callback(self._host.close)
            ends.push_async_callback(self.feed.close)
            ends.push_async_callback(self.intake.close)

    async def __aenter__(self) -> Gateway:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    @property
    def running(self) -> bool:
        """Tell whether `start` has been called and nothing has stopped since."""
        return bool(self._tasks) and not self._stopped

    def _note_end(self, _: asyncio.Task[None]) -> None:
        self._stopped = True

    # --- sessions ------------------------------------------------------------------------------

    async def connect(self, tenant_id: str, session_id: str | None = None, name: str | None = None) -> SessionView:
        """Connect a session: it is committed first, then the service is asked to start it.

        `session_id` is absent or the tenant's own id for its first session, which is made on the way. Raises
        SessionNotFound for any other id that is not there, ConnectorError when the service fails: the
        session stays, wanting to run.
        """
        with operation("connect", tenant_id=tenant_id, session_id=session_id):
            session = await self._session_to_connect(tenant_id, session_id, name)
            session = await self.store.change_session(
                tenant_id, session.id, desired="running", name=name, new_epoch=session.desired != "running"
            )
            try:
                session, update = await self.monitor.start(session)
            except ConnectorError as exc:
                await self.monitor.fail(session, exc)
                raise
            return await self._view(session, update)

    async def status(self, tenant_id: str, session_id: str | None = None) -> SessionView:
        """Return a session's status, asked of the service while the session is to run; else as it is stored.

        A first session that was never connected is `disconnected`. A service that does not answer, or refuses our
        key, leaves the last known status with the problem `unreachable` or `degraded`.
        """
        session = await self.store.session(tenant_id, session_id or tenant_id)
        if session is None:
            if session_id in (None, tenant_id):
                return SessionView(session=self._never_connected(tenant_id))
            raise SessionNotFound
        if session.desired != "running":
            return SessionView(session=session)
        try:
            session, update = await self.monitor.ask(session)
        except ConnectorUnavailable as exc:
            return SessionView(session=msgspec.structs.replace(session, problem=problem_of(exc), error=exc.detail))
        return await self._view(session, update)

    async def disconnect(self, tenant_id: str, session_id: str | None = None) -> Session:
        """Disconnect a session: the wish is committed first, so that it holds when the service does not answer."""
        with operation("disconnect", tenant_id=tenant_id, session_id=session_id):
            session = await self.session(tenant_id, session_id or tenant_id)
            await self.store.change_session(tenant_id, session.id, desired="stopped")
            await self.connector(session).stop_session(session.id)
            stopped = SessionUpdate(session_id=session.id, status=SessionStatus.DISCONNECTED)
            # Who connected it again meanwhile made a new start, which this did not stop.
            return await self.store.change_session(
                tenant_id, session.id, update=stopped, problem=None, epoch=session.epoch
            )

    async def sessions(self, tenant_id: str) -> list[Session]:
        """List a tenant's sessions."""
        return await self.store.sessions(tenant_id)

    async def session(self, tenant_id: str, session_id: str) -> Session:
        """Return a session. Raises SessionNotFound."""
        session = await self.store.session(tenant_id, session_id)
        if session is None:
            raise SessionNotFound
        return session

    async def add_session(self, tenant_id: str, label: str | None = None, name: str | None = None) -> Session:
        """Add a session: the tenant's first without a label, `<tenant>.<label>` with one. Raises AlreadyExists."""
        session_id = f"{tenant_id}.{label}" if label else tenant_id
        return await self.store.add_session(
            tenant_id, session_id, name or _default_name(session_id), self.default_connector, exists_ok=False
        )

    async def rename_session(self, tenant_id: str, session_id: str, name: str) -> Session:
        """Give a session another name. Raises SessionNotFound."""
        return await self.store.change_session(tenant_id, session_id, name=name)

    async def remove_session(self, tenant_id: str, session_id: str) -> None:
        """Disconnect a session and take it off the list; its conversations stay."""
        session = await self.session(tenant_id, session_id)
        if session.desired == "running":
            await self.disconnect(tenant_id, session_id)
        await self.store.change_session(tenant_id, session_id, deleted=True)

    async def pairing_code(self, tenant_id: str, session_id: str, phone: str) -> str:
        """Ask for a code to type on the phone instead of a scan. Raises CapabilityMissing where there is none."""
        session = await self.session(tenant_id, session_id)
        await self.require(session, "pairing_code", "pair by a code; scan the QR code instead")
        address = addresses.normalize(phone)
        if addresses.phone(address) is None:
            raise InvalidInput("A pairing code is for a phone number.", code="invalid_address")
        return await self.connector(session).pairing_code(session.id, address)

    # --- receiving -----------------------------------------------------------------------------

    async def receive(
        self,
        connector: str,
        key: str | None,
        headers: Mapping[str, str],
        body: bytes,
        session_id: str | None = None,
    ) -> Receipt:
        """Take in one webhook: verify, decode, store; answers after the commit.

        `session_id` is the session that the webhook's address names, for connectors whose bodies name none.

        Raises InvalidWebhookKey (nothing is stored), StoreUnavailable and Overloaded (nothing is stored, the
        sender is to try again). A body that cannot be read is quarantined, never an error.
        """
        return await self.intake.receive(connector, key, headers, body, session_id)

    # --- sending -------------------------------------------------------------------------------

    async def send(
        self,
        tenant_id: str,
        conversation_id: str,
        message: OutgoingMessage,
        *,
        author: Author = _API,
        idempotency_key: tuple[str, str] | None = None,
        fingerprint: str | None = None,
        wait: float | None = None,
        ask_plugins: bool = True,
        automatic: bool = False,
        prepared: bool = False,
    ) -> Sent:
        """Send a message: the row is committed first, then the call is made.

        Waits up to `wait` seconds (setting FIVAPP_SEND_WAIT) for the outcome, and not at all while the session is
        not connected or its sends are paused; a message that is still `pending` afterwards goes on without the
        caller. `idempotency_key` is (principal, key): the same key gives the first message again and sends nothing;
        with other content that is an error, unless `fingerprint` stands for the content. Plugins see the message
        first, except with `ask_plugins=False`; one that is `prepared` goes out as it is. `automatic` counts it in the
        budget of its conversation. Raises ConversationNotFound, RecipientMismatch, InvalidInput, CapabilityMissing,
        SessionNotConnected, IdempotencyMismatch, Hold, OverBudget.
        """
        with operation("send", tenant_id=tenant_id, conversation_id=conversation_id) as op:
            # Its last message is for plugins that look at this one.
            looked_at = ask_plugins and not prepared and bool(self.plugins.hooks("outgoing_message"))
            conversation = await self.store.conversation(tenant_id, conversation_id, last_message=looked_at)
            if conversation is None:
                raise ConversationNotFound
            session = await self.session(tenant_id, conversation.session_id)
            fingerprint = fingerprint or _fingerprint(conversation_id, message)
            queued = await self._known(tenant_id, idempotency_key, fingerprint)
            if queued is None:
                ready = await self._host.outgoing.prepare(
                    tenant_id,
                    conversation,
                    session,
                    message,
                    key=_asking_key(idempotency_key),
                    ask_plugins=ask_plugins,
                    prepared=prepared,
                )
                with self.outbox.place(tenant_id) as owner:
                    queued = await self.store.queue_message(
                        tenant_id,
                        conversation,
                        ready,
                        author,
                        owner=owner,
                        lease_seconds=self.outbox.lease_seconds,
                        expires_at=self.clock.now() + timedelta(seconds=self.settings.send_expiry),
                        idempotency_key=idempotency_key,
                        fingerprint=fingerprint,
                        budget=self.automation.limits if automatic else None,
                    )
            if queued.item is None and session.status is not SessionStatus.CONNECTED:
                sent = self.outbox.leave(queued, "session_connected")
            elif queued.paused:
                sent = self.outbox.leave(queued, "connection_service")
            else:
                sent = await self.outbox.finish(queued, self.settings.send_wait if wait is None else wait)
            status = sent.message.status
            op.add(message_id=sent.message.id, status=status.value)
            op.outcome = status.value if status in _MAY_RETRY else op.outcome
            return sent

    async def _known(self, tenant_id: str, key: tuple[str, str] | None, fingerprint: str) -> Queued | None:
        """Return what was sent under a key: nobody is asked about it again, nor is it counted again."""
        known = None if key is None else await self.store.known_send(tenant_id, key, fingerprint)
        return None if known is None else Queued(tenant_id, known, created=False)

    async def retry(self, tenant_id: str, message_id: str, *, author: Author = _API) -> Sent:
        """Send a `failed`, `expired`, `cancelled` or `unknown` message again, as a new one that names the old.

        It goes out as it stands in the conversation: plugins have looked at it already. A message is retried once: the
        second call gives the first retry again. Raises MessageNotFound, Conflict.
        """
        old = await self.message(tenant_id, message_id)
        if old.direction != "outgoing" or old.status not in _MAY_RETRY:
            raise Conflict(f"A message that is {old.status} is not sent again.")
        again = OutgoingMessage(
            text=old.text,
            kind=old.kind,
            media=old.media,
            quoted_message_id=old.quoted_message_id,
            retry_of=old.id,
            choices=old.choices,
        )
        key = ("retry", old.id)
        return await self.send(tenant_id, old.conversation_id, again, author=author, idempotency_key=key, prepared=True)

    async def resolve(self, tenant_id: str, message_id: str, as_: str) -> Message:
        """Settle an `unknown` message as `sent`, or a waiting one as `cancelled`, by a person's word."""
        with operation("resolve", tenant_id=tenant_id, message_id=message_id):
            return await self.store.resolve_message(tenant_id, message_id, as_)

    async def capabilities(self, session: Session) -> frozenset[str]:
        """Return what the connection service of a session can do beyond text."""
        return await self.connector(session).capabilities()

    # --- reading and handling conversations -----------------------------------------------------

    async def conversations(
        self, tenant_id: str, where: ConversationFilter | None = None, *, before: str | None = None, limit: int = 50
    ) -> Page:
        """List conversations by their last activity, newest first; those to answer by their wait, the longest first."""
        return await self.store.conversations(tenant_id, where or ConversationFilter(), before, limit)

    async def conversation(self, tenant_id: str, conversation_id: str) -> Conversation:
        """Return a conversation. Raises ConversationNotFound."""
        conversation = await self.store.conversation(tenant_id, conversation_id)
        if conversation is None:
            raise ConversationNotFound
        return conversation

    async def open_conversation(
        self, tenant_id: str, to: str, *, session_id: str | None = None, title: str | None = None
    ) -> Conversation:
        """Return the conversation with an address, made when it is not there.

        Raises SessionNotFound, and InvalidInput for what nobody can be written to at, such as a channel.
        """
        session = await self.store.session(tenant_id, session_id or tenant_id)
        if session is None:
            raise SessionNotFound("There is no such session; connect WhatsApp first.")
        return await self.store.open_conversation(tenant_id, session.id, addresses.recipient(to), title)

    async def change_conversation(
        self, tenant_id: str, conversation_id: str, patch: ConversationPatch, *, by: Author = _API
    ) -> Conversation:
        """Change a conversation: who answers, read up to, status, assignee, labels."""
        if patch.status == "snoozed" and not isinstance(patch.snoozed_until, msgspec.UnsetType | None):
            if patch.snoozed_until <= self.clock.now():
                raise InvalidInput("snoozedUntil must lie in the future.", errors=[_pointer("snoozedUntil", "past")])
        elif patch.status == "snoozed":
            raise InvalidInput("Snoozing needs snoozedUntil.", errors=[_pointer("snoozedUntil", "required")])
        if patch.answered_by is msgspec.UNSET:
            return await self.store.change_conversation(tenant_id, conversation_id, patch, by)
        return await self._change_who_answers(tenant_id, conversation_id, patch, by, "")

    async def add_note(
        self,
        tenant_id: str,
        conversation_id: str,
        text: str,
        *,
        author: Author,
        idempotency_key: tuple[str, str] | None = None,
    ) -> Message:
        """Add a private note to a conversation; it is never sent. A known key gives the first note again."""
        return await self.store.add_note(tenant_id, conversation_id, text, author, idempotency_key=idempotency_key)

    async def typing(self, tenant_id: str, conversation_id: str, on: bool = True, *, by: Author = _API) -> None:
        """Tell colleagues that somebody writes in a conversation, and the contact where the service can.

        It holds for some seconds and is told again meanwhile. Raises ConversationNotFound.
        """
        conversation = await self.conversation(tenant_id, conversation_id)
        await self._typing.tell_colleagues(tenant_id, conversation, on, by)
        session = await self.store.session(tenant_id, conversation.session_id)
        if session is not None and session.status is SessionStatus.CONNECTED:
            await self._typing.tell_contact(self.connector(session), conversation, on)

    async def messages(
        self, tenant_id: str, conversation_id: str, *, before: int | None = None, limit: int = 50
    ) -> Page:
        """List a conversation's messages, newest first. Raises ConversationNotFound."""
        return await self.store.messages(tenant_id, conversation_id, before, limit)

    async def search_messages(
        self, tenant_id: str, query: str, *, before: int | None = None, limit: int = 50
    ) -> FoundPage:
        """List a tenant's messages whose texts hold every word of a query (the last as a beginning), newest first."""
        return await self.store.search_messages(tenant_id, query, before, limit)

    async def message(self, tenant_id: str, message_id: str) -> Message:
        """Return a message. Raises MessageNotFound."""
        message = await self.store.message(tenant_id, message_id)
        if message is None:
            raise MessageNotFound
        return message

    async def timeline(self, tenant_id: str, message_id: str) -> list[StatusChange]:
        """List what happened to a message, oldest first. Raises MessageNotFound."""
        return await self.store.timeline(tenant_id, message_id)

    async def answer_trail(self, tenant_id: str, message_id: str) -> AnswerTrail | None:
        """Return why bots answered an incoming message, or not; None while nobody has looked at it.

        Raises MessageNotFound.
        """
        await self.message(tenant_id, message_id)
        return await self.store.answer_trail(tenant_id, message_id)

    # --- who answers -----------------------------------------------------------------------------

    async def hand_over(
        self,
        tenant_id: str,
        conversation_id: str,
        *,
        reason: str = "",
        until: datetime | None = None,
        by: Author = _API,
    ) -> Conversation:
        """Let people answer in a conversation, until a time or without an end; a system line says so.

        Raises ConversationNotFound.
        """
        patch = ConversationPatch(answered_by="human", paused_until=until)
        return await self._change_who_answers(tenant_id, conversation_id, patch, by, reason)

    async def give_back(self, tenant_id: str, conversation_id: str, *, by: Author = _API) -> Conversation:
        """Let bots answer in a conversation again; a system line says so. Raises ConversationNotFound."""
        patch = ConversationPatch(answered_by="bot")
        return await self._change_who_answers(tenant_id, conversation_id, patch, by, "")

    async def _change_who_answers(
        self, tenant_id: str, conversation_id: str, patch: ConversationPatch, by: Author, reason: str
    ) -> Conversation:
        language = self.settings.language
        if patch.answered_by == "human":
            until = None if isinstance(patch.paused_until, msgspec.UnsetType) else patch.paused_until
            line = handed_over(by.name, reason, until, language)
        else:
            line = given_back(by.name, language)
        before = await self.conversation(tenant_id, conversation_id)
        after = await self.store.change_conversation(tenant_id, conversation_id, patch, by, line=line)
        changed = (before.answered_by, before.paused_until) != (after.answered_by, after.paused_until)
        if changed and after.answered_by == "human":
            await self.automation.has_human(tenant_id, conversation_id)
        return after

    # --- plugins ---------------------------------------------------------------------------------

    def as_plugin(self, tenant_id: str, plugin: str) -> TenantGateway:
        """Return a tenant's gateway as a plugin sees it. Raises PluginNotFound."""
        return self._host.view(tenant_id, self.plugins.get(plugin).name)

    def shared(self, plugin: str) -> dict[str, Any]:
        """Return what a plugin keeps in this process for all tenants: `startup` fills it, `shutdown` closes it."""
        return self._shared.setdefault(plugin, {})

    async def change_plugin(self, tenant_id: str, setting: PluginSetting, *, was_on: bool = True) -> None:
        """Store what a tenant decided about a plugin; one that was off begins with what comes.

        Raises TenantNotFound.
        """
        await self.store.set_plugin(tenant_id, setting)
        self.decisions.forget(tenant_id)
        if setting.enabled is not False and not was_on:
            await self.store.skip_lane(tenant_id, setting.plugin)

    async def change_automation(self, tenant_id: str, settings: AutomationSettings) -> None:
        """Store what a tenant decided about all bots. Raises TenantNotFound."""
        await self.store.set_automation(tenant_id, settings)
        self.decisions.forget(tenant_id)

    async def idle(self) -> None:
        """Wait until plugins have handled all that happened, but for what waits for the clock."""
        await self._host.idle()

    # --- helpers ---------------------------------------------------------------------------------

    def connector(self, session: Session) -> Connector:
        """Return the connector of a session."""
        return self.connectors[session.connector]

    async def require(self, session: Session, capability: str, what: str) -> None:
        """Raise CapabilityMissing when the connection service of a session cannot do something."""
        await self._host.outgoing.require(session, capability, what)

    async def _session_to_connect(self, tenant_id: str, session_id: str | None, name: str | None) -> Session:
        if session_id in (None, tenant_id):
            return await self.store.add_session(
                tenant_id, tenant_id, name or _default_name(tenant_id), self.default_connector
            )
        return await self.session(tenant_id, session_id or tenant_id)

    def _never_connected(self, tenant_id: str) -> Session:
        now = self.clock.now()
        return Session(
            id=tenant_id,
            tenant_id=tenant_id,
            name=_default_name(tenant_id),
            connector=self.default_connector,
            status_at=now,
            created_at=now,
        )

    async def _view(self, session: Session, update: SessionUpdate) -> SessionView:
        # A QR is handed on only while it can be scanned, and is stored nowhere.
        shown = update.qr_code if session.status in (SessionStatus.QR_READY, SessionStatus.CONNECTING) else None
        return SessionView(session=session, qr_code=shown)

    async def _connected(self, session_id: str) -> None:
        """A session can send again, and what came before it was known can be read."""
        self.outbox.wake()
        await self.intake.release(session_id)

    async def _release_all(self) -> None:
        """Try quarantined bodies once at the start: the decoder may have been mended since."""
        await self.intake.release()
        await asyncio.Event().wait()

    async def _wake_snoozed(self) -> None:
        while True:
            await self.store.wake_snoozed()
            await asyncio.sleep(_WAKE_EVERY_SECONDS)

    async def _forget(self) -> None:
        while True:
            now, settings = self.clock.now(), self.settings
            await self.store.forget_old(
                now - timedelta(days=settings.events_kept_days),
                webhooks_before=now - timedelta(days=settings.webhooks_kept_days),
            )
            await asyncio.sleep(_FORGET_EVERY_SECONDS)


_MAY_RETRY = frozenset({MessageStatus.FAILED, MessageStatus.EXPIRED, MessageStatus.CANCELLED, MessageStatus.UNKNOWN})


def _default_name(session_id: str) -> str:
    return f"WhatsApp Connection {session_id}"


def _pointer(field: str, code: str) -> dict[str, str]:
    return {"pointer": f"#/{field}", "code": code}


def _asking_key(key: tuple[str, str] | None) -> str:
    """Return what names a send that may run again to the plugins that look at it; nothing for one that does not."""
    return "" if key is None else hashlib.sha256(msgspec.json.encode(key)).hexdigest()[:32]


def _fingerprint(conversation_id: str, message: OutgoingMessage) -> str:
    content = msgspec.json.encode([conversation_id, message], order="deterministic")
    return hashlib.sha256(content).hexdigest()


async def _supervise(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` for ever: what fails is logged and begun again, so that one fault never ends a service."""
    delay = 0.1
    while True:
        started = asyncio.get_running_loop().time()
        try:
            await work()
        except StoreError as exc:
            # The database is away, which is no defect of ours: it is asked again.
            _log.warning("task_failed", task=name, error=exc.code)
        except Exception:
            _log.exception("task_failed", task=name)
        if asyncio.get_running_loop().time() - started > 60:
            delay = 0.1
        await asyncio.sleep(delay)
        delay = min(delay * 2, 30.0)
