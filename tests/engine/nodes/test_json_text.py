from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.nodes import json_text
from bluev_actors.engine.nodes.json_text import SHORT, json_format, json_parse
from bluev_actors.errors import Permanent
from bluev_actors.testing.strategies import json_values
from bluev_actors.workflows.values import find_flaw

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt

LONG = 20_000
PADDING = " " * SHORT
"""In front of a text it makes it one that is read in turns."""


async def parsed(attempt: type[Attempt], text: Json) -> Any:  # noqa: ANN401 - any JSON
    """The value that a text stands for."""
    return (await attempt(json_parse, inputs={"text": text}).run())["value"]


def never(_value: Json) -> bool:
    """No value is small."""
    return False


async def formatted(attempt: type[Attempt], value: Json, **params: Json) -> Any:  # noqa: ANN401 - any JSON
    """A value as text."""
    return (await attempt(json_format, params, {"value": value}).run())["text"]


# --- parse ------------------------------------------------------------------------------------------------

TEXTS = [
    "null",
    "[]",
    "[ ]",
    "{}",
    "{ }",
    "[1]",
    "[1, [2], {}]",
    ' {"a" : 1 , "b":[{}] } ',
    '{"a": 1, "a": 2}',
    '"x"',
    "1e3",
]


@pytest.mark.parametrize("padding", ["", PADDING])
@pytest.mark.parametrize("text", TEXTS)
async def test_parse(attempt: type[Attempt], text: str, padding: str) -> None:
    """As Python's own parser has it, whether it is read at once or in turns."""
    assert await parsed(attempt, padding + text) == json.loads(text)


CROOKED = [
    *("", "[", "[1", "[1,", "[1,]", "[1 2]", "[1]]", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,}', '{"a" 1}', "{1:2}"),
    *('{"a":1}}', "nul", "'a'", "[NaN]", "Infinity", '["\t"]', '{"a":1 "b":2}', "[1,,2]"),
]


@pytest.mark.parametrize("padding", ["", PADDING])
@pytest.mark.parametrize("text", CROOKED)
async def test_what_is_no_json_is_told(attempt: type[Attempt], text: str, padding: str) -> None:
    """Whether it is read at once or in turns."""
    with pytest.raises(Permanent) as caught:
        await parsed(attempt, padding + text)
    assert caught.value.code == "invalid_input"


async def test_the_place_is_told(attempt: type[Attempt]) -> None:
    """By line and character."""
    with pytest.raises(Permanent, match="json_parse: line 2, character 3: Expecting value"):
        await parsed(attempt, '{"a":\n [,]}')
    with pytest.raises(Permanent, match="json_parse: line 3, character 2: Expecting ',' delimiter"):
        await parsed(attempt, PADDING + "[\n1\n 2]")


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5000, PADDING + "[" * 100_000])
async def test_what_cannot_be_read_is_told(attempt: type[Attempt], text: str) -> None:
    """Too deep, or a number of thousands of digits."""
    with pytest.raises(Permanent, match="the text cannot be read"):
        await parsed(attempt, text)


async def test_a_text_is_wanted(attempt: type[Attempt]) -> None:
    """Nothing else, and not without end."""
    with pytest.raises(Permanent, match="text is null, it has to be a string"):
        await parsed(attempt, None)
    with pytest.raises(Permanent, match="is the most"):
        await parsed(attempt, " " * (16 * 1024 * 1024 + 1))


@pytest.mark.parametrize("text", ["[1e999]", "[123456789012345678901]", '["\\ud800"]'])
async def test_what_json_cannot_carry_is_left_to_the_executor(attempt: type[Attempt], text: str) -> None:
    """It looks through all outputs, and fails those of which it finds such a thing."""
    assert find_flaw(await parsed(attempt, text)) is not None


# --- format -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "params", "text"),
    [
        ({"b": [1, None], "a": "ø"}, {}, '{"b":[1,null],"a":"ø"}'),
        ({"b": 1, "a": {"d": 1, "c": 2}}, {"sort_keys": True}, '{"a":{"c":2,"d":1},"b":1}'),
        ([1], {"indent": 2}, "[\n  1\n]"),
        ({"a": 1}, {"indent": 1}, '{\n "a": 1\n}'),
        (None, {}, "null"),
    ],
)
async def test_format(attempt: type[Attempt], value: Json, params: dict[str, Json], text: str) -> None:
    """Compact unless it is to be indented, and letters as they are."""
    assert await formatted(attempt, value, **params) == text


@given(json_values(), st.integers(0, 8), st.booleans())
async def test_what_is_written_can_be_read(attempt: type[Attempt], value: Json, indent: int, sort_keys: bool) -> None:
    """Whatever it is."""
    assert await parsed(attempt, await formatted(attempt, value, indent=indent, sort_keys=sort_keys)) == value


@given(json_values(), st.integers(0, 2))
async def test_in_turns_it_is_the_same(attempt: type[Attempt], value: Json, indent: int) -> None:
    """A large value is written as a small one is."""
    small = await formatted(attempt, value, indent=indent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "is_small", never)
        assert await formatted(attempt, value, indent=indent) == small


async def test_long_texts_hold_nobody_up(attempt: type[Attempt]) -> None:
    """Neither to read nor to write."""
    value = [{"id": n, "name": f"n{n}"} for n in range(LONG)]
    assert (await attempt(json_parse, inputs={"text": json.dumps(value)}).pace()).suits(LONG)
    assert (await attempt(json_format, inputs={"value": value}).pace()).suits(LONG)
