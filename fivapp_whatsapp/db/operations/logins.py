"""What logins leave behind for all processes: tokens that are used up, and failures that are counted."""

from __future__ import annotations

from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import SpentTokenRow
from fivapp_whatsapp.db.statements import Sql, Work
from fivapp_whatsapp.db.unit import Unit


class SpendToken:
    """Uses a token up: in whichever process, once."""

    def __init__(self, mark: str, until: int) -> None:
        self._mark = mark
        self._until = until

    def needs(self, needs: Needs) -> None:
        """Need the mark."""
        needs.row(SpentTokenRow, self._mark)

    def apply(self, unit: Unit) -> bool:
        """Add the mark; False when it was there."""
        if unit.get(SpentTokenRow, self._mark) is not None:
            return False
        unit.put(SpentTokenRow(self._mark, self._until))
        return True


def note_failure(address: str, now: int, interval: int) -> Work[int]:
    """Take one from the bucket of an address, and return when it is full again; one fills up in `interval`."""
    rows = yield Sql(_NOTE, (address, now, interval))
    return int(rows[0][0])


# One statement, so that no failure is lost between two processes.
_NOTE = """
INSERT INTO fivapp_failed_login (address, full_at) VALUES ($1, CAST($2 AS BIGINT) + CAST($3 AS BIGINT))
ON CONFLICT (address) DO UPDATE SET full_at = CAST($3 AS BIGINT) + CASE
  WHEN fivapp_failed_login.full_at > CAST($2 AS BIGINT) THEN fivapp_failed_login.full_at ELSE CAST($2 AS BIGINT) END
RETURNING full_at
"""
