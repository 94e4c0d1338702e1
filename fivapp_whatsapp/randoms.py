"""Random digits for ids, from a generator in memory: an id is no secret, and the system's costs a call for each."""

from __future__ import annotations

import os
import random

# Ours alone, so that nobody who seeds Python's own makes ids come again.
_random = random.Random()  # noqa: S311  # ids are no secrets
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)
_bits = _random.getrandbits


def random_hex(digits: int) -> str:
    """Return so many random hex digits, for an id; never for a secret."""
    return f"{_bits(4 * digits):0{digits}x}"
