"""Columns as all our tables have them: every value passes unchanged through both drivers."""

from __future__ import annotations

from piccolo.columns import BigInt, Text


def key_column() -> Text:
    """Return the column that Piccolo is told is the key."""
    return Text(default=None, primary_key=True)


def text_column() -> Text:
    """Return a column of text."""
    return Text(default=None)


def optional_text() -> Text:
    """Return a column of text or nothing."""
    return Text(default=None, null=True)


def time_column() -> BigInt:
    """Return a column of milliseconds since 1970."""
    return BigInt(default=None)


def optional_time() -> BigInt:
    """Return a column of milliseconds since 1970, or nothing."""
    return BigInt(default=None, null=True)
