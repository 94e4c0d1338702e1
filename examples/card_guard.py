"""Keeps card numbers in: a message that has one is not sent, whoever wrote it; the sender is told why.

fivapp-whatsapp demo --plugin examples/card_guard.py
"""

import re

from fivapp_whatsapp import Hold, OutgoingMessage, hookimpl

CARD = re.compile(r"\d(?:[ -]?\d){12,18}")


@hookimpl(on_failure="hold")
async def outgoing_message(message: OutgoingMessage) -> None:
    if any(is_card(re.sub(r"\D", "", found)) for found in CARD.findall(message.text or "")):
        raise Hold("Este texto tem um número de cartão.")


def is_card(digits: str) -> bool:
    """Tell whether the last digit is the check digit of the others (ISO/IEC 7812-1, Luhn)."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0
