"""The kind that picks from JSON: `select`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.turns import is_small, weight_within
from bluev_actors.errors import ExpressionError, QueryBudgetError
from bluev_actors.workflows.kinds import Param, Port

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json, JsonObject

QUICK: Final = 10_000
"""Steps that a query may take on the loop, about ten milliseconds; what needs more is done in a thread."""
STEPS: Final = 4_000_000
"""Steps that a query may take in all, besides `STEPS_EACH` for each part of its value."""
STEPS_EACH: Final = 20
_LARGEST: Final = 100_000_000


def _query_flaw(query: Json) -> str | None:
    from bluev_actors.engine.queries import query_flaw  # noqa: PLC0415 - few runs need the library

    return query_flaw(query)


@node(
    inputs=[Port("value", description="What to pick from.")],
    outputs=[Port("value", description="What was found; null if there is no such thing.")],
    params=[
        Param(
            "query",
            "string",
            check=_query_flaw,
            description="A [JMESPath](https://jmespath.org) query, such as `orders[?price > `20`].city`.",
        )
    ],
    pure=True,
    failures={
        "expression_failed": "The query cannot be answered: a function does not take such a value, "
        "or it would take too much work.",
        "custom_validation_failed": "The query, computed in the run, cannot be read.",
    },
    examples=[
        example(
            "select_example",
            {
                "orders": step("constant", {"value": [{"city": "Oslo", "price": 10}, {"city": "Bergen", "price": 50}]}),
                "cities": step("select", {"query": "[?price > `20`].city"}),
            },
            "orders.value -> cities.value",
        )
    ],
)
async def select(ctx: NodeContext, value: Json) -> JsonObject:
    """Picks from a value what a query asks for."""
    from bluev_actors.engine.queries import search  # noqa: PLC0415 - as above

    query: str = ctx.params["query"]
    if is_small(value):
        try:
            return {"value": _plain(search(query, value, QUICK))}
        except QueryBudgetError:
            pass
    return {"value": _plain(await trio.to_thread.run_sync(_search_long, query, value))}


def _search_long(query: str, value: Json) -> Json:
    """Search in a thread, which ends when the node is cancelled."""
    from bluev_actors.engine.queries import search  # noqa: PLC0415 - as above

    budget = STEPS + STEPS_EACH * (weight_within(value, _LARGEST) or _LARGEST)
    return search(query, value, budget, trio.from_thread.check_cancelled)


def _plain(found: Json) -> Json:
    """What was found, unless the query asks for a function instead of a value."""
    if type(found).__module__.startswith("jmespath"):
        raise ExpressionError("the query comes to an expression, which is no value")
    return found
