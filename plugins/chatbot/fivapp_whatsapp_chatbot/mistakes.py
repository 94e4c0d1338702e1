"""What people are told of mistakes in a flow, in both languages.

A key is a mistake's code, with a word more where one code has several sentences.
In the places stand names and values of the flow, and what other libraries say, which is English.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from .flow import Problem

# pt-BR and English.
MISTAKES: Mapping[str, tuple[str, str]] = {
    "not_toml": ("isto não é TOML: {said}", "this is no TOML: {said}"),
    "not_toml.deep": (
        "os valores estão aninhados fundo demais uns nos outros",
        "values are nested too deeply in each other",
    ),
    "no_steps": ("um fluxo tem pelo menos uma etapa: [steps.nome]", "a flow has at least one step: [steps.name]"),
    "too_many_steps": ("um fluxo tem no máximo {most} etapas", "a flow has {most} steps at most"),
    "bad_name": (
        "o nome de uma etapa tem a-z, 0-9 e _, e começa com uma letra",
        "a step's name has a-z, 0-9 and _, and begins with a letter",
    ),
    "unknown_kind": ("não há o tipo {kind!r}: há {known}", "there is no kind {kind!r}: there are {known}"),
    "unknown_kind.near": (
        "não há o tipo {kind!r}: seria {near!r}? há {known}",
        "there is no kind {kind!r}: did you mean {near!r}? there are {known}",
    ),
    "unknown_kind.none": ("uma etapa tem um tipo (`kind`): há {known}", "a step has a `kind`: there are {known}"),
    "unknown_text": ("não há o texto {text!r}; há {known}", "there is no text {text!r}; there are {known}"),
    "unknown_time_zone": ("não há o fuso horário {zone!r}", "there is no time zone {zone!r}"),
    "bad_duration": (
        "{duration!r} não é uma duração como 90s, 10m, 2h ou 1d",
        "{duration!r} is no duration such as 90s, 10m, 2h or 1d",
    ),
    "bad_shape": ("o que está aqui não serve: {said}", "this does not fit: {said}"),
    "unknown_target": ("não há a etapa {target!r}", "there is no step {target!r}"),
    "dead_end": (
        "nada vem depois: diga em `next` a próxima etapa, ou ponha um fim",
        "nothing follows: name a `next` step, or add an end",
    ),
    "reserved_name": (
        "`contact` é do próprio contato; guarde isto com outro nome",
        "`contact` is the contact's own; keep this under another name",
    ),
    "odd_braces": (
        "uma chave em `{field}` não é um {{lugar}}; escreva {{{{ no lugar de {{",
        "a brace in `{field}` is no {{place}}; write {{{{ for {{",
    ),
    "double_option": ("duas opções têm o id {id!r}", "two options have the id {id!r}"),
    "many_options": ("o WhatsApp mostra no máximo {most} opções", "WhatsApp lists {most} options at most"),
    "long_title": ("{title!r} tem mais de {most} caracteres", "{title!r} has over {most} characters"),
    "reserved_word": ("{word!r} já vale em todas as etapas", "{word!r} works in every step already"),
    "ambiguous_word": ("{word!r} quer dizer duas opções", "{word!r} means two options"),
    "options_of_one_of": (
        "`options` é do tipo one_of, que precisa delas",
        "`options` belong to the type one_of, which needs them",
    ),
    "bad_limits.lengths": ("`min_length` é maior que `max_length`", "`min_length` is above `max_length`"),
    "bad_limits": (
        "`{field}` é um número para um número; um texto como 2026-12-31, today ou today+30d para uma data",
        "`{field}` is a number for a number; a text such as 2026-12-31, today or today+30d for a date",
    ),
    "bad_limits.day": (
        "{limit!r} não é um dia: 2026-12-31, today ou today+30d",
        "{limit!r} is no day: 2026-12-31, today or today+30d",
    ),
    "pattern_of_text": ("`pattern` é do tipo text", "`pattern` belongs to the type text"),
    "bad_pattern": ("o padrão não pode ser usado: {said}", "the pattern cannot be used: {said}"),
    "bad_url": ("`url` é um endereço inteiro: https://…", "`url` is a whole address: https://…"),
    "bad_url.host": ("uma resposta não pode ser parte do servidor", "an answer cannot be a part of the host"),
    "no_on_error": (
        "sem `on_error`, um serviço que falha passa a conversa para uma pessoa",
        "without `on_error` a failing service hands over to a person",
    ),
    "unsent_json": ("`json` não é enviado com {method}", "`json` is not sent with {method}"),
    "bad_header": ("o cabeçalho {header!r} não pode ser enviado", "the header {header!r} cannot be sent"),
    "unreachable": ("nenhum caminho leva a esta etapa", "no way leads to this step"),
    "loop_without_input": (
        "esta etapa volta a si mesma sem nenhuma pergunta",
        "this step leads back to itself without a question",
    ),
    "undefined.contact": (
        "não há {{{path}}}; um contato tem name, first_name, phone",
        "there is no {{{path}}}; a contact has name, first_name, phone",
    ),
    "undefined": ("nada preenche {{{name}}}", "nothing fills {{{name}}}"),
    "maybe_undefined": (
        "nem todo caminho até esta etapa preenche {{{name}}}",
        "not every way to this step fills {{{name}}}",
    ),
    "bad_timeout": ("`remind_after` não vem antes de `end_after`", "`remind_after` is not before `end_after`"),
}


def mistake(
    severity: Literal["error", "warning"], key: str, step: str | None = None, line: int | None = None, **facts: Any
) -> Problem:
    """Make a problem out of a key of MISTAKES and what stands in its places."""
    portuguese, english = (text.format(**facts) for text in MISTAKES[key])
    return Problem(
        severity=severity,
        code=key.partition(".")[0],
        detail=english,
        step=step,
        line=line,
        i18n={"pt-BR": {"detail": portuguese}},
    )
