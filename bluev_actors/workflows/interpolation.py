"""Param values with `${...}` and secrets in them, compiled once and evaluated for each run of a node.

A text that is nothing but one `${...}` becomes that expression's value, whatever its type; else each is spliced in,
text as it is and anything else as JSON. `$${` stands for a plain `${`. An object `{"$secret": NAME}` stands for a
secret, but only where it is written in the document: a value that an expression brings in is data, and data that looks
like a reference to a secret stays data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson
from attrs import frozen

from bluev_actors.errors import ExpressionError
from bluev_actors.workflows.cel_tokens import closing_brace
from bluev_actors.workflows.expressions import MAX_SOURCE, Expression, Scope
from bluev_actors.workflows.values import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.workflows.values import Json

SECRET: Final = "$secret"  # noqa: S105 - the key that names a secret, not one
_OPEN: Final = "${"
_ESCAPED: Final = "$${"

Reveal: TypeAlias = Callable[[str], "Json"]
"""Gives the value of the secret of a name."""
Compile: TypeAlias = Callable[[str], Expression]
Complain: TypeAlias = Callable[[ExpressionError, str], None]
"""Takes an error and the path, from the param on, of the value it is about."""


@frozen
class Fixed:
    """A value with nothing to evaluate in it."""

    value: Json

    def evaluate(self, _scope: Scope, _reveal: Reveal | None = None) -> Json:
        """Give the value."""
        return self.value


@frozen
class Whole:
    """A text that was one `${...}`: the value keeps its type."""

    expression: Expression

    def evaluate(self, scope: Scope, _reveal: Reveal | None = None) -> Json:
        """Evaluate the expression."""
        return self.expression.evaluate(scope)


@frozen
class Spliced:
    """A text with expressions in it."""

    parts: tuple[str | Expression, ...]

    def evaluate(self, scope: Scope, _reveal: Reveal | None = None) -> str:
        """Put the text together."""
        return "".join(part if isinstance(part, str) else as_text(part.evaluate(scope)) for part in self.parts)


@frozen
class Secret:
    """A reference to a secret."""

    name: str

    def evaluate(self, _scope: Scope, reveal: Reveal | None = None) -> Json:
        """Give the secret, or the reference as it was when there is no one to ask."""
        return {SECRET: self.name} if reveal is None else reveal(self.name)


@frozen
class Listed:
    """A list with something to evaluate in it."""

    items: tuple[CompiledValue, ...]

    def evaluate(self, scope: Scope, reveal: Reveal | None = None) -> Json:
        """Evaluate the items."""
        return [item.evaluate(scope, reveal) for item in self.items]


@frozen
class Mapped:
    """An object with something to evaluate in it."""

    items: tuple[tuple[str, CompiledValue], ...]

    def evaluate(self, scope: Scope, reveal: Reveal | None = None) -> Json:
        """Evaluate the values; keys are taken as they are."""
        return {name: item.evaluate(scope, reveal) for name, item in self.items}


CompiledValue: TypeAlias = Fixed | Whole | Spliced | Secret | Listed | Mapped


def as_text(value: Json) -> str:
    """A value as it is spliced into a text."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _raise(error: ExpressionError, _path: str) -> None:
    raise error


def compile_param(
    value: Json, path: str = "", compile_: Compile = Expression.compile, complain: Complain = _raise
) -> CompiledValue:
    """Compile a whole param value, whatever is nested in it.

    Args:
        value: plain JSON.
        path: where it stands, for `complain`.
        compile_: compiles one expression.
        complain: takes what cannot be compiled; that part is then left as it is.

    Raises:
        ExpressionError: something cannot be compiled, and `complain` was left out.
    """
    if isinstance(value, str):
        return _text(value, path, compile_, complain) if _OPEN in value else Fixed(value)
    if is_object(value):
        return _object(value, path, compile_, complain)
    if is_list(value):
        items = tuple(compile_param(v, f"{path}[{i}]", compile_, complain) for i, v in enumerate(value))
        return Fixed(value) if all(isinstance(item, Fixed) for item in items) else Listed(items)
    return Fixed(value)


def holds_expression(value: Json) -> bool:
    """Whether there is a `${` in any text of `value`."""
    if isinstance(value, str):
        return _OPEN in value
    if is_object(value):
        return any(map(holds_expression, value.values()))
    return is_list(value) and any(map(holds_expression, value))


def _object(value: dict[str, Json], path: str, compile_: Compile, complain: Complain) -> CompiledValue:
    if is_secret(value):
        return Secret(value[SECRET])
    items = tuple((k, compile_param(v, f"{path}.{k}", compile_, complain)) for k, v in value.items())
    return Fixed(value) if all(isinstance(item, Fixed) for _, item in items) else Mapped(items)


def is_secret(value: Json) -> bool:
    """Whether `value` refers to a secret: an object with the one key `$secret`, whose value is its name."""
    return is_object(value) and len(value) == 1 and isinstance(value.get(SECRET), str)


def _text(text: str, path: str, compile_: Compile, complain: Complain) -> CompiledValue:
    try:
        parts = tuple(_merged(_parts(text, compile_)))
    except ExpressionError as error:
        complain(error, path)
        return Fixed(text)
    if len(parts) == 1 and isinstance(parts[0], Expression):
        return Whole(parts[0])
    if all(isinstance(part, str) for part in parts):
        return Fixed("".join(str(part) for part in parts))
    return Spliced(parts)


def _parts(text: str, compile_: Compile) -> Iterator[str | Expression]:
    """The texts and the expressions of `text`, in order."""
    at = 0
    while (start := text.find(_OPEN, at)) >= 0:
        if text.startswith(_ESCAPED, start - 1) and start > at:
            yield text[at : start - 1] + _OPEN
            at = start + len(_OPEN)
            continue
        inside = start + len(_OPEN)
        end = closing_brace(text, inside, inside + MAX_SOURCE + 1)
        if end is None:
            raise ExpressionError(
                f"the '${{' at character {start + 1} has no '}}' within {MAX_SOURCE} characters; "
                "write '$${' for a plain '${'",
                "invalid_expression",
            )
        yield text[at:start]
        yield compile_(text[inside:end])
        at = end + 1
    yield text[at:]


def _merged(parts: Iterator[str | Expression]) -> Iterator[str | Expression]:
    """The parts without empty texts."""
    return (part for part in parts if part != "")
