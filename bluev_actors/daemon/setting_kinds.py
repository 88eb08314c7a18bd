"""What a setting may be: the types, how each is read from text, and the ranges."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeGuard, cast, get_args

from attrs import frozen

from bluev_actors.engine.store.connection import Sync
from bluev_actors.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LogFormat: TypeAlias = Literal["auto", "pretty", "json"]

_MAY_BE_ZERO: Final = frozenset({"port", "drain_timeout", "watchdog"})
_HIGHEST_PORT: Final = 65535


def read_value(name: str, kind: object, value: object, source: str, *, from_text: bool) -> object:
    """The value of a setting, if it is of the setting's type and within its range.

    Args:
        name: the setting.
        kind: its type.
        value: what was found.
        source: where it was found.
        from_text: whether text stands for values of other types too, as it does in the environment.

    Raises:
        ConfigError: it is not; the message says what would be right.
    """
    rule = _KINDS[kind]
    if from_text and isinstance(value, str):
        with suppress(ValueError):
            value = rule.parse(value)
    if rule.fits(value) and _within(name, value):
        return value
    wanted = f"{rule.wanted}{_range(name, value)}"
    raise ConfigError(f"{name} must be {wanted}, not {value!r} (from {source}).")


def _within(name: str, value: object) -> bool:
    if name == "port":
        return value in range(_HIGHEST_PORT + 1)
    if not _is_number(value):
        return True
    return value > 0 or (value == 0 and name in _MAY_BE_ZERO)


def _range(name: str, value: object) -> str:
    if name == "port":
        return f" from 0 to {_HIGHEST_PORT}"
    return "" if _within(name, value) else " of 0 or more" if name in _MAY_BE_ZERO else " above 0"


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return _is_number(value) and isinstance(value, int)


def _is_finite(value: object) -> bool:
    return _is_number(value) and math.isfinite(value)


def _is_texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in cast("tuple[object, ...]", value))


def _parse_switch(text: str) -> bool:
    if text.lower() in {"true", "yes", "on", "1"}:
        return True
    if text.lower() in {"false", "no", "off", "0"}:
        return False
    raise ValueError(text)


def _parse_texts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


@frozen
class _Kind:
    """A type of setting: its name in errors, how text is read as it, and which values are of it."""

    wanted: str
    parse: Callable[[str], object]
    fits: Callable[[object], bool]


_KINDS: Final[Mapping[object, _Kind]] = {
    bool: _Kind("true or false", _parse_switch, lambda value: isinstance(value, bool)),
    int: _Kind("a whole number", int, _is_whole),
    float: _Kind("a number", float, _is_finite),
    str: _Kind("text", str, lambda value: isinstance(value, str)),
    tuple[str, ...]: _Kind("a list of texts", _parse_texts, _is_texts),
    LogFormat: _Kind("auto, pretty or json", str, lambda value: value in get_args(LogFormat)),
    Sync: _Kind("full or normal", str, lambda value: value in get_args(Sync)),
}
