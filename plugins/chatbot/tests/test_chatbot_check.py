"""What the reader and the checker say of a flow, and where."""

from __future__ import annotations

import re
import time

import pytest

from fivapp_whatsapp_chatbot.__main__ import EXAMPLES, example_flow
from fivapp_whatsapp_chatbot.check import check_flow
from fivapp_whatsapp_chatbot.flow import seconds_of
from fivapp_whatsapp_chatbot.lines import find_lines
from fivapp_whatsapp_chatbot.mistakes import MISTAKES
from fivapp_whatsapp_chatbot.reading import MAX_STEPS, read_flow

ASK = '[steps.a]\nkind = "ask"\ntext = "?"\n'
END = '[steps.z]\nkind = "end"\n'


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_have_no_problem(name: str) -> None:
    flow, problems = check_flow(example_flow(name))
    assert problems == []
    assert flow is not None


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("a = ", "not_toml", 1),
        ("name = 'x'\nb = [1,\nc = 2", "not_toml", 3),
        ("a = " + "[" * 20_000, "not_toml", None),
        ("a = " + "{b = " * 5_000, "not_toml", None),
        ("", "no_steps", None),
        ("steps = 3", "no_steps", None),
        ("[steps.A]\nkind = 'end'", "bad_name", 1),
        (ASK + "[steps.b]\nkind = 'dance'\n" + END, "unknown_kind", 5),
        (ASK + "[steps.b]\ntext = 'no kind'\n" + END, "unknown_kind", 4),
        (ASK + "[steps.b]\nkind = 3\n" + END, "unknown_kind", 5),
        (ASK + "tex = 'typo'\n" + END, "bad_shape", 1),
        ("nam = 'typo'\n" + END, "bad_shape", None),
        ("time_zone = 'America/Nowhere'\n" + END, "unknown_time_zone", 1),
        ("time_zone = '../etc/passwd'\n" + END, "unknown_time_zone", 1),
        (END + "[timeout]\nend_after = 'soon'", "bad_duration", 3),
        (END + "[[triggers]]\nany = true\nagain_after = '1 week'", "bad_duration", 3),
        (END + "[texts]\nhello = 'x'", "unknown_text", 4),
        (ASK + "next = 'nowhere'\n" + END, "unknown_target", 4),
        ("start = 'nowhere'\n" + END, "unknown_target", 1),
        (END + "[[triggers]]\nany = true\nto = 'nowhere'", "unknown_target", 3),
        (END + "[retries]\nto = 'nowhere'", "unknown_target", 3),
        (ASK, "dead_end", 1),
        (
            "[steps.a]\nkind = 'say'\ntext = 'x'\nnext = 'b'\n[steps.b]\nkind = 'goto'\nto = 'a'",
            "loop_without_input",
            1,
        ),
        ("[steps.a]\nkind = 'http'\nurl = 'https://a.example'\non_error = 'a'\n" + END, "loop_without_input", 1),
        ("[steps.a]\nkind = 'say'\ntext = '{who}'\n" + END, "undefined", 3),
        ("[steps.a]\nkind = 'say'\ntext = '{contact.age}'\n" + END, "undefined", 3),
        ("[steps.a]\nkind = 'branch'\non = 'who'\notherwise = 'z'\ncases = [{to = 'z'}]\n" + END, "undefined", 3),
        (ASK + "pattern = '['\n" + END, "bad_pattern", 4),
        (ASK + "pattern = '(a{999}){999}'\n" + END, "bad_pattern", 4),
        (ASK + "pattern = 'a{99999999999}'\n" + END, "bad_pattern", 4),
        (ASK + "pattern = '((a{9,}){9,}x{,9999}){ 9 , 99 }'\n" + END, "bad_pattern", 4),
        (ASK + "type = 'cpf'\npattern = 'x'\n" + END, "pattern_of_text", 5),
        (ASK + "min_length = 9\nmax_length = 3\n" + END, "bad_limits", 4),
        (ASK + "type = 'date'\nmin = 'soon'\n" + END, "bad_limits", 5),
        (ASK + "type = 'number'\nmax = 'many'\n" + END, "bad_limits", 5),
        (ASK + "min = 3\n" + END, "bad_limits", 4),
        (ASK + "type = 'one_of'\n" + END, "options_of_one_of", 1),
        (ASK + "options = ['x']\n" + END, "options_of_one_of", 1),
        (ASK + "save = 'contact'\n" + END, "reserved_name", 1),
        ("[steps.a]\nkind = 'menu'\ntext = '?'\noptions = ['x', 'X']\n" + END, "double_option", 4),
        ("[steps.a]\nkind = 'http'\nurl = 'ftp://a.example'\n" + END, "bad_url", 3),
        ("[steps.a]\nkind = 'http'\nurl = 'https://{contact.phone}.example'\n" + END, "bad_url", 3),
        ("[steps.a]\nkind = 'http'\nurl = 'https://[::1'\n" + END, "bad_url", 3),
        ("[steps.a]\nkind = 'http'\nurl = 'https://a.example'\nheaders = {X = \"a\\nb\"}\n" + END, "bad_header", 4),
        (ASK + END + "[timeout]\nremind_after = '1h'\nend_after = '10m'", "bad_timeout", 6),
    ],
)
def test_an_error_is_told_with_its_line(text: str, code: str, line: int | None) -> None:
    flow, problems = check_flow(text)
    assert flow is None
    assert (code, line) in [(problem.code, problem.line) for problem in problems if problem.severity == "error"]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("[steps.a]\nkind = 'goto'\nto = 'z'\n[steps.b]\nkind = 'end'\n" + END, "unreachable", 4),
        (
            "[steps.m]\nkind = 'menu'\ntext = '?'\noptions = [{title = 'x', to = 'a'}, {title = 'y', to = 'b'}]\n"
            + ASK
            + "[steps.b]\nkind = 'end'\ntext = '{a}'",
            "maybe_undefined",
            10,
        ),
        (
            "[steps.h]\nkind = 'http'\nurl = 'https://a.example'\nsave = 'r'\non_error = 'z'\n" + END + "text = '{r}'",
            "maybe_undefined",
            8,
        ),
        ("[steps.a]\nkind = 'say'\ntext = '{ x }'\n" + END, "odd_braces", 3),
        ("[steps.a]\nkind = 'http'\nurl = 'https://a.example'\n" + END, "no_on_error", 1),
        ("[steps.a]\nkind = 'menu'\ntext = '?'\noptions = ['Voltar']\n" + END, "reserved_word", 4),
        (
            "[steps.a]\nkind = 'menu'\ntext = '?'\noptions = [{title='a', words=['x']}, {title='b', words=['X!']}]\n"
            + END,
            "ambiguous_word",
            4,
        ),
        (f"[steps.a]\nkind = 'menu'\ntext = '?'\noptions = ['{'x' * 25}']\n" + END, "long_title", 4),
        (
            "[steps.a]\nkind = 'menu'\ntext = '?'\noptions = [" + ", ".join(f"'o{n}'" for n in range(11)) + "]\n" + END,
            "many_options",
            4,
        ),
    ],
)
def test_a_warning_is_told_and_the_flow_can_be_used(text: str, code: str, line: int) -> None:
    flow, problems = check_flow(text)
    assert flow is not None, problems
    assert (code, line) in [(problem.code, problem.line) for problem in problems]


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("kind = 'mnu'", "there is no kind 'mnu': did you mean 'menu'? there are "),
        ("kind = 'Handover'", "there is no kind 'Handover': did you mean 'hand_over'? there are "),
        ("kind = 'zzz'", "there is no kind 'zzz': there are "),
        ("text = 'x'", "a step has a `kind`: there are "),
    ],
)
def test_a_kind_that_is_not_there_is_told_with_those_that_are(kind: str, begins: str) -> None:
    _, (problem,) = check_flow(f"[steps.a]\n{kind}\n" + END)
    assert problem.detail == begins + "say, menu, ask, http, goto, branch, hand_over, end"


def test_all_steps_that_are_wrong_are_told_at_once() -> None:
    _, problems = check_flow("[steps.a]\nkind = 'x'\n[steps.b]\nkind = 'ask'\n[steps.c]\nkind = 'goto'\n")
    assert [(problem.step, problem.line) for problem in problems] == [("a", 2), ("b", 3), ("c", 5)]


def test_a_flow_of_the_greatest_size_is_checked_in_time() -> None:
    steps = "".join(f"[steps.s{n}]\nkind = 'say'\ntext = '{{contact.name}}'\n" for n in range(MAX_STEPS - 1))
    began = time.monotonic()
    flow, problems = check_flow(steps + END)
    assert (flow is not None, problems) == (True, [])
    back = steps + "[steps.z]\nkind = 'goto'\nto = 's0'\n"
    assert len([p for p in check_flow(back)[1] if p.code == "loop_without_input"]) == MAX_STEPS
    assert time.monotonic() - began < 10


def test_a_question_that_is_asked_again_is_no_loop() -> None:
    flow, problems = check_flow(ASK + "next = 'a'\n")
    assert flow is not None
    assert problems == []


def test_the_version_changes_with_the_meaning_and_not_with_comments() -> None:
    versions = [flow.version for text in (END, "# new\n" + END, END + "text = 'x'") if (flow := read_flow(text)[0])]
    assert versions[0] == versions[1] != versions[2]


def test_options_may_be_titles_alone_and_get_ids_of_them() -> None:
    flow, _ = read_flow("[steps.a]\nkind = 'menu'\ntext = '?'\noptions = ['Clínica Geral', '日本', '3 queijos']")
    assert flow is not None
    assert [option.id for option in flow.steps["a"].options] == ["clinica_geral", "option_2", "option_3"]  # type: ignore[union-attr]


def test_lines_pass_over_what_stands_inside_values() -> None:
    lines = find_lines('a = """\nb = 1\n"""\nc = [\n  { d = 1 },\n]\n[t."x"] # note\n  e = 1\n')
    assert [lines.of((key,)) for key in "abcd"] == [1, None, 4, None]
    assert lines.of(("t", "x", "e")) == 8
    assert lines.of(("t", "x", "missing")) == 7


def test_durations_have_a_unit() -> None:
    assert [seconds_of(text) for text in ("90s", "10m", " 2 h", "1d")] == [90, 600, 7200, 86_400]
    for text in ("10", "-1m", "1w", "1.5h", ""):
        with pytest.raises(ValueError, match="no duration"):
            seconds_of(text)


def test_each_mistake_is_told_in_both_languages_with_the_same_facts() -> None:
    for key, (portuguese, english) in MISTAKES.items():
        places = [sorted(re.findall(r"\{(\w+)(?:!r)?\}", text.replace("{{", ""))) for text in (portuguese, english)]
        assert places[0] == places[1], key
        assert portuguese != english, key


def test_a_mistake_has_its_words_in_the_language_of_the_page() -> None:
    _, (problem,) = check_flow("[steps.a]\nkind = 'goto'\nto = 'b'\n")
    assert problem.detail == "there is no step 'b'"
    assert problem.i18n == {"pt-BR": {"detail": "não há a etapa 'b'"}}
    _, (braces,) = check_flow("[steps.a]\nkind = 'say'\ntext = '{ x }'\n" + END)
    assert braces.detail == "a brace in `text` is no {place}; write {{ for {"
    assert braces.i18n["pt-BR"]["detail"] == "uma chave em `text` não é um {lugar}; escreva {{ no lugar de {"
