"""The errors' codes are a contract, and the drawn tree is the real one."""

from __future__ import annotations

import inspect
import re

from fivapp_whatsapp import errors

CLASSES = [
    thing
    for _, thing in inspect.getmembers(errors, inspect.isclass)
    if issubclass(thing, errors.GatewayError) and thing.__module__ == errors.__name__
]


def drawn_parents() -> dict[str, str]:
    """Read the tree of the module's docstring: each error's name and its parent's."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if not (drawn := re.match(r"((?:│   )*)(?:├── |└── )(.*)", line)):
            continue
        depth = len(drawn[1]) // 4
        names = re.split(r"\s{2,}", drawn[2])[0].split(" · ")
        path = [*path[:depth], names[0]]
        parents.update(dict.fromkeys(names, path[depth - 1] if depth else "GatewayError"))
    return parents


def test_the_drawn_tree_is_the_real_one() -> None:
    real = {cls.__name__: cls.__mro__[1].__name__ for cls in CLASSES if cls is not errors.GatewayError}
    assert drawn_parents() == real


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [vars(cls).get("code", "") for cls in CLASSES]
    assert len(set(codes)) == len(CLASSES)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_every_error_can_be_raised_bare_and_says_its_first_line() -> None:
    for cls in CLASSES:
        first = (vars(cls)["__doc__"] or "").split("\n")[0]
        assert first.endswith((".", "!"))
        assert cls().detail == first == str(cls())


def test_a_detail_replaces_the_docstring() -> None:
    assert errors.NotFound("No such thing.").detail == "No such thing."


def test_one_case_may_have_a_code_of_its_own() -> None:
    assert errors.InvalidInput(code="invalid_address").code == "invalid_address"
    assert errors.InvalidInput.code == "invalid_input"


def test_errors_carry_what_the_caller_needs() -> None:
    assert errors.ConnectorUnavailable(retry_after=2.5).retry_after == 2.5
    assert errors.ConnectorRejected(reason="invalid_key").reason == "invalid_key"
    assert errors.InvalidInput(errors=[{"field": "text"}]).errors == [{"field": "text"}]
    refused = errors.SettingsError(problems=["A: wrong", "B: wrong"])
    assert refused.problems == ("A: wrong", "B: wrong")
    assert refused.detail == "These settings cannot be used: A: wrong; B: wrong"
