"""The files of a new plugin, as `plugins new` writes them: `$name` and the like are filled in."""

from __future__ import annotations

from string import Template

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "$distribution"
version = "0.1.0"
description = "A plugin for fivapp-whatsapp: answers a word"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["fivapp-whatsapp>=$host"]

[dependency-groups]
dev = ["pytest"]

# The left side is the plugin's name: its settings and whatever is kept for it stand under this name.
[project.entry-points.fivapp_whatsapp]
$name = "$package.plugin"

[tool.hatch.build.targets.wheel]
packages = ["$package"]
"""

README = """\
# $distribution

A plugin for fivapp-whatsapp: it answers a word with a sentence; both are settings of each tenant.

```sh
pip install -e . pytest
fivapp-whatsapp plugins check $name    # imports it and names every mistake
pytest                                 # talks to it as a contact would
fivapp-whatsapp demo                   # a gateway with a simulated phone, and with this plugin
```

Publish it with `python -m build` and `twine upload dist/*`. Whoever installs it beside fivapp-whatsapp has it.
"""

INIT = '''\
"""$title: a plugin for fivapp-whatsapp."""
'''

PLUGIN = '''\
"""$title: answers a word with a sentence."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from fivapp_whatsapp import Message, PluginLog, State, hookimpl


class Settings(msgspec.Struct, kw_only=True, rename="camel"):
    """What each tenant sets on /automations; every field needs a default."""

    word: Annotated[str, Meta(title="Word", description="What somebody has to write.")] = "ping"
    answer: Annotated[str, Meta(title="Answer", max_length=4096)] = "pong"


@hookimpl
def plugin_config() -> type[Settings]:
    """Show the settings as a form."""
    return Settings


# A function names only the arguments that it needs, of those that its hook has.
@hookimpl
async def reply_to(message: Message, config: Settings, state: State, log: PluginLog) -> str | None:
    """Answer the word; None leaves the message to the next bot, and to people."""
    if (message.text or "").strip().lower() != config.word.lower():
        return None
    # `state` is this plugin's memory for this conversation; it outlives restarts.
    times = await state.get("times", 0) + 1
    await state.set("times", times)
    log.info("answered", count=times)  # numbers and codes; what people wrote stays out of logs
    return config.answer
'''

TESTS = '''\
"""A contact writes, and the plugin answers: the fixtures come with fivapp-whatsapp."""

from __future__ import annotations


async def test_the_word_is_answered(chat):
    await chat.says("Ping")
    assert chat.replies == ["pong"]


async def test_other_texts_are_left_to_people(chat):
    await chat.says("oi")
    assert chat.replies == []


async def test_an_event_that_is_handled_twice_is_answered_once(chat):
    await chat.says("ping")
    await chat.runs_twice()


async def test_a_tenant_sets_word_and_answer(chat):
    await chat.configure("$name", word="oi", answer="Olá!")
    await chat.says("oi")
    assert chat.replies == ["Olá!"]
'''


def files(name: str, host: str) -> dict[str, str]:
    """Return the files of a new plugin by path; `host` is the version of this package that it asks for."""
    package = f"fivapp_whatsapp_{name.replace('-', '_')}"
    facts = {
        "name": name,
        "host": host,
        "package": package,
        "distribution": f"fivapp-whatsapp-{name.replace('_', '-')}",
        "title": name.replace("-", " ").replace("_", " ").capitalize(),
    }
    texts = {
        "pyproject.toml": PYPROJECT,
        "README.md": README,
        f"{package}/__init__.py": INIT,
        f"{package}/plugin.py": PLUGIN,
        f"tests/test_{package}.py": TESTS,
    }
    return {path: Template(text).substitute(facts) for path, text in texts.items()}
