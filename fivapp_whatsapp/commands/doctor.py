"""`doctor`: looks at everything that must fit together, changes nothing, and says what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import click
import httpx
import msgspec

from fivapp_whatsapp import safety
from fivapp_whatsapp.connectors.connection_service import ConnectionServiceConnector
from fivapp_whatsapp.db.engine import Engine, SQLiteEngine, check_durability, make_engine
from fivapp_whatsapp.db.migrate import pending
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import (
    ConnectorError,
    ConnectorKeyRefused,
    ConnectorRejected,
    GatewayError,
    SettingsError,
    StoreError,
)
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.settings import Settings, load_settings

from .common import print_json, run, visit_store

State = Literal["ok", "warn", "fail"]
_ALL_SETTINGS = "`fivapp-whatsapp doctor --env-example` explains all settings."
_WHICH = "`doctor --details` names them."
_TIMEOUT = 5.0
_COLORS = {"ok": "green", "warn": "yellow", "fail": "red"}
_WEBHOOK_PATH = "/api/webhooks/whatsapp"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at; `advice` says what to do unless it is ok, `items` name each case."""

    name: str
    state: State
    detail: str
    advice: str = ""
    items: list[dict[str, Any]] = []


@click.command(short_help="Check settings, database, connection service and the way back to us.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@click.option("--details", is_flag=True, help="Name each unknown message and each webhook in quarantine.")
@click.option("--env-example", is_flag=True, help="Print .env.example, which explains every setting, and end.")
def doctor(as_json: bool, details: bool, env_example: bool) -> None:
    """Check settings, secrets, database, connection service, and the way back to us; exit code 1 when one fails."""
    if env_example:
        click.echo(read_example(), nl=False)
        return
    findings = run(examine(details=details))
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            click.echo(f"{click.style(finding.state.ljust(4), fg=_COLORS[finding.state])}  {_sentence(finding)}")
            for item in finding.items:
                click.echo("      " + "  ".join(f"{name} {value}" for name, value in item.items()))
    if any(finding.state == "fail" for finding in findings):
        raise SystemExit(1)


def read_example() -> str:
    """Return the text of .env.example: of the installed package, or of the clone."""
    shipped = files("fivapp_whatsapp") / ".env.example"
    if shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / ".env.example").read_text(encoding="utf-8")


async def examine(*, details: bool = False) -> list[Finding]:
    """Look at everything, in the order in which it should be mended."""
    try:
        settings = load_settings()
    except SettingsError as exc:
        return [Finding("settings", "fail", problem, _ALL_SETTINGS) for problem in exc.problems]
    findings = [Finding("settings", "ok", "can be read"), *_secrets(settings)]
    findings += [finding async for finding in _database(settings, details)]
    findings.append(await _connection_service(settings))
    findings += [finding async for finding in _way_back(settings)]
    return [*findings, *_plugins(settings)]


def _plugins(settings: Settings) -> list[Finding]:
    plugins = Plugins.load(names=settings.plugins)
    names = ", ".join(plugin.name for plugin in plugins.items)
    found = [
        Finding(f"plugin {broken.name}", "warn", problem, "It does not run; what it is to hear of waits for it.")
        for broken in plugins.broken
        for problem in broken.problems
    ]
    found += [
        Finding(f"plugin {plugin.name}", "warn", warning) for plugin in plugins.items for warning in plugin.warnings
    ]
    return [*found, Finding("plugins", "ok", names or "none installed")]


def _secrets(settings: Settings) -> list[Finding]:
    found = [Finding("secrets", "fail", problem) for problem in safety.problems(settings)]
    return found or [Finding("secrets", "ok", "strong enough to serve with")]


async def _database(settings: Settings, details: bool) -> AsyncIterator[Finding]:
    try:
        engine = make_engine(settings.database_url)
        if _is_new(engine):
            yield Finding("database", "warn", "the file is not there yet", "`serve` and `migrate` make it.")
            return
        await engine.start_connection_pool()
        try:
            durability = await check_durability(engine, deep=True)
            missing = await pending(engine)
        finally:
            await engine.close_connection_pool()
    except (StoreError, SettingsError) as exc:
        yield Finding("database", "fail", exc.detail, "Check DATABASE_URL, and that the database runs.")
        return
    if durability.durable:
        yield Finding("database", "ok", "answers, and keeps what it commits")
    for problem in durability.problems:
        yield Finding("database", "fail", problem)
    if missing:
        yield Finding(
            "migrations", "warn", f"{len(missing)} to apply", "Run `fivapp-whatsapp migrate`, or start `serve`."
        )
        return
    yield Finding("migrations", "ok", "none to apply")
    async for finding in _rows(settings, details):
        yield finding


async def _bodies(store: DatabaseStore) -> list[dict[str, Any]]:
    return [
        {
            "id": each.id,
            "connector": each.connector,
            "reason": each.reason,
            "session": each.session_id or "-",
            "received": each.received_at.isoformat(timespec="seconds"),
            "bytes": len(each.raw),
        }
        for each in await store.quarantined()
    ]


async def _unknown(store: DatabaseStore) -> list[dict[str, Any]]:
    return [
        {
            "tenant": each.tenant_id,
            "conversation": each.conversation_id,
            "message": each.message_id,
            "queued": each.queued_at.isoformat(timespec="seconds"),
        }
        for each in await store.unknown_sends()
    ]


def _is_new(engine: Engine) -> bool:
    # Looking into a file that is not there would make it.
    return isinstance(engine, SQLiteEngine) and not Path(engine.path).exists()


async def _rows(settings: Settings, details: bool) -> AsyncIterator[Finding]:
    try:
        async with visit_store(settings) as store:
            check = await store.check()
            bodies = await _bodies(store) if details else []
            unknown = await _unknown(store) if details else []
    except StoreError as exc:
        yield Finding("rows", "fail", exc.detail)
        return
    if check.quarantined:
        advice = f"They are tried again when their session connects and at each start. {_WHICH}"
        text = f"{check.quarantined} webhooks wait that were not understood"
        yield Finding("quarantine", "warn", text, advice, bodies)
    else:
        yield Finding("quarantine", "ok", "empty")
    if check.outbox_unknown:
        advice = f"Look at the phone, then POST /api/messages/{{id}}/resolve or /retry for each. {_WHICH}"
        yield Finding("sends", "warn", f"{check.outbox_unknown} with an outcome that is not known", advice, unknown)
    else:
        yield Finding("sends", "ok", f"{check.outbox_waiting} waiting, none unknown")


async def _connection_service(settings: Settings) -> Finding:
    name = "connection service"
    try:
        connector = ConnectionServiceConnector.from_settings(settings)
    except GatewayError as exc:
        return Finding(name, "fail", exc.detail, "Check CONNECTION_SERVICE_URL and CONNECTION_SERVICE_API_KEY.")
    try:
        await connector.check()
        capabilities = await connector.capabilities()
    except (ConnectorKeyRefused, ConnectorRejected) as exc:
        return Finding(
            name, "fail", exc.detail, "Check CONNECTION_SERVICE_API_KEY: it is the key that the service has."
        )
    except ConnectorError as exc:
        return Finding(name, "fail", exc.detail, "Check CONNECTION_SERVICE_URL, and that the service runs.")
    finally:
        await connector.close()
    return Finding(
        name, "ok", f"answers and takes the key; beyond text: {', '.join(sorted(capabilities)) or 'nothing'}"
    )


async def _way_back(settings: Settings) -> AsyncIterator[Finding]:
    if not settings.public_url:
        yield Finding("way back", "warn", "FIVAPP_PUBLIC_URL is not set", "Set how the connection service reaches us.")
        return
    base = settings.public_url.rstrip("/")
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as client:
            status = (await client.get(f"{base}/health/live")).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        advice = "Start `serve`; else look at the proxy and DNS before FIVAPP_PUBLIC_URL."
        yield Finding("way back", "fail", f"FIVAPP_PUBLIC_URL does not answer ({type(exc).__name__})", advice)
    else:
        if status == httpx.codes.OK:
            yield Finding("way back", "ok", "FIVAPP_PUBLIC_URL answers as a gateway, seen from this machine")
        else:
            advice = "Something else answers there, or the proxy does not pass on."
            yield Finding("way back", "fail", f"FIVAPP_PUBLIC_URL/health/live answers {status}", advice)
    yield Finding("webhook", "ok", f"to set in the connection service: POST {base}{_WEBHOOK_PATH}, key in X-API-KEY")


def _sentence(finding: Finding) -> str:
    text = f"{finding.name}: {finding.detail}"
    if not text.endswith("."):
        text += "."
    return f"{text} {finding.advice}".rstrip()
