"""What the function of a node gets as `ctx`: who it is, what it was given, and how it speaks to its run."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol, get_args

import trio
from attrs import Factory, define, field

from bluev_actors.engine.plain import clean_text, encoded, plain_copy
from bluev_actors.errors import Permanent
from bluev_actors.workflows.params import NodeParams
from bluev_actors.workflows.run_events import LogLevel, NodeEmitted, NodeLog, NodeProgress
from bluev_actors.workflows.values import Json, JsonObject, find_flaw

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from bluev_actors.workflows.expressions import Scope
    from bluev_actors.workflows.graph import Node
    from bluev_actors.workflows.inputs import Gathered


LEVELS: Final[tuple[str, ...]] = get_args(LogLevel)
MAX_CHECKPOINT: Final = 1024 * 1024
"""Bytes that a checkpoint may have, as JSON."""


class RunPort(Protocol):
    """What a run offers to the contexts of its nodes; every member is a plain call on the loop."""

    def say(self, event: NodeLog | NodeEmitted) -> None:
        """Record a line or a named event."""
        ...

    def show_progress(self, progress: NodeProgress) -> None:
        """Show how far a node is."""
        ...

    def save(self, node_id: str, state: Json) -> None:
        """Keep a node's newest checkpoint."""
        ...

    def now(self) -> float:
        """Wall time, in seconds since 1970."""
        ...


@define(eq=False)
class NodeContext:
    """One attempt of one node, as its function sees it.

    Its methods may be called from the loop and from the thread that a plain function runs in.
    """

    node: Node
    run_id: str
    workflow_id: str
    attempt: int
    started_at: float
    """Wall time at which this attempt began, in seconds since 1970; the first time, if it is run again."""
    grace: float
    connected_outputs: tuple[str, ...]
    """The names of its outputs that have a connection, `done` and `error` left out."""
    resume_state: Json | None
    """What the last checkpoint of this node kept; None when there is none."""
    _port: RunPort = field(alias="port")
    params: JsonObject = Factory(dict[str, "Json"])
    """The settings, evaluated, with the defaults filled in."""
    inputs: JsonObject = Factory(dict[str, "Json"])
    _scope: Scope = Factory(dict[str, "Json"])
    _sources: Mapping[str, list[str]] = Factory(dict[str, list[str]])
    _compiled: NodeParams = Factory(NodeParams)
    _shields: list[trio.CancelScope] = field(factory=list[trio.CancelScope], init=False)

    def give(self, compiled: NodeParams, scope: Scope, params: JsonObject, gathered: Gathered) -> None:
        """Hand the node what it works with; the executor does that before it calls the function."""
        self._compiled, self._scope = compiled, scope
        self.params, self.inputs, self._sources = params, gathered.inputs, gathered.sources

    def own(self) -> None:
        """Copy what it was given, so that a function may do with it what it likes."""
        self.params, self.inputs = plain_copy(self.params), plain_copy(self.inputs)

    @property
    def node_id(self) -> str:
        """The node's id."""
        return self.node.id

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this node in this run: for a remote side that drops repeats."""
        return f"{self.run_id}/{self.node.id}"

    def sources(self, name: str) -> list[str]:
        """The ids of the nodes whose values the list of input `name` holds, in its order."""
        return list(self._sources.get(name, ()))

    def evaluate(self, param: str) -> Json:
        """Evaluate a param that is an expression or a template, over the inputs and the scope of the run.

        Raises:
            ExpressionError: it cannot be evaluated; it becomes the node's failure.
        """
        return self._compiled.compute(param, {**self._scope, **self.inputs})

    def now(self) -> float:
        """Wall time, in seconds since 1970."""
        return self._port.now()

    def log(self, message: str, level: LogLevel = "info") -> None:
        """Write a line that watchers see.

        Raises:
            ValueError: there is no such level.
        """
        if level not in LEVELS:
            raise ValueError(f"the level {level!r} is none of {', '.join(LEVELS)}")
        _on_loop(self._port.say, NodeLog(self.node.id, self.attempt, level, clean_text(message)))

    def emit(self, name: str, data: Json = None) -> None:
        """Say something to watchers, as a `node_event`.

        Raises:
            Permanent: it is not plain JSON.
        """
        copy = _plain(data, f"the data of {name}", "invalid_event")
        _on_loop(self._port.say, NodeEmitted(self.node.id, self.attempt, clean_text(name), copy))

    def progress(
        self,
        fraction: float | None = None,
        *,
        done: float | None = None,
        total: float | None = None,
        message: str | None = None,
    ) -> None:
        """Show how far it is: `fraction` of one, or `done` of `total`. The newest wins."""
        progress = NodeProgress(
            self.node.id,
            self.attempt,
            fraction=_figure(fraction),
            done=_figure(done),
            total=_figure(total),
            message=None if message is None else clean_text(message),
        )
        _on_loop(self._port.show_progress, progress)

    def save(self, state: Json) -> None:
        """Keep a copy of `state` as the newest checkpoint, without waiting.

        Raises:
            Permanent: it is not plain JSON, or larger than `MAX_CHECKPOINT`.
        """
        copy = _plain(state, "the checkpoint", "invalid_checkpoint")
        if len(encoded(copy)) > MAX_CHECKPOINT:
            raise Permanent(f"the checkpoint is larger than {MAX_CHECKPOINT} bytes", code="invalid_checkpoint")
        _on_loop(self._port.save, self.node.id, copy)

    async def checkpoint(self, state: Json) -> None:
        """Keep `state` as the newest checkpoint; a pause or a stop may end the node here."""
        self.save(state)
        await trio.lowlevel.checkpoint()

    @contextmanager
    def shielded(self, seconds: float) -> Generator[trio.CancelScope]:
        """Clean up without being cut short, for at most `seconds` and at most the run's grace."""
        with trio.move_on_after(min(seconds, self.grace), shield=True) as scope:
            self._shields.append(scope)
            try:
                yield scope
            finally:
                self._shields.remove(scope)

    def end_grace(self) -> None:
        """Cut every shielded clean-up short; a `kill` does that."""
        self.grace = 0
        for scope in self._shields:
            scope.cancel(reason="killed")


def _plain(value: Json, what: str, code: str) -> Json:
    flaw = find_flaw(value, what)
    if flaw is not None:
        raise Permanent(flaw, code=code)
    return plain_copy(value)


def _figure(value: float | None) -> float | None:
    """A number that JSON can carry; what is none, such as 0 of 0, shows as nothing."""
    if value is None or type(value) is int:
        return value
    return float(value) if math.isfinite(value) else None


def _on_loop(call: Callable[..., None], *args: object) -> None:
    """Call a function of the run on the loop, from wherever this is."""
    if trio.lowlevel.in_trio_task():
        call(*args)
    else:
        trio.from_thread.run_sync(call, *args)
