"""What a program holds of a run: to watch it, steer it and wait for its end."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

from bluev_actors.engine.callbacks import Callback, check_name
from bluev_actors.engine.event_reader import EventReader
from bluev_actors.engine.run import PauseRun, ResumeRun, RunCommand, StopRun
from bluev_actors.errors import (
    ActorRestartingError,
    ActorStoppedError,
    RunFailedError,
    RunNotFoundError,
    RunStoppedError,
)
from bluev_actors.workflows.control import Action, ControlOutcome, StopMode, judge
from bluev_actors.workflows.run_state import RunState
from bluev_actors.workflows.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bluev_actors.actors import Ref
    from bluev_actors.engine.run_desk import RunDesk
    from bluev_actors.workflows.graph import PauseMode, Workflow
    from bluev_actors.workflows.run_events import Recorded
    from bluev_actors.workflows.values import JsonObject

CONTROL_TIMEOUT: Final = 30.0
"""Seconds within which a run has to answer a control; it awaits nothing, so this is a sign of a blocked loop."""
RESTART_WAIT: Final = 0.01
"""Seconds between two tries to reach a run's actor that has crashed and is on its way back."""


@define(eq=False)
class ExecutionContext:
    """What the seed's callbacks get as `ctx`."""

    _desk: RunDesk
    _begin: Callable[[], None]
    _callbacks: defaultdict[str, list[Callback]] = field(factory=lambda: defaultdict(list))

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._desk.record.run_id

    @property
    def workflow_id(self) -> str:
        """The workflow's id."""
        return self._desk.record.workflow_id

    @property
    def exceptions(self) -> dict[str, BaseException]:
        """What nodes that failed for good had raised, by node id."""
        return self._desk.exceptions

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
        return summary_of(self._desk)


@define(eq=False)
class RunHandle:
    """A run, as a program holds it."""

    desk: RunDesk
    _follow: Callable[[int], trio.Event]
    ref: Ref[RunCommand] | None = None
    _callbacks: trio.Event | None = None
    _begun: trio.Event = field(factory=trio.Event, init=False)
    context: ExecutionContext = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.context = ExecutionContext(self.desk, self._begin_callbacks)

    def __repr__(self) -> str:
        return f"<run {self.run_id} of {self.workflow_id!r}: {self.state.status}>"

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.desk.record.run_id

    @property
    def workflow_id(self) -> str:
        """The workflow's id."""
        return self.desk.record.workflow_id

    @property
    def session_id(self) -> str:
        """The session that started it."""
        return self.desk.record.session_id

    @property
    def principal(self) -> str:
        """Who started it."""
        return self.desk.record.principal

    @property
    def workflow(self) -> Workflow:
        """What it runs."""
        return self.desk.record.workflow

    @property
    def state(self) -> RunState:
        """What is known of it; to be read only."""
        if self.desk.writer is None:
            return RunState(self.run_id, self.workflow_id, status="queued")
        return self.desk.writer.state

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

    def summary(self) -> JsonObject:
        """Its summary as it stands."""
        return summary_of(self.desk)

    async def ended(self) -> None:
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
        await self.ended()
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
        self, mode: PauseMode | None = None, *, until: float | None = None, timeout: float | None = None
    ) -> ControlOutcome:
        """Start no more nodes; those in flight are paused or finish first, as `mode` says.

        Args:
            mode: `checkpoint`, `drain` or `hard`; the workflow's own setting when left out.
            until: resume by itself at this wall time, in seconds since 1970.
            timeout: stop the run after so many seconds of pause.
        """
        return await self._control("pause", PauseRun(mode, until, timeout))

    async def resume(self) -> ControlOutcome:
        """Go on after a pause."""
        return await self._control("resume", ResumeRun())

    async def stop(self, mode: StopMode = "graceful") -> ControlOutcome:
        """End the run now; `kill` gives clean-ups no time."""
        return await self._control("stop", StopRun(mode))

    def begin(self, ref: Ref[RunCommand] | None) -> None:
        """Note that its actor lives; None: that it never will."""
        self.ref = ref
        self._begun.set()

    async def _control(self, action: Action, command: PauseRun | ResumeRun | StopRun) -> ControlOutcome:
        """Ask the run's actor; while that is between two incarnations, wait for the next."""
        give_up_at = trio.current_time() + CONTROL_TIMEOUT
        while True:
            try:
                return await self._ask(command)
            except ActorStoppedError:
                return self._too_late(action)
            except ActorRestartingError:
                if self.state.ended:
                    return self._too_late(action)
                if trio.current_time() >= give_up_at:
                    raise
            await trio.sleep(RESTART_WAIT)

    async def _ask(self, command: PauseRun | ResumeRun | StopRun) -> ControlOutcome:
        await self._begun.wait()
        if self.ref is None:
            raise RunNotFoundError(f"run {self.run_id} never began")
        return await self.ref.ask(command, timeout=CONTROL_TIMEOUT, urgent=True)

    def _too_late(self, action: Action) -> ControlOutcome:
        """The answer for a run whose actor is gone."""
        state, ruling = self.state, judge(action, self.state.status)
        accepted, what = ruling == "nothing", "has ended: it is" if self.state.ended else "is going down; it was"
        return ControlOutcome(
            run_id=self.run_id,
            workflow_id=self.workflow_id,
            action=action,
            accepted=accepted,
            status=state.status,
            seq=state.seq,
            code=None if accepted else "run_finished" if state.ended else "invalid_state",
            message=None if accepted else f"the run {what} {state.status}",
        )

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


def summary_of(desk: RunDesk) -> JsonObject:
    """A run's summary: the recorded one, or how it stands."""
    if desk.writer is None:
        return {}
    state = desk.writer.state
    return state.summary or summarise(state, desk.record.workflow, at=desk.now())
