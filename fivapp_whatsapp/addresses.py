"""WhatsApp addresses: `5511988887777@c.us` and its other spellings, and when two of them are one chat.

An address is `user[.agent][:device][@domain]`. Domains: `c.us` and `s.whatsapp.net` (a phone), `lid` (a hidden
number), `g.us` (a group), `broadcast`, `newsletter`. A bare number is a phone. Nothing here asks a server.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from functools import lru_cache

from .errors import InvalidInput

_PHONE_DOMAINS = frozenset({"", "c.us", "s.whatsapp.net"})
_MAX_ADDRESS = 128
# Brazil put a 9 before every mobile number (Anatel, 2012-2016); WhatsApp still spells older accounts
# without it. Landlines start with 2-5 and were never changed, so dropping the 9 joins no two people.
_BRAZIL_MOBILE = re.compile(r"55([1-9][0-9])9([6-9][0-9]{7})")
_PART = re.compile(r"[A-Za-z0-9_.\-]+")
# ITU-T E.164: the country code, which never begins with 0, and at most 15 digits in all.
_E164 = re.compile(r"[1-9][0-9]{7,14}")
_RECIPIENT_DOMAINS = frozenset({"lid", "g.us"})
_DIGITS = re.compile(r"[0-9]{5,20}")
_PUNCTUATION = re.compile(r"[\s().+\-/]")
# Linked devices' full spelling; without a domain a dot only parts the groups of a number.
_AGENT = re.compile(r"[._][0-9]{1,3}$")
_AGENT_DOMAINS = frozenset({"c.us", "s.whatsapp.net", "lid"})
# Those who write now write again soon, and what follows from an address is asked for several times a message.
_REMEMBERED = 8192


def split(address: str) -> tuple[str, str]:
    """Return the user and the domain of an address, without agent, device and a number's punctuation.

    The domain may be empty.
    """
    # What is longer is no address, and not worth its memory.
    return _split(address) if len(address) <= _MAX_ADDRESS else _split.__wrapped__(address)


@lru_cache(_REMEMBERED)
def _split(address: str) -> tuple[str, str]:
    user, _, domain = address.strip().partition("@")
    user, domain = user.partition(":")[0].strip(" "), domain.strip(" ").lower()
    if not user.isdecimal():
        if domain in _AGENT_DOMAINS:
            user = _AGENT.sub("", user)
        if domain in _PHONE_DOMAINS:
            user = _PUNCTUATION.sub("", user)
    return user, domain


def normalize(address: str) -> str:
    """Return the address without device and blanks, `@c.us` for a bare number.

    Raises InvalidInput for what can be no address.
    """
    user, domain = split(address)
    if domain in _PHONE_DOMAINS:
        if not _DIGITS.fullmatch(user):
            raise InvalidInput("This is not a WhatsApp number.", code="invalid_address")
        return f"{user}@{domain or 'c.us'}"
    if len(address) > _MAX_ADDRESS or not (_PART.fullmatch(user) and _PART.fullmatch(domain)):
        raise InvalidInput("This is not a WhatsApp address.", code="invalid_address")
    return f"{user}@{domain}"


def recipient(address: str) -> str:
    """Return the normalized address of somebody to write to: a phone number, a hidden number or a group.

    Stricter than `normalize`, which also reads what services tell of. Raises InvalidInput.
    """
    user, domain = split(address)
    if (domain in _PHONE_DOMAINS and _E164.fullmatch(user)) or domain in _RECIPIENT_DOMAINS:
        with contextlib.suppress(InvalidInput):
            return normalize(address)
    raise InvalidInput(
        "Nobody can be written to at this address. A number is 8 to 15 digits with its country code, "
        "like 5511988887777; a group is like 120363025246125486@g.us.",
        code="invalid_address",
    )


def is_group(address: str) -> bool:
    """Tell whether the address is a group's."""
    return split(address)[1] == "g.us"


def phone(address: str) -> str | None:
    """Return the phone number in digits, or None where the address does not show one."""
    user, domain = split(address)
    return user if domain in _PHONE_DOMAINS and _DIGITS.fullmatch(user) else None


def key(address: str) -> str:
    """Return what is equal for two spellings of one chat: domain spellings and Brazil's ninth digit fall away."""
    user, domain = split(address)
    if domain not in _PHONE_DOMAINS:
        return f"{user}@{domain}"
    if match := _BRAZIL_MOBILE.fullmatch(user):
        user = f"55{match[1]}{match[2]}"
    return user


def same_chat(one: str, other: str) -> bool:
    """Tell whether two addresses name one chat, as far as their spelling shows."""
    return key(normalize(one)) == key(normalize(other))


@lru_cache(_REMEMBERED)
def conversation_id(tenant_id: str, session_id: str, chat_id: str) -> str:
    """Derive a conversation's id: the same chat of a session gives the same id on every process and database."""
    return _digest("conversation", tenant_id, session_id, key(chat_id))


@lru_cache(_REMEMBERED)
def contact_id(tenant_id: str, address: str) -> str:
    """Derive the id of the contact that is first seen under this address."""
    return _digest("contact", tenant_id, key(address))


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
