"""All runs of a runtime: who may start, who has to wait, who is forgotten.

Plain calls over plain data; what lives is the supervisor, whose children are the runs' actors. A run that crashes is
started again with its journal; one that crashes too often fails, and the others never notice. What the journal of an
earlier process holds is taken up in the same way.
"""

from __future__ import annotations

import logging
import math
import uuid
from bisect import insort
from collections import deque
from contextlib import suppress
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Final, Never

import trio
from attrs import Factory, define, field

from bluev_actors.actors import (
    ChildSpec,
    Exit,
    Ref,
    RestartBudget,
    StartChild,
    Supervisor,
    child,
)
from bluev_actors.engine.callbacks import Callback, CallbackReader, check_name
from bluev_actors.engine.ending import fail_run
from bluev_actors.engine.event_reader import EventReader
from bluev_actors.engine.outside.outside import Outside
from bluev_actors.engine.poison import CLEAN, Bench, may_kill
from bluev_actors.engine.run import Run
from bluev_actors.engine.run_commands import Begin, SuspendRun
from bluev_actors.engine.run_desk import RunDesk
from bluev_actors.engine.run_handle import RunHandle
from bluev_actors.engine.run_writer import RunWriter
from bluev_actors.engine.secrets import RunSecrets, Secrets
from bluev_actors.engine.store.records import line_of
from bluev_actors.errors import (
    ActorError,
    ActorStoppedError,
    ChildNotFoundError,
    RefusedError,
    RunNotFoundError,
    StorageUnavailableError,
    StoreCorruptError,
)
from bluev_actors.workflows import paths
from bluev_actors.workflows.run_events import (
    RUN_ENDED,
    TERMINAL_EVENTS,
    ErrorDetail,
    NodeProgress,
    Recorded,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bluev_actors.engine.admission import Admission
    from bluev_actors.engine.cache import OutputCache
    from bluev_actors.engine.journal import Journal, RunLine, RunRecord
    from bluev_actors.engine.limits import RuntimeLimits
    from bluev_actors.engine.node_types import Catalogue
    from bluev_actors.workflows.options import RunOptions
    from bluev_actors.workflows.params import NodeParams
    from bluev_actors.workflows.run_state import RunState
    from bluev_actors.workflows.validation import Verdict
    from bluev_actors.workflows.values import JsonObject

_log = logging.getLogger(__name__)

RUN_BUDGET: Final = RestartBudget(intensity=3, period=5.0)
"""A run whose actor crashes more often than this has failed."""
MAX_CHILDREN: Final = 100_000
SHELF: Final = 100
"""Ended runs whose details stay in memory where they could be loaded from a disk; the oldest go first."""
RETAIN_EVERY: Final = 3_600.0
"""Seconds between two looks at the age of the runs that are held."""


@define(order=True)
class _Place:
    """A place in the queue: higher priority first, then who came first."""

    sort_key: tuple[int, int]
    run_id: str = field(order=False)
    alone: bool = field(order=False)
    """Waits until no other run of its workflow is live."""


@define(eq=False)
class Runs:
    """Starts runs, finds them, lets the queued ones in and forgets the old ones.

    Attributes:
        journal: where their events go.
        catalogue: the code of their nodes.
        limits: how many, how much.
        now: wall time, in seconds since 1970.
        show_progress: shows how far a node is: run id, workflow id, progress, wall time.
        check: looks at the document of a run again, against the catalogue as it is now.
        admission: lets nodes with a key in, over all runs.
        cache: what pure nodes gave out before.
        secrets: what nodes may be told in confidence.
        outside: what nodes may reach.
        draining: nothing new is taken.
        suspended: the runs end without an end, so that the next process can go on with them.
    """

    journal: Journal
    catalogue: Catalogue
    limits: RuntimeLimits
    now: Callable[[], float]
    show_progress: Callable[[str, str, NodeProgress, float], None]
    check: Callable[[RunRecord], Verdict]
    admission: Admission
    cache: OutputCache
    secrets: Secrets = Factory(Secrets)
    outside: Outside = Factory(Outside)
    draining: bool = False
    suspended: bool = False
    _supervisor: Ref[Any] | None = None
    _handles: dict[str, RunHandle] = Factory(dict[str, RunHandle])
    _by_workflow: dict[str, dict[str, None]] = Factory(dict[str, dict[str, None]])
    _queue: list[_Place] = Factory(list[_Place])
    _places: dict[str, _Place] = Factory(dict[str, _Place])
    _active: set[str] = Factory(set[str])
    _ended: deque[str] = Factory(deque[str])
    _shelf: deque[RunHandle] = Factory(deque[RunHandle])
    _retained_at: float = -math.inf
    _taking_up: bool = False
    _bench: Bench = Factory(Bench)
    _numbers: count[int] = Factory(count)

    def spec(self) -> ChildSpec:
        """The supervisor of all runs, as a child of the system."""
        return child("runs", lambda: RunsSupervisor(self), kind="supervisor", shutdown=30.0)

    def attach(self, supervisor: Ref[Any]) -> None:
        """Take the supervisor that was started from `spec`, and follow the journal."""
        self._supervisor = supervisor
        self.journal.subscribe(self._notice_ends)

    # --- taking up ----------------------------------------------------------------------------------------------

    async def take_up(self) -> None:
        """Go on with what the journal of an earlier process holds; a run that cannot go on has failed."""
        self._taking_up = True  # and nobody is let in before all that wait stand in their places
        live = [found for line in self.journal.held() if (found := self._find_again(line)) is not None]
        self._count_suspects(live)
        for handle, state in live:
            self._hold_keys(handle, state)  # of all, before any of them may start a node
        for handle, state in live:
            await self._take_up_one(handle, begun=state.begun)
        self._taking_up = False
        self._admit()
        self._retain()
        await trio.lowlevel.checkpoint()

    @staticmethod
    def _hold_keys(handle: RunHandle, state: RunState) -> None:
        """Have the nodes that were in flight hold their keys again, before another run's can take them."""
        gate = handle.desk.open_gate(lambda: None)
        for node_id in (*state.in_flight, *state.open):
            key = handle.workflow.graph_of(node_id).by_id[paths.own(node_id)].concurrency_key
            if gate is not None and key is not None:
                gate.retake(node_id, key)

    def _count_suspects(self, live: Sequence[tuple[RunHandle, RunState]]) -> None:
        """Tell each run how many nodes of the others could have killed the process."""
        suspects = [self._suspects_of(handle, state) for handle, state in live]
        for (handle, _), own in zip(live, suspects, strict=True):
            handle.desk.other_suspects = sum(suspects) - own

    def _suspects_of(self, handle: RunHandle, state: RunState) -> int:
        workflow = handle.workflow
        if self.journal.notes(handle.run_id).get(CLEAN) == state.seq:
            return 0
        types = [workflow.graph_of(node_id).by_id[paths.own(node_id)].type for node_id in state.in_flight]
        return sum(name not in self.catalogue or may_kill(self.catalogue[name].kind) for name in types)

    async def _take_up_one(self, handle: RunHandle, *, begun: bool) -> None:
        verdict = self.check(handle.desk.record)
        if verdict.errors:
            self._fail(handle, f"its workflow is not accepted any more: {verdict.errors[0].message}")
            handle.begin(None)
            return
        handle.desk.params = verdict.params
        if begun:
            self._active.add(handle.run_id)
        else:
            self._enqueue(handle.desk.record)  # a paused one keeps its place, too
        try:
            handle.begin(await self._supervising.ask(StartChild(run_spec(handle.desk)), timeout=30.0))
        except ActorError as error:
            self._fail(handle, f"its actor could not be started: {error}")
            handle.begin(None)

    def _find_again(self, line: RunLine) -> tuple[RunHandle, RunState] | None:
        """Hold a run of an earlier process; the answer is the handle and the state of one that has not ended.

        One that cannot be read any more is left where it is, for `doctor` to name; the others go on.
        """
        handle = self._hold(line)
        if line.status in RUN_ENDED:
            self._ended.append(line.run_id)
            return None
        try:
            handle.open(self._found_desk(line.run_id))
            return handle, handle.replayed()
        except StoreCorruptError as error:
            _log.error("run %r does not go on: %s", line.run_id, error)
            self._unhold(handle)
            return None

    def _found_desk(self, run_id: str) -> RunDesk:
        record = self.journal.record(run_id)
        desk = self._desk(record, {})
        desk.found = True
        desk.secrets.recall(record.workflow.document)
        return desk

    def _fail(self, handle: RunHandle, why: str) -> None:
        desk = handle.desk
        writer = desk.writer = RunWriter(desk.journal, desk.record, desk.now, desk.secrets.mask)
        if writer.state.seq and not writer.state.ended:
            fail_run(writer, ErrorDetail("recovery_failed", f"the run cannot go on: {why}"))

    def _load(self, handle: RunHandle) -> RunDesk:
        """The desk of a run that has ended, from the journal; it is put away again when others want its place."""
        desk = self._desk(self.journal.record(handle.run_id), {})
        desk.writer = RunWriter(desk.journal, desk.record, desk.now, desk.secrets.mask, closed=True)
        self._put_on_shelf(handle)
        return desk

    def _put_on_shelf(self, handle: RunHandle) -> None:
        self._shelf.append(handle)
        if len(self._shelf) > SHELF:
            oldest = self._shelf.popleft()
            if oldest.is_heard:
                self._shelf.append(oldest)
            else:
                oldest.put_away()

    # --- finding ------------------------------------------------------------------------------------------------

    def find(self, *, run_id: str | None = None, workflow_id: str | None = None) -> RunHandle:
        """The run of this id, or the one live run of this workflow, else its latest.

        Raises:
            RunNotFoundError: there is none.
            RefusedError: `ambiguous_run`: the workflow has several live ones.
        """
        if run_id is not None:
            return self._by_run_id(run_id)
        handles = [self._handles[it] for it in self._by_workflow.get(workflow_id or "", ())]
        live = [handle for handle in handles if not handle.ended]
        if len(live) > 1:
            ids = ", ".join(handle.run_id for handle in live[:5])
            raise RefusedError("ambiguous_run", f"workflow {workflow_id!r} has several live runs: {ids}")
        if not handles:
            raise RunNotFoundError(f"workflow {workflow_id!r} has no run")
        return live[0] if live else handles[-1]

    def _by_run_id(self, run_id: str) -> RunHandle:
        try:
            return self._handles[run_id]
        except KeyError:
            raise RunNotFoundError(f"there is no run {run_id!r}") from None

    def newest_first(self) -> list[RunHandle]:
        """All runs that are held."""
        return list(reversed(self._handles.values()))

    @property
    def active(self) -> int:
        """How many runs have not ended."""
        return len(self._active) + len(self._places)

    def live_runs_of(self, workflow_id: str) -> list[RunHandle]:
        """The runs of a workflow that have not ended."""
        handles = (self._handles[run_id] for run_id in self._by_workflow.get(workflow_id, ()))
        return [handle for handle in handles if not handle.ended]

    # --- starting -----------------------------------------------------------------------------------------------

    async def start(
        self,
        record: RunRecord,
        params: Mapping[str, NodeParams],
        callbacks: Mapping[str, Callback],
        reused: Mapping[str, JsonObject],
    ) -> RunHandle:
        """Accept a run whose document was found right, and start its actor.

        Args:
            record: the run.
            params: the compiled params of its nodes.
            callbacks: the seed's callbacks by name.
            reused: the outputs of nodes that an earlier run has done already.

        Raises:
            RefusedError: `workflow_already_running`, `too_many_runs`, `draining`.
            StorageUnavailableError: nothing can be stored at present.
        """
        if self.journal.trouble is not None:
            raise StorageUnavailableError(self.journal.trouble)
        for name in callbacks:
            check_name(name)
        await self._clear_the_way(record)
        queued = self._must_wait(record)
        handle = self._register(record, params, queued=queued)
        handle.desk.reused = reused
        handle.add_callbacks(callbacks)
        # What is registered is started: a caller who is cancelled here would leave a run that nobody can reach.
        with trio.CancelScope(shield=True):
            await self._start_actor(handle, queued=queued)
        if queued:
            self._admit()
        return handle

    async def _clear_the_way(self, record: RunRecord) -> None:
        """Apply `if_running`; from its return on nothing is awaited before the run is registered."""
        while True:
            if self.draining:
                raise RefusedError("draining", "the daemon is going down; try again when it is back")
            live = self.live_runs_of(record.workflow_id)
            match _policy(record.options):
                case "replace" if live:
                    # The newest first, so that no queued one begins because the one before it is gone.
                    for handle in reversed(live):
                        await handle.stop()
                        await handle.when_ended()
                case "reject" if live:
                    message = f"workflow {record.workflow_id!r} has a live run, {live[0].run_id}"
                    raise RefusedError("workflow_already_running", message)
                case _:
                    return

    def _must_wait(self, record: RunRecord) -> bool:
        full = len(self._active) >= self.limits.active_runs
        behind = record.options.if_running == "queue" and bool(self.live_runs_of(record.workflow_id))
        if (full or behind) and len(self._places) >= self.limits.queued_runs:
            raise RefusedError("too_many_runs", f"{len(self._places)} runs are queued already")
        return full or behind

    def _register(self, record: RunRecord, params: Mapping[str, NodeParams], *, queued: bool) -> RunHandle:
        run_id = record.run_id
        if run_id in self._handles:
            raise RefusedError("run_id_taken", f"there is a run {run_id!r} already")
        self.journal.open_run(record)
        handle = self._hold(line_of(record), self._desk(record, params))
        if queued:
            self._enqueue(record)
        else:
            self._active.add(run_id)
        return handle

    def _hold(self, line: RunLine, desk: RunDesk | None = None) -> RunHandle:
        run_id = line.run_id
        handle = RunHandle(line, self._load, lambda after: self._follow(run_id, after), desk, last=self.journal.last)
        self._handles[run_id] = handle
        self._by_workflow.setdefault(line.workflow_id, {})[run_id] = None
        return handle

    def _desk(self, record: RunRecord, params: Mapping[str, NodeParams]) -> RunDesk:
        def show(progress: NodeProgress) -> None:
            self.show_progress(record.run_id, record.workflow_id, progress, self.now())
            handle = self._handles.get(record.run_id)
            if handle is not None and handle.context.listener is not None:
                handle.context.listener(progress)

        return RunDesk(
            record=record,
            journal=self.journal,
            catalogue=self.catalogue,
            kinds=self.catalogue.kinds,
            limits=self.limits,
            now=self.now,
            show_progress=show,
            want_turn=lambda: self._want_turn(record),
            params=params,
            secrets=RunSecrets(self.secrets),
            admission=self.admission,
            cache=self.cache,
            outside=self.outside,
            bench=self._bench,
        )

    async def _start_actor(self, handle: RunHandle, *, queued: bool) -> None:
        try:
            spec = run_spec(handle.desk, queued=queued)
            handle.begin(await self._supervising.ask(StartChild(spec), timeout=30.0))
        except ActorError as error:
            handle.begin(None)
            with suppress(StorageUnavailableError):  # whoever saw it begin sees its end
                await self.journal.stored()
            self._drop(handle.run_id)
            raise RefusedError("internal_error", f"the run could not be started: {error}") from error

    @property
    def _supervising(self) -> Ref[Any]:
        if self._supervisor is None:
            raise RefusedError("unavailable", "the runtime has not started")
        return self._supervisor

    def _follow(self, run_id: str, after: int) -> trio.Event:
        """Start the actor that calls a run's callbacks; the event says when the last one is through."""
        context = self._by_run_id(run_id).context
        actor = CallbackReader(context, EventReader(self.journal, run_id, after))
        context.listener = actor.show_progress
        spec = child(f"{run_id}:callbacks", lambda: actor, restart="temporary", kind="callbacks")
        self._supervising.tell(StartChild(spec), urgent=True)
        return actor.finished

    # --- the queue ----------------------------------------------------------------------------------------------

    def _enqueue(self, record: RunRecord) -> None:
        alone = record.options.if_running == "queue"
        place = _Place((-record.options.priority, next(self._numbers)), record.run_id, alone)
        self._places[record.run_id] = place
        insort(self._queue, place)

    def _want_turn(self, record: RunRecord) -> None:
        """A queued run asks again, after a pause or a crash; it keeps the place it has."""
        if record.run_id not in self._places:
            self._active.discard(record.run_id)
            self._enqueue(record)
        self._admit()

    def _admit(self) -> None:
        if self._taking_up:
            return
        for place in tuple(self._queue):
            if len(self._active) >= self.limits.active_runs:
                return
            handle = self._handles[place.run_id]
            if handle.ref is not None and handle.status == "queued" and not self._is_blocked(place, handle):
                self._leave_queue(place.run_id)
                self._active.add(place.run_id)
                handle.ref.tell(Begin(), urgent=True)

    def _is_blocked(self, place: _Place, handle: RunHandle) -> bool:
        others = (it.run_id for it in self.live_runs_of(handle.workflow_id))
        return place.alone and any(run_id in self._active for run_id in others)

    def _leave_queue(self, run_id: str) -> None:
        place = self._places.pop(run_id, None)
        if place is not None:
            self._queue.remove(place)

    # --- ending -------------------------------------------------------------------------------------------------

    def _notice_ends(self, batch: Sequence[Recorded]) -> None:
        ended = [it.run_id for it in batch if isinstance(it.event, TERMINAL_EVENTS)]
        for run_id in ended:
            self._active.discard(run_id)
            self._leave_queue(run_id)
            self._ended.append(run_id)
            if self.journal.durable and run_id in self._handles:
                self._put_on_shelf(self._handles[run_id])
        if ended:
            self._forget_oldest()
            self._admit()

    def _forget_oldest(self) -> None:
        """Forget what is beyond `kept_runs`; whose callbacks are still at work stays until they are through."""
        for run_id in tuple(islice(self._ended, max(0, len(self._ended) - self.limits.kept_runs))):
            if not self._handles[run_id].is_heard:
                self._drop(run_id)
        self._retain()

    def _retain(self) -> None:
        """Forget the runs that ended too long ago."""
        now = self.now()
        if now - self._retained_at >= RETAIN_EVERY:
            self._retained_at = now
            for run_id in self.journal.retain(self.limits.kept_runs, now - self.limits.kept_for):
                self._drop(run_id)

    def forget(self, run_id: str) -> None:
        """Forget a run that has ended.

        Raises:
            RunNotFoundError: there is none.
            RefusedError: `run_is_live`.
        """
        handle = self._by_run_id(run_id)
        if not self.journal.has_ended(run_id):
            raise RefusedError("run_is_live", f"run {run_id!r} is {handle.status}; stop it first")
        self._drop(run_id)

    def _drop(self, run_id: str) -> None:
        handle = self._handles.get(run_id)
        if handle is None:
            return
        self._unhold(handle)
        self.journal.forget_run(run_id)

    def _unhold(self, handle: RunHandle) -> None:
        """Forget a handle, but nothing of what is stored."""
        run_id = handle.run_id
        del self._handles[run_id]
        siblings = self._by_workflow[handle.workflow_id]
        del siblings[run_id]
        if not siblings:
            del self._by_workflow[handle.workflow_id]
        self._active.discard(run_id)
        self._leave_queue(run_id)
        with suppress(ValueError):
            self._ended.remove(run_id)
        with suppress(ValueError):
            self._shelf.remove(handle)

    def give_up(self, run_id: str, exit_: Exit) -> None:
        """A run's actor will not come back; a run that had not ended has failed, or waits for the next process."""
        handle = self._handles.get(run_id)
        if handle is None:
            return
        handle.close_gate()
        if handle.ended:
            return
        if self.suspended:
            self._note_clean(handle)
        else:
            self._fail(handle, f"its actor could not be kept alive: {exit_}")

    # --- going down ---------------------------------------------------------------------------------------------

    async def suspend(self, timeout: float) -> None:
        """Have every run leave things so that the next process can go on with it.

        Args:
            timeout: seconds that nodes have which a pause would not cancel.
        """
        self.draining = self.suspended = True
        for hard, seconds in ((False, timeout), (True, self._longest_grace())):
            for handle in self._at_work():
                with suppress(ActorStoppedError):  # it may be on its way out by itself
                    if handle.ref is not None:
                        handle.ref.tell(SuspendRun(hard), urgent=True)
            with trio.move_on_after(seconds):
                for handle in self._at_work():
                    if handle.ref is not None:
                        await handle.ref.stopped()
        for handle in self._at_work():  # who would not end is no suspect because of that
            self._note_clean(handle)
        with suppress(StorageUnavailableError):
            await self.journal.stored()

    def _note_clean(self, handle: RunHandle) -> None:
        """Say that the run was left on purpose, so that what is in flight is not taken for the cause of a crash."""
        if handle.desk.writer is not None:
            self.journal.note(handle.run_id, CLEAN, handle.desk.writer.state.seq)

    def _at_work(self) -> list[RunHandle]:
        return [handle for handle in self._handles.values() if handle.ref is not None and not handle.ended]

    def _longest_grace(self) -> float:
        return max([handle.workflow.settings.grace for handle in self._at_work()], default=0.0)


class RunsSupervisor(Supervisor[Never]):
    """Keeps the runs' actors alive, and forgets those whose run is over."""

    def __init__(self, runs: Runs) -> None:
        super().__init__(max_children=MAX_CHILDREN)
        self._runs = runs

    async def on_start(self) -> None:
        """Take up the runs that have not ended; there are some when an earlier incarnation crashed."""
        for handle in self._runs.newest_first():
            if handle.ref is not None and not handle.ended:
                handle.begin(self.start_child(run_spec(handle.desk)))

    async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
        """A run is over, or was given up."""
        if spec.kind == "run" and self.has_ended(spec.id):
            self._runs.give_up(spec.id, exit)
            with suppress(ChildNotFoundError):  # one that could not be started at all is forgotten already
                self.forget_child(spec.id)


def new_run_id() -> str:
    """An id no other run has."""
    return f"run-{uuid.uuid4().hex}"


def run_spec(desk: RunDesk, *, queued: bool = False) -> ChildSpec:
    """A run's actor, as a child of the supervisor of runs."""
    grace = desk.record.workflow.settings.grace
    factory = partial(Run, desk, queued=queued)
    run_id = desk.record.run_id
    return child(run_id, factory, restart="transient", kind="run", budget=RUN_BUDGET, shutdown=grace + 1.0)


def _policy(options: RunOptions) -> str:
    return "concurrent" if options.concurrent else options.if_running
