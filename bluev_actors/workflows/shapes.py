"""The shapes of a workflow document, as tables: which fields its objects have, and which values those take."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias, TypeGuard, get_args

from attrs import Factory, evolve, field, frozen

from bluev_actors.workflows.graph import (
    Backoff,
    CacheMode,
    Jitter,
    NodeOnError,
    NodePauseMode,
    PauseMode,
    RunOnError,
    TriggerRule,
)
from bluev_actors.workflows.port_types import SIMPLE_TYPES, is_type
from bluev_actors.workflows.values import is_list

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json

SCHEMA: Final = 1
"""The version of the format that this package reads."""

# Control characters (C0, DEL, C1) and lone surrogates are no part of an id; a node's has no slash either.
_ID: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
_NODE_ID: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff/]{1,200}")
_LONGEST_TIME: Final = 10.0**10

Accepts: TypeAlias = Callable[["Json"], bool]


def is_id(value: Json) -> TypeGuard[str]:
    """Whether `value` may be an id: 1 to 200 characters, none of them a control character or a lone surrogate."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_node_id(value: Json) -> bool:
    """Whether `value` may be the id of a node."""
    return isinstance(value, str) and _NODE_ID.fullmatch(value) is not None


@frozen
class Field:
    """One field of an object.

    Attributes:
        accepts: whether a value is right.
        right: what a right value is, to end the sentence "... has to be".
        code: the problem's code when it is not.
        required: it has to be there, and not null.
        choices: the values it may have, when they can be listed.
    """

    accepts: Accepts
    right: str
    code: str = "invalid_field_type"
    required: bool = field(default=False, kw_only=True)
    choices: tuple[str, ...] = field(default=(), kw_only=True)


def _required(shape: Shape) -> tuple[str, ...]:
    return tuple(name for name, each in shape.fields.items() if each.required)


@frozen
class Shape:
    """The fields of one kind of object.

    Attributes:
        name: what such an object is called in a sentence.
        fields: its fields by name.
        strict: whether a field that nothing reads is an error.
        kept: fields that front ends keep in it for themselves, so that they are no slips of ours.
    """

    name: str
    fields: Mapping[str, Field]
    strict: bool = False
    kept: frozenset[str] = frozenset()
    required: tuple[str, ...] = field(default=Factory(_required, takes_self=True), init=False)
    """The names of the fields that have to be there."""


# --- kinds of fields --------------------------------------------------------------------------------------


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_texts(value: Json) -> bool:
    return is_list(value) and all(isinstance(each, str) for each in value)


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _text() -> Field:
    return Field(_is_text, "text")


def _flag() -> Field:
    return Field(lambda value: isinstance(value, bool), "true or false")


def _texts(code: str = "invalid_field_type") -> Field:
    return Field(_is_texts, "a list of texts", code)


def _object() -> Field:
    return Field(lambda value: isinstance(value, dict), "an object")


def _list(*, required: bool = False) -> Field:
    return Field(is_list, "a list", required=required)


def _choice(type_: object, code: str = "invalid_field_type") -> Field:
    choices: tuple[str, ...] = get_args(type_)
    return Field(
        lambda value: isinstance(value, str) and value in choices,
        f"one of {', '.join(choices)}",
        code,
        choices=choices,
    )


def _whole(least: int, most: int, code: str = "invalid_field_type") -> Field:
    right = f"a whole number from {least} to {most}"
    return Field(lambda value: _is_whole(value) and least <= value <= most, right, code)


def _number(least: float, code: str) -> Field:
    right = f"a number from {least:g} to {_LONGEST_TIME:g}"
    return Field(lambda value: _is_number(value) and least <= value <= _LONGEST_TIME, right, code)


def _timeout(code: str = "invalid_timeout", *, required: bool = False) -> Field:
    right = f"a number of seconds above 0, at most {_LONGEST_TIME:g}"
    return Field(lambda value: _is_number(value) and 0 < value <= _LONGEST_TIME, right, code, required=required)


def _type() -> Field:
    right = f"a type: {', '.join(SIMPLE_TYPES)} or list[TYPE]"
    return Field(lambda value: isinstance(value, str) and is_type(value), right)


def _any() -> Field:
    return Field(lambda _value: True, "a value")


# --- the objects ------------------------------------------------------------------------------------------

_CHARACTERS: Final = "1 to 200 characters without control characters"
_KEPT: Final = frozenset({"$schema", "position", "metadata", "note", "notes", "size", "style", "color", "data", "ui"})

WORKFLOW: Final = Shape(
    "workflow",
    {
        "id": Field(is_id, f"text of {_CHARACTERS}", "invalid_workflow_id"),
        "schema": Field(lambda value: _is_whole(value) and value == SCHEMA, str(SCHEMA), "schema_version_unsupported"),
        "name": _text(),
        "description": _text(),
        "tags": _texts(),
        "inputs": _object(),
        "outputs": _object(),
        "settings": _object(),
        "workflows": _object(),
        "nodes": _list(required=True),
        "connections": _list(),
    },
    kept=_KEPT,
)

NODE: Final = Shape(
    "node",
    {
        "id": Field(is_node_id, f"text of {_CHARACTERS} and slashes", "invalid_node_id", required=True),
        "type": Field(_is_text, "the name of a node type", required=True),
        "type_version": _whole(1, 2**31),
        "params": _object(),
        "label": _text(),
        "disabled": _flag(),
        "timeout": _timeout(),
        "total_timeout": _timeout(),
        "retry": _object(),
        "on_error": _choice(NodeOnError),
        "trigger_rule": _choice(TriggerRule, "invalid_trigger_rule"),
        "pause_mode": _choice(NodePauseMode),
        "concurrency_key": _text(),
        "cache": _choice(CacheMode),
    },
    kept=_KEPT,
)

RETRY: Final = Shape(
    "retry policy",
    {
        "max_attempts": _whole(1, 1_000_000, "invalid_retry_policy"),
        "backoff": _choice(Backoff, "invalid_retry_policy"),
        "initial": _number(0, "invalid_retry_policy"),
        "factor": _number(1, "invalid_retry_policy"),
        "max_delay": _number(0, "invalid_retry_policy"),
        "jitter": _choice(Jitter, "invalid_retry_policy"),
        "retry_on": _texts("invalid_retry_policy"),
        "never_on": _texts("invalid_retry_policy"),
        "max_elapsed": _timeout("invalid_retry_policy"),
    },
    strict=True,
)

SETTINGS: Final = Shape(
    "settings",
    {
        "timeout": _timeout(),
        "max_concurrency": _whole(1, 1_000_000),
        "on_error": _choice(RunOnError),
        "pause_mode": _choice(PauseMode),
        "retry": _object(),
        "grace": _number(0, "invalid_timeout"),
        "concurrency": _object(),
        "rates": _object(),
    },
    strict=True,
)

KEY_LIMIT: Final = _whole(1, 1_000_000)
RATE: Final = Shape("rate", {"limit": evolve(KEY_LIMIT, required=True), "period": _timeout(required=True)}, strict=True)

_END: Final = Field(_is_text, "text", required=True)
CONNECTION: Final = Shape(
    "connection",
    {"from_node": _END, "from_output": _END, "to_node": _END, "to_input": _END},
    kept=_KEPT | {"id", "label"},
)

WORKFLOW_INPUT: Final = Shape(
    "workflow input",
    {"type": _type(), "required": _flag(), "default": _any(), "description": _text()},
    kept=_KEPT,
)

WORKFLOW_OUTPUT: Final = Shape("workflow output", {"node": _END, "output": _END}, kept=_KEPT | {"description"})
