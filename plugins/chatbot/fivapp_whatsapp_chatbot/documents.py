"""CPF and CNPJ: the check digits of Brazil's tax numbers, those of companies with letters too (since 2026)."""

from __future__ import annotations

import re

_CNPJ = re.compile(r"[0-9A-Z]{12}[0-9]{2}")
_MARKS = re.compile(r"[\s.\-/]+")
_CNPJ_WEIGHTS = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)


def read_cpf(text: str) -> str | None:
    """Return a CPF's eleven digits, or None when it is not valid."""
    digits = _MARKS.sub("", text)
    if len(digits) != 11 or not (digits.isascii() and digits.isdecimal()) or len(set(digits)) == 1:
        return None
    for length in (9, 10):
        total = sum(int(digit) * (length + 1 - place) for place, digit in enumerate(digits[:length]))
        if total * 10 % 11 % 10 != int(digits[length]):
            return None
    return digits


def read_cnpj(text: str) -> str | None:
    """Return a CNPJ's fourteen characters, letters in upper case, or None when it is not valid."""
    code = _MARKS.sub("", text).upper()
    if _CNPJ.fullmatch(code) is None or len(set(code)) == 1:
        return None
    for length in (12, 13):
        # A character counts as its ASCII code less that of "0": digits as themselves, "A" as 17.
        weights = _CNPJ_WEIGHTS[13 - length :]
        rest = sum((ord(c) - 48) * weight for c, weight in zip(code, weights, strict=False)) % 11
        if int(code[length]) != (0 if rest < 2 else 11 - rest):
            return None
    return code


def show_cpf(digits: str) -> str:
    """Return a CPF as people write it."""
    return f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}"


def show_cnpj(code: str) -> str:
    """Return a CNPJ as people write it."""
    return f"{code[:2]}.{code[2:5]}.{code[5:8]}/{code[8:12]}-{code[12:]}"
