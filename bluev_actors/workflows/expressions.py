"""CEL expressions: compiled once, evaluated often, over plain JSON and to plain JSON.

CEL has no attributes of Python objects, no assignment and no loop without end; `meter.py` bounds the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import Factory, define, field, frozen

from bluev_actors.errors import ExpressionError
from bluev_actors.workflows.cel_tokens import (
    Token,
    UnreadableError,
    bound_names,
    macros,
    members,
    path,
    tokens,
    with_tolls,
)
from bluev_actors.workflows.meter import BUDGET, Meter, weigh
from bluev_actors.workflows.values import Json, find_flaw, is_list, is_object, sorted_keys, type_name
from bluev_actors.workflows.wording import listed, quoted

if TYPE_CHECKING:
    import cel

Scope: TypeAlias = Mapping[str, Json]
"""The values that an expression may name."""

MAX_SOURCE: Final = 8192
"""Characters an expression may have."""

_FUNCTION_NAMES: Final = """
bytes contains double duration dyn endsWith getDate getDayOfMonth getDayOfWeek getDayOfYear getFullYear getHours
getMilliseconds getMinutes getMonth getSeconds int matches size startsWith string timestamp type uint
"""
TYPE_NAMES: Final = frozenset({"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"})
"""Names that are always there: the types, to compare `type(x)` with."""
FUNCTIONS: Final = tuple(_FUNCTION_NAMES.split())
"""Functions that an expression may call."""

_TOLL: Final = "_toll"
_COPYING_TOLL: Final = "_copying_toll"
_PLACE: Final = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?([^\n]*)")
_MAX_WORDS: Final = 300


@frozen(slots=False)
class Expression:
    """One compiled CEL expression. `compile` makes it."""

    source: str
    _program: cel.Program = field(repr=False, eq=False)
    _tokens: tuple[Token, ...] = field(repr=False, eq=False)

    @classmethod
    def compile(cls, text: str, names: Collection[str] | None = None) -> Expression:
        """Compile an expression.

        Args:
            text: the expression, at most `MAX_SOURCE` characters.
            names: the names it may use; None: any.

        Raises:
            ExpressionError: `invalid_expression` or `unknown_expression_name`.
        """
        expression = cls(text, *_compiled(text))
        _check_functions(expression._program)
        if names is not None:
            expression.check_names(names)
        return expression

    @cached_property
    def names(self) -> frozenset[str]:
        """The names it takes from the scope. One that a loop binds too may be among them."""
        return frozenset(self._program.variables()) - TYPE_NAMES

    @cached_property
    def _path(self) -> tuple[str, ...] | None:
        keys = path(self._tokens)
        return None if keys is None or keys[0] in TYPE_NAMES else keys

    def members(self, root: str) -> tuple[set[str], bool]:
        """Which members of the name `root` it uses, and whether it uses `root` in some other way too."""
        return members(self._tokens, root)

    def check_names(self, known: Collection[str]) -> None:
        """Refuse names that are not there.

        Raises:
            ExpressionError: `unknown_expression_name`.
        """
        for name in sorted(self.names - bound_names(self._tokens)):
            if name not in known:
                raise ExpressionError(unknown_name(name, known), "unknown_expression_name")

    def evaluate(self, scope: Scope) -> Json:
        """Evaluate it.

        Args:
            scope: plain JSON values by name; only those it names are looked at.

        Returns:
            Plain JSON.

        Raises:
            ExpressionError: `expression_failed`: a name is missing, types do not go together, the result is not
                plain JSON, or it would take too much work.
        """
        if self._path is not None:
            return _walk(self._path, scope)
        values = {name: scope[name] for name in self.names if name in scope}
        value = self._checked(self._run(values))
        # The library gives the keys of an object in any order, another one each time.
        return sorted_keys(value) if is_object(value) or is_list(value) else value

    def _run(self, values: dict[str, Json]) -> Json:
        program = self._metered_program
        return _run(self._program, values) if program is None else self._metered(program, values)

    def _checked(self, value: Json) -> Json:
        flaw = find_flaw(value, "the result")
        if flaw is not None:
            raise ExpressionError(f"{flaw}: {self._shown}")
        return value

    @cached_property
    def _metered_program(self) -> cel.Program | None:
        """The program with a toll before every loop; None when there is no loop."""
        text = with_tolls(self.source, self._tokens, _TOLL, _COPYING_TOLL)
        return None if text == self.source else _compiler()(text)

    def _metered(self, program: cel.Program, values: dict[str, Json]) -> Json:
        gate = _Gate(len(self._tokens), weigh(values))
        # Every list that is looped over goes through the gate, which copies it: that much at least is sure.
        if gate.meter.pay(len(macros(self._tokens)) * gate.scope_weight):
            value = _run(program, {**values, _TOLL: gate.toll, _COPYING_TOLL: gate.copying_toll})
            if not gate.meter.exhausted:
                return value
        raise ExpressionError(f"it takes more than {BUDGET} steps: {self._shown}")

    @property
    def _shown(self) -> str:
        return self.source if len(self.source) <= _MAX_WORDS else self.source[:_MAX_WORDS] + "..."


@define
class _Gate:
    """What a list passes through before an expression loops over it.

    A gate that refused by an exception could be ignored, since in CEL `failed || true` is true; so it lets nothing
    through instead, and the evaluation is failed afterwards. For the same reason a loop pays in advance for the
    copies that loops within it will make.
    """

    tokens: int
    """How many may be evaluated for each item."""
    scope_weight: int
    """What a copy of all values there are weighs."""
    meter: Meter = Factory(Meter)

    def toll(self, value: Json, inner: int) -> Json:
        """Pay for a loop with `inner` loops in it."""
        return self._pass(value, inner, lambda _items: 0)

    def copying_toll(self, value: Json, inner: int) -> Json:
        """Pay for a loop that builds a list; the library copies the list for every item."""
        return self._pass(value, inner, weigh)

    def _pass(self, value: Json, inner: int, copied: Callable[[list[Json]], int]) -> Json:
        # A loop over an object is one over its keys, which the library would take in any order.
        items = sorted(value) if is_object(value) else value
        if not is_list(items):
            return value
        each = self.tokens + inner * self.scope_weight + copied(items)
        return items if self.meter.pay(len(items) * each) else []


def unknown_name(name: str, known: Collection[str]) -> str:
    """The sentence about a name that is not there."""
    return f"there is no {quoted(name)} here; there is: {listed(known)}"


def _compiled(text: str) -> tuple[cel.Program, tuple[Token, ...]]:
    if len(text) > MAX_SOURCE:
        raise ExpressionError(
            f"the expression has {len(text)} characters; {MAX_SOURCE} is the most", "invalid_expression"
        )
    try:
        found = tuple(tokens(text))
    except UnreadableError as error:
        raise ExpressionError(
            f"the expression cannot be read from character {error.start + 1} on", "invalid_expression"
        ) from None
    compile_ = _compiler()
    try:
        return compile_(text), found
    except ValueError as error:
        raise ExpressionError(_first_complaint(str(error)), "invalid_expression") from None


def _compiler() -> Callable[[str], cel.Program]:
    # Imported late: the library brings its own command line along, a quarter of a second of it.
    import cel  # noqa: PLC0415 - as just said

    return cel.compile


def _first_complaint(message: str) -> str:
    if "Recursion limit" in message:
        return "the expression is nested too deep"
    match = _PLACE.search(message)
    if match is None:
        return f"the expression cannot be read: {message[:_MAX_WORDS]}"
    place, complaint = f"line {match[1]}, character {match[2]}", match[3]
    return f"the expression cannot be read at {place}: {complaint.partition(' expecting ')[0][:_MAX_WORDS]}"


def _check_functions(program: cel.Program) -> None:
    for name in program.functions():
        if name.isidentifier() and name not in FUNCTIONS:
            raise ExpressionError(unknown_name(name, FUNCTIONS), "unknown_expression_name")


def _walk(keys: tuple[str, ...], scope: Scope) -> Json:
    """Follow a path of keys, as most expressions are: without a way through the library, which copies all it takes."""
    value: Json = dict(scope)
    for key in keys:
        if not is_object(value):
            raise ExpressionError(f"there is no {quoted(key)} in a value of type {type_name(value)}")
        if key not in value:
            raise ExpressionError(f"there is no {quoted(key)}; there is: {listed(value)}")
        value = value[key]
    return value


def _run(program: cel.Program, values: Mapping[str, Json | Callable[[Json], Json]]) -> Json:
    try:
        return program.execute(dict(values))
    except KeyError as error:
        raise ExpressionError(f"there is no key {error}") from None
    except Exception as error:  # noqa: BLE001 - the library raises many kinds, and all of them are the expression's
        raise ExpressionError(str(error)[:_MAX_WORDS]) from None
