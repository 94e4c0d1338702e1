"""Work of plugins that processes share: lanes, timers and failures are taken under leases, each in one statement.

What is paused comes as JSON, however much it is: an empty tenant means all of them, the hook `all` each.

On PostgreSQL a claim passes over rows that another process is just taking; on SQLite all writes queue up anyway.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from fivapp_whatsapp.models import now_ms
from fivapp_whatsapp.ports.plugins import Lane

from .plugin_rows import FailureRow, LaneRow, TimerRow
from .statements import Many, Sql, Work, Write

_encode = msgspec.json.Encoder().encode
# The lane of no tenant says that a plugin was given its lanes: only then a tenant without one is a new tenant.
_OPENED = ""


class Claims:
    """Makes the work of taking and giving back, in the words of one database."""

    def __init__(self, *, postgresql: bool) -> None:
        self._skip_locked = " FOR UPDATE OF t SKIP LOCKED" if postgresql else ""
        self._kept = _KEPT_POSTGRESQL if postgresql else _KEPT_SQLITE
        self._paused = _PAUSED_POSTGRESQL if postgresql else _PAUSED_SQLITE

    # --- lanes -----------------------------------------------------------------------------------

    def open_lanes(self, plugins: Sequence[str]) -> Work[None]:
        """Make missing lanes at the heads."""
        for plugin in sorted(set(plugins)):
            yield Sql(_OPEN_LANES, (plugin,))
        yield Write(LaneRow, [LaneRow(_OPENED, plugin, 0, None, 0) for plugin in sorted(set(plugins))], "ignore")

    def claim_lanes(self, owner: str, plugins: Sequence[str], lease_ms: int, limit: int) -> Work[list[Lane]]:
        """Make the lanes of new tenants, and take those that have something to read."""
        now, names = now_ms(), sorted(set(plugins))
        yield Sql(_NEW_LANES.format(plugins=_marks(names, 1)), tuple(names))
        sql = _CLAIM_LANES.format(plugins=_marks(names, 5), lock=self._skip_locked)
        rows = yield Sql(sql, (owner, now, now + lease_ms, limit, *names))
        return sorted((Lane(*row) for row in rows), key=_name)

    def keep_lanes(self, owner: str, lanes: Sequence[Lane], lease_ms: int) -> Work[list[Lane]]:
        """Save the places of all lanes in one statement, and hold them on or give them up."""
        now = now_ms()
        places = [{"tenant": lane.tenant_id, "name": lane.plugin, "place": lane.seq} for lane in lanes]
        holder = owner if lease_ms > 0 else None
        sql = _KEEP_LANES.format(kept=self._kept)
        rows = yield Sql(sql, (owner, _encode(places).decode(), holder, now + lease_ms))
        return sorted((Lane(*row) for row in rows), key=_name)

    def skip_lane(self, tenant_id: str, plugin: str) -> Work[None]:
        """Put a lane at the head."""
        yield Sql(_SKIP_LANE, (tenant_id, plugin))

    # --- timers ------------------------------------------------------------------------------------

    def claim_timers(
        self,
        owner: str,
        plugins: Sequence[str],
        now: int,
        limit: int,
        lease_ms: int,
        paused: Collection[tuple[str, str]] = (),
    ) -> Work[list[TimerRow]]:
        """Take timers that are due, and count the attempt; none that is paused, by tenant and plugin."""
        names = sorted(set(plugins))
        but, places = self._but(_TIMER_PAUSED, [(*each, "") for each in paused], 5 + len(names))
        sql = _CLAIM_TIMERS.format(plugins=_marks(names, 5), but=but, lock=self._skip_locked)
        rows = yield Sql(sql, (owner, now, now + lease_ms, limit, *names, *places))
        return sorted((TimerRow.of(row) for row in rows), key=lambda row: (row.due_at, row.id))

    def hold_timers(self, held: Sequence[tuple[tuple[str, str, str, str], str]], owner: str, until: int) -> Work[None]:
        """Hold on to timers that ring, by key and id."""
        yield Many([Sql(_HOLD_TIMER, (*key, id, owner, until)) for key, id in held])

    def end_timer(self, key: tuple[str, str, str, str], id: str, owner: str, due_at: int | None) -> Work[None]:
        """Delete a timer, or put it off; not one that was set anew, or that another process has."""
        if due_at is None:
            yield Sql(_DELETE_TIMER, (*key, id, owner))
        else:
            yield Sql(_PUT_OFF_TIMER, (*key, id, owner, due_at))

    # --- failures ------------------------------------------------------------------------------------

    def claim_failures(
        self,
        owner: str,
        plugins: Sequence[str],
        limit: int,
        lease_ms: int,
        paused: Collection[tuple[str, str, str]] = (),
    ) -> Work[list[FailureRow]]:
        """Take failures whose next try is due, and count the attempt; none paused, by tenant, plugin and hook."""
        now, names = now_ms(), sorted(set(plugins))
        but, places = self._but(_FAILURE_PAUSED, paused, 5 + len(names))
        sql = _CLAIM_FAILURES.format(plugins=_marks(names, 5), but=but, lock=self._skip_locked)
        rows = yield Sql(sql, (owner, now, now + lease_ms, limit, *names, *places))
        return sorted((FailureRow.of(row) for row in rows), key=lambda row: (row.next_at or 0, row.id))

    def _but(self, condition: str, paused: Collection[tuple[str, str, str]], number: int) -> tuple[str, list[str]]:
        """Return the condition that leaves out what is paused, with its one value, nothing while all runs."""
        if not paused:
            return "", []
        places = [{"tenant": tenant_id, "name": plugin, "hook": hook} for tenant_id, plugin, hook in paused]
        return condition.format(paused=self._paused.format(number=number)), [_encode(places).decode()]

    def hold_failures(self, ids: Sequence[str], owner: str, lease_ms: int) -> Work[None]:
        """Hold on to failures that are being tried."""
        until = now_ms() + lease_ms
        yield Many([Sql(_HOLD_FAILURE, (id, owner, until)) for id in ids])

    def end_failure(self, id: str, owner: str, next_at: int | None, error: str | None, *, tried: bool) -> Work[None]:
        """Delete a failure, or keep it for another try or for good."""
        if error is None:
            yield Sql(_DELETE_FAILURE, (id, owner))
        else:
            state = "dead" if next_at is None else "retrying"
            yield Sql(_KEEP_FAILURE, (id, owner, state, next_at, error, int(not tried)))

    def replay_failure(self, tenant_id: str, id: str) -> Work[list[FailureRow]]:
        """Let a failure be tried at once."""
        rows = yield Sql(_REPLAY_FAILURE, (tenant_id, id, now_ms()))
        return [FailureRow.of(row) for row in rows]

    def discard_failure(self, tenant_id: str, id: str) -> Work[bool]:
        """Delete a failure; False when there is none."""
        gone = yield Sql(_DISCARD_FAILURE, (tenant_id, id))
        return bool(gone)


def _name(lane: Lane) -> tuple[str, str]:
    return lane.tenant_id, lane.plugin


def _marks(names: Sequence[str], first: int) -> str:
    return ", ".join(f"${number}" for number, _ in enumerate(names, first))


def _columns(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


_OPEN_LANES = """
INSERT INTO fivapp_plugin_lane (tenant_id, plugin, seq, owner, lease_until)
SELECT tenant_id, CAST($1 AS TEXT), seq, NULL, 0 FROM fivapp_tenant_cursor WHERE TRUE ORDER BY tenant_id
ON CONFLICT DO NOTHING
"""
_NEW_LANES = """
INSERT INTO fivapp_plugin_lane (tenant_id, plugin, seq, owner, lease_until)
SELECT c.tenant_id, opened.plugin, 0, NULL, 0
FROM fivapp_tenant_cursor AS c JOIN fivapp_plugin_lane AS opened ON opened.tenant_id = ''
WHERE opened.plugin IN ({plugins}) AND NOT EXISTS (
  SELECT 1 FROM fivapp_plugin_lane AS l WHERE l.tenant_id = c.tenant_id AND l.plugin = opened.plugin)
ORDER BY c.tenant_id, opened.plugin
ON CONFLICT DO NOTHING
"""
# Lanes that are not held come first, the longest waiting before the others: that is what lease_until tells.
_CLAIM_LANES = """
WITH due AS MATERIALIZED (
  SELECT t.tenant_id, t.plugin FROM fivapp_plugin_lane AS t JOIN fivapp_tenant_cursor AS c ON c.tenant_id = t.tenant_id
  WHERE t.plugin IN ({plugins}) AND t.seq < c.seq AND (t.lease_until <= $2 OR t.owner = $1)
  ORDER BY t.lease_until LIMIT $4{lock})
UPDATE fivapp_plugin_lane SET owner = $1, lease_until = $3
WHERE (tenant_id, plugin) IN (SELECT tenant_id, plugin FROM due) RETURNING tenant_id, plugin, seq
"""
_KEPT_POSTGRESQL = "json_to_recordset(CAST($2 AS json)) AS k(tenant text, name text, place bigint)"
_KEPT_SQLITE = """(SELECT json_extract(value, '$.tenant') AS tenant, json_extract(value, '$.name') AS name,
  json_extract(value, '$.place') AS place FROM json_each($2)) AS k"""
_KEEP_LANES = """
UPDATE fivapp_plugin_lane SET seq = CASE WHEN k.place > seq THEN k.place ELSE seq END, owner = $3, lease_until = $4
FROM {kept} WHERE tenant_id = k.tenant AND plugin = k.name AND owner = $1 RETURNING tenant_id, plugin, seq
"""
_SKIP_LANE = """
INSERT INTO fivapp_plugin_lane (tenant_id, plugin, seq, owner, lease_until)
SELECT tenant_id, CAST($2 AS TEXT), seq, NULL, 0 FROM fivapp_tenant_cursor WHERE tenant_id = $1
ON CONFLICT (tenant_id, plugin) DO UPDATE SET seq = excluded.seq
"""
_PAUSED_POSTGRESQL = "json_to_recordset(CAST(${number} AS json)) AS p(tenant text, name text, hook text)"
_PAUSED_SQLITE = """(SELECT json_extract(value, '$.tenant') AS tenant, json_extract(value, '$.name') AS name,
  json_extract(value, '$.hook') AS hook FROM json_each(${number})) AS p"""
_TIMER_PAUSED = " AND NOT EXISTS (SELECT 1 FROM {paused} WHERE p.tenant IN ('', t.tenant_id) AND p.name = t.plugin)"
_FAILURE_PAUSED = """
  AND NOT EXISTS (SELECT 1 FROM {paused} WHERE p.tenant IN ('', t.tenant_id) AND p.name = t.plugin
    AND p.hook IN ('all', t.hook))"""
_CLAIM_TIMERS = f"""
WITH due AS MATERIALIZED (
  SELECT {_columns(TimerRow.primary_key)} FROM fivapp_plugin_timer AS t
  WHERE t.due_at <= $2 AND t.lease_until <= $2 AND t.plugin IN ({{plugins}}){{but}}
  ORDER BY t.due_at LIMIT $4{{lock}})
UPDATE fivapp_plugin_timer SET owner = $1, lease_until = $3, attempt = attempt + 1
WHERE ({_columns(TimerRow.primary_key)}) IN (SELECT {_columns(TimerRow.primary_key)} FROM due)
RETURNING {_columns(TimerRow.__struct_fields__)}
"""  # noqa: S608  # our own names
_CLAIM_FAILURES = f"""
WITH due AS MATERIALIZED (
  SELECT t.id FROM fivapp_plugin_failure AS t WHERE t.state = 'retrying' AND t.next_at <= $2 AND t.lease_until <= $2
  AND t.plugin IN ({{plugins}}){{but}} ORDER BY t.next_at LIMIT $4{{lock}})
UPDATE fivapp_plugin_failure SET owner = $1, lease_until = $3, attempts = attempts + 1
WHERE id IN (SELECT id FROM due) RETURNING {_columns(FailureRow.__struct_fields__)}
"""  # noqa: S608  # our own names
_THIS_TIMER = "tenant_id = $1 AND plugin = $2 AND conversation_id = $3 AND key = $4 AND id = $5 AND owner = $6"
_DELETE_TIMER = f"DELETE FROM fivapp_plugin_timer WHERE {_THIS_TIMER}"  # noqa: S608  # our own words
_PUT_OFF_TIMER = f"UPDATE fivapp_plugin_timer SET due_at = $7, owner = NULL, lease_until = 0 WHERE {_THIS_TIMER}"  # noqa: S608
_HOLD_TIMER = f"UPDATE fivapp_plugin_timer SET lease_until = $7 WHERE {_THIS_TIMER}"  # noqa: S608  # our own words
_HOLD_FAILURE = "UPDATE fivapp_plugin_failure SET lease_until = $3 WHERE id = $1 AND owner = $2"
_DELETE_FAILURE = "DELETE FROM fivapp_plugin_failure WHERE id = $1 AND owner = $2"
_KEEP_FAILURE = """
UPDATE fivapp_plugin_failure SET state = $3, next_at = $4, error = $5, owner = NULL, lease_until = 0,
  attempts = attempts - CAST($6 AS INTEGER)
WHERE id = $1 AND owner = $2
"""
_DISCARD_FAILURE = "DELETE FROM fivapp_plugin_failure WHERE tenant_id = $1 AND id = $2 RETURNING 1"
_REPLAY_FAILURE = f"""
UPDATE fivapp_plugin_failure SET state = 'retrying', next_at = $3 WHERE tenant_id = $1 AND id = $2
RETURNING {_columns(FailureRow.__struct_fields__)}
"""  # noqa: S608  # our own names
