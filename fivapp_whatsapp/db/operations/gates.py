"""The gate before a session's sends: its pace, and a pause while the connection service does not answer them.

Five sends in a row that the service did not answer close the gate for a while; then one is let through, alone, and
how that goes decides. So a service that hangs makes a handful of messages `unknown`, not all that wait.
"""

from __future__ import annotations

from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import SendGateRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.db.waits import LONGEST_WAIT_MS, is_over
from fivapp_whatsapp.ports import Outcome, Pace

FAULTS = 5
# A look for sends that are due comes each second in any case.
_TIGHT_MS = 2_000
_PAUSES_MS = (5_000, 10_000, 20_000, 30_000)


def needs_gate(needs: Needs, session_id: str) -> None:
    """Need a session's gate."""
    needs.row(SendGateRow, session_id)


def is_open(unit: Unit, session_id: str) -> bool:
    """Tell whether a send of a session may be made now."""
    gate = unit.get(SendGateRow, session_id)
    return gate is None or (is_over(gate.paced_until, unit.now) and is_over(gate.held_until, unit.now))


def is_tight(unit: Unit, session_id: str) -> bool:
    """Tell whether a session's sends may wait for its pace: the store of sends at once is used up."""
    gate = unit.get(SendGateRow, session_id)
    return gate is not None and gate.paced_until > unit.now - _TIGHT_MS


def is_held(unit: Unit, session_id: str) -> bool:
    """Tell whether a session's sends wait for the connection service."""
    gate = unit.get(SendGateRow, session_id)
    return gate is not None and not is_over(gate.held_until, unit.now)


def pass_through(unit: Unit, tenant_id: str, session_id: str, pace: Pace, lease_ms: int) -> None:
    """Note that a send of a session is made now."""
    gate = unit.get(SendGateRow, session_id)
    alone = gate is not None and gate.failures >= FAULTS
    if pace.rate <= 0 and not alone:
        return
    gate = gate or _new(tenant_id, session_id)
    if pace.rate > 0:
        told = gate.paced_until if gate.paced_until <= unit.now + LONGEST_WAIT_MS else 0
        gate.paced_until = _next(told, unit.now, pace)
    if alone:
        # The others wait for how this one goes, or for its lease to end.
        gate.held_until = unit.now + lease_ms
    unit.put(gate)


def learn(unit: Unit, tenant_id: str, session_id: str, outcome: Outcome) -> bool:
    """Close or open a gate by what a send told of the connection service; tells whether it was opened."""
    gate = unit.get(SendGateRow, session_id)
    opened = outcome.fault is False and gate is not None and gate.failures > 0
    if opened:
        open_gate(unit, session_id)
    elif outcome.fault:
        gate = gate or _new(tenant_id, session_id)
        gate.failures += 1
        if gate.failures >= FAULTS:
            pause = _PAUSES_MS[min(gate.failures - FAULTS, len(_PAUSES_MS) - 1)]
            gate.held_until = unit.now + pause
            gate.failing_since = gate.failing_since or unit.now
        unit.put(gate)
    if outcome.hold:
        gate = gate or _new(tenant_id, session_id)
        gate.held_until = max(gate.held_until, unit.now + round(outcome.hold * 1000))
        unit.put(gate)
    return opened


def open_gate(unit: Unit, session_id: str) -> None:
    """Forget what went wrong in a session; its pace stays."""
    gate = unit.get(SendGateRow, session_id)
    if gate is not None and (gate.failures or gate.held_until > unit.now):
        gate.failures, gate.held_until, gate.failing_since = 0, 0, None
        unit.put(gate)


def _new(tenant_id: str, session_id: str) -> SendGateRow:
    return SendGateRow(session_id, tenant_id, 0, 0, 0)


def _next(paced_until: int, now: int, pace: Pace) -> int:
    """Return when the next send may be made after one now: the burst is full again a while after it."""
    interval = 1000 / pace.rate
    reserve = (pace.burst - 1) * interval
    return round(max(paced_until + reserve, now) + interval - reserve)
