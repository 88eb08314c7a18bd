"""What a program holds of a run: to watch it, steer it and wait for its end.

What it shows is what is stored: an event that is on its way to the disk is not seen through it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, TypeVar

import trio
from attrs import define, evolve, field

from bluev_actors.engine.callbacks import Callback, check_name
from bluev_actors.engine.event_reader import EventReader
from bluev_actors.engine.run_commands import Heard, PauseRun, ResumeRun, RunCommand, SignalRun, StopRun
from bluev_actors.engine.run_writer import RunWriter
from bluev_actors.errors import (
    ActorRestartingError,
    ActorStoppedError,
    RunFailedError,
    RunNotFoundError,
    RunStoppedError,
    StorageUnavailableError,
)
from bluev_actors.workflows.control import Action, ControlOutcome, SignalOutcome, StopMode, judge
from bluev_actors.workflows.paths import static
from bluev_actors.workflows.run_events import RUN_ENDED, TERMINAL_EVENTS
from bluev_actors.workflows.run_state import RunState, apply
from bluev_actors.workflows.summary import summarise
from bluev_actors.workflows.values import find_flaw

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bluev_actors.actors import Ref
    from bluev_actors.actors.call import Askable
    from bluev_actors.engine.journal import RunLine
    from bluev_actors.engine.run_desk import RunDesk
    from bluev_actors.workflows.graph import PauseMode, Workflow
    from bluev_actors.workflows.run_events import NodeProgress, Recorded, RunStatus
    from bluev_actors.workflows.values import Json, JsonObject

R = TypeVar("R")

CONTROL_TIMEOUT: Final = 30.0
"""Seconds within which a run has to answer a control; it awaits nothing, so this is a sign of a blocked loop."""
RESTART_WAIT: Final = 0.01
"""Seconds between two tries to reach a run's actor that has crashed and is on its way back."""


@define(eq=False)
class ExecutionContext:
    """What the seed's callbacks get as `ctx`."""

    _run: RunHandle
    _begin: Callable[[], None]
    _callbacks: defaultdict[str, list[Callback]] = field(factory=lambda: defaultdict(list))
    listener: Callable[[NodeProgress], None] | None = None
    """Takes the progress of its nodes, for callbacks."""

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._run.run_id

    @property
    def workflow_id(self) -> str:
        """The workflow's id."""
        return self._run.workflow_id

    @property
    def exceptions(self) -> dict[str, BaseException]:
        """What nodes that failed for good had raised, by node id."""
        return self._run.desk.exceptions

    def add_callback(self, name: str, callback: Callback) -> None:
        """Call `callback(ctx, **data)` whenever `name` happens; one added to a living run hears what comes after.

        Raises:
            ValueError: there is no callback of this name.
        """
        check_name(name)
        self._callbacks[name].append(callback)
        self._begin()

    def callbacks_of(self, name: str) -> list[Callback]:
        """The callbacks of this name, in the order they were added."""
        return self._callbacks.get(name, [])

    def get_execution_summary(self) -> JsonObject:
        """The run's summary as it stands."""
        return self._run.summary()


@define(eq=False)
class RunHandle:
    """A run, as a program holds it.

    Args:
        line: what the run is called and whose it is.
        load: makes the desk of a run that has ended, from the journal.
        follow: starts the actor that calls the run's callbacks.
        desk: what it works with; None for one that has ended and was put away.
        last: the last event that is stored of a run.
    """

    _line: RunLine
    _load: Callable[[RunHandle], RunDesk]
    _follow: Callable[[int], trio.Event]
    _desk: RunDesk | None = None
    ref: Ref[RunCommand] | None = None
    _last: Callable[[str], Recorded | None] = field(default=lambda _run_id: None, alias="last")
    _callbacks: trio.Event | None = None
    _begun: trio.Event = field(factory=trio.Event, init=False)
    _shown: RunState | None = field(default=None, init=False)
    context: ExecutionContext = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.context = ExecutionContext(self, self._begin_callbacks)

    def __repr__(self) -> str:
        return f"<run {self.run_id} of {self.workflow_id!r}: {self.status}>"

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._line.run_id

    @property
    def workflow_id(self) -> str:
        """The workflow's id."""
        return self._line.workflow_id

    @property
    def session_id(self) -> str:
        """The session that started it."""
        return self._line.session_id

    @property
    def principal(self) -> str:
        """Who started it."""
        return self._line.principal

    @property
    def accepted_at(self) -> float:
        """When it was accepted, in seconds since 1970."""
        return self._line.accepted_at

    @property
    def status(self) -> RunStatus:
        """What it is at this moment; of what is stored, `state` tells."""
        if self._desk is None:
            return self._line.status
        return "queued" if self._desk.writer is None else self._desk.writer.state.status

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return self.status in RUN_ENDED

    @property
    def desk(self) -> RunDesk:
        """What it works with; of a run that was put away, loaded from the journal."""
        if self._desk is None:
            self._desk = self._load(self)
        return self._desk

    @property
    def workflow(self) -> Workflow:
        """What it runs."""
        return self.desk.record.workflow

    @property
    def state(self) -> RunState:
        """What is stored of it; to be read only."""
        desk = self.desk
        if desk.writer is None:
            return RunState(self.run_id, self.workflow_id, status="queued")
        if desk.writer.state.cursor <= desk.journal.cursor:
            self._shown = None
            return desk.writer.state
        return self._catch_up()

    def _catch_up(self) -> RunState:
        """The state without what is still on its way to the disk."""
        if self._shown is None:
            self._shown = RunState(self.run_id, self.workflow_id, status="queued")
        for recorded in self.desk.journal.history(self.run_id, self._shown.seq):
            apply(self._shown, recorded)
        return self._shown

    def open(self, desk: RunDesk) -> None:
        """Take the desk of a run that goes on."""
        self._desk = desk

    def replayed(self) -> RunState:
        """The state of a run whose actor has not begun yet, from the journal.

        Raises:
            StoreCorruptError: it cannot be had any more.
        """
        desk = self.desk
        return RunWriter(desk.journal, desk.record, desk.now).state

    def close_gate(self) -> None:
        """Give back what its nodes held; its actor will not come back."""
        if self._desk is not None:
            self._desk.close_gate()

    def put_away(self) -> None:
        """Forget what can be loaded again, once the run has ended and nobody is at work on it."""
        if self._desk is not None and self.ended:
            self._line = evolve(self._line, status=self.status)
            self._desk = self._shown = None

    # --- watching -----------------------------------------------------------------------------------------------

    def history(self, after: int = 0) -> Sequence[Recorded]:
        """Its events so far with a `seq` above `after`.

        Raises:
            HistoryExpiredError: some of them are no longer held.
        """
        return self.desk.journal.history(self.run_id, after)

    def events(self, after: int = 0) -> EventReader:
        """Its events with a `seq` above `after`, up to and with the one that ends it."""
        return EventReader(self.desk.journal, self.run_id, after)

    def last_summary(self) -> JsonObject | None:
        """The summary of a run that was put away, without loading the rest of it; None for any other."""
        last = None if self._desk is not None else self._last(self.run_id)
        return last.event.summary if last is not None and isinstance(last.event, TERMINAL_EVENTS) else None

    def summary(self) -> JsonObject:
        """Its summary as it stands."""
        state = self.state
        return state.summary or summarise(state, self.workflow, at=self.desk.now())

    async def when_ended(self) -> None:
        """Wait for its end.

        Raises:
            RunNotFoundError: it never began.
        """
        await trio.lowlevel.checkpoint()
        try:
            while not self.desk.journal.has_ended(self.run_id):
                await self.desk.journal.changed(self.run_id)
        except RunNotFoundError:
            if not self.state.ended:
                raise

    async def result(self) -> JsonObject:
        """Wait for its end, and for the last of its callbacks; to cancel the waiting does not stop the run.

        Returns:
            The results: the outputs of the completed nodes with no connection going out.

        Raises:
            RunFailedError: it failed.
            RunStoppedError: it was stopped.
            RunNotFoundError: it never began.
        """
        await self.when_ended()
        if self._callbacks is not None:
            await self._callbacks.wait()
        return self._results()

    def _results(self) -> JsonObject:
        state = self.state
        if state.status == "failed":
            message = state.error.message if state.error else "the run failed"
            raise RunFailedError(message, state.summary or {})
        if state.status == "stopped":
            raise RunStoppedError(f"run {self.run_id} was stopped", state.summary or {})
        return state.results or {}

    # --- steering -----------------------------------------------------------------------------------------------

    async def pause(
        self,
        mode: PauseMode | None = None,
        *,
        until: float | None = None,
        timeout: float | None = None,
        by: str = "",
        heard: Heard | None = None,
    ) -> ControlOutcome:
        """Start no more nodes; those in flight are paused or finish first, as `mode` says.

        Args:
            mode: `checkpoint`, `drain` or `hard`; the workflow's own setting when left out.
            until: resume by itself at this wall time, in seconds since 1970.
            timeout: stop the run after so many seconds of pause.
            by: the session that asks.
            heard: called with the outcome as soon as it is decided; what it keeps is stored with it.

        Raises:
            StorageUnavailableError: it cannot be stored at present.
        """
        return await self._control("pause", PauseRun(mode, until, timeout, by, heard))

    async def resume(self, *, by: str = "", heard: Heard | None = None) -> ControlOutcome:
        """Go on after a pause.

        Raises:
            StorageUnavailableError: it cannot be stored at present.
        """
        return await self._control("resume", ResumeRun(by, heard))

    async def stop(self, mode: StopMode = "graceful", *, by: str = "", heard: Heard | None = None) -> ControlOutcome:
        """End the run now; `kill` gives clean-ups no time and leaves threads behind.

        Raises:
            StorageUnavailableError: it cannot be stored at present.
        """
        return await self._control("stop", StopRun(mode, by, heard))

    async def signal(
        self, node_id: str, payload: Json = None, *, heard: Callable[[SignalOutcome], None] | None = None
    ) -> SignalOutcome:
        """Answer a node that waits; what comes before it waits is kept for it.

        Args:
            node_id: the node, by its id in the run.
            payload: plain JSON.
            heard: called with the outcome as soon as it is decided; what it keeps is stored with it.

        Raises:
            StorageUnavailableError: it cannot be stored at present.
        """
        flaw = find_flaw(payload, "the payload")
        if not self._has_node(node_id):
            return self._unsignalled(node_id, "not_found", f"the run has no node {node_id!r}")
        if flaw is not None:
            return self._unsignalled(node_id, "invalid_payload", flaw)
        outcome = await self._reach(SignalRun(node_id, payload, heard))
        if outcome is None:
            return self._unsignalled(node_id, "run_finished", f"the run has ended: it is {self.status}")
        await self._stored()
        return outcome

    def _has_node(self, node_id: str) -> bool:
        workflow: Workflow | None = self.workflow
        *containers, own = static(node_id).split("/")
        for name in containers:
            workflow = None if workflow is None else workflow.bodies.get(name)
        return workflow is not None and own in workflow.by_id

    def _unsignalled(self, node_id: str, code: str, message: str) -> SignalOutcome:
        return SignalOutcome(self.run_id, node_id, accepted=False, code=code, message=message)

    def begin(self, ref: Ref[RunCommand] | None) -> None:
        """Note that its actor lives; None: that it never will."""
        self.ref = ref
        self._begun.set()

    async def _control(self, action: Action, command: PauseRun | ResumeRun | StopRun) -> ControlOutcome:
        outcome = await self._reach(command)
        await self._stored()  # its end, too, when it came too late
        return self._too_late(action, command.heard) if outcome is None else outcome

    async def _stored(self) -> None:
        try:
            await self.desk.journal.stored()
        except StorageUnavailableError as error:
            doubt = "what was asked for may yet be done when the store works again; the same request_id will tell"
            raise StorageUnavailableError(f"{error}; {doubt}") from error

    async def _reach(self, command: Askable[RunCommand, R]) -> R | None:
        """Ask the run's actor; while that is between two incarnations, wait for the next.

        Returns:
            None when there is no actor any more.
        """
        if self._desk is None or (self.ref is None and self.ended):
            await trio.lowlevel.checkpoint()
            return None
        if self._desk.journal.trouble is not None:
            raise StorageUnavailableError(self._desk.journal.trouble)
        give_up_at = trio.current_time() + CONTROL_TIMEOUT
        while True:
            try:
                return await self._ask(command)
            except ActorStoppedError:
                return None
            except ActorRestartingError:
                if self.ended:
                    return None
                if trio.current_time() >= give_up_at:
                    raise
            await trio.sleep(RESTART_WAIT)

    async def _ask(self, command: Askable[RunCommand, R]) -> R:
        await self._begun.wait()
        if self.ref is None:
            raise RunNotFoundError(f"run {self.run_id} never began")
        return await self.ref.ask(command, timeout=CONTROL_TIMEOUT, urgent=True)

    def _too_late(self, action: Action, heard: Heard | None) -> ControlOutcome:
        """The answer for a run whose actor is gone."""
        state, ruling = self.state, judge(action, self.status)
        accepted, what = ruling == "nothing", "has ended: it is" if state.ended else "is going down; it was"
        outcome = ControlOutcome(
            run_id=self.run_id,
            workflow_id=self.workflow_id,
            action=action,
            accepted=accepted,
            status=state.status,
            seq=state.seq,
            code=None if accepted else "run_finished" if state.ended else "invalid_state",
            message=None if accepted else f"the run {what} {state.status}",
        )
        if accepted and heard is not None:
            heard(outcome)
        return outcome

    # --- callbacks ----------------------------------------------------------------------------------------------

    def add_callbacks(self, callbacks: Mapping[str, Callback]) -> None:
        """Add several callbacks."""
        for name, callback in callbacks.items():
            self.context.add_callback(name, callback)

    @property
    def is_heard(self) -> bool:
        """Whether there are callbacks that have not heard everything yet."""
        return self._callbacks is not None and not self._callbacks.is_set()

    def _begin_callbacks(self) -> None:
        if self._callbacks is None:
            self._callbacks = self._follow(self.state.seq)
