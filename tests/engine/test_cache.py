from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import Factory, define, evolve
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.cache import OutputCache, fingerprint, may_cache
from bluev_actors.engine.journal import MemoryJournal
from bluev_actors.testing.strategies import json_objects
from bluev_actors.workflows.graph import Node
from bluev_actors.workflows.inputs import Gathered
from bluev_actors.workflows.kinds import Body, NodeKind, Param
from bluev_actors.workflows.params import NodeParams
from bluev_actors.workflows.values import is_list, is_object

if TYPE_CHECKING:
    from bluev_actors.workflows.expressions import Scope
    from bluev_actors.workflows.values import Json, JsonObject

PURE = NodeKind("work", params=(Param("x", required=False), Param("y", required=False)), free_inputs=True, pure=True)
FORMULA = NodeKind("expression", params=(Param("expr", syntax="expression"),), free_inputs=True, pure=True)
SCOPE: Scope = {"inputs": {"city": "Oslo"}, "nodes": {}, "run": {"id": "run-1", "workflow_id": "w"}}


@define
class Given:
    """What a node is given."""

    params: JsonObject = Factory(dict[str, "Json"])
    inputs: JsonObject = Factory(dict[str, "Json"])
    sources: dict[str, list[str]] = Factory(dict[str, list[str]])
    connected: tuple[str, ...] = ()
    scope: Scope = Factory(lambda: dict(SCOPE))
    kind: NodeKind = PURE
    node_id: str = "a"

    @property
    def fingerprint(self) -> bytes:
        """Its fingerprint."""
        compiled = NodeParams.compile(self.params, self.kind)
        node = Node(self.node_id, self.kind.name, self.params)
        gathered = Gathered(self.inputs, self.sources)
        return fingerprint(self.kind, node, compiled, self.scope, gathered, self.connected)


def test_the_same() -> None:
    """The same work has the same fingerprint in any run, under any id, and in any order of keys."""
    one = Given({"x": {"a": 1, "b": 2}}, {"in": [1], "value": "v"})
    other = Given({"x": {"b": 2, "a": 1}}, {"value": "v", "in": [1]}, node_id="b")
    other.scope = {**SCOPE, "run": {"id": "run-2", "workflow_id": "w"}, "inputs": {"city": "Rome"}}
    assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        Given({"x": 2}, {"in": [1]}),
        Given({"x": 1}, {"in": [2]}),
        Given({"y": 1}, {"in": [1]}),
        Given({"x": 1}, {"in": [1]}, sources={"in": ["b"]}),
        Given({"x": 1}, {"in": [1]}, connected=("out",)),
        Given({"x": 1}, {"in": [1]}, kind=evolve(PURE, version=2)),
        Given({"x": 1}, {"in": [1]}, kind=evolve(PURE, name="play")),
        Given({"x": 1.0}, {"in": [1]}),
        Given({"x": "1"}, {"in": [1]}),
        Given({"x": True}, {"in": [1]}),
    ],
    ids=str,
)
def test_another(other: Given) -> None:
    """Whatever a node may make something else of makes another fingerprint."""
    assert other.fingerprint != Given({"x": 1}, {"in": [1]}).fingerprint


def test_params_count_by_their_values() -> None:
    """What an expression came to counts, not how it is written."""
    assert Given({"x": "${inputs.city}"}).fingerprint == Given({"x": "Oslo"}).fingerprint


@pytest.mark.parametrize(
    ("expr", "matters"),
    [
        ("inputs.city", True),
        ("inputs", True),
        ("value + 1", False),
        ("myinputs", False),
        ("'x' + inputs['city']", True),
    ],
)
def test_what_a_formula_reads(expr: str, matters: bool) -> None:
    """The node evaluates it itself, so what it may read counts, and nothing else does."""
    oslo = Given({"expr": expr}, kind=FORMULA)
    rome = evolve(oslo, scope={**SCOPE, "inputs": {"city": "Rome"}})
    assert (oslo.fingerprint != rome.fingerprint) == matters


def test_a_formula_that_reads_the_run() -> None:
    """What names the run is another one in each."""
    one = Given({"expr": "run.id"}, kind=FORMULA)
    other = evolve(one, scope={**SCOPE, "run": {"id": "run-2", "workflow_id": "w"}})
    assert one.fingerprint != other.fingerprint


def test_secrets_by_name() -> None:
    """A secret's name counts; a text, or data, that looks like one is another thing, in whatever place."""
    token: JsonObject = {"$secret": "TOKEN"}
    scope: Scope = {**SCOPE, "inputs": {"city": token}}
    ways = [
        Given({"x": token}),
        Given({"x": {"$secret": "OTHER"}}),
        Given({"x": "$secret:TOKEN"}),
        Given({"x": "${inputs.city}"}, scope=scope),
        Given({"x": token, "y": "$secret:TOKEN"}),
        Given({"x": "$secret:TOKEN", "y": token}),
    ]
    assert len({way.fingerprint for way in ways}) == len(ways)
    assert ways[0].fingerprint == Given({"x": token}).fingerprint


@given(one=json_objects(), other=json_objects())
def test_inputs(one: JsonObject, other: JsonObject) -> None:
    """Different inputs have different fingerprints, equal ones the same."""
    assert (Given(inputs=one).fingerprint == Given(inputs=other).fingerprint) == (repr_of(one) == repr_of(other))


def repr_of(value: Json) -> str:
    """A value as text, with keys in order: `1`, `1.0` and `True` are equal to Python alone."""
    if is_object(value):
        return str(sorted((key, repr_of(item)) for key, item in value.items()))
    return str([repr_of(item) for item in value]) if is_list(value) else repr(value)


# --- who may ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cache", "use_cache", "may"),
    [
        ("never", None, False),
        ("by_inputs", None, True),
        ("never", True, True),
        ("by_inputs", True, True),
        ("never", False, False),
        ("by_inputs", False, False),
    ],
)
def test_who_may(cache: str, use_cache: bool | None, may: bool) -> None:
    """The node says so, unless the run says something for all."""
    node = Node("a", "work", cache="by_inputs" if cache == "by_inputs" else "never")
    assert may_cache(PURE, node, use_cache) == may


@pytest.mark.parametrize("kind", [evolve(PURE, pure=False), evolve(PURE, body=Body())], ids=["effects", "body"])
def test_who_may_not(kind: NodeKind) -> None:
    """A node with effects, or with a body that may have some, is run every time, whoever asks."""
    assert not may_cache(kind, Node("a", "work", cache="by_inputs"), use_cache=True)


# --- the cache ----------------------------------------------------------------------------------------------


@define
class Clock:
    """A clock that a test sets."""

    at: float = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.at


@pytest.fixture
def clock() -> Clock:
    """The time."""
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> OutputCache:
    """A cache over a journal in memory."""
    return OutputCache(MemoryJournal(), clock, ttl=60)


KEY = b"k" * 32


def test_nothing_kept(cache: OutputCache) -> None:
    """What was not kept is not there."""
    assert cache.find(KEY) is None


def test_kept(cache: OutputCache) -> None:
    """What was kept is there, and no outputs at all are something too."""
    cache.keep(KEY, {"out": [1]})
    cache.keep(b"e" * 32, {})
    assert cache.find(KEY) == {"out": [1]}
    assert cache.find(b"e" * 32) == {}


def test_copies(cache: OutputCache) -> None:
    """Nobody who holds what was kept, or what was found, can change it for others."""
    outputs: JsonObject = {"out": [1]}
    cache.keep(KEY, outputs)
    outputs["out"].append(2)
    found = cache.find(KEY) or {}
    assert found == {"out": [1]}
    found["out"].append(3)
    assert cache.find(KEY) == {"out": [1]}


def test_age(cache: OutputCache, clock: Clock) -> None:
    """What is too old is not used."""
    cache.keep(KEY, {"out": 1})
    clock.at += 59
    assert cache.find(KEY) == {"out": 1}
    clock.at += 1
    assert cache.find(KEY) is None


def test_for_ever(clock: Clock) -> None:
    """Without a time to live it does not age."""
    cache = OutputCache(MemoryJournal(), clock)
    cache.keep(KEY, {"out": 1})
    clock.at += 1e9
    assert cache.find(KEY) == {"out": 1}


@pytest.mark.parametrize(("length", "kept"), [(90, True), (91, False)])
def test_size(clock: Clock, length: int, kept: bool) -> None:
    """What is too large is not kept; the limit is exact."""
    cache = OutputCache(MemoryJournal(), clock, max_bytes=100)
    cache.keep(KEY, {"out": "x" * length})
    assert (cache.find(KEY) is not None) == kept


@given(json_objects(), st.binary(min_size=32, max_size=32))
def test_any_outputs(outputs: JsonObject, key: bytes) -> None:
    """Whatever plain JSON a node gives comes back as it was."""
    cache = OutputCache(MemoryJournal(), Clock())
    cache.keep(key, outputs)
    assert repr_of(cache.find(key)) == repr_of(outputs)
