"""The JSON Schema of an attrs class, from its annotations, defaults and docstring."""

from __future__ import annotations

from types import MappingProxyType, NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from attrs import NOTHING, Attribute, fields, frozen, has

from bluev_actors.protocol.docstrings import attributes_of, sentence_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bluev_actors.workflows.values import JsonObject

Form: TypeAlias = Any
"""What stands in an annotation: a class, a union, a `Literal`, a generic alias."""

_SIMPLE: Final[dict[Form, JsonObject]] = {
    Any: {},
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
}


@frozen
class ClassSchemas:
    """Writes schemas of classes that hold JSON values, `Literal` words and each other.

    Args:
        closed: the classes whose objects have no other keys than their fields.
        texts: schemas for the texts in fields of these names, such as ids.
    """

    closed: Collection[type] = ()
    texts: Mapping[str, JsonObject] = MappingProxyType({})

    def of(self, cls: type[Any]) -> JsonObject:
        """The schema of the objects that `cls` stands for."""
        known: tuple[Attribute[Any], ...] = fields(cls)
        hints, meanings = get_type_hints(cls), attributes_of(cls)
        schema: JsonObject = {"type": "object", "title": cls.__name__, "description": sentence_of(cls)}
        schema["properties"] = {
            field.name: self._field(field, hints[field.name], meanings.get(field.name, "")) for field in known
        }
        schema["required"] = [field.name for field in known if field.default is NOTHING]
        if cls in self.closed:
            schema["additionalProperties"] = False
        return schema

    def _field(self, field: Attribute[Any], form: Form, meaning: str) -> JsonObject:
        schema = self._form(form, self.texts.get(field.name))
        if meaning:
            schema["description"] = meaning
        if isinstance(field.default, bool | int | float | str):
            schema["default"] = field.default
        return schema

    def _form(self, form: Form, text: JsonObject | None = None) -> JsonObject:
        if form is str and text is not None:
            return dict(text)
        if form in _SIMPLE:
            return dict(_SIMPLE[form])
        if has(form):
            return self.of(form)
        return self._composite(get_origin(form), get_args(form), text)

    def _composite(self, origin: Form, args: tuple[Form, ...], text: JsonObject | None) -> JsonObject:
        if origin is Literal:
            return {"enum": list(args)}
        if origin in (Union, UnionType):
            return {"anyOf": [self._form(arg, text) for arg in args]}
        if origin is tuple:
            return {"type": "array", "items": self._form(args[0], text)}
        if origin is dict:
            return {"type": "object", "additionalProperties": self._form(args[1])}
        raise TypeError(f"no schema for {origin}")
