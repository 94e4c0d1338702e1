"""What tests of the automation share: a clock that they move."""

from __future__ import annotations

import pytest

from tests.moving_clock import MovingClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovingClock:
    clock = MovingClock()
    clock.install(monkeypatch)
    return clock
