"""The actor of one run: it supervises the executors of its nodes, and nobody else writes its events.

It awaits nothing but its mailbox, so a stop is never behind a node. What happens goes the same way every time: `Flow`
is told, one commit shows what follows, and then the effects are carried out. A crash of this actor loses nothing: the
next incarnation replays the journal and goes on.

Pause, stop and fail-fast are one motion with three endings: the executor's cancel scope closes, and the cause that was
noted beforehand says what becomes of the node. A node whose body returned all the same has ended; completion wins.
"""

from __future__ import annotations

import logging
from collections import deque
from functools import partial
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Final, TypeAlias

import trio
from attrs import frozen

from bluev_actors.actors import ChildSpec, Exit, ExitKind, Request, RestartBudget, Supervisor, child, handles
from bluev_actors.actors.restart import RestartWindow
from bluev_actors.engine.clocks import Clocks
from bluev_actors.engine.flow import Effects, Flow
from bluev_actors.engine.node_job import make_executor
from bluev_actors.engine.outcome import Failed, Succeeded
from bluev_actors.engine.run_voice import RunVoice
from bluev_actors.engine.run_writer import RunWriter
from bluev_actors.engine.timers import KIND as TIMER
from bluev_actors.engine.timers import Timers
from bluev_actors.workflows.control import Action, ControlOutcome, Ruling, StopMode, is_stricter, judge
from bluev_actors.workflows.run_events import ErrorDetail, NodeLog, NodeStarted

if TYPE_CHECKING:
    from bluev_actors.engine.node_executor import NodeExecutor
    from bluev_actors.engine.run_desk import RunDesk
    from bluev_actors.workflows.graph import PauseMode
    from bluev_actors.workflows.run_state import RunState

_log = logging.getLogger(__name__)

EXECUTOR_CRASHES: Final = 3
EXECUTOR_PERIOD: Final = 5.0
"""More crashes of executors than this in so many seconds fail the run: they are bugs of ours, not failures of nodes."""
INLINE_STRIDE: Final = 16
"""Nodes run in the run's own task between two checkpoints, so that nobody else waits longer than for these."""
GRACE_MARGIN: Final = 0.1
"""Seconds beyond its grace after which a cancelled node that is still there is named."""


@frozen
class Begin:
    """A queued run's turn has come."""


@frozen
class PauseRun(Request[ControlOutcome]):
    """Start no more nodes, and treat those in flight as `mode` says.

    Attributes:
        mode: None means the workflow's own setting.
        until: resume by itself at this wall time, in seconds since 1970.
        timeout: stop the run after so many seconds of pause.
    """

    mode: PauseMode | None = None
    until: float | None = None
    timeout: float | None = None


@frozen
class ResumeRun(Request[ControlOutcome]):
    """Go on after a pause."""


@frozen
class StopRun(Request[ControlOutcome]):
    """End the run now."""

    mode: StopMode = "graceful"


@frozen
class RunInline:
    """A run's word to itself: there is a node to run in its own task."""


RunCommand: TypeAlias = Begin | PauseRun | ResumeRun | StopRun | RunInline


class Run(Supervisor[RunCommand]):
    """Runs one workflow once.

    Args:
        desk: the record of the run and everything it works with.
        queued: a fresh run waits for `Begin`.
    """

    def __init__(self, desk: RunDesk, *, queued: bool = False) -> None:
        super().__init__()
        self._desk = desk
        self._queued = queued
        self._settings = desk.record.workflow.settings
        self._writer = RunWriter(desk.journal, desk.record, desk.now)
        self._flow = Flow(self._writer, desk.kinds, desk.now, Random(desk.record.run_id))  # noqa: S311 - no secret
        self._clocks = Clocks(trio.current_time, self._settings.retry)
        self._crashes = RestartWindow(RestartBudget(EXECUTOR_CRASHES, EXECUTOR_PERIOD))
        self._executors: dict[str, NodeExecutor] = {}
        self._inline: deque[NodeExecutor] = deque()
        self._inline_runs = 0
        self._timers = Timers(self.start_child, self.cancel_child)
        self._voice = RunVoice(desk, self._writer, self._timers.arm)
        self._told: set[NodeExecutor] = set()
        self._graces: dict[str, list[NodeExecutor]] = {}
        self._grace_numbers = count()
        desk.writer = self._writer

    @property
    def state(self) -> RunState:
        """The run's state."""
        return self._writer.state

    # --- life ---------------------------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Begin a fresh run, or go on where the journal ends."""
        if not self.state.seq:
            self._flow.accept(queued=self._queued)
        elif not self.state.ended:
            self._recover()
        self._go_on()
        self._arm_run_timeout()
        if self.state.status == "queued":
            self._desk.want_turn()

    async def on_stop(self, exit: Exit) -> None:  # noqa: ARG002 - the hook's own signature
        """Put the pen down, so that nothing left of this incarnation can write beside the next."""
        self._writer.closed = True

    def _recover(self) -> None:
        self._flow.recover()
        self._arm_pause_ends()
        now = self._desk.now()
        for node_id, node in self.state.nodes.items():
            if node.status == "retrying":
                self._back_off(node_id, max(0.0, (node.next_at or now) - now))

    # --- going on -----------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Let the flow decide, show it in one commit, and carry it out."""
        effects = self._flow.go_on()
        self._writer.commit(partial(self._launch, effects.launches) if effects.launches else None)
        self._carry_out(effects)
        if self.state.ended:
            self.stop()

    def _carry_out(self, effects: Effects) -> None:
        self._tell_to_end([self._executors[it] for it in effects.cancels if it in self._executors])
        for node_id, seconds in effects.backoffs:
            self._back_off(node_id, seconds)

    def _tell_to_end(self, executors: list[NodeExecutor]) -> None:
        """Cancel those that were not told before; who is still there after its grace is named, once."""
        news = [executor for executor in executors if executor not in self._told]
        for executor in news:
            node_id = executor.context.node_id
            self.cancel_child(node_id, self._flow.causes[node_id])
        if news:
            self._told.update(news)
            number = str(next(self._grace_numbers))
            self._graces[number] = news
            self._timers.arm(f"grace/{number}", self._settings.grace + GRACE_MARGIN)

    def _launch(self, launches: list[NodeStarted]) -> None:
        """Start the executors of nodes whose start is on record, unless a control or a crash was quicker."""
        if self._writer.closed:
            return
        overtaken = [it.node_id for it in launches if it.node_id in self._flow.causes]
        for started in launches:
            if started.node_id not in self._flow.causes:
                self._launch_executor(started)
        if overtaken:
            for node_id in overtaken:
                self._flow.cancelled(node_id)
            self._go_on()

    def _launch_executor(self, started: NodeStarted) -> None:
        node = self._desk.record.workflow.by_id[started.node_id]
        limit = self._clocks.start(node, started.attempt)
        executor = make_executor(self._desk, self.state, started, self._voice, limit)
        if executor.inline:
            self._queue_inline(executor)
        else:
            self._executors[node.id] = executor
            self.start_child(child(node.id, lambda: executor, restart="temporary", kind="node"))

    def _queue_inline(self, executor: NodeExecutor) -> None:
        """Have it run by a message, so that a control goes before it; one message at a time is on its way."""
        if not self._inline:
            self.ref.tell(RunInline())
        self._inline.append(executor)

    @handles
    async def run_inline(self, _message: RunInline) -> None:
        """Run the next node that needs no task, unless a control was quicker."""
        if not self._inline:
            return  # A word of an incarnation that has crashed; the mailbox outlived it, its list did not.
        executor = self._inline.popleft()
        if self._inline:
            self.ref.tell(RunInline())
        node_id = executor.context.node_id
        cut_short = node_id in self._flow.causes
        self._node_ended(
            node_id, Exit(ExitKind.KILLED) if cut_short else Exit(ExitKind.NORMAL, result=await executor.run())
        )
        self._inline_runs += 1
        if self._inline_runs % INLINE_STRIDE == 0:
            await trio.lowlevel.checkpoint()

    async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
        """An executor ended, or a timer went off."""
        if spec.kind != TIMER:
            self._forget_executor(spec.id)
            self._node_ended(spec.id, exit)
        elif name := self._timers.gone_off(spec, exit):
            self._alarm(name)

    def _node_ended(self, node_id: str, exit_: Exit) -> None:
        elapsed = self._clocks.stop(node_id)
        outcome = exit_.result
        if isinstance(outcome, Succeeded):
            self._flow.succeeded(node_id, outcome)
        elif isinstance(outcome, Failed):
            self._note_exception(node_id, outcome)
            self._flow.failed(node_id, outcome, elapsed)
        elif node_id in self._flow.causes:
            self._flow.cancelled(node_id)
        else:
            self._executor_crashed(node_id, exit_)
        self._go_on()

    def _forget_executor(self, node_id: str) -> None:
        executor = self._executors.pop(node_id)
        self._told.discard(executor)
        if not self._told and self._graces:
            self._timers.disarm("grace/")
            self._graces.clear()

    def _note_exception(self, node_id: str, outcome: Failed) -> None:
        """Keep what the node raised, for callbacks; one of an earlier attempt is not meant any more."""
        self._desk.exceptions.pop(node_id, None)
        if outcome.exception is not None:
            self._desk.exceptions[node_id] = outcome.exception

    def _executor_crashed(self, node_id: str, exit_: Exit) -> None:
        _log.error("the executor of %r crashed: %r", f"{self._desk.record.run_id}/{node_id}", exit_.error)
        too_often = not self._crashes.allows(trio.current_time())
        self._flow.executor_crashed(node_id, too_often=too_often)

    # --- timers -------------------------------------------------------------------------------------------------

    def _alarm(self, name: str) -> None:
        family, _, which = name.partition("/")
        match family:
            case "retry":
                self._retry(which)
            case "grace":
                self._name_the_disobedient(self._graces.pop(which))
            case "progress":
                self._voice.flush_progress()
            case "run-timeout":
                self._time_out()
            case "pause-until":
                self._resume("until")
            case "pause-timeout":
                self._stop()
            case _:
                raise AssertionError(f"nobody set the timer {name}")

    def _back_off(self, node_id: str, seconds: float) -> None:
        if self.state.status == "running":
            self._clocks.wait(node_id, seconds)
            self._timers.arm(f"retry/{node_id}", seconds)
        else:
            self._clocks.keep(node_id, seconds)

    def _retry(self, node_id: str) -> None:
        self._clocks.waited(node_id)
        self._flow.retry_due(node_id)
        self._go_on()

    def _name_the_disobedient(self, told: list[NodeExecutor]) -> None:
        for context in (executor.context for executor in told if executor in self._told):
            message = "does not end although it was cancelled; the run waits for it"
            self._voice.remark(NodeLog(context.node_id, context.attempt, "warning", message, "node_ignored_cancel"))

    def _arm_run_timeout(self) -> None:
        timeout = self._desk.record.options.timeout or self._settings.timeout
        if timeout is not None and self.state.status in ("running", "pausing"):
            self._timers.arm("run-timeout", timeout - self.state.time_used(self._desk.now()))

    def _time_out(self) -> None:
        self._flow.fail(ErrorDetail("run_timeout", "the run took longer than its timeout"), at_once=True)
        self._go_on()

    # --- control ------------------------------------------------------------------------------------------------

    @handles
    async def begin(self, _message: Begin) -> None:
        """Take the turn of a queued run."""
        if self.state.status == "queued":
            self._flow.begin()
            self._go_on()
            self._arm_run_timeout()

    @handles
    async def pause(self, message: PauseRun) -> ControlOutcome:
        """Start nothing more from now on."""
        mode = message.mode or self._settings.pause_mode
        ruling = judge("pause", self.state.status)
        upgrade = self.state.status == "pausing" and is_stricter(mode, self.state.pause_mode)
        if ruling == "do" or upgrade:
            self._flow.pause(mode)
        outcome = self._outcome("pause", ruling)
        if ruling == "do":
            self._hold(message)
        self._go_on()
        return outcome

    def _hold(self, message: PauseRun) -> None:
        """The clocks of the run stand still; those of the pause begin."""
        self._clocks.hold()
        self._timers.disarm("retry/")
        self._timers.disarm("run-timeout")
        ends = {"pause-until": message.until}
        if message.timeout is not None:
            ends["pause-timeout"] = self._desk.now() + message.timeout
        self._desk.pause_ends = {name: at for name, at in ends.items() if at is not None}
        self._arm_pause_ends()

    def _arm_pause_ends(self) -> None:
        for name, at in self._desk.pause_ends.items():
            self._timers.arm(name, at - self._desk.now())

    def _end_pause_clocks(self) -> None:
        self._desk.pause_ends = {}
        self._timers.disarm("pause-")

    @handles
    async def resume(self, _message: ResumeRun) -> ControlOutcome:
        """Go on after a pause."""
        ruling = judge("resume", self.state.status)
        if ruling == "do":
            self._resume()
        return self._outcome("resume", ruling)

    def _resume(self, reason: str | None = None) -> None:
        self._end_pause_clocks()
        self._flow.resume(reason)
        for node_id, seconds in self._clocks.release().items():
            self._timers.arm(f"retry/{node_id}", seconds)
        self._go_on()
        self._arm_run_timeout()
        if self.state.status == "queued":
            self._desk.want_turn()

    @handles
    async def stop_run(self, message: StopRun) -> ControlOutcome:
        """End the run now."""
        ruling = judge("stop", self.state.status)
        outcome = self._stop() if ruling == "do" else self._outcome("stop", ruling)
        if message.mode == "kill":
            self._end_grace()
        return outcome

    def _stop(self) -> ControlOutcome:
        self._flow.stop()
        outcome = self._outcome("stop", "do")
        self._end_pause_clocks()
        self._timers.disarm("retry/")
        self._timers.disarm("run-timeout")
        self._go_on()
        return outcome

    def _end_grace(self) -> None:
        for executor in self._executors.values():
            executor.context.end_grace()

    def _outcome(self, action: Action, ruling: Ruling) -> ControlOutcome:
        record, state = self._desk.record, self.state
        accepted = ruling in ("do", "nothing")
        return ControlOutcome(
            run_id=record.run_id,
            workflow_id=record.workflow_id,
            action=action,
            accepted=accepted,
            status=state.status,
            seq=state.seq,
            code=None if accepted else ruling,
            message=None if accepted else f"a run that is {state.status} cannot be {_PAST[action]}",
        )


_PAST: Final[dict[Action, str]] = {"pause": "paused", "resume": "resumed", "stop": "stopped"}
