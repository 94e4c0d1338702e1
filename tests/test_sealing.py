"""What is sealed is opened by its key, in its place, and by nothing else."""

from __future__ import annotations

import secrets

import pytest

from fivapp_whatsapp.sealing import CannotOpen, Sealer, is_sealed

KEY = secrets.token_bytes(32)
SEALER = Sealer(lambda: KEY)


def test_what_is_sealed_comes_back_and_never_looks_alike() -> None:
    sealed = [SEALER.seal(b"secret", "acme crm") for _ in range(3)]
    assert len(set(sealed)) == 3
    assert all(map(is_sealed, sealed))
    assert not any("secret" in one for one in sealed)
    assert {SEALER.open(one, "acme crm") for one in sealed} == {b"secret"}


def test_it_opens_neither_in_another_place_nor_with_another_key() -> None:
    sealed = SEALER.seal(b"secret", "acme crm")
    with pytest.raises(CannotOpen):
        SEALER.open(sealed, "globex crm")
    with pytest.raises(CannotOpen):
        Sealer(lambda: secrets.token_bytes(32)).open(sealed, "acme crm")


@pytest.mark.parametrize("text", ["sealed:1:", "sealed:1:!", "sealed:1:é", "sealed:1:AAAA", "sealed:1:" + "A" * 64])
def test_what_was_changed_or_is_none_of_ours_does_not_open(text: str) -> None:
    with pytest.raises(CannotOpen):
        SEALER.open(text, "acme crm")


@pytest.mark.parametrize("value", ["plain", "", None, 1, ["sealed:1:"]])
def test_what_is_plain_is_not_taken_for_sealed(value: object) -> None:
    assert not is_sealed(value)
