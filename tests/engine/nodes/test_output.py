from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.nodes.output import LEVELS, emit_event, log
from bluev_actors.errors import InvalidWorkflowError, Permanent
from bluev_actors.workflows.run_events import NodeEmitted, NodeLog

if TYPE_CHECKING:
    from bluev_actors.workflows.run_events import LogLevel
    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt


@pytest.mark.parametrize(
    ("params", "inputs", "line"),
    [
        ({"message": "hello"}, {}, "hello"),
        ({"message": 42}, {}, "42"),
        ({"message": "hello"}, {"message": ["a"]}, '["a"]'),
        ({}, {"a": 1, "in": []}, '{"a":1}'),
        ({}, {"in": [2], "a": 1}, '{"in":[2],"a":1}'),
        ({}, {}, "{}"),
    ],
)
async def test_it_writes_a_line(
    attempt: type[Attempt], params: dict[str, Json], inputs: dict[str, Json], line: str
) -> None:
    """The line is the message, connected or written, or else the inputs."""
    node = attempt(log, params, inputs)
    await node.run()
    assert node.port.said == [NodeLog("it", 1, "info", line)]


@pytest.mark.parametrize("level", LEVELS)
async def test_it_has_levels(attempt: type[Attempt], level: LogLevel) -> None:
    """A line is as grave as the workflow says."""
    node = attempt(log, {"message": "hello", "level": level})
    await node.run()
    assert node.port.said == [NodeLog("it", 1, level, "hello")]


async def test_an_unknown_level_is_told(attempt: type[Attempt]) -> None:
    """A level that arrives by a connection is checked when it is used, and nothing is written."""
    node = attempt(log, {"message": "hello"}, {"level": ["loud"]})
    with pytest.raises(Permanent, match="has to be one of debug, info, warning, error") as caught:
        await node.run()
    assert caught.value.code == "invalid_param"
    assert node.port.said == []


async def test_it_hands_its_inputs_on(attempt: type[Attempt]) -> None:
    """A log put between two nodes changes nothing for them."""
    node = attempt(log, {"message": "hello"}, {"a": 1, "in": [2]}, connected=("b",))
    assert await node.run() == {"a": 1, "b": None, "out": None}


# --- emit_event -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs", [{}, {"data": {"order": 17}}, {"data": None}])
async def test_it_tells_of_an_event(attempt: type[Attempt], inputs: dict[str, Json]) -> None:
    """Under its name, with its data, which is handed on."""
    node = attempt(emit_event, {"name": "order.${inputs.city}"}, inputs)
    data = inputs.get("data")
    assert await node.run() == {"data": data}
    assert node.port.said == [NodeEmitted("it", 1, "order.Oslo", data)]


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_an_event_has_a_name_of_some_length(attempt: type[Attempt], name: str) -> None:
    """Neither none nor a novel."""
    with pytest.raises(InvalidWorkflowError, match="1 to 200 characters"):
        attempt(emit_event, {"name": name})
