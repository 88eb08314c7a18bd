"""Params that are expressions or templates themselves, evaluated when their node asks for them.

Most are one text. An object stands for an expression a field (`transform`). A list stands for cases, each with an
expression `when` (`switch`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import frozen

from bluev_actors.workflows.expressions import Expression, Scope
from bluev_actors.workflows.templates import Template

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject

WHEN: Final = "when"
"""The expression of a case."""


@frozen
class Fields:
    """An expression for each field of an object."""

    fields: dict[str, Expression]

    def evaluate(self, scope: Scope) -> JsonObject:
        """Evaluate all of them."""
        return {name: expression.evaluate(scope) for name, expression in self.fields.items()}


@frozen
class Case:
    """What is written at a case, and its expression."""

    written: JsonObject
    when: Expression


@frozen
class Cases:
    """Cases of which the first that holds is taken."""

    cases: tuple[Case, ...]

    def evaluate(self, scope: Scope) -> list[Json]:
        """Evaluate until one holds.

        Returns:
            The cases up to and with the first whose `when` is `true`, each with the value in place of its `when`. So
            the last one is the one to take, if it holds at all, and those behind it are not evaluated: they may lean
            on what it rules out.
        """
        seen: list[Json] = []
        for case in self.cases:
            holds = case.when.evaluate(scope)
            seen.append({**case.written, WHEN: holds})
            if holds is True:
                break
        return seen


Formula: TypeAlias = Expression | Template | Fields | Cases
