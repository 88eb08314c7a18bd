"""How much work an expression or a template may do, counted before it is done.

Neither language can loop forever, but loops within loops over a list of a thousand are enough to hold up everyone
else, and a text that is doubled forty times fills the machine. So a loop pays for what it will walk, before it
walks it: the items, times what may be evaluated for each. When the budget is gone nothing more is looped over, and
the evaluation fails. It is a bound against accidents and mischief, not a measure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define

from bluev_actors.workflows.values import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bluev_actors.workflows.values import Json

BUDGET: Final = 4_000_000
"""Units of work for one evaluation; a unit takes about a tenth of a microsecond."""
METER: Final = "_meter"
"""The name under which a template finds its meter; no template can use names that begin so."""
_TEXT_UNIT: Final = 50


@define
class Meter:
    """What is left of one evaluation's budget."""

    left: int = BUDGET

    @property
    def exhausted(self) -> bool:
        """Whether more was asked for than there was."""
        return self.left < 0

    def pay(self, units: int) -> bool:
        """Take `units` off the budget.

        Returns:
            Whether the budget covered them.
        """
        self.left -= units
        return self.left >= 0


def weigh(value: Json) -> int:
    """How much there is of a value: one for each number, text, key and container, more for a long text."""
    if isinstance(value, str):
        return 1 + len(value) // _TEXT_UNIT
    if is_object(value):
        return 1 + len(value) + _weigh_all(value.values())
    if is_list(value):
        return 1 + _weigh_all(value)
    return 1


def _weigh_all(values: Iterable[Json]) -> int:
    total = 0
    for value in values:
        # Written out, since most items are small and a call for each would cost more than they do.
        if isinstance(value, str):
            total += 1 + len(value) // _TEXT_UNIT
        elif isinstance(value, dict | list):
            total += weigh(value)
        else:
            total += 1
    return total
