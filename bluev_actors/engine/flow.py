"""What a run does next: the heart of the engine, without tasks, clocks or sockets.

The run's actor tells `Flow` what happened; `Flow` writes the events that follow and, asked to `go_on`, says what there
is to do now: which executors to start, which to cancel, which retries to time. Every rule about the order of states
lives here or in `workflows/`, so it can be tested without a scheduler.

A node with a body is *open*: it has no task, and its nodes are nodes of the run like all others, in scopes of their
own. What such a scope came to is read off its nodes, so after a pause and after a crash the open node is simply asked
again, from its first round on, and what is on record is not run again.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from attrs import evolve, frozen

from bluev_actors.engine.outcome import BodyEnd, Failed
from bluev_actors.engine.ready import Gate, ReadyNodes
from bluev_actors.engine.scopes import Opening, Scope
from bluev_actors.workflows import paths
from bluev_actors.workflows.frontier import Frontier, Step
from bluev_actors.workflows.graph import DONE, ERROR, Node, PauseMode
from bluev_actors.workflows.interface import body_inputs
from bluev_actors.workflows.retry import delay, may_retry
from bluev_actors.workflows.run_events import (
    ErrorDetail,
    NodeCancelled,
    NodeCompleted,
    NodeFailed,
    NodePaused,
    NodeProgress,
    NodeRetrying,
    NodeSkipped,
    NodeStarted,
    NodeWaiting,
    RunCompleted,
    RunFailed,
    RunStarted,
    RunStatusChanged,
    RunStopped,
)
from bluev_actors.workflows.summary import ends_of, outputs_of, results_of, summarise

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from random import Random

    from bluev_actors.engine.outcome import Opens, Succeeded, Waits
    from bluev_actors.engine.run_writer import RunWriter
    from bluev_actors.workflows.kinds import Kinds, NodeKind
    from bluev_actors.workflows.run_events import NodeStatus, RunStatus
    from bluev_actors.workflows.run_state import NodeState, RunState
    from bluev_actors.workflows.values import Json, JsonObject

__all__ = ["Cause", "Effects", "Flow", "Gate", "Round"]

Cause: TypeAlias = Literal["pause", "stopped", "fail_fast", "drain"]
"""Why an executor is cancelled. Noted before the cancel, for to the node they all look alike."""
EXECUTOR_CRASHED: Final = "executor_crashed"
"""The error code of a node, and of its run, whose executors crashed too often."""
INTERRUPTED: Final = "interrupted"
"""The error code of a node that runs at most once, and was cut off by a crash."""
POISON: Final = "poison"
"""The error code of a node that took the process down with it too often."""
_STARTABLE: Final = frozenset({"pending", "ready", "retrying", "paused"})


@frozen
class Round:
    """An open node is to be asked what comes next.

    Attributes:
        node_id: the node.
        attempt: its attempt.
        number: how often it has said what to open.
        finished: how the items of all rounds have ended, in order.
    """

    node_id: str
    attempt: int
    number: int
    finished: Sequence[BodyEnd]


class Effects:
    """What there is to do, once what led to it is on record.

    One is made for every message of every run, so its lists are made by hand.

    Attributes:
        launches: nodes to start.
        rounds: open nodes to ask what comes next.
        cancels: nodes whose executors are to be cancelled.
        backoffs: nodes to try again, and in how many seconds.
        delays: open nodes whose next items begin in so many seconds.
        progress: how far open nodes are.
        closed: open nodes whose attempt is over by what happened inside.
    """

    __slots__ = ("backoffs", "cancels", "closed", "delays", "launches", "progress", "rounds")

    def __init__(self) -> None:
        self.launches: list[NodeStarted] = []
        self.rounds: list[Round] = []
        self.cancels: list[str] = []
        self.backoffs: list[tuple[str, float]] = []
        self.delays: list[tuple[str, float]] = []
        self.progress: list[NodeProgress] = []
        self.closed: list[str] = []


class Flow:
    """Walks one run through its graph.

    Args:
        writer: writes the run's events; holds its state.
        kinds: the catalogue the workflow was accepted against.
        now: wall time, in seconds since 1970.
        dice: for the jitter of retries; seeded, so that a test repeats.
        gate: lets nodes with a `concurrency_key` start.
        pausable: whether a `checkpoint` pause may cancel a node in flight; None: as its kind says.
    """

    def __init__(
        self,
        writer: RunWriter,
        kinds: Kinds,
        now: Callable[[], float],
        dice: Random,
        gate: Gate | None = None,
        *,
        pausable: Callable[[str], bool] | None = None,
    ) -> None:
        self._writer = writer
        self._kinds = kinds
        self._now = now
        self._dice = dice
        self._pausable = pausable or self._is_pausable
        workflow = writer.record.workflow
        self._root = Scope(workflow, Frontier(workflow, kinds), writer.record.inputs)
        self._scopes: dict[str, Scope] = {"": self._root}
        self._openings: dict[str, Opening] = {}
        self._wanting: dict[str, Opening] = {}
        self._calls = 0
        self._ready = ReadyNodes(gate, lambda node: kinds[node.type].body is None)
        self._adrift: dict[str, None] = {}
        self._due: set[str] = set()
        self._suspects: list[str] | None = None
        self._suspended = False
        self._has_rested = False
        self._effects = Effects()
        self._progress: dict[str, NodeProgress] = {}
        self.causes: dict[str, Cause] = {}
        self.suspect: str | None = None
        """The node that runs by itself, because it may be the one that takes the process down."""
        self.failure: ErrorDetail | None = None

    @property
    def state(self) -> RunState:
        """The run's state."""
        return self._writer.state

    @property
    def ending(self) -> bool:
        """Whether the run is on its way to `failed` or `stopped`, so that nothing starts or is tried again."""
        return self.failure is not None or self.state.status == "stopping"

    @property
    def _moving(self) -> bool:
        return self.state.status == "running" and self.failure is None and not self._suspended

    def node(self, node_id: str) -> Node:
        """A node, by its full id."""
        if "/" not in node_id:
            return self._root.workflow.by_id[node_id]
        scope = self._scopes.get(paths.prefix(node_id))
        workflow = self._root.workflow.graph_of(node_id) if scope is None else scope.workflow
        return workflow.by_id[paths.own(node_id)]

    def kind(self, node_id: str) -> NodeKind:
        """The kind of a node, by its full id."""
        return self._kinds[self.node(node_id).type]

    def _is_pausable(self, node_id: str) -> bool:
        return self.kind(node_id).pausable

    def scope(self, node_id: str) -> Scope:
        """The scope that a node stands in; there is one while the node is under way."""
        return self._scopes[paths.prefix(node_id)] if "/" in node_id else self._root

    # --- beginning ----------------------------------------------------------------------------------------------

    def accept(self, *, queued: bool, reused: Mapping[str, JsonObject] = MappingProxyType({})) -> None:
        """Write the first events of a fresh run.

        Args:
            queued: it waits for its turn.
            reused: the outputs of nodes that an earlier run has done already.
        """
        record = self._writer.record
        rerun = record.options.rerun
        self._writer.add(RunStarted(queued, record.warnings, None if rerun is None else rerun.from_run))
        for node_id in record.workflow.in_order if reused else ():
            if node_id in reused:
                self._writer.add(NodeCompleted(node_id, 0, reused[node_id], cached=True))
        if not queued:
            self._follow(self._root, self._root.frontier.open())

    def begin(self) -> None:
        """Take the turn of a queued run."""
        self._writer.add(RunStatusChanged("running"))
        self._follow(self._root, self._root.frontier.open())

    def recover(self, *, one_at_a_time: bool = False, poisoned: Collection[str] = ()) -> None:
        """Go on from a replayed state: what had ended stays ended, what was in flight starts again.

        Args:
            one_at_a_time: start what was in flight one by one, and nothing else before that.
            poisoned: nodes that fail because they took the process down.
        """
        if not self.state.begun:
            return
        self._has_rested = True
        self._fail_the_lost(poisoned)
        self._adrift = dict.fromkeys(self.state.in_flight)
        self._suspects = [] if one_at_a_time else None
        self.failure = self._recalled_crash() or self._recalled_failure(self._root)
        if not self._moving:
            self._cut_adrift("")
        self._follow(self._root, self._root.frontier.open())

    def _fail_the_lost(self, poisoned: Collection[str]) -> None:
        for node_id in list(self.state.in_flight):
            if node_id in poisoned:
                self._note_failure(node_id, ErrorDetail(POISON, "took the process down with it too often"))
            elif self.kind(node_id).at_most_once:
                self._note_failure(node_id, _INTERRUPTED)

    def _note_failure(self, node_id: str, error: ErrorDetail) -> None:
        shown = _error_output(self.node(node_id), error)
        self._writer.add(NodeFailed(node_id, self.state.nodes[node_id].attempt, error, shown))

    def _recalled_crash(self) -> ErrorDetail | None:
        errors = (node.error for node in self.state.nodes.values() if node.status == "failed")
        return next((error for error in errors if error is not None and error.code == EXECUTOR_CRASHED), None)

    def _recalled_failure(self, scope: Scope) -> ErrorDetail | None:
        """Why a scope has failed, by what is on record."""
        for node in scope.workflow.nodes:
            known = self.state.nodes.get(scope.prefix + node.id)
            if known is not None and known.status == "failed" and known.error and _fails(scope, node):
                return _of_node(scope, node, known.error)
        return None

    # --- going on -----------------------------------------------------------------------------------------------

    def go_on(self) -> Effects:
        """Start what may start, or bring the run to rest when nothing is in flight.

        Returns:
            What to do once the events are committed.
        """
        if self._moving:
            self._start_ready()
        if not self.state.in_flight and not self._calls and not self.state.ended:
            self._come_to_rest()
        effects, self._effects = self._effects, Effects()
        if self._progress:
            effects.progress += self._progress.values()
            self._progress.clear()
        return effects

    def _start_ready(self) -> None:
        limit = self._root.workflow.settings.max_concurrency
        while limit is None or len(self.state.in_flight) - len(self._adrift) < limit:
            if self._suspects is not None and self._suspects_go_first(self._suspects):
                return
            if self._adrift and self._begin_item():
                continue
            ready = self._ready.take(self._may_start)
            if ready is not None:
                self._start_next(*ready)
            elif not (self._wanting and self._begin_item()):
                return

    def _suspects_go_first(self, suspects: list[str]) -> bool:
        """Start the next of those that were in flight when the process died; whether all others have to wait."""
        while self.suspect is None and (suspects or self._begin_item()):
            node_id = suspects.pop(0) if suspects else None
            if node_id in self._adrift:
                self.suspect = node_id
                self._restart(self._scopes[paths.prefix(node_id)], self.node(node_id))
        if self.suspect is None and not self._calls:
            self._suspects = None
        return self._suspects is not None

    def _may_start(self, scope: Scope, node: Node) -> bool:
        known = self.state.nodes.get(scope.prefix + node.id)
        if known is not None and known.status not in _STARTABLE:
            return False
        return scope is self._root or not self._is_doomed(scope)

    def _start_next(self, scope: Scope, node: Node) -> None:
        node_id = scope.prefix + node.id
        known = self.state.nodes.get(node_id)
        if known is None:
            self._start(scope, node, 1)
        else:
            self._due.discard(node_id)
            self._start(scope, node, known.attempt + (known.status == "retrying"))

    def _restart(self, scope: Scope, node: Node) -> None:
        """Start again what had started before a crash, under the same number."""
        node_id = scope.prefix + node.id
        self._adrift.pop(node_id, None)
        self._ready.retake(node_id, node.concurrency_key)
        self._start(scope, node, self.state.nodes[node_id].attempt, recovered=True)

    def _start(self, scope: Scope, node: Node, attempt: int, *, recovered: bool = False) -> None:
        opens = self._kinds[node.type].body is not None
        started = NodeStarted(scope.prefix + node.id, attempt, recovered, opens)
        self._writer.add(started)
        self._effects.launches.append(started)
        if opens:
            opening = self._openings[started.node_id] = Opening(scope, node, attempt)
            self._call(opening)
        elif scope is not self._root:
            scope.occupy(1)

    def _come_to_rest(self) -> None:
        """Nothing is in flight: the run is at its end, or paused, or it waits for a retry or for its turn."""
        if self.state.status == "stopping":
            self._finish_stopped()
        elif self.failure is not None:
            self.finish_failed(self.failure)
        elif not self._root.frontier.unsettled:
            self._finish_completed()
        elif self.state.status == "pausing":
            self._close_bodies()
            self._writer.add(RunStatusChanged("paused"))

    def _follow(self, scope: Scope, steps: list[Step]) -> None:
        """Take the steps that follow from an end, and those that follow from what is on record already."""
        for node, reason in steps:  # it grows on the way
            known = self.state.nodes.get(scope.prefix + node.id)
            if reason is None:
                if known is None:
                    self._ready.add(scope, node)
                else:
                    steps += self._take_up(scope, node, known)
            elif known is None and not self._is_doomed(scope):
                self._writer.add(NodeSkipped(scope.prefix + node.id, reason))

    def _take_up(self, scope: Scope, node: Node, known: NodeState) -> list[Step]:
        """Go on with a node that something is on record about.

        Returns:
            What follows from its end, if it has ended.
        """
        if known.ended:
            return scope.frontier.settle(node.id, *_ends(known))
        node_id = scope.prefix + node.id
        if known.status == "running":
            self._take_up_running(scope, node, node_id)
        elif known.status == "paused" and self._moving:
            self._ready.add(scope, node)
        elif node_id in self._due:
            self._come_due(node_id, scope, node, known)
        return []

    def _take_up_running(self, scope: Scope, node: Node, node_id: str) -> None:
        if not self._moving or self._is_doomed(scope):
            self._cut_adrift(node_id)
        elif node_id in self.state.open or self._suspects is None:
            self._restart(scope, node)
        else:
            self._suspects.append(node_id)

    # --- ends of nodes ------------------------------------------------------------------------------------------

    def succeeded(self, node_id: str, outcome: Succeeded) -> None:
        """A node gave its outputs; that counts, whatever was asked of it meanwhile."""
        scope, node = self._left(node_id)
        attempt = self.state.nodes[node_id].attempt
        self._writer.add(NodeCompleted(node_id, attempt, outcome.outputs, cached=outcome.cached))
        self._follow(scope, scope.frontier.settle(node.id, (*outcome.outputs, DONE), "branch"))
        self._check(scope)

    def failed(self, node_id: str, outcome: Failed, elapsed: float) -> None:
        """An attempt failed: it is tried again, or the node has failed for good.

        Args:
            node_id: the node.
            outcome: how it failed.
            elapsed: seconds since its first attempt began, pauses not counted.
        """
        self._attempt_failed(*self._left(node_id), outcome, elapsed)

    def _attempt_failed(self, scope: Scope, node: Node, outcome: Failed, elapsed: float) -> None:
        node_id = scope.prefix + node.id
        attempt = self.state.nodes[node_id].attempt
        policy = node.retry or scope.workflow.settings.retry
        asked = outcome.retry_after
        seconds = delay(policy, attempt, self._dice) if asked is None else asked
        retries = may_retry(policy, attempt, outcome.error, outcome.class_names, elapsed + seconds)
        if retries and not self._is_doomed(scope):
            self._writer.add(NodeRetrying(node_id, attempt, outcome.error, self._now() + seconds))
            self._effects.backoffs.append((node_id, seconds))
        else:
            self._failed_for_good(scope, node, outcome.error)
        self._check(scope)

    def _failed_for_good(self, scope: Scope, node: Node, error: ErrorDetail) -> None:
        self._note_failure(scope.prefix + node.id, error)
        produced = (ERROR,) if node.on_error == "error_output" else ()
        self._follow(scope, scope.frontier.settle(node.id, produced, "failed"))
        if _fails(scope, node):
            self._fail_scope(scope, _of_node(scope, node, error))

    def _fail_scope(self, scope: Scope, error: ErrorDetail) -> None:
        at_once = scope.workflow.settings.on_error == "fail_fast"
        if scope.opening is None:
            self.fail(error, at_once=at_once)
            return
        scope.failure = scope.failure or error
        if at_once:
            self._cancel(self._in_flight(scope), "fail_fast")

    def retry_due(self, node_id: str) -> None:
        """The wait before the next attempt is over."""
        self._due_now(node_id, "retrying")

    def wait_over(self, node_id: str) -> None:
        """A node has waited for a signal as long as it could."""
        self._due_now(node_id, "waiting")

    def _due_now(self, node_id: str, status: NodeStatus) -> None:
        known, scope = self.state.node(node_id), self._scopes.get(paths.prefix(node_id))
        if known.status != status:
            return
        self._due.add(node_id)
        if scope is not None:  # else it is on the way
            self._come_due(node_id, scope, self.node(node_id), known)

    def _come_due(self, node_id: str, scope: Scope, node: Node, known: NodeState) -> None:
        if known.status == "retrying":
            self._ready.add(scope, node)  # due until it starts, for a pause may come before that
        else:
            self._due.discard(node_id)
            error = ErrorDetail("timeout", "no signal came in time", retryable=True)
            self._attempt_failed(scope, node, Failed(error), self._elapsed(node_id))

    def waits(self, node_id: str, waits: Waits) -> None:
        """A node's task is over, and the node waits for a signal."""
        scope, _ = self._left(node_id)
        if self._is_doomed(scope):
            self._cut_short(node_id, "fail_fast")
            return
        until = None if waits.seconds is None else self._now() + waits.seconds
        self._writer.add(NodeWaiting(node_id, self.state.nodes[node_id].attempt, waits.reason, until))

    def signalled(self, node_id: str, payload: Json) -> None:
        """What a node waited for has come."""
        if self.state.node(node_id).status != "waiting":
            return
        outputs: JsonObject = {"payload": payload}
        self._writer.add(NodeCompleted(node_id, self.state.nodes[node_id].attempt, outputs))
        scope = self._scopes.get(paths.prefix(node_id))
        if scope is not None:
            self._follow(scope, scope.frontier.settle(paths.own(node_id), (*outputs, DONE), "branch"))
            self._check(scope)

    def gate_opened(self) -> None:
        """There may be room for nodes that the gate had refused."""
        self._ready.gate_opened()

    def cancelled(self, node_id: str) -> None:
        """An executor ended without an outcome, because it was cancelled."""
        cause = self.causes.get(node_id, "pause")
        scope, _ = self._left(node_id)
        if cause != "drain" or self._is_doomed(scope):
            self._cut_short(node_id, cause)

    def _cut_short(self, node_id: str, cause: Cause) -> None:
        """A node without a task is paused, or cancelled where everything ends."""
        attempt, scope = self.state.nodes[node_id].attempt, self._scopes.get(paths.prefix(node_id))
        doomed = self.ending if scope is None else self._is_doomed(scope)
        if cause == "pause" and not doomed:
            self._writer.add(NodePaused(node_id, attempt))
            if scope is not None and self._moving:
                self._ready.add_first([(scope, self.node(node_id))])
            return
        self._writer.add(NodeCancelled(node_id, attempt, self._reason))
        if scope is not None:
            scope.frontier.settle(paths.own(node_id), (), self._reason)
            self._check(scope)

    def _cut_adrift(self, node_id: str) -> None:
        """End what was in flight before a crash and has not started again: a node, or all those inside of it."""
        for it in [it for it in self._adrift if not node_id or it == node_id or paths.is_inside(it, node_id)]:
            del self._adrift[it]
            self._cut_short(it, "pause")

    @property
    def _reason(self) -> str:
        return "stopped" if self.state.status == "stopping" else "fail_fast"

    def executor_crashed(self, node_id: str, *, too_often: bool) -> None:
        """A bug in an executor: the same attempt runs again, unless that happens too often."""
        scope, node = self._left(node_id)
        if too_often and not self._is_doomed(scope):
            error = ErrorDetail(EXECUTOR_CRASHED, f"the executor of node {node_id} crashed too often")
            self._note_failure(node_id, error)
            self.fail(error, at_once=True)
        elif not self._moving or self._is_doomed(scope):
            self._cut_short(node_id, "pause")
        elif self._kinds[node.type].at_most_once:
            self._attempt_failed(scope, node, Failed(_INTERRUPTED), 0.0)
        else:
            self._restart(scope, node)

    def _left(self, node_id: str) -> tuple[Scope, Node]:
        """A node's task, or the call of an open node, is over; where the node stands."""
        self.causes.pop(node_id, None)
        if node_id == self.suspect:
            self.suspect = None
        scope = self._scopes[paths.prefix(node_id)] if "/" in node_id else self._root
        node = scope.workflow.by_id[node_id[len(scope.prefix) :]]
        opening = self._openings.get(node_id) if self._openings else None
        if opening is None:
            if scope is not self._root or node.concurrency_key is not None:
                scope.occupy(-1)
                self._ready.left(scope, node)
        else:
            self._answered(opening)
            self._cancel_inside(node_id)
            self._discard(opening)
        return scope, node

    # --- open nodes ---------------------------------------------------------------------------------------------

    def opened(self, node_id: str, opens: Opens) -> None:
        """An open node has said what to do next."""
        opening = self._openings[node_id]
        self._answered(opening)
        opening.take(opens)
        if not opens.indexed and len(opening.ends) > 1:
            opening.failure = ErrorDetail("invalid_output", "a body without numbers is run for one item only")
        if self._is_doomed(opening.scope) or opening.failure is not None:
            self._cut_adrift(node_id)
            self._check_opening(opening)
            self._check(opening.scope)
            return
        seconds = self._rest(opening) if opens.after else 0.0
        if seconds > 0:
            opening.resting = True
            self._effects.delays.append((node_id, seconds))
        self._next(opening)

    def _rest(self, opening: Opening) -> float:
        """Seconds to wait before the round: from the end of the item before it, without pauses; none if it began."""
        if opening.opens is None or any(self._on_record(opening, opening.first)):
            return 0.0
        before = [known.finished_at or 0.0 for known in self._on_record(opening, opening.first - 1)]
        since = max(before, default=self.state.nodes[opening.node_id].started_at or 0.0)
        return opening.opens.after - self.state.time_between(since, self._now())

    def _on_record(self, opening: Opening, index: int) -> Iterator[NodeState]:
        prefix = opening.prefix(index)
        for node in opening.body.nodes:
            if (known := self.state.nodes.get(prefix + node.id)) is not None:
                yield known

    def delay_over(self, node_id: str) -> None:
        """An open node has waited before its next items."""
        opening = self._openings.get(node_id)
        if opening is not None and opening.resting:
            opening.resting = False
            self._next(opening)

    def time_out(self, node_id: str, code: str) -> None:
        """An open node used up its time: the nodes inside are cancelled, then the attempt has failed."""
        opening = self._openings.get(node_id)
        if opening is not None and opening.failure is None:
            message = f"took longer than its {code.replace('_', ' ')}"
            self._abort(opening, ErrorDetail(code, message, retryable=code == "timeout"))
            self._check_opening(opening)

    def _abort(self, opening: Opening, error: ErrorDetail) -> None:
        opening.failure = error
        for scope in opening.live.values():
            self._cancel(self._in_flight(scope), "fail_fast")

    def _in_flight(self, scope: Scope) -> Iterator[str]:
        """The nodes of a scope, and of those inside it, that have tasks."""
        for node in scope.workflow.nodes:
            node_id = scope.prefix + node.id
            if node_id in self.state.in_flight:
                yield node_id
            elif (opening := self._openings.get(node_id)) is not None:
                for inner in opening.live.values():
                    yield from self._in_flight(inner)

    def _next(self, opening: Opening) -> None:
        """Let another item begin, or ask the node what comes next when all have ended."""
        if opening.wants:
            self._wanting[opening.node_id] = opening
        elif opening.is_through and not self._is_doomed(opening.scope):
            finished = cast("list[BodyEnd]", opening.ends)
            self._effects.rounds.append(Round(opening.node_id, opening.attempt, opening.rounds, finished))
            self._call(opening)

    def _call(self, opening: Opening) -> None:
        opening.called = True
        self._calls += 1
        opening.scope.occupy(1)

    def _answered(self, opening: Opening) -> None:
        opening.called = False
        self._calls -= 1
        opening.scope.occupy(-1)
        self._ready.release(opening.scope)

    def _begin_item(self) -> bool:
        """Begin an item of the first open node that wants to; whether there was one."""
        while self._wanting:
            node_id, opening = next(iter(self._wanting.items()))
            if opening.wants and not self._is_doomed(opening.scope):
                self._begin(opening)
                return True
            del self._wanting[node_id]
        return False

    def _begin(self, opening: Opening) -> None:
        scope = opening.begin(self._kinds)
        self._scopes[scope.prefix] = scope
        scope.inputs, flaw = body_inputs(scope.workflow, opening.given(scope.index))
        if flaw is None:
            scope.failure = self._recalled_failure(scope)
            self._follow(scope, scope.frontier.open())
        else:
            scope.failure = ErrorDetail("invalid_input", flaw)
        self._check(scope)

    def _check(self, scope: Scope) -> None:
        """See whether a scope has ended, and what that means for those around it."""
        while (opening := scope.opening) is not None:
            if opening.failure is None and self._has_ended(scope):
                self._end_item(opening, scope)
            self._check_opening(opening)
            scope = opening.scope

    def _has_ended(self, scope: Scope) -> bool:
        if scope.failure is not None:
            return not scope.busy
        return not scope.frontier.unsettled and not self._is_doomed(scope)

    def _end_item(self, opening: Opening, scope: Scope) -> None:
        if opening.live.get(scope.index) is not scope:
            return
        if scope.failure is None:
            end = BodyEnd(ends_of(self.state, scope.workflow, scope.prefix))
        else:
            self._cancel_nodes(scope)
            end = BodyEnd(error=scope.failure)
        del self._scopes[scope.prefix]
        opening.end(scope, end)
        self._show_progress(opening)
        if end.error is not None and opening.opens is not None and opening.opens.on_item_error == "fail":
            self._abort(opening, _of_item(opening, scope.index, end.error))
        else:
            self._next(opening)

    def _show_progress(self, opening: Opening) -> None:
        if opening.opens is not None and opening.opens.indexed:
            total = len(opening.ends) if len(opening.opens.items) > 1 else None
            self._progress[opening.node_id] = NodeProgress(
                opening.node_id, opening.attempt, done=opening.ended, total=total
            )

    def _check_opening(self, opening: Opening) -> None:
        """Fail an attempt that is to fail, as soon as nothing is under way below."""
        is_over = opening.failure is not None and not opening.busy and not opening.called
        if opening.failure is None or not is_over or self._openings.get(opening.node_id) is not opening:
            return
        self._close(opening)
        elapsed = self._elapsed(opening.node_id)
        self._attempt_failed(opening.scope, opening.node, Failed(opening.failure), elapsed)

    def _elapsed(self, node_id: str) -> float:
        first = self.state.nodes[node_id].first_started_at
        return 0.0 if first is None else self.state.time_between(first, self._now())

    def _cancel_nodes(self, scope: Scope) -> None:
        """Write down the end of all nodes of a scope that have none."""
        for node in scope.workflow.nodes:
            node_id = scope.prefix + node.id
            opening = self._openings.get(node_id)
            if opening is not None:
                self._close(opening)
            elif self._kinds[node.type].body is not None:
                self._cancel_inside(node_id)
            known = self.state.nodes.get(node_id)
            if known is None or not known.ended:
                self._writer.add(NodeCancelled(node_id, known.attempt if known else 0, self._reason))

    def _close(self, opening: Opening) -> None:
        """An open node ends, and with it the items it has under way."""
        for scope in opening.live.values():
            self._cancel_nodes(scope)
            del self._scopes[scope.prefix]
        self._cancel_inside(opening.node_id)
        self._discard(opening)
        self._effects.closed.append(opening.node_id)

    def _cancel_inside(self, node_id: str) -> None:
        """Write down the end of nodes inside a node whose items have not begun again after a pause or a crash."""
        if not self._has_rested:
            return
        known = self.state.nodes
        for it in [it for it in known if it.startswith(node_id) and paths.is_inside(it, node_id)]:
            if not known[it].ended:
                self._adrift.pop(it, None)
                self._writer.add(NodeCancelled(it, known[it].attempt, self._reason))

    def _discard(self, opening: Opening) -> None:
        del self._openings[opening.node_id]
        self._wanting.pop(opening.node_id, None)
        self._ready.left(opening.scope, opening.node)

    def _close_bodies(self) -> None:
        """The run rests: the open nodes are paused, and asked again from their first round on when it goes on."""
        for node_id in list(self.state.open):
            self._writer.add(NodePaused(node_id, self.state.nodes[node_id].attempt))
        for opening in list(self._openings.values()):
            self._discard(opening)
        self._scopes = {"": self._root}
        self._ready.drop_bodies()
        self._has_rested = True

    def _is_doomed(self, scope: Scope) -> bool:
        """Whether nothing in a scope starts or is tried again, because it or what is around it ends."""
        if self.ending:
            return True
        while (opening := scope.opening) is not None:
            if scope.failure is not None or opening.failure is not None:
                return True
            scope = opening.scope
        return False

    # --- control ------------------------------------------------------------------------------------------------

    def fail(self, error: ErrorDetail, *, at_once: bool) -> None:
        """The run has failed; the nodes in flight are cancelled `at_once`, or finish first."""
        self.failure = self.failure or error
        self._cut_adrift("")
        if at_once:
            self._cancel(self.state.in_flight, "fail_fast")

    def pause(
        self, mode: PauseMode, *, until: float | None = None, stop_at: float | None = None, by: str | None = None
    ) -> None:
        """Start nothing more; of the nodes in flight, cancel those that `mode` does.

        Args:
            mode: how it treats the nodes in flight.
            until: when the run goes on by itself, in seconds since 1970.
            stop_at: when it is stopped if it is still paused, in seconds since 1970.
            by: the session that asks for it.
        """
        status: RunStatus = "pausing" if self.state.begun else "paused"
        self._writer.add(RunStatusChanged(status, None, mode, until, stop_at, by))
        self._cut_adrift("")
        self._cancel([it for it in self.state.in_flight if self.may_cut(it, mode)], "pause")

    def may_cut(self, node_id: str, mode: PauseMode) -> bool:
        """Whether a pause of `mode` cancels a node in flight."""
        own: str = self.node(node_id).pause_mode
        if own == "inherit" or mode == "hard":
            own = mode
        return own == "hard" or (own == "checkpoint" and self._pausable(node_id))

    def resume(self, reason: str | None = None, *, by: str | None = None) -> None:
        """Go on after a pause: first the nodes that it cut short."""
        status: RunStatus = "running" if self.state.begun else "queued"
        self._writer.add(RunStatusChanged(status, reason, by=by))
        paused = [it for it, known in self.state.nodes.items() if known.status == "paused"]
        alive = [it for it in paused if paths.prefix(it) in self._scopes]
        self._ready.add_first([(self.scope(it), self.node(it)) for it in alive])
        self._ready.gate_opened()

    def stop(self, *, by: str | None = None, reason: str | None = None) -> None:
        """Cancel everything; what has not ended gets its final state when the last of it is gone."""
        self._writer.add(RunStatusChanged("stopping", reason, by=by))
        self._cut_adrift("")
        self._cancel(self.state.in_flight, "stopped")

    def suspend(self, *, over: bool = False) -> None:
        """Start nothing more, and write nothing of it; `over`: go on with it."""
        self._suspended = not over

    def _cancel(self, node_ids: Iterable[str], cause: Cause) -> None:
        for node_id in node_ids:
            self.causes[node_id] = cause
            self._effects.cancels.append(node_id)

    # --- ends of the run ----------------------------------------------------------------------------------------

    def _finish_completed(self) -> None:
        workflow = self._root.workflow
        results, outputs = results_of(self.state, workflow), outputs_of(self.state, workflow)
        self._writer.add(RunCompleted(results, self._summary("completed"), outputs))

    def finish_failed(self, error: ErrorDetail) -> None:
        """End the run as failed; nothing of it may be in flight any more."""
        self._cancel_the_rest("fail_fast")
        self._writer.add(RunFailed(error, self._summary("failed")))

    def _finish_stopped(self) -> None:
        self._cancel_the_rest("stopped")
        self._writer.add(RunStopped(results_of(self.state, self._root.workflow), self._summary("stopped")))

    def _cancel_the_rest(self, reason: str) -> None:
        nested = [it for it, known in self.state.nodes.items() if not known.ended and "/" in it]
        own = [it for it in self._root.workflow.by_id if not self.state.node(it).ended]
        for node_id in (*nested, *own):
            self._writer.add(NodeCancelled(node_id, self.state.node(node_id).attempt, reason))

    def _summary(self, ending: Literal["completed", "failed", "stopped"]) -> JsonObject:
        return summarise(self.state, self._root.workflow, ending=ending, at=self._now())


_INTERRUPTED: Final = ErrorDetail(INTERRUPTED, "was cut off by a crash, and runs at most once")


def _fails(scope: Scope, node: Node) -> bool:
    """Whether a failure of the node is one of its whole scope."""
    return node.on_error == "fail" and scope.workflow.settings.on_error != "continue"


def _error_output(node: Node, error: ErrorDetail) -> JsonObject | None:
    return {ERROR: {"code": error.code, "message": error.message}} if node.on_error == "error_output" else None


def _ends(state: NodeState) -> tuple[tuple[str, ...], str]:
    """What an ended node gave and why the rest will never come, for `Frontier.settle`."""
    if state.status == "completed":
        return (*(state.outputs or {}), DONE), "branch"
    if state.status == "failed":
        return tuple(state.outputs or ()), "failed"
    return (), state.reason or "stopped"


def _of_node(scope: Scope, node: Node, error: ErrorDetail) -> ErrorDetail:
    """A node's error as the error of its scope; a run is not tried again, so its error says nothing of that."""
    retryable = error.retryable and scope.opening is not None
    return evolve(error, message=f"node {node.id} failed: {error.message}", retryable=retryable)


def _of_item(opening: Opening, index: int, error: ErrorDetail) -> ErrorDetail:
    """An item's error as the error of the node that the item belongs to."""
    indexed = opening.opens is None or opening.opens.indexed
    return evolve(error, message=f"item {index}: {error.message}") if indexed else error
