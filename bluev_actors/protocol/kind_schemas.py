"""The JSON Schema of what a node kind takes in `params`, so that an editor can help while one types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bluev_actors.workflows.kinds import NOTHING
from bluev_actors.workflows.port_types import item_type

if TYPE_CHECKING:
    from bluev_actors.workflows.kinds import NodeKind, Param, Port
    from bluev_actors.workflows.values import JsonObject

_TYPES: Final[dict[str, JsonObject]] = {
    "any": {},
    "null": {"type": "null"},
    "bool": {"type": "boolean"},
    "int": {"type": "integer"},
    "number": {"type": "number"},
    "string": {"type": "string"},
    "object": {"type": "object"},
    "bytes_ref": {"type": ["string", "object"]},
    "file_ref": {"type": ["string", "object"]},
}
_EXPRESSION: Final[JsonObject] = {"type": "string", "pattern": r"\$\{"}
_SECRET: Final[JsonObject] = {
    "type": "object",
    "properties": {"$secret": {"type": "string"}},
    "required": ["$secret"],
    "additionalProperties": False,
}


def params_schema(kind: NodeKind) -> JsonObject:
    """The schema of a node's `params`: the kind's params, and its inputs, which a param may feed as well."""
    properties = {port.name: _input(port) for port in kind.inputs}
    properties.update((param.name, _param(param)) for param in kind.params)
    required = [param.name for param in kind.params if param.required and param.default is NOTHING]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": kind.free_inputs,
    }


def kind_rule(kind: NodeKind) -> JsonObject:
    """What a node must be like if it is of this kind."""
    params = params_schema(kind)
    then: JsonObject = {"properties": {"params": params}}
    if params["required"]:
        then["required"] = ["params"]
    return {"if": {"properties": {"type": {"const": kind.name}}, "required": ["type"]}, "then": then}


def _param(param: Param) -> JsonObject:
    schema = type_schema(param.type)
    if param.choices:
        schema["enum"] = list(param.choices)
    if param.minimum is not None:
        schema["minimum"] = param.minimum
    if param.maximum is not None:
        schema["maximum"] = param.maximum
    return _described(param, schema if param.syntax != "value" else _or_computed(schema))


def _input(port: Port) -> JsonObject:
    wanted = {"type": "array", "items": type_schema(port.type)} if port.multi else type_schema(port.type)
    return _described(port, _or_computed(wanted))


def type_schema(name: str) -> JsonObject:
    """The schema of a port type, such as `list[int]`."""
    item = item_type(name)
    if item is not None:
        return {"type": "array", "items": type_schema(item)}
    return dict(_TYPES[name])


def _or_computed(schema: JsonObject) -> JsonObject:
    """A value may also be computed by `${...}` or be a secret; where anything goes, that is said already."""
    return {"anyOf": [schema, _EXPRESSION, _SECRET]} if schema else {}


def _described(source: Param | Port, schema: JsonObject) -> JsonObject:
    extra: JsonObject = {}
    if source.description:
        extra["description"] = source.description
    if source.default is not NOTHING:
        extra["default"] = source.default
    return {**schema, **extra}
