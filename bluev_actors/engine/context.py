"""What the function of a node gets as `ctx`: who it is, what it was given, and how it speaks to its run."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol, get_args

import trio
from attrs import define, field

from bluev_actors.engine.outside.outside import Outside
from bluev_actors.engine.plain import clean_text, encoded, plain_copy
from bluev_actors.errors import Permanent
from bluev_actors.workflows.params import NodeParams
from bluev_actors.workflows.run_events import LogLevel, NodeEmitted, NodeLog, NodeProgress
from bluev_actors.workflows.values import Json, JsonObject, find_flaw

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from bluev_actors.engine.outcome import BodyEnd
    from bluev_actors.workflows.expressions import Scope
    from bluev_actors.workflows.graph import Node
    from bluev_actors.workflows.inputs import Gathered


LEVELS: Final[tuple[str, ...]] = get_args(LogLevel)
MAX_CHECKPOINT: Final = 1024 * 1024
"""Bytes that a checkpoint may have, as JSON."""


_NOT_YET: Final[JsonObject] = {}
"""Stands for what `give` replaces; one for all attempts, for there may be very many, and nobody writes into it."""
_NO_PARAMS: Final = NodeParams()
_NOTHING_OUTSIDE: Final = Outside()


class RunPort(Protocol):
    """What a run offers to the contexts of its nodes; every member is a plain call on the loop."""

    def say(self, event: NodeLog | NodeEmitted) -> None:
        """Record a line or a named event."""
        ...

    def remark(self, line: NodeLog) -> None:
        """Record a line about a node, which is none of its own."""
        ...

    def show_progress(self, progress: NodeProgress) -> None:
        """Show how far a node is."""
        ...

    def save(self, node_id: str, state: Json) -> None:
        """Keep a node's newest checkpoint."""
        ...

    def mask(self, text: str) -> str:
        """Cover what the run was told in confidence."""
        ...

    async def stored(self) -> None:
        """Wait until what was said and saved so far is where the journal keeps it."""
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
    node_id: str
    """The node's id in its run: inside a body the way to it, as in `each[3]/fetch`."""
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
    params: JsonObject = field(default=_NOT_YET, repr=False)
    """The settings, evaluated, with the defaults filled in."""
    inputs: JsonObject = field(default=_NOT_YET, repr=False)
    round: int = 0
    """How often its body has ended for what it opened; 0 for a node without a body."""
    finished: Sequence[BodyEnd] = ()
    """How its body ended, for each item of all rounds so far, in order."""
    fingerprint: bytes | None = None
    """What its outputs follow from, when they may be those of an earlier run."""
    pausable: bool = False
    """Whether a `checkpoint` pause may cancel this attempt: as its kind says, unless its function knows better."""
    outside: Outside = _NOTHING_OUTSIDE
    """What the operator lets nodes that touch the outside reach."""
    _scope: Scope = field(default=_NOT_YET, repr=False)
    _sources: Mapping[str, list[str]] = _NOT_YET
    _compiled: NodeParams = _NO_PARAMS
    _shields: list[trio.CancelScope] = field(factory=list[trio.CancelScope], init=False)
    _killed: bool = field(default=False, init=False)
    _over: bool = field(default=False, init=False)
    stall: str | None = field(default=None, init=False)
    """What the watchdog has seen of this attempt and nobody has told yet."""
    _standstill: tuple[Callable[[], None], Callable[[], None]] | None = field(default=None, init=False)

    def give(self, compiled: NodeParams, scope: Scope, params: JsonObject, gathered: Gathered) -> None:
        """Hand the node what it works with; the executor does that before it calls the function."""
        self._compiled, self._scope = compiled, scope
        self.params, self.inputs, self._sources = params, gathered.inputs, gathered.sources

    def own(self) -> None:
        """Copy what it was given, so that a function may do with it what it likes."""
        self.params, self.inputs = plain_copy(self.params), plain_copy(self.inputs)

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this node in this run: for a remote side that drops repeats."""
        return f"{self.run_id}/{self.node_id}"

    def sources(self, name: str) -> list[str]:
        """The ids of the nodes whose values the list of input `name` holds, in its order."""
        return list(self._sources.get(name, ()))

    def evaluate(self, param: str, **names: Json) -> Json:
        """Evaluate a param that is an expression or a template, over the inputs and the scope of the run.

        Args:
            param: which.
            names: values by the further names that the param may use, such as `item`.

        Raises:
            ExpressionError: it cannot be evaluated; it becomes the node's failure.
        """
        return self._compiled.compute(param, {**self._scope, **self.inputs, **names})

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
        _on_loop(self._port.say, NodeLog(self.node_id, self.attempt, level, clean_text(message)))

    def remark(self, message: str, code: str) -> None:
        """Record a line about this node, which counts towards no limit of its own."""
        self._port.remark(NodeLog(self.node_id, self.attempt, "warning", clean_text(message), code))

    def tell_stall(self) -> None:
        """Tell what the watchdog has seen, once."""
        message, self.stall = self.stall, None
        if message is not None:
            self.remark(message, "node_stalled")

    def mask(self, text: str) -> str:
        """The text with what this run was told in confidence covered."""
        return self._port.mask(text)

    def emit(self, name: str, data: Json = None) -> None:
        """Say something to watchers, as a `node_event`.

        Raises:
            Permanent: it is not plain JSON.
        """
        copy = _plain(data, f"the data of {name}", "invalid_event")
        _on_loop(self._port.say, NodeEmitted(self.node_id, self.attempt, clean_text(name), copy))

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
            self.node_id,
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
        if self._over:
            return
        copy = _plain(state, "the checkpoint", "invalid_checkpoint")
        if len(encoded(copy)) > MAX_CHECKPOINT:
            raise Permanent(f"the checkpoint is larger than {MAX_CHECKPOINT} bytes", code="invalid_checkpoint")
        _on_loop(self._port.save, self.node_id, copy)

    async def checkpoint(self, state: Json) -> None:
        """Keep `state` as the newest checkpoint, and wait until it is stored; a pause or a stop may end the node here.

        Raises:
            Permanent: as for `save`.
        """
        self.save(state)
        await self._port.stored()

    @contextmanager
    def shielded(self, seconds: float) -> Generator[trio.CancelScope]:
        """Clean up without being cut short, for at most `seconds` and at most the run's grace."""
        with trio.move_on_after(min(seconds, self.grace), shield=True) as scope:
            self._shields.append(scope)
            try:
                yield scope
            finally:
                self._shields.remove(scope)

    @contextmanager
    def until_killed(self) -> Generator[trio.CancelScope]:
        """Wait for what cannot be cancelled, such as a thread; only a `kill` leaves it behind."""
        with trio.CancelScope(shield=True) as scope:
            if self._killed:
                scope.cancel(reason="killed")
            self._shields.append(scope)
            try:
                yield scope
            finally:
                self._shields.remove(scope)

    @contextmanager
    def standstill(self, suspend: Callable[[], None], resume: Callable[[], None]) -> Generator[None]:
        """While the block runs, a `checkpoint` pause makes the node stand still instead of cancelling it.

        Args:
            suspend: makes what the node does stand still, as SIGSTOP does a process. A quick, plain call.
            resume: lets it go on.
        """
        self._standstill = suspend, resume
        try:
            yield
        finally:
            self._standstill = None

    def suspend(self) -> bool:
        """Make it stand still, if it can; whether it does."""
        if self._standstill is None:
            return False
        self._standstill[0]()
        return True

    def resume(self) -> None:
        """Let it go on."""
        if self._standstill is not None:
            self._standstill[1]()

    def end_checkpoints(self) -> None:
        """Keep no more checkpoints: nothing will go on from them."""
        self._over = True

    def end_grace(self) -> None:
        """Cut every shielded clean-up short; a `kill` does that."""
        self.grace, self._killed = 0, True
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
