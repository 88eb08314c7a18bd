"""The records of what is wrong, and how they are collected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.errors import InvalidWorkflowError
from bluev_actors.testing.strategies import json_objects
from bluev_actors.workflows.problems import (
    PROBLEM_CODES,
    WARNING_CODES,
    Findings,
    GraphProblem,
    NodeNotes,
    Refusal,
)

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject


def problem(path: str) -> GraphProblem:
    """A problem at this place."""
    return GraphProblem("invalid_param", "wrong", path)


def test_a_problem_as_clients_get_it() -> None:
    """What is None is left out; what is empty is not."""
    assert problem("nodes[0]").as_json() == {"code": "invalid_param", "message": "wrong", "path": "nodes[0]"}
    assert GraphProblem("c", "m", "", "n", "p", {}).as_json() == {
        "code": "c",
        "message": "m",
        "path": "",
        "node_id": "n",
        "port": "p",
        "details": {},
    }


def test_codes_are_words_with_a_sentence() -> None:
    """Docs list them; warnings are among them."""
    for code, meaning in PROBLEM_CODES.items():
        assert code.replace("_", "").isalpha()
        assert code.islower()
        assert meaning.endswith(".")
    assert set(PROBLEM_CODES) > WARNING_CODES


def test_problems_come_in_the_order_of_the_document() -> None:
    """Not in that of their finding; `nodes[10]` after `nodes[9]`, and what is not there after what is."""
    document: JsonObject = {"settings": {}, "nodes": [{"id": "a", "params": {"z": 1, "a": 2}}] * 11, "connections": []}
    expected = [
        "settings.timeout",
        "nodes[0].id",
        "nodes[0].params.z",
        "nodes[0].params.a",
        "nodes[0].params.missing",
        "nodes[0].type",
        "nodes[9]",
        "nodes[10]",
        "connections[0].from_node",
        "id",
    ]
    findings = Findings()
    for path in reversed(expected):
        findings.error(problem(path))
    assert [found.path for found in findings.errors(document)] == expected


@given(json_objects(), st.lists(st.text(alphabet="ab.[]0129", max_size=8)))
def test_any_path_has_a_place(document: JsonObject, paths: list[str]) -> None:
    """Even one that leads nowhere; nothing is lost in the sorting."""
    findings = Findings()
    for path in paths:
        findings.warning(problem(path))
    assert sorted(found.path for found in findings.warnings(document)) == sorted(paths)


@pytest.mark.parametrize("extra", [0, 1, 7])
def test_there_is_an_end_to_the_list(extra: int) -> None:
    """The limit exactly; beyond it, how many more there are."""
    findings = Findings(limit=3)
    for number in range(3 + extra):
        findings.error(problem(f"nodes[{number}]"))
        findings.warning(problem(f"nodes[{number}]"))
    assert findings.error_count == 3 + extra
    for listed in (findings.errors({}), findings.warnings({})):
        assert [each.path for each in listed[:3]] == ["nodes[0]", "nodes[1]", "nodes[2]"]
        rest = [each.message for each in listed[3:]]
        assert rest == ([f"There are {extra} more problems than are listed here."] if extra else [])


def test_help_ends_with_the_list() -> None:
    """Looking for what may be meant takes time, and nobody would read it."""
    findings = Findings(limit=1)
    assert findings.hint("colour", ["color"]).words == 'did you mean "color"?'
    findings.error(problem(""))
    assert findings.hint("colour", ["color"]).words == ""


def test_notes_of_a_node_have_whole_paths() -> None:
    """What is said of the params is found in the document."""
    findings = Findings()
    notes = NodeNotes(findings, "nodes[3].params", "n")
    notes.error(problem("seconds"))
    notes.error(problem(""))
    assert [(found.path, found.node_id) for found in findings.errors({})] == [
        ("nodes[3].params", "n"),
        ("nodes[3].params.seconds", "n"),
    ]
    assert notes.hint("a", ["a"]) == findings.hint("a", ["a"])


def test_a_refusal_raises_the_first() -> None:
    """Where nobody takes notes."""
    with pytest.raises(InvalidWorkflowError) as caught:
        Refusal().error(problem("a"))
    assert caught.value.problems == (problem("a"),)
    assert Refusal().hint("colour", ["color"]).words == 'did you mean "color"?'
