"""The checker and the player in the terminal, and the preview that they share with the pages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from fivapp_whatsapp_chatbot.__main__ import EXAMPLES, example_flow, main
from fivapp_whatsapp_chatbot.check import check_flow
from fivapp_whatsapp_chatbot.memory import Memory
from fivapp_whatsapp_chatbot.preview import PreviewEvent, as_json, preview, try_flow

pytestmark = pytest.mark.anyio


def _run(*arguments: str, said: str = "") -> tuple[int, str, str]:
    done = CliRunner().invoke(main, list(arguments), input=said)
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_printed_and_checked(name: str, tmp_path: Path) -> None:
    file = tmp_path / "flow.toml"
    file.write_text(_run("example", name)[1], encoding="utf-8")
    assert file.read_text(encoding="utf-8") == example_flow(name)
    assert _run("check", str(file)) == (0, f"{file}: this flow can be used\n", "")


def test_the_checker_names_file_line_step_and_ends_with_one(tmp_path: Path) -> None:
    file = tmp_path / "flow.toml"
    file.write_text("[steps.a]\nkind = 'goto'\nto = 'b'\n", encoding="utf-8")
    assert _run("check", str(file)) == (1, "", f"{file}:3: error: [a] there is no step 'b' (unknown_target)\n")
    assert _run("play", str(file))[0] == 1


def test_a_file_that_is_no_text_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "flow.toml"
    file.write_bytes(b"\xff\xfe")
    assert _run("check", str(file)) == (1, "", f"Error: {file} is not UTF-8\n")


def test_the_player_runs_as_a_module(tmp_path: Path) -> None:
    file = tmp_path / "pizzeria.toml"
    file.write_text(example_flow("pizzeria"), encoding="utf-8")
    said = "oi\npedido\ncalab\n2\n3\nbuscar\nsim\n"
    done = subprocess.run(
        [sys.executable, "-m", "fivapp_whatsapp_chatbot", "play", str(file)],
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert "Olá, Maria! Aqui é da pizzaria." in done.stdout
    assert "  2. Calabresa — Calabresa fatiada e cebola" in done.stdout
    assert (
        '[call] POST https://orders.example.com/orders {"flavour":"calabresa","size":"media","quantity":3,'
        in done.stdout
    )
    assert "Pedido 42 confirmado: R$ 79,90, pronto em 25 minutos." in done.stdout


def test_the_player_says_when_nothing_starts(tmp_path: Path) -> None:
    file = tmp_path / "flow.toml"
    file.write_text("triggers = [{words = ['pizza']}]\n[steps.a]\nkind = 'end'\ntext = 'x'", encoding="utf-8")
    assert "[nothing] no trigger of this flow starts by that" in _run("play", str(file), said="oi\n")[1]


async def test_the_preview_goes_on_with_the_memory_that_it_gave() -> None:
    flow = example_flow("pizzeria")
    first = await preview(flow, "oi")
    assert [choice.id for choice in first.outputs[0].choices] == ["menu:order", "menu:hours", "menu:person"]
    memory = msgspec.convert(as_json(first)["memory"], Memory)
    second = await preview(flow, "", memory, choice="menu:person")
    assert second.events == [PreviewEvent(kind="hand_over", detail="O cliente pediu para falar com alguém")]
    assert second.memory is None
    assert [output.text for output in second.outputs] == ["Certo, já chamo alguém da equipe."]


async def test_the_preview_of_a_flow_that_cannot_be_used_tells_its_problems() -> None:
    found = await preview("steps = 1", "oi")
    assert [problem.code for problem in found.problems] == ["no_steps"]
    assert found.outputs == ()


async def test_the_preview_tells_that_the_flow_ended_and_keeps_warnings() -> None:
    found = await preview("[steps.a]\nkind = 'end'\ntext = '{ x'", "oi")
    assert [event.kind for event in found.events] == ["end"]
    assert [problem.code for problem in found.problems] == ["odd_braces"]


async def test_a_call_without_an_example_fails_in_the_preview_and_its_headers_are_not_shown() -> None:
    step = "[steps.a]\nkind = 'http'\nurl = 'https://a.example/x'\nmethod = 'GET'\nheaders = {X-Key = 'k1'}\n"
    flow = step + "[steps.z]\nkind = 'end'"
    found = await preview(flow, "oi")
    assert found.events[0] == PreviewEvent(kind="call", detail="GET https://a.example/x")
    assert found.events[1].kind == "hand_over"


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("said", ["1", "voltar", "sim", "menu"])
async def test_a_memory_that_somebody_made_up_harms_nothing(name: str, said: str) -> None:
    flow = example_flow(name)
    first = (await preview(flow, "oi")).memory
    assert first is not None
    loaded, _ = check_flow(flow)
    assert loaded is not None
    nonsense: list[Any] = ["{x}", {"a": [1]}, [], 1e308, True, None, "9" * 5000]
    for at in ("nowhere", *loaded.steps):
        for value in nonsense:
            answers = dict.fromkeys([*loaded.steps, "order", "day", "contact"], value)
            for trail in ((), ("nowhere",), tuple(loaded.steps)):
                made_up = msgspec.structs.replace(first, at=at, answers=answers, trail=trail, tries=-5, turn=2**62)
                assert (await try_flow(loaded, said, made_up)).outputs
