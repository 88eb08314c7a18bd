"""What a node is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.errors import MissingInputError
from bluev_actors.workflows.graph import Edge
from bluev_actors.workflows.inputs import gather_inputs
from bluev_actors.workflows.kinds import NodeKind, Param, Port

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject

ONE = NodeKind("one", inputs=(Port("value"), Port("more", required=False), Port("unit", default="m")))
MANY = NodeKind("many", inputs=(Port("in", multi=True), Port("rest", multi=True, required=False)))
FREE = NodeKind(
    "free",
    inputs=(Port("in", multi=True, required=False),),
    params=(Param("seconds", "number"),),
    free_inputs=True,
)


def give(kind: NodeKind, links: list[str], params: JsonObject | None = None, **outputs: Any) -> JsonObject:  # noqa: ANN401 - outputs by node, None for a skipped one
    """The inputs of a node with these links, each as `node.output -> input`."""
    return gather_inputs(kind, edges(links), outputs.get, params or {}).inputs


def edges(links: list[str]) -> list[Edge]:
    """Edges to the node `here`."""
    parts = [link.replace(" -> ", ".").split(".") for link in links]
    return [Edge(node, output, "here", to) for node, output, to in parts]


def test_a_connection_beats_a_param_beats_the_default() -> None:
    """In that order."""
    assert give(ONE, ["a.x -> value", "a.x -> unit"], {"value": 2, "unit": "km"}, a={"x": 1}) == {
        "value": 1,
        "unit": 1,
    }
    assert give(ONE, [], {"value": 2, "unit": "km"}) == {"value": 2, "unit": "km"}
    assert give(ONE, [], {"value": 2}) == {"value": 2, "unit": "m"}


def test_null_is_a_value() -> None:
    """An output of null has been given."""
    assert give(ONE, ["a.x -> value"], {"value": 2}, a={"x": None})["value"] is None


def test_a_skipped_source_gives_way() -> None:
    """To the param, to the default, or to nothing where nothing is needed."""
    assert give(ONE, ["a.x -> value", "a.x -> unit", "a.x -> more"], {"value": 2}) == {"value": 2, "unit": "m"}


def test_what_never_came_is_missing() -> None:
    """A required input whose only source was skipped; all of them are named."""
    both = NodeKind("both", inputs=(Port("left"), Port("right")))
    with pytest.raises(MissingInputError, match="left, right") as caught:
        give(both, ["a.x -> left", "b.y -> right"], a={"other": 1})
    assert caught.value.names == ("left", "right")
    assert caught.value.code == "missing_input"


def test_many_are_a_list_in_the_order_of_the_connections() -> None:
    """Even of one; without what skipped nodes would have given."""
    assert give(MANY, ["b.x -> in", "a.x -> in"], a={"x": 1}, b={"x": 2}) == {"in": [2, 1], "rest": []}
    assert give(MANY, ["a.x -> in"], a={"x": 1})["in"] == [1]
    assert give(MANY, ["a.x -> in", "b.x -> in"], b={"x": [3]})["in"] == [[3]]


def test_many_may_be_none() -> None:
    """When all sources were skipped the list is empty, and a list is a value."""
    assert give(MANY, ["a.x -> in"])["in"] == []


def test_a_param_gives_the_whole_list() -> None:
    """Where nothing is connected; a required one with neither is missing."""
    assert give(MANY, [], {"in": [1, 2]})["in"] == [1, 2]
    with pytest.raises(MissingInputError):
        give(MANY, [])


def test_a_default_list_beats_the_empty_one() -> None:
    """A port that says what it is without connections is believed."""
    kind = NodeKind("k", inputs=(Port("in", multi=True, required=False, default=[0]),))
    assert give(kind, []) == {"in": [0]}


def test_order_carries_no_data() -> None:
    """`after` is never given to the node, and need not be delivered."""
    assert give(ONE, ["a.done -> after", "a.x -> value"], a={"x": 1}) == {"value": 1, "unit": "m"}
    assert "after" not in give(FREE, ["a.done -> after"], a={})


def test_done_carries_null() -> None:
    """From a completed node; a failed one with an `error` output is not done."""
    assert give(ONE, ["a.done -> value"], a={"x": 1})["value"] is None
    failed = {"error": {"code": "c", "message": "m"}}
    assert give(ONE, ["a.error -> value"], a=failed)["value"] == failed["error"]
    with pytest.raises(MissingInputError):
        give(ONE, ["a.done -> value"], a=failed)


def test_free_names_are_taken_as_they_come() -> None:
    """From connections and from params, a connection first; settings of the kind are none."""
    given = give(FREE, ["a.x -> left"], {"seconds": 1, "left": 0, "right": 2}, a={"x": 1})
    assert given == {"in": [], "left": 1, "right": 2}


def test_several_connections_to_a_free_name_are_a_list() -> None:
    """As many as arrived; how many are connected makes it a list, not how many came."""
    links = ["a.x -> left", "b.x -> left"]
    assert give(FREE, links, a={"x": 1}, b={"x": 2})["left"] == [1, 2]
    assert give(FREE, links, b={"x": 2})["left"] == [2]
    assert give(FREE, links)["left"] == []


def test_a_free_name_that_nothing_came_to_is_not_there() -> None:
    """Unless a param stands in."""
    assert "left" not in give(FREE, ["a.x -> left"])
    assert give(FREE, ["a.x -> left"], {"left": 7})["left"] == 7


def test_sources_are_told_with_the_values() -> None:
    """So that a merge can say whose value it took."""
    gathered = gather_inputs(
        MANY, edges(["a.x -> in", "b.x -> in", "c.x -> in"]), {"a": {"x": 1}, "c": {"x": 3}}.get, {}
    )
    assert gathered.sources == {"in": ["a", "c"]}


@given(st.lists(st.booleans(), max_size=8))
def test_a_list_has_one_value_for_each_that_came(came: list[bool]) -> None:
    """Whatever was skipped, the rest keeps its order."""
    outputs = {str(number): {"x": number} for number, there in enumerate(came) if there}
    links = [f"{number}.x -> in" for number in range(len(came))]
    expected = [number for number, there in enumerate(came) if there]
    gathered = gather_inputs(FREE, edges(links), outputs.get, {})
    assert gathered.inputs == {"in": expected}
    assert gathered.sources.get("in", []) == [str(number) for number in expected]
