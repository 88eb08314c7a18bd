"""Types and ranges of settings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.daemon.setting_kinds import LogFormat, read_value
from bluev_actors.errors import ConfigError

TEXTS = tuple[str, ...]


def read(kind: object, value: object, name: str = "x", *, from_text: bool = False) -> object:
    """Read a value that was found in `there`."""
    return read_value(name, kind, value, "there", from_text=from_text)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(bool, True), (int, 3), (float, 2.5), (float, 2), (str, ""), (TEXTS, ["a"]), (TEXTS, ()), (LogFormat, "json")],
)
def test_a_value_of_its_type_is_taken(kind: object, value: object) -> None:
    """As it is."""
    assert read(kind, value) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (bool, 1),
        (bool, "true"),
        (int, True),
        (int, 3.0),
        (int, "3"),
        (float, "3"),
        (float, True),
        (float, float("nan")),
        (float, float("inf")),
        (str, 3),
        (str, None),
        (TEXTS, "a"),
        (TEXTS, ["a", 1]),
        (TEXTS, {"a": 1}),
        (LogFormat, "xml"),
        (LogFormat, []),
    ],
)
def test_a_value_of_another_type_is_refused(kind: object, value: object) -> None:
    """A file has types, so nothing is coerced."""
    with pytest.raises(ConfigError, match=r"^x must be .*, not .* \(from there\)\.$"):
        read(kind, value)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (bool, "Yes", True),
        (bool, "0", False),
        (int, " 12 ", 12),
        (float, "1e3", 1000.0),
        (str, "12", "12"),
        (TEXTS, "a, b,,c", ("a", "b", "c")),
        (TEXTS, "", ()),
        (LogFormat, "pretty", "pretty"),
    ],
)
def test_text_stands_for_a_value_where_there_is_only_text(kind: object, text: str, value: object) -> None:
    """In the environment."""
    assert read(kind, text, from_text=True) == value


@pytest.mark.parametrize(("kind", "text"), [(bool, "maybe"), (int, "1.5"), (int, ""), (float, "much"), (float, "nan")])
def test_text_that_is_no_such_value_is_refused(kind: object, text: str) -> None:
    """With the text as it was found."""
    with pytest.raises(ConfigError, match="x must be"):
        read(kind, text, from_text=True)


@given(st.integers(-10, 70_000))
def test_a_port_is_within_16_bits(port: int) -> None:
    """Zero is any free one."""
    if 0 <= port <= 65535:
        assert read(int, port, "port") == port
    else:
        with pytest.raises(ConfigError, match="port must be a whole number from 0 to 65535"):
            read(int, port, "port")


@pytest.mark.parametrize("value", [0, 0.0, -1])
def test_numbers_are_above_zero(value: float) -> None:
    """A heartbeat of no seconds is none."""
    with pytest.raises(ConfigError, match="heartbeat must be a number above 0, not"):
        read(float, value, "heartbeat")


def test_a_drain_may_take_no_time() -> None:
    """But not less."""
    assert read(float, 0, "drain_timeout") == 0
    with pytest.raises(ConfigError, match="of 0 or more"):
        read(float, -0.1, "drain_timeout")
