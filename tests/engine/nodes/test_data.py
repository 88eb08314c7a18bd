from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.nodes.data import constant, echo, expression, noop, template, transform
from bluev_actors.errors import ExpressionError

if TYPE_CHECKING:
    from bluev_actors.engine.node_types import NodeType
    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt

VALUES: list[Json] = [None, False, 0, 1.5, "text", [1, [2]], {"a": {"b": None}}]


async def test_noop_hands_its_inputs_on(attempt: type[Attempt]) -> None:
    """A noop is a wire with names: values pass under theirs, order passes through `in` and `out`."""
    node = attempt(noop, inputs={"in": [1], "a": 2, "ctx": 3}, connected=("next", "a"))
    assert await node.run() == {"a": 2, "ctx": 3, "out": None, "next": None}


@pytest.mark.parametrize("value", VALUES)
async def test_constant_gives_its_value(attempt: type[Attempt], value: Json) -> None:
    """A constant gives what the workflow says, null included."""
    assert await attempt(constant, {"value": value}).run() == {"value": value}


@pytest.mark.parametrize("value", VALUES)
async def test_echo_gives_back_its_input(attempt: type[Attempt], value: Json) -> None:
    """An echo changes nothing."""
    assert await attempt(echo, inputs={"value": value}).run() == {"value": value}


async def test_expression_is_evaluated_over_the_inputs(attempt: type[Attempt]) -> None:
    """The value is what `expr` comes to, with the node's inputs and the workflow's in scope."""
    node = attempt(expression, {"expr": "[a + 1, inputs.city, run.id]"}, {"a": 1})
    assert await node.run() == {"value": [2, "Oslo", "run"]}


async def test_template_is_filled_in(attempt: type[Attempt]) -> None:
    """The text is what the template comes to, with the node's inputs and the workflow's in scope."""
    node = attempt(template, {"text": "{{ name }} in {{ inputs.city }}"}, {"name": "Ada"})
    assert await node.run() == {"text": "Ada in Oslo"}


@pytest.mark.parametrize("text", ["{% for name in names %}{{ name }}{% endfor %}", "{{ names | join('') }}"])
async def test_a_long_template_is_filled_in_too(attempt: type[Attempt], text: str) -> None:
    """In a thread, with the same text."""
    names = ["Ada"] * 3000
    assert await attempt(template, {"text": text}, {"names": names}).run() == {"text": "Ada" * 3000}


async def test_transform_builds_an_object(attempt: type[Attempt]) -> None:
    """Each field by its expression, over the inputs and the scope."""
    node = attempt(transform, {"fields": {"total": "a * 2", "city": "inputs.city"}}, {"a": 2})
    assert await node.run() == {"value": {"total": 4, "city": "Oslo"}}


@pytest.mark.parametrize(
    ("node_type", "params"), [(expression, {"expr": "nobody"}), (template, {"text": "{{ nobody }}"})]
)
async def test_an_unknown_name_is_told(attempt: type[Attempt], node_type: NodeType, params: dict[str, Json]) -> None:
    """A name that no input bears fails the node."""
    with pytest.raises(ExpressionError, match="nobody"):
        await attempt(node_type, params).run()


@pytest.mark.parametrize(
    ("node_type", "syntax"), [(expression, {"expr": "expression"}), (template, {"text": "template"})]
)
def test_texts_are_compiled_when_the_workflow_is_checked(node_type: NodeType, syntax: dict[str, str]) -> None:
    """A slip in an expression or a template is found before the run."""
    assert {param.name: param.syntax for param in node_type.kind.params} == syntax


@pytest.mark.parametrize("node_type", [noop, constant, echo, expression, template])
def test_all_are_pure(node_type: NodeType) -> None:
    """Same inputs, same outputs, no effect: so they may be paused and run again at will."""
    assert node_type.kind.pure
    assert node_type.kind.pausable
