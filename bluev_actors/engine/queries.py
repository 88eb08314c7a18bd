"""JMESPath queries over plain JSON, with a budget. It imports the library, so it is imported late itself.

The language has no loops without end, but `[@, @] | [@, @] | ...` doubles its value with every step: thirty steps fill
the machine, or, since the halves are shared, only whatever looks at the result. So each step pays for itself, and
whatever builds something pays for what it built as if nothing were shared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jmespath.exceptions import JMESPathError  # type: ignore[import-untyped] # the library has no types
from jmespath.functions import Functions  # type: ignore[import-untyped] # as above
from jmespath.parser import Parser  # type: ignore[import-untyped] # as above
from jmespath.visitor import Options, TreeInterpreter  # type: ignore[import-untyped] # as above

from bluev_actors.engine.turns import weight_within
from bluev_actors.errors import ExpressionError, QueryBudgetError
from bluev_actors.workflows.meter import Meter
from bluev_actors.workflows.values import is_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bluev_actors.workflows.values import Json

MAX_QUERY: Final = 8192
"""Characters a query may have."""
_MAX_WORDS: Final = 300
_GLANCE: Final = 1024
_TEXT_UNIT: Final = 50
_BUILDERS: Final = frozenset(
    {
        "multi_select_list",
        "multi_select_dict",
        "projection",
        "value_projection",
        "filter_projection",
        "flatten",
        "function_expression",
    }
)


def query_flaw(query: Json) -> str | None:
    """Say what is wrong with a query, None when nothing is."""
    try:
        _parsed(query)
    except ExpressionError as error:
        return str(error)
    return None


def search(query: str, value: Json, budget: int, watch: Callable[[], None] | None = None) -> Json:
    """Find what a query asks for.

    Args:
        query: in JMESPath.
        value: plain JSON.
        budget: how many steps it may take; one takes about a microsecond.
        watch: is called now and then, and may raise to end it.

    Raises:
        QueryBudgetError: it takes more steps.
        ExpressionError: the query cannot be read, or not be answered: a function does not take such a value.
    """
    tree, meter = _parsed(query), Meter(budget)
    try:
        return _Interpreter(meter, watch or _nothing).visit(tree, value)
    except JMESPathError as error:
        raise ExpressionError(str(error)[:_MAX_WORDS]) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise ExpressionError(f"the query cannot be answered: {error}"[:_MAX_WORDS]) from None


def _parsed(query: str) -> Any:  # noqa: ANN401 - a tree of the library's
    if len(query) > MAX_QUERY:
        raise ExpressionError(f"the query has {len(query)} characters; {MAX_QUERY} is the most", "invalid_expression")
    try:
        return Parser().parse(query).parsed
    except JMESPathError as error:
        raise ExpressionError(f"the query cannot be read: {_first_line(error)}", "invalid_expression") from None
    except RecursionError:
        raise ExpressionError("the query is nested too deep", "invalid_expression") from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:_MAX_WORDS]


def _nothing() -> None:
    pass


class _Till:
    """Takes the payments of one search."""

    def __init__(self, meter: Meter, watch: Callable[[], None]) -> None:
        self._meter, self._watch, self._steps = meter, watch, 0

    def step(self) -> None:
        """Pay for one step."""
        self._steps += 1
        if self._steps % _GLANCE == 0:
            self._watch()
        self.pay(1)

    def pay_for(self, value: Json) -> None:
        """Pay for a value, and for what is in it more than once as often as it is."""
        weight = weight_within(value, self._meter.left)
        self.pay(self._meter.left + 1 if weight is None else weight)

    def pay(self, units: int) -> None:
        """Pay.

        Raises:
            QueryBudgetError: the budget does not cover it.
        """
        if not self._meter.pay(units):
            raise QueryBudgetError("the query takes too many steps for what it is given")


class _Functions(Functions):  # type: ignore[misc] # the library has no types
    """The library's functions, paid for by what they are given."""

    def __init__(self, till: _Till) -> None:
        super().__init__()
        self._till = till

    def call_function(self, function_name: str, resolved_args: Iterable[Any]) -> Any:  # noqa: ANN401 - as the library
        """Pay, then call."""
        arguments = [*resolved_args]
        for argument in arguments:
            self._till.pay_for(argument)
        if function_name == "join":
            self._pay_for_glue(*arguments)
        return super().call_function(function_name, arguments)

    def _pay_for_glue(self, glue: Json = None, texts: Json = None, *_more: Json) -> None:
        if isinstance(glue, str) and is_list(texts):
            self._till.pay(len(glue) * len(texts) // _TEXT_UNIT)


class _Interpreter(TreeInterpreter):  # type: ignore[misc] # the library has no types
    """The library's interpreter, which pays."""

    def __init__(self, meter: Meter, watch: Callable[[], None]) -> None:
        self._till = _Till(meter, watch)
        super().__init__(Options(custom_functions=_Functions(self._till)))

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the library declares it
        """Visit a part of the query, and pay for what it built."""
        self._till.step()
        found = super().visit(node, *args, **kwargs)
        if node["type"] in _BUILDERS:
            self._till.pay_for(found)
        return found

    def visit_comparator(self, node: Any, value: Json) -> Any:  # noqa: ANN401 - as the library declares it
        """Pay for both sides, then compare them, which cannot be interrupted."""
        sides = [self.visit(child, value) for child in node["children"]]
        for side in sides:
            self._till.pay_for(side)
        known: Any = {**node, "children": [{"type": "literal", "value": side} for side in sides]}
        return super().visit_comparator(known, value)
