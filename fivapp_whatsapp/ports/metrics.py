"""What is counted."""

from __future__ import annotations

from typing import Literal, Protocol


class Metrics(Protocol):
    """Where counts and times go; a name here is a metric in docs/metrics.md."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        ...

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add a value (seconds, or a size) to a histogram."""
        ...

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        ...

    def declare(self, name: str, kind: Literal["counter", "histogram"]) -> bool:
        """Make a metric of a plugin's own, without labels; False when it cannot be counted."""
        ...


class NoMetrics:
    """Counts nothing."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Do nothing."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Do nothing."""

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Do nothing."""

    def declare(self, name: str, kind: Literal["counter", "histogram"]) -> bool:
        """Do nothing."""
        return True
