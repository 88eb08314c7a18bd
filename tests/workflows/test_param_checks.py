"""Whether a value may stand in a param or an input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.workflows.kinds import Param, Port
from bluev_actors.workflows.param_checks import check_param, check_port

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json

SECONDS = Param("seconds", "number", minimum=0, maximum=10)
METHOD = Param("method", "string", choices=("GET", "POST"))
LEVEL = Param("level", choices=(0, 1, "high", None))


@pytest.mark.parametrize(
    ("param", "value"),
    [
        (SECONDS, 0),
        (SECONDS, 10),
        (SECONDS, 2.5),
        (METHOD, "GET"),
        (LEVEL, 0),
        (LEVEL, 1.0),
        (LEVEL, None),
        (Param("flag", "bool", minimum=5), False),
        (Param("any"), {"a": 1}),
    ],
)
def test_what_may_stand_there(param: Param, value: Json) -> None:
    """At the limits too; a range is for numbers, and true is none."""
    assert check_param(param, value) is None


@pytest.mark.parametrize(
    ("param", "value", "code", "words"),
    [
        (SECONDS, "5", "invalid_param", "number is wanted, and it is string"),
        (SECONDS, True, "invalid_param", "number is wanted, and it is bool"),
        (SECONDS, None, "invalid_param", "number is wanted, and it is null"),
        (SECONDS, -0.1, "param_out_of_range", "it has to be at least 0"),
        (SECONDS, 10.1, "param_out_of_range", "it has to be at most 10"),
        (METHOD, "PUT", "param_not_in_choices", 'is "PUT"; it may be: "GET", "POST"'),
        (METHOD, 1, "invalid_param", "string is wanted"),
        (LEVEL, False, "param_not_in_choices", 'it may be: "0", "1", "high", "null"'),
        (LEVEL, True, "param_not_in_choices", "is true"),
        (Param("ids", "list[int]"), [1, "2"], "invalid_param", "in item 1, int is wanted"),
    ],
)
def test_what_may_not(param: Param, value: Json, code: str, words: str) -> None:
    """With what would be right."""
    problem = check_param(param, value)
    assert problem is not None
    assert (problem.code, problem.path) == (code, param.name)
    assert words in problem.message


def test_limits_are_told_to_programs() -> None:
    """As numbers, and choices as they are."""
    out_of_range = check_param(SECONDS, 11)
    no_choice = check_param(METHOD, "PUT")
    assert out_of_range is not None
    assert no_choice is not None
    assert out_of_range.details == {"minimum": 0, "maximum": 10}
    assert no_choice.details == {"choices": ["GET", "POST"]}


def test_a_param_may_give_an_input() -> None:
    """Of the port's type; a list of it where many go in."""
    assert check_port(Port("text", "string"), "a") is None
    assert check_port(Port("in", "int", multi=True), [1, 2]) is None
    assert check_port(Port("in", multi=True), []) is None
    one, many = check_port(Port("text", "string"), 1), check_port(Port("in", "int", multi=True), 1)
    assert one is not None
    assert many is not None
    assert (one.code, one.port) == ("invalid_param", "text")
    assert many.message == 'input "in": list[int] is wanted, and it is int'


def test_a_kind_may_have_more_to_say() -> None:
    """Of values whose type and range are right; its sentence is the problem."""
    even = Param("size", "int", minimum=0, check=lambda size: "it has to be even" if size % 2 else None)
    odd, small, wrong = check_param(even, 3), check_param(even, -1), check_param(even, "3")
    assert check_param(even, 2) is None
    assert odd is not None
    assert (odd.code, odd.message, odd.path) == (
        "custom_validation_failed",
        'param "size": it has to be even',
        "size",
    )
    assert small is not None
    assert small.code == "param_out_of_range"
    assert wrong is not None
    assert wrong.code == "invalid_param"
