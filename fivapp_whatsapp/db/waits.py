"""When a wait of a send or of its gate is over, also for a clock that was wrong when the wait was set."""

from __future__ import annotations

# No wait is as long (a service may ask for 300 s, a lease is some calls long): what lies further ahead was set by a
# clock that ran ahead and has been put right since.
LONGEST_WAIT_MS = 900_000


def is_over(until: int, now: int) -> bool:
    """Tell whether what waits until then (in ms) may go on."""
    return until <= now or until > now + LONGEST_WAIT_MS
