"""Whether the payload of a signal fits the JSON Schema that a node asks for.

A schema comes from a workflow and a payload from anybody who may signal, so the parts of JSON Schema are left out by
which either could have the daemon fetch an address or think for hours: references, and patterns as Python reads them.
A `pattern` is read by the engine of CEL instead, whose time is linear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from bluev_actors.errors import ExpressionError
from bluev_actors.workflows.expressions import Expression
from bluev_actors.workflows.values import is_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jsonschema.protocols import Validator

    from bluev_actors.workflows.values import Json, JsonObject

_REFUSED: Final = ("$ref", "$dynamicRef", "$recursiveRef", "patternProperties", "uniqueItems")
_NAMED: Final = ("properties", "dependentSchemas", "$defs", "definitions")
_LISTED: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE: Final = (
    *("items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else"),
    *("unevaluatedItems", "unevaluatedProperties"),
)
_MAX_WORDS: Final = 300
_PATTERN: Final = "text.matches(pattern)"


def schema_flaw(schema: Json) -> str | None:
    """Say what is wrong with a schema, None when nothing is."""
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415 - a heavy library that few runs need

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"it is no JSON Schema: {error.message}"[:_MAX_WORDS]
    except RecursionError:
        return "it is nested too deep"
    return next((flaw for each in _schemas(schema) if (flaw := _refused(each)) is not None), None)


def payload_flaw(schema: JsonObject, payload: Json) -> str | None:
    """Say why a payload does not fit a schema that has no flaw; None when it does."""
    errors = _validator(schema).iter_errors(payload)
    error = next(iter(errors), None)
    if error is None:
        return None
    where = error.json_path.removeprefix("$")
    return f"payload{where}: {error.message}"[:_MAX_WORDS]


def _schemas(schema: Json) -> Iterator[JsonObject]:
    """A schema and those within it."""
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if is_object(one):
            yield one
            for name in _NAMED:
                waiting += one.get(name, {}).values()
            for name in _LISTED:
                waiting += one.get(name, [])
            waiting += [one[name] for name in _SINGLE if name in one]


def _refused(schema: JsonObject) -> str | None:
    for name in _REFUSED:
        if name in schema:
            return f"{name!r} cannot be used here"
    pattern = schema.get("pattern")
    return None if pattern is None else _pattern_flaw(pattern)


def _pattern_flaw(pattern: str) -> str | None:
    try:
        _matches("", pattern)
    except ExpressionError:
        return f"the pattern {pattern!r} cannot be read"[:_MAX_WORDS]
    return None


def _matches(text: str, pattern: str) -> bool:
    return bool(Expression.compile(_PATTERN).evaluate({"text": text, "pattern": pattern}))


def _validator(schema: JsonObject) -> Validator:
    from jsonschema import Draft202012Validator, ValidationError, validators  # noqa: PLC0415 - as above

    def pattern(_validator: Validator, pattern: str, instance: Json, _schema: JsonObject) -> Iterator[ValidationError]:
        if isinstance(instance, str) and not _matches(instance, pattern):
            yield ValidationError(f"{instance!r} does not match {pattern!r}")

    extend: Callable[..., Any] = getattr(validators, "extend")  # noqa: B009 - the library gives it no types
    return cast("Validator", extend(Draft202012Validator, {"pattern": pattern})(schema))
