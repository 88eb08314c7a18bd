"""JSON objects to attrs classes without coercion: `5` is not `"5"`, `true` is not `1`, `"abc"` is no list.

Two converters share the rules. The strict one reads what clients say. The tolerant one reads what a daemon
says, which may be newer than its reader, so there a word that a `Literal` does not list is let through.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Final, Literal, TypeAlias, TypeVar, get_args, get_origin

from attrs import fields_dict, has
from cattrs import Converter
from cattrs.errors import AttributeValidationNote, ClassValidationError, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn

from bluev_actors.errors import ProtocolError
from bluev_actors.workflows.options import Rerun, RunOptions
from bluev_actors.workflows.values import Json, JsonObject, type_name

T = TypeVar("T")
Hook: TypeAlias = Callable[[Json, Any], Any]

CLOSED: Final = frozenset({RunOptions, Rerun})
"""Classes in whose objects an unknown key is an error; in all others it is ignored."""

_NOUNS: Final = {
    "null": "null",
    "bool": "a boolean",
    "int": "an integer",
    "number": "a number",
    "list": "a list",
    "object": "an object",
}
_LONGEST_QUOTE: Final = 100


def structure_strictly(body: JsonObject, cls: type[T]) -> T:
    """Make a `cls` of what a client says.

    Raises:
        ProtocolError: with the code `bad_message`, the path of the first misfit and what would be right.
    """
    return _structure(_STRICT, body, cls)


def structure_tolerantly(body: JsonObject, cls: type[T]) -> T:
    """Make a `cls` of what a daemon says.

    Raises:
        ProtocolError: as `structure_strictly`.
    """
    return _structure(_TOLERANT, body, cls)


def _structure(converter: Converter, body: JsonObject, cls: type[T]) -> T:
    try:
        return converter.structure(body, cls)
    except ClassValidationError as error:
        raise _explained(error) from None


class _MisfitError(Exception):
    """A hook's verdict; `where` is the place inside the value that the hook was given."""

    def __init__(self, expected: str, value: Json, where: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.value = value
        self.where = where


# --- the hooks --------------------------------------------------------------------------------------------


def _exactly(cls: type, expected: str) -> Hook:
    def hook(value: Json, _: Any) -> Json:  # noqa: ANN401 - cattrs hands the type over, whatever it is
        if type(value) is not cls:
            raise _MisfitError(expected, value)
        return value

    return hook


_list: Final = _exactly(list, "a list")
_dict: Final = _exactly(dict, "an object")


def _number(value: Json, _: Any) -> float:  # noqa: ANN401 - cattrs hands the type over, whatever it is
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    raise _MisfitError("a number", value)


def _word(literal: Any) -> Hook:  # noqa: ANN401 - a Literal form has no type of its own
    words = get_args(literal)

    def hook(value: Json, _: Any) -> str:  # noqa: ANN401 - as above
        if type(value) is not str or value not in words:
            raise _MisfitError(_listed(words, "or"), value)
        return value

    return hook


def _tuple(form: Any, converter: Converter) -> Hook:  # noqa: ANN401 - a generic alias has no type of its own
    element = get_args(form)[0]
    structure = converter.get_structure_hook(element)

    def hook(value: Json, _: Any) -> tuple[Any, ...]:  # noqa: ANN401 - as above
        items: list[Json] = _list(value, form)
        return tuple(_element(structure, item, element, index) for index, item in enumerate(items))

    return hook


def _element(structure: Hook, item: Json, element: Any, index: int) -> Any:  # noqa: ANN401 - of any type
    try:
        return structure(item, element)
    except _MisfitError as error:
        raise _MisfitError(error.expected, error.value, f"[{index}]{error.where}") from None


def _object(cls: type[Any], converter: Converter) -> Hook:
    structure = make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=cls in CLOSED)

    def hook(value: Json, _: Any) -> Any:  # noqa: ANN401 - an instance of whatever class it is for
        return structure(_dict(value, cls), cls)

    return hook


def _is_form(origin: object) -> Callable[[Any], bool]:
    return lambda form: get_origin(form) is origin


def _converter(word: Callable[[Any], Hook]) -> Converter:
    converter = Converter(detailed_validation=True)
    converter.register_structure_hook_factory(has, _object)
    converter.register_structure_hook_factory(_is_form(Literal), word)
    converter.register_structure_hook_factory(_is_form(tuple), _tuple)
    converter.register_structure_hook_func(_is_form(dict), _dict)
    converter.register_structure_hook(str, _exactly(str, "a string"))
    converter.register_structure_hook(int, _exactly(int, "an integer"))
    converter.register_structure_hook(bool, _exactly(bool, "true or false"))
    converter.register_structure_hook(float, _number)
    return converter


_STRICT: Final = _converter(_word)
_TOLERANT: Final = _converter(lambda _: _exactly(str, "a string"))


# --- what to say of a misfit ------------------------------------------------------------------------------


def _explained(error: Exception, path: str = "") -> ProtocolError:
    """The first misfit of a message, as its sender is told."""
    if isinstance(error, ClassValidationError):
        first = error.exceptions[0]
        return _explained(first, _join(path, _attribute(first)))
    if isinstance(error, _MisfitError):
        return _misfit(path + error.where, error)
    if isinstance(error, ForbiddenExtraKeysError):
        return _unknown_key(path, error)
    return ProtocolError("bad_message", f"`{path}` is missing.", path)


def _misfit(path: str, error: _MisfitError) -> ProtocolError:
    value = error.value
    found = f'"{value[:_LONGEST_QUOTE]}"' if isinstance(value, str) else _NOUNS[type_name(value)]
    return ProtocolError("bad_message", f"`{path}` must be {error.expected}, not {found}.", path)


def _unknown_key(path: str, error: ForbiddenExtraKeysError) -> ProtocolError:
    key = min(error.extra_fields)[:_LONGEST_QUOTE]
    known = tuple(fields_dict(error.cl))
    near = get_close_matches(key, known, n=1)
    advice = f"Did you mean `{near[0]}`?" if near else f"Known are {_listed(known, 'and')}."
    where = _join(path, key)
    return ProtocolError("bad_message", f"`{where}` is unknown. {advice}", where)


def _attribute(error: BaseException) -> str:
    notes = getattr(error, "__notes__", ())
    return next((note.name for note in notes if isinstance(note, AttributeValidationNote)), "")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def _listed(words: tuple[str, ...], last: str) -> str:
    *others, final = (f"`{word}`" for word in words)
    return f"{', '.join(others)} {last} {final}" if others else final
