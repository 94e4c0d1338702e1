"""Plugins: found, checked, put in order, replaced; one that is broken never stops the others."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from structlog.testing import capture_logs

from fivapp_whatsapp.app import create_app
from fivapp_whatsapp.errors import PluginError, PluginNotFound
from fivapp_whatsapp.plugins.checks import RESERVED
from fivapp_whatsapp.plugins.registry import BUNDLED, Plugins
from fivapp_whatsapp.settings import load_settings
from tests.processes import clean_environment

PING = '''\
"""Answers "ping" with "pong".

And a second paragraph.
"""
from fivapp_whatsapp import Message, hookimpl

@hookimpl
async def reply_to(message: Message) -> str | None:
    return "pong" if message.text == "ping" else None
'''


def write(folder: Path, name: str, source: str = PING) -> Path:
    file = folder / name
    file.write_text(dedent(source), encoding="utf-8")
    return file


def load(*files: Path) -> Plugins:
    return Plugins.load(files=files, installed=False)


def problems(folder: Path, source: str, name: str = "bot.py") -> list[str]:
    """Return what keeps a file from being a plugin."""
    plugins = load(write(folder, name, "from fivapp_whatsapp import hookimpl\n" + dedent(source)))
    return [problem for broken in plugins.broken for problem in broken.problems]


def warnings(folder: Path, source: str) -> list[str]:
    plugins = load(write(folder, "bot.py", "from fivapp_whatsapp import hookimpl\n" + dedent(source)))
    assert plugins.broken == ()
    return list(plugins.get("bot").warnings)


class Site:
    """A folder on sys.path with distributions in it, as an installer leaves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self,
        distribution: str,
        points: dict[str, str],
        modules: dict[str, str] | None = None,
        *,
        version: str = "1.2",
        requires: str = "",
    ) -> None:
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        write(info, "METADATA", f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n{needs}")
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        write(info, "entry_points.txt", f"[fivapp_whatsapp]\n{lines}")
        for name, source in (modules or {}).items():
            write(self.folder, f"{name}.py", source)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    folder = tmp_path / "site"
    folder.mkdir()
    # Alone: what is installed beside the tests is not meant.
    monkeypatch.setattr(sys, "path", [str(folder), *(path for path in sys.path if "site-packages" not in path)])
    for name in [name for name in sys.modules if name.startswith("site_")]:
        del sys.modules[name]
    return Site(folder)


# --- files -----------------------------------------------------------------------------------------


def test_a_file_is_a_plugin_named_after_it(tmp_path: Path) -> None:
    plugins = load(write(tmp_path, "ping.py"))
    (plugin,) = plugins.items
    assert (plugin.name, plugin.source, plugin.title) == ("ping", "file", 'Answers "ping" with "pong"')
    (hook,) = plugins.hooks("reply_to")
    assert (hook.name, hook.plugin, hook.arguments) == ("reply_to", "ping", ("message",))
    assert hook.location == "ping.py:7"
    assert not hook.threaded
    assert plugins.get("ping") is plugin
    assert plugins.names_with("timer", "reply_to") == ("ping",)
    assert plugins.names_with("timer") == plugins.hooks("timer") == ()
    with pytest.raises(PluginNotFound):
        plugins.get("pong")


def test_structs_of_a_file_may_name_one_another(tmp_path: Path) -> None:
    source = """
    from __future__ import annotations
    import msgspec
    from fivapp_whatsapp import hookimpl

    class Settings(msgspec.Struct):
        rules: list[Rule] = []

    class Rule(msgspec.Struct):
        word: str = ""

    @hookimpl
    def plugin_config() -> type[msgspec.Struct]:
        return Settings
    """
    plugins = load(write(tmp_path, "rules.py", source))
    assert plugins.broken == ()
    config_type = plugins.get("rules").config_type
    assert config_type is not None
    assert config_type.__name__ == "Settings"


def test_a_file_named_like_a_module_of_python_does_not_take_its_place(tmp_path: Path) -> None:
    import json

    plugins = load(write(tmp_path, "json.py"))
    assert plugins.items[0].name == "json"
    assert sys.modules["json"] is json


def test_a_file_that_cannot_be_imported_is_told_with_its_line(tmp_path: Path) -> None:
    broken = [
        write(tmp_path, "one.py", "import fivapp_nothing\n"),
        write(tmp_path, "two.py", "x = 1\ndef f(:\n"),
        write(tmp_path, "three.py", "\n\nraise SystemExit(1)\n"),
        tmp_path / "four.py",
        write(tmp_path, "five.txt"),
    ]
    plugins = load(*broken, write(tmp_path, "ping.py"))
    found = {each.name: each.problems for each in plugins.broken}
    assert found["one"] == ("cannot be imported: ModuleNotFoundError: No module named 'fivapp_nothing' (one.py:1)",)
    assert found["two"][0].endswith("(two.py:2)")
    assert "ends the process" in found["three"][0]
    assert found["four"] == ("there is no such file",)
    assert ".py" in found["five"][0]
    assert [plugin.name for plugin in plugins.items] == ["ping"]
    assert not [name for name in sys.modules if name.startswith("fivapp_whatsapp_file_one")]


def test_mistakes_of_settings_are_told_together_with_all_others(tmp_path: Path) -> None:
    source = "import msgspec\nclass S(msgspec.Struct):\n    a: int\n@hookimpl\ndef plugin_config(): return S\n"
    found = problems(tmp_path, source + "@hookimpl\nasync def register_routes(): ...\n")
    assert len(found) == 2
    assert "cannot be async" in found[0]
    assert "has no default" in found[1]


def test_every_broken_plugin_is_a_loud_line(tmp_path: Path) -> None:
    with capture_logs() as lines:
        load(write(tmp_path, "one.py", "import fivapp_nothing\n"), write(tmp_path, "ping.py")).tell()
    assert [(line["event"], line["log_level"], line["plugin"]) for line in lines] == [
        ("plugin_loaded", "info", "ping"),
        ("plugin_broken", "error", "one"),
    ]


@pytest.mark.parametrize("name", ["Ping.py", "1ping.py", "p ing.py", "ção.py", f"{'p' * 33}.py", "_p.py"])
def test_a_name_that_cannot_be_a_plugins_is_refused_before_it_is_run(tmp_path: Path, name: str) -> None:
    assert "its name" in problems(tmp_path, "raise SystemExit", name)[0]


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_the_names_of_our_own_routes_are_refused(tmp_path: Path, name: str) -> None:
    assert f"/api/{name}" in problems(tmp_path, "", f"{name}.py")[0]


# --- mistakes --------------------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
        @hookimpl
        def reply_too(message): ...

        @hookimpl
        def message_received(mesage, gateway=None): ...

        @hookimpl(quiet_for=2)
        def timer(key): ...
        """,
    )
    assert len(found) == 4
    assert found[0] == "reply_too (bot.py:3): there is no hook reply_too. Did you mean reply_to?"
    assert found[1].startswith("message_received (bot.py:6): there is no argument mesage. Did you mean message?")
    assert "It may take: message, gateway, conversation" in found[1]
    assert found[2].startswith("message_received (bot.py:6): gateway has a default")
    assert found[3] == "timer (bot.py:9): quiet_for is for reply_to only"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("@hookimpl\ndef reply_to(**more): ...", "**more stays empty"),
        ("@hookimpl\ndef reply_to(*more): ...", "*more stays empty"),
        ("@hookimpl\ndef reply_to(*, message): ...", "message is keyword-only"),
        ("@hookimpl\ndef reply_to(message, /): ...", "message is positional-only"),
        ("@hookimpl\ndef reply_to(message=None): ...", "message has a default"),
        ("@hookimpl\ndef reply_to(message):\n    yield 1", "is a generator"),
        ("@hookimpl\nasync def reply_to(message):\n    yield 1", "is a generator"),
        ("@hookimpl\nclass reply_to: ...", "is a class"),
        ("class R:\n    def __call__(self): ...\nreply_to = hookimpl(R())", "is an object that can be called"),
        ("@hookimpl(wrapper=True)\ndef reply_to(): ...", "unexpected keyword argument 'wrapper' (bot.py:2)"),
        (
            "import pluggy\n@pluggy.HookimplMarker('fivapp_whatsapp')(wrapper=True)\n"
            "def reply_to():\n    return (yield)",
            "is a generator",
        ),
        (
            "import pluggy\n@pluggy.HookimplMarker('fivapp_whatsapp')(wrapper=True)\ndef reply_to(): ...",
            "is a wrapper",
        ),
        ("@hookimpl\nasync def register_routes(): ...", "cannot be async"),
        ("@hookimpl\nasync def plugin_config(): ...", "cannot be async"),
        ("@hookimpl(quiet_for=3)\ndef message_received(): ...", "quiet_for is for reply_to only"),
        ("@hookimpl(quiet_for=-3)\ndef reply_to(): ...", "quiet_for is in seconds"),
        ("@hookimpl(on_failure='hold')\ndef reply_to(): ...", "on_failure is for outgoing_message only"),
        ("@hookimpl(on_failure='stop')\ndef outgoing_message(): ...", 'on_failure is "send" or "hold"'),
        ("@hookimpl(ordered='strict')\ndef reply_to(): ...", "ordered is for hooks that are told"),
        ("@hookimpl(ordered='no')\ndef message_sent(): ...", 'ordered is "skip" or "strict"'),
        ("@hookimpl(timeout=0)\ndef reply_to(): ...", "timeout is in seconds"),
        ("@hookimpl(timeout=float('nan'))\ndef reply_to(): ...", "timeout is in seconds"),
        ("@hookimpl(timeout='3')\ndef reply_to(): ...", "timeout is in seconds"),
        ("@hookimpl(timeout=30)\ndef outgoing_message(): ...", "5 at most"),
        ("@hookimpl(specname='reply_two')\ndef answer(): ...", "there is no hook reply_two. Did you mean reply_to?"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, source: str, says: str) -> None:
    (problem,) = problems(tmp_path, source)
    assert says in problem
    assert "bot.py:" in problem


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("@hookimpl\ndef plugin_config(): return 3", "returned 'int'"),
        ("@hookimpl\ndef plugin_config(): return dict", "returned 'type'"),
        ("@hookimpl\ndef plugin_config(): return 1 / 0", "failed: ZeroDivisionError"),
        (
            "import msgspec\nclass S(msgspec.Struct, kw_only=True):\n    a: int\n    b: int = 1\n"
            "@hookimpl\ndef plugin_config(): return S",
            "a of S (bot.py:3) has no default",
        ),
        (
            "import msgspec\nclass S(msgspec.Struct):\n    a: int = 1\n@hookimpl\ndef plugin_config(): return S()",
            "returned an instance",
        ),
        (
            "import msgspec\nfrom typing import Annotated\nclass S(msgspec.Struct):\n"
            "    a: Annotated[int, msgspec.Meta(ge=5)] = 1\n@hookimpl\ndef plugin_config(): return S",
            "breaks its own rule",
        ),
        (
            "import msgspec\nclass S(msgspec.Struct):\n    a: object = 1\n    b: complex = 1j\n"
            "@hookimpl\ndef plugin_config(): return S",
            "failed: TypeError",
        ),
        (
            "import msgspec\nclass S(msgspec.Struct): ...\n@hookimpl\ndef plugin_config(): return S\n"
            "@hookimpl(specname='plugin_config')\ndef other(): return S",
            "settings are one struct",
        ),
    ],
)
def test_settings_must_be_a_struct_that_has_defaults(tmp_path: Path, source: str, says: str) -> None:
    assert says in problems(tmp_path, source)[0]


def test_a_secret_is_a_text_of_its_own(tmp_path: Path) -> None:
    source = """
    from typing import Annotated
    import msgspec

    SECRET = msgspec.Meta(extra_json_schema={"writeOnly": True})

    class Part(msgspec.Struct):
        pin: Annotated[int, SECRET] = 0
        token: Annotated[str, SECRET] | None = None

    class S(msgspec.Struct):
        token: Annotated[str | None, SECRET] = None
        tokens: list[Annotated[str, SECRET]] = []
        by_name: dict[str, Annotated[str, SECRET]] = {}
        headers: Annotated[dict[str, str], SECRET] = {}
        pair: tuple[Annotated[str, SECRET], int] = ("", 0)
        parts: list[Part] = []

    @hookimpl
    def plugin_config() -> type[msgspec.Struct]:
        return S
    """
    found = problems(tmp_path, source)
    assert sorted(word for each in found for word in re.findall(r"the secret (\w+) of S .* is no text", each)) == [
        "headers",
        "pair",
        "pin",
    ]


def test_a_hook_of_later_versions_may_be_optional(tmp_path: Path) -> None:
    plugins = load(
        write(
            tmp_path,
            "bot.py",
            "from fivapp_whatsapp import hookimpl\n@hookimpl(optionalhook=True)\ndef call_received(call): ...\n"
            "@hookimpl\ndef reply_to(): ...\n",
        )
    )
    assert plugins.broken == ()
    assert list(plugins.get("bot").hooks) == ["reply_to"]


def test_an_argument_of_a_later_version_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fivapp_whatsapp.plugins.checks.LATER", {"reply_to.mood": "1.3"})
    (problem,) = problems(tmp_path, "@hookimpl\ndef reply_to(mood): ...")
    assert problem == "reply_to (bot.py:2): the argument mood needs fivapp-whatsapp >= 1.3"


def test_what_seems_meant_as_a_hook_and_is_none_is_a_warning(tmp_path: Path) -> None:
    found = warnings(
        tmp_path,
        """
        import functools
        from time import sleep as timer

        def logged(function):
            def wrapper(*arguments, **more):
                return function(*arguments, **more)
            return wrapper

        def careful(function):
            @functools.wraps(function)
            def wrapper(*arguments, **more):
                return function(*arguments, **more)
            return wrapper

        def message_received(message): ...

        @logged
        @hookimpl
        def reply_to(message): ...

        @careful
        @hookimpl
        async def message_sent(message): ...

        def helper(): ...
        """,
    )
    assert len(found) == 2
    assert found[0].startswith("message_received (bot.py:17) will not run")
    assert "no @hookimpl" in found[0]
    assert found[1].startswith("reply_to (bot.py:19) will not run: a decorator above its @hookimpl")


def test_a_module_without_any_hook_is_a_warning(tmp_path: Path) -> None:
    assert "nothing of it will run" in warnings(tmp_path, "")[0]


def test_functions_of_a_plugin_are_ordered_by_first_and_last_and_then_by_their_place(tmp_path: Path) -> None:
    source = """
    from fivapp_whatsapp import hookimpl

    @hookimpl(specname="reply_to", trylast=True)
    def a(): ...

    @hookimpl(specname="reply_to")
    def c(): ...

    @hookimpl(specname="reply_to")
    def b(): ...

    @hookimpl(specname="reply_to", tryfirst=True)
    def d(): ...
    """
    hooks = load(write(tmp_path, "bot.py", source)).hooks("reply_to")
    assert [hook.function.__name__ for hook in hooks] == ["d", "c", "b", "a"]


# --- what is installed -----------------------------------------------------------------------------


def answering(word: str) -> str:
    return f"from fivapp_whatsapp import hookimpl\n@hookimpl\ndef reply_to(): return {word!r}\n"


def test_installed_plugins_come_by_name_after_files_and_the_bundled_ones_last(site: Site, tmp_path: Path) -> None:
    site.install("zebra-bot", {"zebra": "site_zebra"}, {"site_zebra": answering("z")})
    site.install("fivapp-whatsapp-autoreply", {"autoreply": "site_auto"}, {"site_auto": answering("auto")})
    site.install("fivapp_whatsapp_chatbot", {"chatbot": "site_chat"}, {"site_chat": answering("chat")})
    site.install("ant-bot", {"ant": "site_ant"}, {"site_ant": answering("a")})
    plugins = Plugins.load(files=[write(tmp_path, "yak.py")])
    assert plugins.broken == ()
    assert [(plugin.name, plugin.source) for plugin in plugins.items] == [
        ("yak", "file"),
        ("ant", "installed"),
        ("zebra", "installed"),
        ("autoreply", "bundled"),
        ("chatbot", "bundled"),
    ]
    assert [hook.plugin for hook in plugins.hooks("reply_to")] == ["yak", "ant", "zebra", "autoreply", "chatbot"]
    ant = plugins.get("ant")
    assert (ant.version, ant.distribution) == ("1.2", "ant-bot")


def test_a_setting_names_what_may_run_and_in_which_order_and_the_rest_is_not_even_imported(
    site: Site, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        mark = f"import pathlib; pathlib.Path({str(tmp_path)!r}, {name!r}).touch()\n"
        site.install(f"{name}-bot", {name: f"site_{name}"}, {f"site_{name}": mark + answering(name)})
    plugins = Plugins.load(names=["c", "a"])
    assert [plugin.name for plugin in plugins.items] == ["c", "a"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["a", "c"]
    assert "site_b" not in sys.modules


def test_a_name_that_is_not_installed_is_told(site: Site) -> None:
    site.install("ant-bot", {"ant": "site_ant"}, {"site_ant": answering("a")})
    plugins = Plugins.load(names=["amt", "ant"])
    assert [plugin.name for plugin in plugins.items] == ["ant"]
    (broken,) = plugins.broken
    assert broken.problems == ("there is no installed plugin of this name. Did you mean ant?",)


def test_one_import_error_never_stops_the_others(site: Site) -> None:
    site.install("bad-bot", {"bad": "site_bad"}, {"site_bad": "1 / 0\n"})
    site.install("lost-bot", {"lost": "site_nowhere"})
    site.install("good-bot", {"good": "site_good"}, {"site_good": answering("g")})
    plugins = Plugins.load()
    assert [plugin.name for plugin in plugins.items] == ["good"]
    found = {broken.name: (broken.distribution, broken.problems[0]) for broken in plugins.broken}
    assert found["bad"][0] == "bad-bot"
    assert found["bad"][1] == "cannot be imported: ZeroDivisionError: division by zero (site_bad.py:1)"
    assert "No module named 'site_nowhere'" in found["lost"][1]


def test_two_distributions_with_one_name_are_refused_and_both_named(site: Site) -> None:
    site.install("one-bot", {"bot": "site_one"}, {"site_one": answering("1")})
    site.install("two-bot", {"bot": "site_two"}, {"site_two": answering("2")})
    plugins = Plugins.load()
    assert plugins.items == ()
    (broken,) = plugins.broken
    assert "one-bot and two-bot both call themselves bot" in broken.problems[0]
    assert not {"site_one", "site_two"} & sys.modules.keys()


def test_a_file_does_not_take_the_place_of_an_installed_plugin(site: Site, tmp_path: Path) -> None:
    site.install("ping-bot", {"ping": "site_ping"}, {"site_ping": answering("1")})
    plugins = Plugins.load(files=[write(tmp_path, "ping.py")])
    assert plugins.items == ()
    assert "ping.py and ping-bot" in plugins.broken[0].problems[0]


@pytest.mark.parametrize(
    ("attribute", "says"), [("Bot", "the class Bot"), ("bot", "a Bot"), ("reply_to", "a function")]
)
def test_an_entry_point_names_a_module(site: Site, attribute: str, says: str) -> None:
    source = answering("x") + "class Bot:\n    @hookimpl\n    def reply_to(self): ...\nbot = Bot()\n"
    site.install("x-bot", {"x": f"site_x:{attribute}"}, {"site_x": source})
    (broken,) = Plugins.load().broken
    assert f"its entry point names {says}" in broken.problems[0]


def test_a_plugin_for_a_later_version_says_so_instead_of_did_you_mean(site: Site) -> None:
    source = "from fivapp_whatsapp import hookimpl\n@hookimpl\ndef reply_to(massage): ...\n"
    site.install("new-bot", {"new": "site_new"}, {"site_new": source}, requires="fivapp-whatsapp>=99.3,<100")
    (broken,) = Plugins.load().broken
    assert "It needs fivapp-whatsapp >= 99.3; this is " in broken.problems[0]
    assert "Did you mean" not in broken.problems[0]


def test_with_nothing_installed_there_is_nothing_and_no_framework_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom fivapp_whatsapp.plugins.registry import Plugins\n"
        "from fivapp_whatsapp.plugins.runner import Runner\n"
        "plugins = Plugins.load(installed=False)\nassert plugins.items == plugins.broken == ()\n"
        "print([n for n in ('litestar', 'httpx', 'piccolo', 'click', 'uvicorn') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=30
    )
    assert done.stdout == "[]\n", done.stderr


def test_what_our_routes_are_called_is_reserved_and_what_the_bundled_plugins_are_is_not() -> None:
    app = create_app(load_settings({}, env_file=None, jwt_secret="x" * 32, database_url="sqlite:///unused.db"))
    ours = {route.path.split("/")[2] for route in app.routes if route.path.startswith("/api/")}
    assert ours - set(BUNDLED) <= RESERVED
    assert not RESERVED & set(BUNDLED)


# --- replacing -------------------------------------------------------------------------------------


def test_a_file_that_changed_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    first, second = write(tmp_path, "one.py"), write(tmp_path, "two.py")
    plugins = load(first, second)
    old = plugins.get("one")
    # Within the same second and of the same length: no cache may hide it.
    write(tmp_path, "one.py", PING.replace('return "pong"', 'return "peng"'))
    new = plugins.replace(first)
    assert new is plugins.get("one") is not old
    assert [plugin.name for plugin in plugins.items] == ["one", "two"]
    assert plugins.hooks("reply_to")[0].function is not old.hooks["reply_to"][0].function
    assert "peng" in new.hooks["reply_to"][0].function.__code__.co_consts


@pytest.mark.parametrize("source", ["def f(:", "import fivapp_nothing", PING.replace("reply_to", "reply_too")])
def test_a_file_with_mistakes_leaves_the_old_one_and_says_why(tmp_path: Path, source: str) -> None:
    file = write(tmp_path, "one.py")
    plugins = load(file)
    old = plugins.get("one")
    write(tmp_path, "one.py", source)
    with pytest.raises(PluginError) as refused:
        plugins.replace(file)
    assert "one.py:" in refused.value.problems[0]
    assert plugins.items == (old,)
    assert sys.modules[old.module.__name__] is old.module
    write(tmp_path, "one.py")
    assert plugins.replace(file).hooks["reply_to"]


def test_only_what_was_loaded_from_a_file_is_replaced(tmp_path: Path) -> None:
    with pytest.raises(PluginNotFound):
        load(write(tmp_path, "one.py")).replace(write(tmp_path, "two.py"))


def test_a_file_that_was_broken_joins_once_it_is_mended(tmp_path: Path) -> None:
    file = write(tmp_path, "one.py", "def f(:")
    plugins = load(file)
    assert plugins.items == ()
    write(tmp_path, "one.py")
    plugins.replace(file)
    assert [plugin.name for plugin in plugins.items] == ["one"]
    assert plugins.broken == ()
