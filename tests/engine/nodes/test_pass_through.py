from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.nodes.data import noop
from bluev_actors.engine.nodes.pass_through import as_text, handed_on, setting

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt

names = st.sampled_from(["in", "out", "a", "b", "ctx", "done"]) | st.text(min_size=1, max_size=5)
scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5)


@given(inputs=st.dictionaries(names, scalars, max_size=6), connected=st.lists(names, max_size=4))
def test_every_input_but_in_is_handed_on(attempt: type[Attempt], inputs: dict[str, Json], connected: list[str]) -> None:
    """Outputs are the inputs under their own names; what else is connected is null, and `out` always there."""
    outputs = handed_on(attempt(noop, inputs=inputs, connected=tuple(connected)).context)
    kept = {name: value for name, value in inputs.items() if name != "in"}
    assert outputs == dict.fromkeys(["out", *connected]) | kept


def test_in_goes_no_further(attempt: type[Attempt]) -> None:
    """A list that came to `in` would double along a chain of forks, so it ends here."""
    assert handed_on(attempt(noop, inputs={"in": [1, 2]}).context) == {"out": None}


def test_the_inputs_stay_as_they_were(attempt: type[Attempt]) -> None:
    """The outputs are a new object: what is written into them does not change the inputs."""
    context = attempt(noop, inputs={"a": 1}).context
    handed_on(context)["b"] = 2
    assert context.inputs == {"a": 1}


@pytest.mark.parametrize(
    ("params", "inputs", "expected"),
    [
        ({}, {}, None),
        ({"seconds": 1}, {}, 1),
        ({"seconds": 1}, {"seconds": 2}, 2),
        ({"seconds": 1}, {"seconds": None}, None),
    ],
)
def test_a_connection_beats_a_param(
    attempt: type[Attempt], params: dict[str, Json], inputs: dict[str, Json], expected: Json
) -> None:
    """A value that arrives under a setting's name is the setting, be it null."""
    assert setting(attempt(noop, params, inputs).context, "seconds") == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [("plain", "plain"), ("", ""), (None, "null"), (True, "true"), (1.5, "1.5"), ({"a": ["é"]}, '{"a":["é"]}')],
)
def test_as_text(value: Json, text: str) -> None:
    """A text stays as it is; everything else is written as compact JSON."""
    assert as_text(value) == text


@given(st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5))
def test_text_of_anything_but_text_can_be_read_back(value: Json) -> None:
    """Nothing is lost on the way into text."""
    assert value == (as_text(value) if isinstance(value, str) else json.loads(as_text(value)))
