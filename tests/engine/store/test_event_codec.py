from __future__ import annotations

import importlib
from typing import Any, get_args, get_origin, get_type_hints

import orjson
import pytest
from attrs import fields
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.store.event_codec import EVENT_CLASSES, EventCodec, Shape
from bluev_actors.errors import StoreTooNewError
from bluev_actors.testing.strategies import json_objects, json_values
from bluev_actors.workflows.run_events import ErrorDetail, NodeCompleted, NodeFailed, NodeStarted, RunEvent, RunStarted

TEXT = st.text(st.characters(codec=None), max_size=10)
"""With lone surrogates, which the texts of Python may have."""


SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    Any: json_values(3),
    ErrorDetail: st.builds(ErrorDetail, TEXT, TEXT, st.booleans(), st.none() | TEXT),
    str: TEXT,
    int: st.integers(0, 2**53),
    float: st.floats(0, 1e12),
    bool: st.booleans(),
    type(None): st.none(),
}


def _values(form: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - whatever stands in an annotation
    if form in SIMPLE:
        return SIMPLE[form]
    parts = get_args(form)
    if get_origin(form) is dict:
        return json_objects(3)
    if get_origin(form) is tuple:
        return st.lists(_values(parts[0]), max_size=2).map(tuple)
    return st.sampled_from(parts) if isinstance(parts[0], str) else st.one_of([_values(it) for it in parts])


def _events(cls: type[RunEvent]) -> st.SearchStrategy[RunEvent]:
    hints = get_type_hints(cls)
    return st.builds(cls, **{field.name: _values(hints[field.name]) for field in fields(cls)})


EVENTS = st.one_of([_events(cls) for cls in EVENT_CLASSES.values()])


@given(EVENTS)
def test_every_event_comes_back(event: RunEvent) -> None:
    """Equal, and with values of the same kinds."""
    codec = EventCodec()
    read = codec.decode(*codec.encode(event))
    assert read == event
    assert [type(getattr(read, field.name)) for field in fields(type(event))] == [
        type(getattr(event, field.name)) for field in fields(type(event))
    ]


def test_every_kind_of_event_has_a_shape() -> None:
    """The codec is total: a new class of events is stored without anybody thinking of it."""
    module = importlib.import_module("bluev_actors.workflows.run_events")
    assert set(EVENT_CLASSES.values()) == set(get_args(module.RunEvent))
    shapes = EventCodec().new_shapes
    assert [shape.name for shape in shapes] == list(EVENT_CLASSES)
    assert [shape.number for shape in shapes] == list(range(1, len(shapes) + 1))


def test_every_field_has_two_or_more_companions() -> None:
    """The values of an event are a list only if it has more than one field, which is how they are taken."""
    assert all(len(fields(cls)) > 1 for cls in EVENT_CLASSES.values())


def test_known_shapes_are_not_stored_again() -> None:
    """A store that was opened before has them all."""
    assert EventCodec(EventCodec().new_shapes).new_shapes == []


def test_a_shape_may_have_had_fewer_fields() -> None:
    """What an older version did not write has its default."""
    codec = EventCodec([Shape(7, "NodeStarted", ("node_id",))])
    assert codec.decode(7, b'["a"]') == NodeStarted("a")
    number, body = codec.encode(NodeStarted("b", opens=True))
    assert number != 7
    assert codec.decode(number, body) == NodeStarted("b", opens=True)
    assert min(shape.number for shape in codec.new_shapes) == 8


def test_a_shape_may_have_more_fields() -> None:
    """What a newer version wrote and this one does not know is left out, wherever it stands."""
    codec = EventCodec([Shape(1, "NodeCompleted", ("colour", "node_id", "outputs", "attempt"))])
    assert codec.decode(1, b'["red","a",{"x":1},2]') == NodeCompleted("a", 2, {"x": 1})
    error = {"code": "c", "message": "m", "mood": "bad"}
    body = orjson.dumps(["a", 1, error, None])
    number = next(shape.number for shape in codec.new_shapes if shape.name == "NodeFailed")
    assert codec.decode(number, body) == NodeFailed("a", 1, ErrorDetail("c", "m"))


def test_an_unknown_kind_of_event_is_refused() -> None:
    """To leave it out would be to tell another story; that a store knows of it harms nobody."""
    codec = EventCodec([Shape(1, "NodeDreamt", ("node_id", "dream"))])
    with pytest.raises(StoreTooNewError, match="NodeDreamt"):
        codec.decode(1, b'["a","sheep"]')
    assert codec.decode(*codec.encode(RunStarted())) == RunStarted()


def test_bodies_are_small() -> None:
    """An event is the list of its values and nothing else."""
    assert EventCodec().encode(NodeCompleted("a", 1, {"out": 5}))[1] == b'["a",1,{"out":5},false]'
