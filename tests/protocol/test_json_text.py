"""Tests of `protocol/json_text.py`."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.json_text import dump_json, parse_json, parse_object
from bluev_actors.testing.strategies import HOSTILE, hostile_text, json_values
from bluev_actors.workflows.values import MAX_DEPTH, Json, find_flaw, type_name

# --- a slow reader that obeys the same rules, on the standard library's parser ----------------------------


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


def _integer(text: str) -> int:
    value = int(text)
    return value if -(2**63) <= value < 2**64 else _refuse(text)


def _float(text: str) -> float:
    value = float(text)
    return value if abs(value) != float("inf") else _refuse(text)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for pair in pairs:
        json.dumps(pair, ensure_ascii=False).encode()
    return dict(pairs)


def _too_deep(value: Json, levels: int = MAX_DEPTH) -> bool:
    kind = type_name(value)
    if kind not in {"list", "object"}:
        return False
    items = value.values() if kind == "object" else value
    return levels == 0 or any(_too_deep(item, levels - 1) for item in items)


def slow_parse(text: str | bytes) -> Json:
    """Read JSON by the rules, or raise ValueError."""
    decoded = text.decode() if isinstance(text, bytes) else text
    try:
        value = json.loads(
            decoded, parse_constant=_refuse, parse_int=_integer, parse_float=_float, object_pairs_hook=_pairs
        )
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("too deep") from None
    return _refuse("too deep") if _too_deep(value) else value


def _verdict(text: str | bytes) -> object:
    try:
        return repr(parse_json(text))
    except ProtocolError as error:
        return error.code


def _slow_verdict(text: str | bytes) -> object:
    try:
        return repr(slow_parse(text))
    except ValueError:
        return "bad_json"


_TEXTS = st.one_of(
    hostile_text(),
    st.builds(json.dumps, json_values(), ensure_ascii=st.booleans(), indent=st.none() | st.just(1)),
    st.from_regex(r"\A-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?\Z"),
    st.text('{}[]",:0123456789.eE+-\\u ', max_size=30),
)


@given(_TEXTS)
@example("-9223372036854775808")
@example("-9223372036854775809")
@example("18446744073709551615")
@example("18446744073709551616")
@example('["18446744073709551616"]')
@example('["\\u18446744073709551616"]')
@example("1.8446744073709551616")
@example("18446744073709551616.5")
@example("18446744073709551616e-3")
@example("1e-18446744073709551616")
@example('{"a": 18446744073709551616, "a": 1}')
@example('["\\"", 18446744073709551616, "\\""]')
@example("-0")
def test_same_verdict_as_a_slow_reader(text: str | bytes) -> None:
    """The fast path accepts what a plain reading of the rules accepts, and reads the same value."""
    assert _verdict(text) == _slow_verdict(text)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_get_the_slow_readers_verdict(name: str) -> None:
    """The texts that have broken parsers do not break this one."""
    assert _verdict(HOSTILE[name]) == _slow_verdict(HOSTILE[name])


# --- the rules, one by one --------------------------------------------------------------------------------


def nested(depth: int, bracket: str = "[]") -> str:
    """As many containers inside each other."""
    return '{"a":' * depth + "1" + "}" * depth if bracket == "{}" else "[" * depth + "]" * depth


@pytest.mark.parametrize("bracket", ["[]", "{}"])
def test_depth_at_the_limit_and_one_past_it(bracket: str) -> None:
    """64 levels pass, 65 do not, lists and objects alike."""
    assert parse_json(nested(MAX_DEPTH, bracket))
    with pytest.raises(ProtocolError, match="deeper than 64"):
        parse_json(nested(MAX_DEPTH + 1, bracket))


def test_many_shallow_containers_are_not_deep() -> None:
    """A real graph has far more objects than levels."""
    nodes = [{"id": str(i), "params": {"a": [i]}} for i in range(1_000)]
    assert parse_json(json.dumps({"workflow": {"nodes": nodes}}))


def test_brackets_in_strings_are_no_depth() -> None:
    """Only containers count, not what looks like them."""
    assert parse_json(json.dumps("[" * 100)) == "[" * 100
    assert parse_json(json.dumps(["[" * 100])) == ["[" * 100]


def test_the_limit_can_be_set() -> None:
    """Who needs less can allow less."""
    assert parse_json("[[]]", max_depth=2) == [[]]
    with pytest.raises(ProtocolError, match="deeper than 1 "):
        parse_json("[[]]", max_depth=1)


@pytest.mark.parametrize("flaw", [nested(MAX_DEPTH), str(2**64)])
def test_request_id_is_repeated_where_it_could_be_read(flaw: str) -> None:
    """A client can pair the error with its message although the message was refused."""
    with pytest.raises(ProtocolError) as caught:
        parse_json(f'{{"request_id": "r1", "a": {flaw}}}')
    assert caught.value.request_id == "r1"


def test_without_an_object_there_is_no_request_id() -> None:
    """A list has none to repeat."""
    with pytest.raises(ProtocolError) as caught:
        parse_json(f"[{2**64}]")
    assert caught.value.request_id is None


def test_the_sentence_says_where() -> None:
    """A person can find the fault."""
    with pytest.raises(ProtocolError, match="line 2 column 5"):
        parse_json('{\n"a" 1}')


def test_the_last_of_two_values_counts() -> None:
    """As with every other parser."""
    assert parse_json('{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize("text", ["[]", "1", '"a"', "null"])
def test_an_object_is_wanted(text: str) -> None:
    """JSON that is no object is no message."""
    with pytest.raises(ProtocolError) as caught:
        parse_object(text)
    assert caught.value.code == "bad_message"


def test_an_object_is_given() -> None:
    """And an object is."""
    assert parse_object(b'{"a": 1}') == {"a": 1}


# --- writing ----------------------------------------------------------------------------------------------


@given(json_values())
def test_what_is_written_is_read(value: object) -> None:
    """Plain JSON survives the way out and in."""
    assert find_flaw(value) is None
    assert parse_json(dump_json(value)) == value


@pytest.mark.parametrize("value", [object(), 2**64, "\ud800", {1: 2}, {"a": {1, 2}}])
def test_what_cannot_be_written_is_told(value: object) -> None:
    """One bad value is an error of its own kind, never an exception of the JSON library."""
    with pytest.raises(ProtocolError) as caught:
        dump_json(value)
    assert caught.value.code == "not_json"


def test_objects_can_be_made_json() -> None:
    """The caller says how."""
    assert dump_json({"a": {1}}, sorted) == b'{"a":[1]}'
