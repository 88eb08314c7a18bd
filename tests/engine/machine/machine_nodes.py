"""The node types of the engine's state machine: each call is noted, and what it gives follows from what it is given."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final
from zlib import crc32

import orjson
import trio
from attrs import Factory, define

from bluev_actors.engine.node_types import NodeType, node
from bluev_actors.errors import NodeError, StorageUnavailableError
from bluev_actors.workflows.kinds import Param, Port

if TYPE_CHECKING:
    from collections.abc import Generator

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json, JsonObject

GRACE: Final = 1.0
"""Seconds that a run's cancelled nodes have for their clean-up."""
CLEANING: Final = 0.5
"""Seconds that a `cleaner` takes for it."""
PORTS: Final = (Port("given", multi=True, required=False),)
PARAMS: Final = (
    Param("seconds", "number", required=False, default=0),
    Param("fails", "int", required=False, default=0, description="how many attempts fail"),
)


@define
class Ledger:
    """Who is at work in this process, and who was ever called. A process that was killed writes nothing any more."""

    calls: Counter[tuple[str, str, int]] = Factory(Counter[tuple[str, str, int]])
    """How often each attempt was called, by run, node and attempt."""
    inside: Counter[tuple[str, str]] = Factory(Counter[tuple[str, str]])
    closed: bool = False

    @contextmanager
    def entry(self, ctx: NodeContext) -> Generator[None]:
        """A call, from its begin to its end."""
        key = (ctx.run_id, ctx.node_id)
        if not self.closed:
            self.calls[*key, ctx.attempt] += 1
            self.inside[key] += 1
            assert self.inside[key] == 1, f"{key} runs twice at the same time"
        try:
            yield
        finally:
            self.inside[key] -= 1


def node_types(ledger: Ledger) -> list[NodeType]:
    """The types, whose calls are noted in a ledger."""

    async def work(ctx: NodeContext, given: list[Json]) -> JsonObject:
        with ledger.entry(ctx):
            return await _work(ctx, given)

    async def cleaner(ctx: NodeContext, given: list[Json]) -> JsonObject:
        with ledger.entry(ctx):
            try:
                return await _work(ctx, given)
            finally:
                with ctx.shielded(CLEANING):
                    await trio.sleep(CLEANING)

    def make(name: str, function: object, *, pausable: bool) -> NodeType:
        kind = node(name, inputs=PORTS, outputs=[Port("out")], params=PARAMS, pausable=pausable)
        return kind(function)  # type: ignore[arg-type] # one of the two above

    return [
        make("work", work, pausable=True),
        make("stubborn", work, pausable=False),
        make("cleaner", cleaner, pausable=True),
    ]


async def _work(ctx: NodeContext, given: list[Json]) -> JsonObject:
    """Sleep for what is left of its seconds, and give a number that stands for all it was given."""
    left: float = ctx.params["seconds"] if ctx.resume_state is None else ctx.resume_state
    while left > 0:
        with suppress(StorageUnavailableError):
            await ctx.checkpoint(left)
        await trio.sleep(min(left, 1.0))
        left -= 1.0
    if ctx.attempt <= ctx.params["fails"]:
        raise NodeError("not yet")
    return {"out": crc32(orjson.dumps([ctx.node_id, given]))}
