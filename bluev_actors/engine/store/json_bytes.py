"""JSON as bytes, for whatever a run can hold: what orjson refuses is written by the standard library instead.

Names of files and the texts of errors may hold lone surrogates, which are no valid text. They are stored as escapes
and come back as they were.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import orjson
from attrs import asdict, has

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json


def to_bytes(value: object) -> bytes:
    """Write a value as compact JSON; this never fails, for something strange becomes its `repr`."""
    try:
        return orjson.dumps(value, default=_as_object)
    except TypeError:
        return json.dumps(value, default=_as_text, separators=(",", ":")).encode()


def from_bytes(body: bytes) -> Json:
    """Read what `to_bytes` wrote."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)


def _as_object(value: object) -> dict[str, Any]:
    """What orjson does not know may be one of our records."""
    cls: type[Any] = type(value)
    if not has(cls):
        raise TypeError
    return asdict(cast("Any", value))


def _as_text(value: object) -> object:
    try:
        return _as_object(value)
    except TypeError:
        return repr(value)
