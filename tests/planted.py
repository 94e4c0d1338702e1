"""Four plugins that do what a plugin must not, as the source of files: for tests and benchmarks."""

from __future__ import annotations

RAISES = '''
"""Raises."""
from fivapp_whatsapp import hookimpl

@hookimpl
def message_received(message):
    raise RuntimeError("planted")
'''
HANGS = '''
"""Hangs, and swallows its cancel."""
import asyncio
from fivapp_whatsapp import hookimpl

@hookimpl(timeout=0.2)
async def message_received(message):
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
'''
BLOCKS = '''
"""Blocks the event loop."""
import time
from fivapp_whatsapp import hookimpl

@hookimpl
async def message_received(message):
    time.sleep(1.8)
'''
NONSENSE = '''
"""Returns nonsense."""
from fivapp_whatsapp import hookimpl

@hookimpl
def reply_to(message):
    return {"nonsense": object()}
'''
MISBEHAVING = {"raises": RAISES, "hangs": HANGS, "blocks": BLOCKS, "nonsense": NONSENSE}
