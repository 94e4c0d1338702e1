"""The places of a process for sends: so many at once, and of one tenant never all of them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping

PLACES = 80
# The last eighth stays free for others: one tenant's slow connection service never holds up another tenant.
SHARE = PLACES - PLACES // 8


class Places:
    """Counts the sends that a process makes or is about to make, by their tenants."""

    def __init__(self, total: int = PLACES, share: int = SHARE) -> None:
        self.share = share
        self._total = total
        self._taken: Counter[str] = Counter()

    @property
    def free(self) -> int:
        """Return how many more sends may be begun."""
        return max(0, self._total - self._taken.total())

    @property
    def taken(self) -> Mapping[str, int]:
        """Return how many places each tenant has now."""
        return dict(self._taken)

    def has_room(self, tenant_id: str) -> bool:
        """Tell whether one more send of a tenant may be begun."""
        return self._taken[tenant_id] < self.share and self.free > 0

    @property
    def crowded(self) -> bool:
        """Tell whether a send may have to wait for a place."""
        return not self.free or any(count >= self.share for count in self._taken.values())

    def take(self, tenant_id: str) -> None:
        """Take a place, also where there is none left: what was claimed is made."""
        self._taken[tenant_id] += 1

    def give_back(self, tenant_id: str) -> None:
        """Give a place back."""
        self._taken[tenant_id] -= 1
        if self._taken[tenant_id] <= 0:
            del self._taken[tenant_id]

    @contextlib.contextmanager
    def held(self, tenant_id: str) -> Iterator[None]:
        """Have a place inside."""
        self.take(tenant_id)
        try:
            yield
        finally:
            self.give_back(tenant_id)
