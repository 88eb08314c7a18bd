"""How the kinds put into words what is wrong with what they were given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bluev_actors.errors import Permanent
from bluev_actors.workflows.values import type_name

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json

_ARTICLES: Final = {"null": "null", "int": "a number", "object": "an object"}

INVALID_INPUT: Final = "invalid_input"
INVALID_PARAM: Final = "invalid_param"
INVALID_CONDITION: Final = "invalid_condition"
MAX_TEXT: Final = 16 * 1024 * 1024
"""Characters of a text that is parsed."""


def typed(value: Json) -> str:
    """The type of a value with its article, as in `a string`."""
    name = type_name(value)
    return _ARTICLES.get(name, f"a {name}")


def bad_input(kind: str, sentence: str) -> Permanent:
    """The failure of a node that cannot work with an input."""
    return Permanent(f"{kind}: {sentence}", code=INVALID_INPUT)


def listed_input(kind: str, name: str, value: Json) -> list[Json]:
    """The value of an input that has to be a list.

    Raises:
        Permanent: it is none.
    """
    if type_name(value) != "list":
        raise bad_input(kind, f"{name} is {typed(value)}, it has to be a list")
    return [*value] if isinstance(value, tuple) else value


def text_input(kind: str, name: str, value: Json) -> str:
    """The value of an input that has to be a text, and no longer than `MAX_TEXT`.

    Raises:
        Permanent: it is none, or is longer.
    """
    if not isinstance(value, str):
        raise bad_input(kind, f"{name} is {typed(value)}, it has to be a string")
    if len(value) > MAX_TEXT:
        raise bad_input(kind, f"{name} has {len(value)} characters, {MAX_TEXT} is the most")
    return value


def truth(kind: str, name: str, value: Json) -> bool:
    """What a condition came to.

    Raises:
        Permanent: it came to something else than true or false.
    """
    if isinstance(value, bool):
        return value
    sentence = f"{kind}: {name} is of type {type_name(value)}, it has to be true or false"
    raise Permanent(sentence, code=INVALID_CONDITION)


INPUT_FAILURE: Final = {INVALID_INPUT: "What came in is not what it works with; the message names the place."}
CONDITION_FAILURE: Final = {INVALID_CONDITION: "The expression came to something else than true or false."}
EXPRESSION_FAILURE: Final = {
    "expression_failed": "The expression could not be evaluated: a key is missing, types do not go together, "
    "or it would take too much work."
}
