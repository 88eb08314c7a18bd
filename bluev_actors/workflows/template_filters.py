"""The filters that a template may use, and the tolls that are put into it; see `sandbox.py`.

Like it, this imports Jinja.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sized
from typing import TYPE_CHECKING, Any, Final, cast

from jinja2 import pass_context

from bluev_actors.errors import ExpressionError
from bluev_actors.workflows.meter import BUDGET, METER, Meter, weigh

if TYPE_CHECKING:
    from jinja2.runtime import Context

    from bluev_actors.workflows.values import Json

_NAMES: Final = """
abs capitalize count d default dictsort e escape first float groupby int items last length list lower map max min
reject rejectattr reverse select selectattr sort string title trim truncate unique upper urlencode wordcount
"""
JINJA_FILTERS: Final = frozenset(_NAMES.split())
"""Jinja's filters that give back no more than they got."""
_MAX_DIGITS: Final = 20


def pay(context: Context, units: int) -> None:
    """Take `units` off the budget of this render.

    Raises:
        ExpressionError: it does not cover them.
    """
    meter: Meter = context[METER]
    if not meter.pay(units):
        raise ExpressionError(f"the template takes more than {BUDGET} steps")


@pass_context
def _looped(context: Context, value: Any, weight: int) -> Any:  # noqa: ANN401 - whatever a template loops over
    """Pay for walking `value` with a body of `weight` parts."""
    items = cast("list[Any]", value if isinstance(value, Sized) else [*itertools.islice(value, BUDGET)])
    pay(context, len(items) * weight + weigh(items))
    return items


@pass_context
def _named(context: Context, value: Any) -> Any:  # noqa: ANN401 - whatever a template gives a name
    """Pay for what gets a name, so that it cannot be doubled again and again."""
    pay(context, weigh(value))
    return value


@pass_context
def _concat(context: Context, values: list[Any]) -> str:
    """What `a ~ b` becomes."""
    return _join(context, values)


@pass_context
def _join(context: Context, value: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
    """Join the texts of items, or of one key of each."""
    texts = [str(item) for item in _each(context, value, attribute)]
    pay(context, weigh(texts) + len(texts) * weigh(separator))
    return str(separator).join(texts)


@pass_context
def _sum(context: Context, value: Iterable[Any], attribute: str | None = None) -> float:
    """Add up numbers, or one key of each item."""
    total: float = 0
    for number in _each(context, value, attribute):
        if not isinstance(number, int | float):
            raise ExpressionError("'sum' is for numbers")
        total += number
    return total


def _each(context: Context, value: Iterable[Any], attribute: str | None) -> Iterable[Any]:
    if attribute is None:
        return value
    return (context.environment.getitem(item, attribute) for item in value)


@pass_context
def _replace(context: Context, value: Json, old: str, new: str) -> str:
    """Replace every `old` by `new`."""
    text, old, new = str(value), str(old), str(new)
    pay(context, weigh(text) + text.count(old) * weigh(new))
    return text.replace(old, new)


@pass_context
def _tojson(context: Context, value: Json) -> str:
    """Write a value as compact JSON."""
    pay(context, weigh(value))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _round(value: float, precision: int = 0) -> float:
    """Round to `precision` digits after the point."""
    return round(value, max(-_MAX_DIGITS, min(precision, _MAX_DIGITS)))


OUR_FILTERS: Final[dict[str, Any]] = {
    "join": _join,
    "sum": _sum,
    "replace": _replace,
    "tojson": _tojson,
    "round": _round,
}
"""Filters that give back more than they got, so that they pay for it."""
TOLLS: Final[dict[str, Any]] = {"_looped": _looped, "_named": _named, "_concat": _concat}
"""What is put into a template where it loops, gives a name and puts texts together."""
PUBLIC_FILTERS: Final = sorted(JINJA_FILTERS.union(OUR_FILTERS))
