from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.signatures import port_type, read_signature
from bluev_actors.errors import NodeTypeError
from bluev_actors.workflows.kinds import NOTHING, Port
from bluev_actors.workflows.port_types import is_type

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json


def plain(text: str, times: int = 2) -> str:
    """Say it more than once."""
    return text * times


async def with_context(ctx: NodeContext, rows: list[dict[str, Any]], **_more: Any) -> None:  # noqa: ANN401 - any JSON
    """Write a line."""
    ctx.log(str(len(rows)))


class Adder:
    """An object that can be called."""

    async def __call__(self, a: float, *, b: float = 1.5) -> float:
        """Add."""
        return a + b


def test_parameters_are_ports() -> None:
    """Names, types and defaults of the parameters are those of the inputs."""
    signature = read_signature(plain)
    assert signature.inputs == (Port("text", "string"), Port("times", "int", required=False, default=2))
    assert signature.output_type == "string"
    assert not signature.takes_context
    assert not signature.takes_any_keyword
    assert not signature.is_async


def test_the_context_is_no_port() -> None:
    """`ctx` is given by the engine; and that its type cannot be imported here spoils no other type."""
    signature = read_signature(with_context)
    assert signature.inputs == (Port("rows", "list[object]"),)
    assert signature.output_type == "null"
    assert signature.takes_context
    assert signature.takes_any_keyword
    assert signature.is_async


def test_a_port_is_found_by_its_name() -> None:
    """What a parameter says of a port can be asked for."""
    signature = read_signature(plain)
    assert signature.input("text") == Port("text", "string")
    assert signature.input("nothing") is None


def anything(value):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - without annotations, as some write
    """Give it back."""
    return value  # pyright: ignore[reportUnknownVariableType] - likewise


CALLABLES: list[tuple[Callable[..., Any], tuple[Port, ...], bool]] = [
    (Adder(), (Port("a", "number"), Port("b", "number", required=False, default=1.5)), True),
    (
        functools.partial(plain, times=3),
        (Port("text", "string"), Port("times", "int", required=False, default=3)),
        False,
    ),
    (
        functools.partial(functools.partial(Adder(), b=2)),
        (Port("a", "number"), Port("b", "number", required=False, default=2)),
        True,
    ),
    (anything, (Port("value"),), False),
]


@pytest.mark.parametrize(("function", "inputs", "is_async"), CALLABLES)
def test_whatever_can_be_called(function: Callable[..., Any], inputs: tuple[Port, ...], is_async: bool) -> None:
    """A partial and an object with `__call__` are read as the functions behind them."""
    signature = read_signature(function)
    assert signature.inputs == inputs
    assert signature.is_async == is_async


def test_a_decorated_function_is_read_through() -> None:
    """A wrapper that says what it wraps has the signature of that, with its types."""

    @functools.wraps(plain)
    def wrapper(*args: Any, **kwargs: Any) -> str:  # noqa: ANN401 - passes on whatever it gets
        return plain(*args, **kwargs)

    assert read_signature(wrapper) == read_signature(plain)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, "string"),
        (int, "int"),
        (float, "number"),
        (bool, "bool"),
        (type(None), "null"),
        (list, "list"),
        (dict, "object"),
        (dict[str, int], "object"),
        (list[list[str]], "list[list[string]]"),
        (list[str | None], "list[any]"),
        (tuple[int, ...], "list[int]"),
        (str | None, "any"),
        (Any, "any"),
        (object, "any"),
        (Port, "any"),
        ({}, "any"),
    ],
)
def test_annotations_as_port_types(annotation: object, expected: str) -> None:
    """JSON's types have their names; what is none of them may be anything."""
    assert port_type(annotation) == expected


def list_of(item: Any) -> Any:  # noqa: ANN401 - an annotation is any object
    """The annotation of a list of these."""
    return list.__class_getitem__(item)


@given(st.recursive(st.sampled_from([str, int, float, bool, dict, Any]), lambda inner: inner.map(list_of)))
def test_every_annotation_is_a_port_type(annotation: object) -> None:
    """What comes out is a type that validation knows."""
    assert is_type(port_type(annotation))


def positional(text: str, /) -> str:
    """Take its argument by place."""
    return text


def generator() -> Iterator[int]:
    """Yield."""
    yield 1


async def async_generator() -> AsyncIterator[int]:
    """Yield, on the loop."""
    yield 1


NOT_JSON = object()


def strange_default(value: object = NOT_JSON) -> object:
    """Have a default that no document could give."""
    return value


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (positional, "positional: text is positional only; inputs are passed by name"),
        (generator, "generator yields; a node returns its outputs"),
        (async_generator, "async_generator yields; a node returns its outputs"),
        (strange_default, "strange_default: the default of value is a object, which JSON cannot carry"),
        (type, "the signature of type cannot be read"),
    ],
)
def test_what_cannot_be_a_node_is_told(function: Callable[..., Any], sentence: str) -> None:
    """A function that could never run as a node is refused when it is declared."""
    with pytest.raises(NodeTypeError, match=f"^{sentence}"):
        read_signature(function)


def test_an_annotation_that_cannot_be_read_is_any() -> None:
    """It says nothing of its port, and takes nothing from the others."""

    def strange(first: Any, second: Any, third: Any) -> Any:  # noqa: ANN401 - replaced below
        return [first, second, third]

    strange.__annotations__ = {"first": "int", "second": "NoSuchThing", "third": "1 / 0", "return": "str"}
    signature = read_signature(strange)
    assert signature.inputs == (Port("first", "int"), Port("second"), Port("third"))
    assert signature.output_type == "string"


def test_an_input_may_be_missing() -> None:
    """`NOTHING` as its default tells an input that is not given from one that is null."""

    async def ask(text: str, detail: Json = NOTHING) -> None: ...

    assert read_signature(ask).input("detail") == Port("detail", required=False)
