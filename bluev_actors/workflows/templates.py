"""Jinja templates over plain JSON, shut in twice.

The sandbox of Jinja guards Python objects; here, moreover, only JSON goes in, nothing can be called, attributes are
keys, and of the language just what fills in a text is let through: its history of escapes (by `str.format`, by
attributes, by globals) is one of things that a template never needed. Work and output are bounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from bluev_actors.errors import ExpressionError
from bluev_actors.workflows.expressions import Scope, unknown_name
from bluev_actors.workflows.meter import METER, Meter

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from jinja2 import Template as JinjaTemplate

MAX_TEMPLATE: Final = 65_536
"""Characters a template may have."""
MAX_RENDERED: Final = 1_048_576
"""Characters a rendered text may have."""
_MAX_WORDS: Final = 300


@frozen(slots=False)
class Template:
    """One compiled template. `compile` makes it."""

    source: str
    names: frozenset[str]
    """The names that must be in the scope."""
    _members: dict[str, tuple[set[str], bool]] = field(repr=False, eq=False)
    _template: JinjaTemplate = field(repr=False, eq=False)

    @classmethod
    def compile(cls, text: str, names: Collection[str] | None = None) -> Template:
        """Compile a template.

        Args:
            text: the template, at most `MAX_TEMPLATE` characters.
            names: the names it may use; None: any.

        Raises:
            ExpressionError: `invalid_template` or `unknown_expression_name`.
        """
        if len(text) > MAX_TEMPLATE:
            raise ExpressionError(
                f"the template has {len(text)} characters; {MAX_TEMPLATE} is the most", "invalid_template"
            )
        # Imported late: Jinja takes longer to import than the rest of this package, and few runs need it.
        from bluev_actors.workflows import sandbox  # noqa: PLC0415 - as just said

        parsed = sandbox.parse(text)
        template = cls(text, parsed.names, parsed.members, parsed.template)
        if names is not None:
            template.check_names(names)
        return template

    def members(self, root: str) -> tuple[set[str], bool]:
        """Which members of the name `root` it uses, and whether it uses `root` in some other way too."""
        return self._members.get(root, (set(), False))

    def check_names(self, known: Collection[str]) -> None:
        """Refuse names that are not there.

        Raises:
            ExpressionError: `unknown_expression_name`.
        """
        for name in sorted(self.names):
            if name not in known:
                raise ExpressionError(unknown_name(name, known), "unknown_expression_name")

    def evaluate(self, scope: Scope) -> str:
        """Fill the template in.

        Args:
            scope: values by name.

        Raises:
            ExpressionError: `expression_failed`: a name is missing, something cannot be done with a value, or the text
                or the work would be too much.
        """
        values = {name: scope[name] for name in self.names if name in scope}
        try:
            return _joined(self._template.generate({**values, METER: Meter()}))
        except ExpressionError:
            raise
        except Exception as error:  # noqa: BLE001 - a template may fail in as many ways as Python
            raise ExpressionError(str(error)[:_MAX_WORDS] or type(error).__name__) from None


def _joined(pieces: Iterable[str]) -> str:
    """The pieces as one text; stops as soon as it is too long."""
    kept: list[str] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_RENDERED:
            raise ExpressionError(f"the text has more than {MAX_RENDERED} characters")
        kept.append(piece)
    return "".join(kept)
