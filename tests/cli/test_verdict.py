"""What validation says, on lines."""

from __future__ import annotations

from bluev_actors.cli.verdict import line_of, problem_lines, warning_lines
from bluev_actors.workflows.problems import GraphProblem

BAD = GraphProblem("x", "there is no input \x07", "connections[0].to_input")


def test_all_problems_one_line_each() -> None:
    """How many there are, then where and what."""
    assert list(problem_lines("hello.json", [BAD, BAD])) == [
        "hello.json: 2 problems",
        "connections[0].to_input: there is no input \\x07",
        "connections[0].to_input: there is no input \\x07",
    ]


def test_one_problem() -> None:
    """In the singular."""
    assert next(problem_lines("f", [BAD])) == "f: 1 problem"


def test_warnings_say_so() -> None:
    """They keep nothing from running."""
    assert list(warning_lines([BAD])) == ["connections[0].to_input: there is no input \\x07 (warning)"]


def test_a_problem_of_the_whole_document() -> None:
    """It has no path, and still a place."""
    assert line_of(GraphProblem("x", "it is not an object", "")) == "workflow: it is not an object"
