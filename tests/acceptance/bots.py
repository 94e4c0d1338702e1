"""Bots for the acceptance tests, as files; those that do what a plugin must not are in tests/planted.py."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"

# Notes each message that it hears of, once for each time, where the test can read it.
GOOD = '''
"""Counts."""
from pathlib import Path
from fivapp_whatsapp import hookimpl
NOTES = Path(__file__).with_suffix(".notes")

@hookimpl
async def message_received(message):
    with NOTES.open("a") as notes:
        notes.write(f"{message.text}\\n")
'''
# As the good one, and a timer for each message.
REMINDS = '''
"""Counts, and counts again a moment later."""
from datetime import timedelta
from pathlib import Path
from fivapp_whatsapp import hookimpl
NOTES = Path(__file__).with_suffix(".notes")

def note(text):
    with NOTES.open("a") as notes:
        notes.write(f"{text}\\n")

@hookimpl
async def message_received(message, gateway):
    await gateway.later("again", timedelta(seconds=0.2), message.text)
    note(message.text)

@hookimpl
async def timer(key, data):
    note(f"timer-{data}")
'''
ECHO = '''
"""Answers each message with a number of its own."""
from fivapp_whatsapp import hookimpl

@hookimpl
async def reply_to(message):
    return f"re {message.text}"
'''
CALLS_AN_API = '''
"""Answers with what an API says."""
from fivapp_whatsapp import hookimpl

@hookimpl(timeout=2)
async def reply_to(message, gateway):
    answer = await gateway.http.get("http://localhost:%d/answer")
    return answer.text
'''


def the_readmes_bot() -> str:
    """Return the seven-line bot as the README prints it."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = [block for block in blocks if "reply_to" in block]
    return str(found)


def bot(folder: Path, name: str, source: str) -> Path:
    """Write a bot's file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.py"
    file.write_text(source, encoding="utf-8")
    return file


def install(folder: Path, name: str, source: str) -> Path:
    """Install a bot as a distribution of its own; the folder is to be on the path of Python."""
    info = folder / f"{name}_bot-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}_bot.py").write_text(source, encoding="utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-bot\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[fivapp_whatsapp]\n{name} = {name}_bot\n", encoding="utf-8")
    return folder
