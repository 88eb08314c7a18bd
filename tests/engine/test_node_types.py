from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bluev_actors.engine.node_types import Catalogue, NodeType, describe, node
from bluev_actors.errors import NodeTypeError, Permanent
from bluev_actors.workflows.kinds import Conduct, Failure, NodeKind, Param, Port

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json, JsonObject


@node
async def shout(text: str, times: int = 1) -> str:
    """Says it louder.

    And this is for whoever reads the code.
    """
    return text.upper() * times


@node("text.parts", inputs={"text": "string"}, outputs={"head": "string", "rest": "string"}, pure=True)
def parts(ctx: NodeContext, text: str) -> dict[str, Json]:
    """Parts a text in two."""
    head, _, rest = text.partition(str(ctx.params.get("at", " ")))
    return {"head": head, "rest": rest}


@node(outside=True)
async def dig(**things: Json) -> Json:
    """Digs."""
    return things


# --- node -------------------------------------------------------------------------------------------------


def test_a_function_says_it_all() -> None:
    """Without a word more, name, ports and description are those of the function."""
    assert shout.kind == NodeKind(
        "shout",
        inputs=(Port("text", "string"), Port("times", "int", required=False, default=1)),
        outputs=(Port("value", "string"),),
        description="Says it louder.",
        source=f"{__name__}.shout",
    )
    assert (shout.takes_context, shout.is_async, shout.single_output) == (False, True, "value")


def test_what_is_said_beats_what_is_read() -> None:
    """Name, ports and behaviour may be given; then the outputs are returned by name."""
    assert parts.kind.name == "text.parts"
    assert parts.kind.inputs == (Port("text", "string"),)
    assert parts.kind.outputs == (Port("head", "string"), Port("rest", "string"))
    assert (parts.takes_context, parts.is_async, parts.single_output) == (True, False, None)


def test_ports_may_be_given_whole() -> None:
    """A port has more to say than its type."""
    items = Port("items", "list", multi=True, description="What to count.")
    result = Port("result", "int", description="How many.")

    @node(inputs=[items], outputs=[result])
    async def count(items: list[Json]) -> dict[str, int]:
        return {"result": len(items)}

    assert count.kind.inputs == (items,)
    assert count.kind.outputs == (result,)


def test_a_typed_port_keeps_its_default() -> None:
    """To say an input's type does not make it required."""

    @node(inputs={"b": "number", "a": "any"})
    async def both(a: Json, b: float = 2) -> Json:
        return [a, b]

    assert both.kind.inputs == (Port("b", "number", required=False, default=2), Port("a", "any"))


@pytest.mark.parametrize(("said", "free"), [({}, True), ({"free_inputs": False}, False), ({"free_inputs": True}, True)])
def test_any_keyword_is_any_input(said: dict[str, Any], free: bool) -> None:
    """A function that takes any keyword takes inputs by any name, unless the kind says otherwise."""

    @node(**said)
    async def take(**things: Json) -> Json:
        return things

    assert take.kind.free_inputs == free


async def quick(value: Json) -> Json:
    """Be a coroutine."""
    return value


def slow(value: Json) -> Json:
    """Be a plain function."""
    return value


@pytest.mark.parametrize(
    ("said", "function", "pausable"),
    [
        ({}, quick, False),
        ({"pure": True}, quick, True),
        ({"pure": True}, slow, False),
        ({"pure": True, "pausable": False}, quick, False),
        ({"pausable": True}, quick, True),
    ],
)
def test_what_may_be_paused(said: dict[str, Any], function: Any, pausable: bool) -> None:  # noqa: ANN401 - two shapes
    """A pure coroutine may be cancelled and run again; a thread cannot be, and effects need a word of their author."""
    assert node(**said)(function).kind.pausable == pausable


def test_the_rest_is_taken_as_it_is() -> None:
    """Everything a kind can say of itself can be said."""
    example: JsonObject = {"id": "x", "nodes": []}
    param = Param("at", "string")
    kind = node(
        version=3,
        params=[param],
        free_outputs=True,
        outside=True,
        trigger_rule="all_done",
        description="Other words.",
        examples=[example],
    )(quick).kind
    assert (kind.version, kind.params, kind.free_outputs, kind.outside) == (3, (param,), True, True)
    assert (kind.trigger_rule, kind.description, kind.examples) == ("all_done", "Other words.", (example,))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"inputs": {"value": "any", "other": "any"}}, "quick has no parameter for the input.s. other"),
        ({"inputs": {}}, "quick needs value, which is no declared input"),
        ({"outputs": {"done": "any"}}, "quick cannot have a port named done: it is reserved"),
        ({"outputs": {"error": "any", "x": "any"}}, "quick cannot have a port named error: it is reserved"),
    ],
)
def test_what_does_not_fit_the_function_is_told(said: dict[str, Any], sentence: str) -> None:
    """A declaration that could never run is refused where it stands."""
    with pytest.raises(NodeTypeError, match=sentence):
        node(**said)(quick)


def test_an_input_cannot_be_called_after() -> None:
    """Every node has that input already."""
    with pytest.raises(NodeTypeError, match="wait cannot have a port named after: it is reserved"):

        @node
        async def wait(after: Json) -> None:
            assert after


# --- in a process of its own ------------------------------------------------------------------------------


def plainly(value: int) -> int:
    """Takes its time."""
    return value


def test_a_plain_function_may_have_a_process() -> None:
    """Since it can be killed at any time, a pure one can be paused, as a thread cannot."""
    alone = node("alone", isolate="process", pure=True)(plainly)
    assert (alone.isolate, alone.is_async, alone.kind.pausable) == ("process", False, True)
    beside = node("beside", pure=True)(plainly)
    assert (beside.isolate, beside.kind.pausable) == (None, False)
    assert not node("effect", isolate="process")(plainly).kind.pausable


def with_context(ctx: NodeContext) -> str:
    """Looks who it is."""
    return ctx.node_id


async def on_the_loop() -> None:
    """Needs a loop."""


UNFIT: list[tuple[Any, str]] = [
    (on_the_loop, "on_the_loop cannot run in a process of its own: it is a coroutine function"),
    (with_context, "with_context cannot run in a process of its own: it takes `ctx`, which belongs to this process"),
    (lambda: 1, "cannot run in a process of its own: it is made inside another function"),
]


@pytest.mark.parametrize(("function", "words"), UNFIT)
def test_who_cannot_have_a_process(function: Any, words: str) -> None:  # noqa: ANN401 - any function
    """It is said when the type is made, not when a node runs."""
    with pytest.raises(NodeTypeError, match=words):
        node("it", isolate="process")(function)


# --- outputs ----------------------------------------------------------------------------------------------


def test_one_output_is_what_is_returned() -> None:
    """A function made into a node in one word returns its value, null included."""
    assert shout.outputs_from({"a": 1}) == {"value": {"a": 1}}
    assert shout.outputs_from(None) == {"value": None}


@pytest.mark.parametrize("returned", [{}, {"head": 1}, {"head": 1, "rest": None}])
def test_outputs_by_name(returned: dict[str, Json]) -> None:
    """Declared outputs are returned by name; one that is missing is not taken."""
    assert parts.outputs_from(returned) == returned


def test_nothing_is_no_outputs() -> None:
    """A function that returns nothing gives nothing."""
    assert parts.outputs_from(None) == {}


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        ("text", "text.parts returned str; it has to return its outputs by name"),
        (["head"], "text.parts returned list; it has to return its outputs by name"),
        ({"tail": 1}, "text.parts returned the output 'tail'; it has head, rest"),
        ({1: 1}, "text.parts returned the output 1; it has head, rest"),
    ],
)
def test_other_outputs_are_told(returned: Json, sentence: str) -> None:
    """What nobody could connect is a slip."""
    with pytest.raises(Permanent, match=sentence):
        parts.outputs_from(returned)


def test_free_outputs_have_any_name() -> None:
    """A kind whose outputs are free may give whatever it likes."""
    free = node(outputs=(), free_outputs=True)(quick)
    assert free.outputs_from({"anything": 1}) == {"anything": 1}


# --- the catalogue ----------------------------------------------------------------------------------------


def test_a_catalogue_finds_types() -> None:
    """Types are found by name and come in the order in which they were added."""
    catalogue = Catalogue([shout, parts])
    assert catalogue["shout"] is shout
    assert "text.parts" in catalogue
    assert "dig" not in catalogue
    assert list(catalogue) == [shout, parts]
    assert catalogue.kinds == {"shout": shout.kind, "text.parts": parts.kind}


def test_a_name_is_taken_once() -> None:
    """Two types of one name would make a workflow mean two things; the error names both."""
    catalogue = Catalogue([shout.from_source("a.py")])
    with pytest.raises(NodeTypeError, match=r"^b.py: the name 'shout' is taken by the node type of a.py$"):
        catalogue.add(shout, "b.py")


def test_where_a_type_is_from() -> None:
    """A type can be said to come from somewhere; nothing else about it changes."""
    catalogue = Catalogue()
    catalogue.add(shout, "my_nodes.py")
    assert catalogue["shout"] == shout.from_source("my_nodes.py")
    assert catalogue["shout"].kind.source == "my_nodes.py"
    assert catalogue["shout"].function is shout.function


def test_the_outside_is_off_until_allowed() -> None:
    """A type that touches the outside is allowed by its name, or by whoever adds it."""
    assert Catalogue([shout, dig]).disabled == {"dig"}
    assert Catalogue([shout, dig], allow=["dig"]).disabled == frozenset()
    trusting = Catalogue([shout])
    trusting.add(dig, allow=True)
    assert trusting.disabled == frozenset()
    trusting.check_allowed()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("dog", "^there is no node type 'dog' to allow; did you mean 'dig'.$"),
        ("http_request", "^there is no node type 'http_request' to allow$"),
        ("shout", "^the node type 'shout' touches nothing outside, so it needs no allowance$"),
    ],
)
def test_an_allowance_that_allows_nothing_is_told(name: str, sentence: str) -> None:
    """A slip of the pen would leave the operator believing that something is on."""
    with pytest.raises(NodeTypeError, match=sentence):
        Catalogue([shout, dig], allow=["dig", name]).check_allowed()


def test_an_allowance_that_allows_something_is_fine() -> None:
    """What is there and touches the outside may be allowed."""
    Catalogue([shout, dig], allow=["dig"]).check_allowed()


# --- describe ---------------------------------------------------------------------------------------------


def test_a_palette_learns_everything() -> None:
    """An editor gets all that a kind says of itself, and whether it may be used."""
    kind = NodeKind(
        "pick",
        version=2,
        inputs=(Port("from", "list", required=False, default=None, description="Which."),),
        outputs=(Port("item"),),
        params=(Param("index", "int", minimum=0, maximum=9, required=False, default=0, description="Where."),),
        trigger_rule="one_success",
        description="Picks.",
        failures=(Failure("empty", "There is nothing to pick from."),),
        conduct=Conduct("paused", "retried", "crashed", "secured"),
        examples=({"id": "x"},),
        source="my_nodes.py",
    )
    assert describe(kind, enabled=False) == {
        "name": "pick",
        "version": 2,
        "description": "Picks.",
        "inputs": [
            {
                "name": "from",
                "type": "list",
                "required": False,
                "multi": False,
                "description": "Which.",
                "default": None,
            }
        ],
        "outputs": [{"name": "item", "type": "any", "required": True, "multi": False, "description": ""}],
        "params": [
            {
                "name": "index",
                "type": "int",
                "required": False,
                "syntax": "value",
                "description": "Where.",
                "minimum": 0,
                "maximum": 9,
                "default": 0,
            }
        ],
        "free_inputs": False,
        "free_outputs": False,
        "pure": False,
        "pausable": False,
        "at_most_once": False,
        "body": False,
        "outside": False,
        "enabled": False,
        "trigger_rule": "one_success",
        "failures": [{"code": "empty", "meaning": "There is nothing to pick from."}],
        "conduct": {"pause": "paused", "retry": "retried", "crash": "crashed", "security": "secured"},
        "examples": [{"id": "x"}],
        "source": "my_nodes.py",
    }


def test_choices_are_told_where_there_are_any() -> None:
    """A param with choices lists them; what has no default shows none."""
    kind = NodeKind("pick", params=(Param("way", "string", choices=("up", "down")),))
    (param,) = describe(kind, enabled=True)["params"]
    assert param["choices"] == ["up", "down"]
    assert not {"default", "names_outputs"} & param.keys()


def test_cases_that_name_outputs_are_told() -> None:
    """An editor offers the outputs that the cases of a node name."""
    kind = NodeKind("pick", params=(Param("cases", "list", names_outputs=True),))
    assert describe(kind, enabled=True)["params"][0]["names_outputs"] is True


def test_a_type_tells_how_it_fails() -> None:
    """Its own codes with their meanings, and what its author says of a crash."""

    @node(failures={"no_city": "There is no such city."}, conduct=Conduct(crash="It asks again."))
    async def ask(city: str) -> str:
        return city

    assert ask.kind.failures == (Failure("no_city", "There is no such city."),)
    assert ask.kind.conduct.crash == "It asks again."


def test_node_types_are_records() -> None:
    """Two types are the same if they say and do the same."""
    assert NodeType(shout.kind, shout.function, takes_context=False, single_output="value") == shout
