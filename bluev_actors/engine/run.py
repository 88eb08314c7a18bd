"""The actor of one run: it supervises the executors of its nodes, and nobody else writes its events.

It awaits nothing but its mailbox, so a stop is never behind a node. What happens goes the same way every time: `Flow`
is told, one commit shows what follows, and then the effects are carried out. A crash of this actor loses nothing: the
next incarnation replays the journal and goes on, and so does the next process.

Pause, stop and fail-fast are one motion with three endings: the executor's cancel scope closes, and the cause that was
noted beforehand says what becomes of the node. A node whose body returned all the same has ended; completion wins.
"""

from __future__ import annotations

import logging
from collections import deque
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final, cast
from zlib import crc32

import trio

from bluev_actors.actors import ChildSpec, Exit, ExitKind, RestartBudget, Supervisor, handles
from bluev_actors.actors.restart import RestartWindow
from bluev_actors.engine.clocks import Clocks, TimeLimit
from bluev_actors.engine.crew import Crew
from bluev_actors.engine.flow import Effects, Flow, Round
from bluev_actors.engine.node_job import make_executor
from bluev_actors.engine.outcome import Failed, Opens, Succeeded, Waits
from bluev_actors.engine.plain import encoded
from bluev_actors.engine.poison import NOTE, SEAT, Suspicion, may_kill, suspect
from bluev_actors.engine.run_commands import (
    Begin,
    CallUp,
    CancelNodes,
    GateOpened,
    GoOn,
    Heard,
    PauseRun,
    ResumeRun,
    RunCommand,
    RunInline,
    SignalRun,
    StopRun,
    Stored,
    SuspendRun,
)
from bluev_actors.engine.run_voice import RunVoice
from bluev_actors.engine.run_writer import RunWriter
from bluev_actors.engine.timers import KIND as TIMER
from bluev_actors.engine.timers import Timers
from bluev_actors.engine.waits import WaitDesk
from bluev_actors.errors import RefusedError
from bluev_actors.workflows.control import Action, ControlOutcome, Ruling, SignalOutcome, is_stricter, judge
from bluev_actors.workflows.kinds import NOTHING
from bluev_actors.workflows.run_events import ErrorDetail, NodeLog, NodeStarted, RunStatusChanged

if TYPE_CHECKING:
    from bluev_actors.engine.node_executor import NodeExecutor
    from bluev_actors.engine.outcome import Outcome
    from bluev_actors.engine.run_desk import RunDesk
    from bluev_actors.workflows.graph import PauseMode
    from bluev_actors.workflows.run_state import RunState

_log = logging.getLogger(__name__)

EXECUTOR_CRASHES: Final = 3
EXECUTOR_PERIOD: Final = 5.0
"""More crashes of executors than this in so many seconds fail the run: they are bugs of ours, not failures of nodes."""
INLINE_STRIDE: Final = 16
"""Nodes run in the run's own task between two checkpoints, so that nobody else waits longer than for these."""


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
        self._writer = RunWriter(desk.journal, desk.record, desk.now, desk.secrets.mask)
        self._gate = desk.open_gate(self._wake_gate)
        dice = Random(desk.record.run_id)  # noqa: S311 - no secret
        self._flow = Flow(self._writer, desk.kinds, desk.now, dice, self._gate, pausable=self._is_pausable)
        self._clocks = Clocks(trio.current_time, self._settings.retry)
        self._crashes = RestartWindow(RestartBudget(EXECUTOR_CRASHES, EXECUTOR_PERIOD))
        self._inline: deque[NodeExecutor] = deque()
        self._inline_called = False
        self._going_on = False
        self._given: list[str] = []
        self._limited: set[str] = set()
        self._benched = False
        self._on_record = bool(self._writer.state.seq)
        self._stored: deque[list[NodeStarted]] = deque()
        self._timers = Timers(self.start_child, self.cancel_child)
        self._crew = Crew(
            start_child=self.start_child,
            cancel_child=self.cancel_child,
            arm=self._timers.arm,
            disarm=self._timers.disarm,
            call=lambda: self.ref.tell(CancelNodes(), urgent=True),
            grace=self._settings.grace,
        )
        self._voice = RunVoice(desk, self._writer, self._timers.arm)
        self._waits = WaitDesk(desk.journal, desk.record.run_id, desk.secrets.mask)
        self._suspended = False
        desk.writer = self._writer

    @property
    def state(self) -> RunState:
        """The run's state."""
        return self._writer.state

    # --- life ---------------------------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Begin a fresh run, or go on where the journal ends."""
        if not self.state.seq:
            self._flow.accept(queued=self._queued, reused=self._desk.reused)
        elif not self.state.ended:
            self._recover()
            if self._gate is not None:
                self._gate.keep_only({**self.state.in_flight, **self.state.open})
        self._go_on()
        self._arm_run_timeout()
        if self.state.status == "queued":
            self._desk.want_turn()

    async def on_stop(self, exit: Exit) -> None:
        """Put the pen down, so that nothing left of this incarnation can write beside the next."""
        self._writer.closed = True
        self._desk.bench.leave(self._desk.record.run_id)
        if self._gate is not None:
            self._gate.withdraw()
        if exit.kind is not ExitKind.CRASHED:
            self._desk.close_gate()

    def _recover(self) -> None:
        """Take up what the journal says: clocks go on with what is left of them."""
        # What happened between the last event and the end of a process nobody knows; of an actor's crash it is known.
        as_of = self.state.updated_at if self._desk.found else self._desk.now()
        suspicion = self._suspect()
        if self.state.pause_mode is not None:
            self._timers.hold()
        for node_id, node in self.state.nodes.items():
            if node.status in ("running", "paused", "retrying", "waiting"):
                self._restore_clock(node_id, as_of)
        poisoned = () if suspicion.poisoned is None else (suspicion.poisoned,)
        self._flow.recover(one_at_a_time=suspicion.one_at_a_time, poisoned=poisoned)
        if suspicion.one_at_a_time and self.state.status == "running":
            self._take_seat()
        self._note_crashes(suspicion)
        self._arm_pause_ends()
        self._arm_waits()
        if self.state.status == "running":
            self._deliver_signals()

    def _arm_waits(self) -> None:
        """Set the clocks of the nodes that wait, with what is left of them."""
        for node_id, node in self.state.nodes.items():
            left = self.state.seconds_left(node_id, self._desk.now())
            if node.status == "retrying":
                self._arm_clock(f"retry/{node_id}", left)
            elif node.status == "waiting":
                self._limit_node_without_task(node_id)
                if node.next_at is not None:
                    self._arm_clock(f"wait/{node_id}", left)
        if self.state.status != "running":
            for node_id in self._limited:
                self._clocks.stop(node_id)

    def _take_seat(self) -> None:
        """Try the nodes that are suspected of killing the process when no other run does."""
        if self._desk.bench.take_seat(self._desk.record.run_id, self._call_up):
            self._timers.arm("bench", SEAT)
        else:
            self._benched = True
            self._flow.suspend()

    def _leave_bench(self) -> None:
        """Keep nobody waiting, and wait for nobody."""
        self._desk.bench.leave(self._desk.record.run_id)
        self._timers.disarm("bench")
        if self._benched:
            self._benched = False
            self._flow.suspend(over=True)

    def _suspect(self) -> Suspicion:
        """What is to be thought of the nodes in flight, when it was the process that crashed and not this actor."""
        if not self._desk.found:
            return Suspicion()
        self._desk.found = False
        notes = self._desk.journal.notes(self._desk.record.run_id)
        return suspect(notes, self.state, self._suspects(), others=self._desk.other_suspects)

    def _suspects(self) -> dict[str, int]:
        """The nodes in flight that could kill the process, each with what stands for its checkpoint."""
        journal, run_id = self._desk.journal, self._desk.record.run_id
        suspects = [it for it in self.state.in_flight if may_kill(self._flow.kind(it))]
        return {it: crc32(encoded(journal.checkpoint(run_id, it))) for it in suspects}

    def _call_up(self) -> None:
        self.ref.tell(CallUp(), urgent=True)

    @handles
    async def call_up(self, _message: CallUp) -> None:
        """It is this run's turn to try the nodes that are suspected of killing the process."""
        if self._benched and not self._suspended:
            self._benched = False
            self._timers.arm("bench", SEAT)
            self._flow.suspend(over=True)
            self._go_on()

    def _restore_clock(self, node_id: str, as_of: float) -> None:
        state, node = self.state, self.state.nodes[node_id]
        began = as_of if node.started_at is None else node.started_at
        first = began if node.first_started_at is None else node.first_started_at
        # A wait between two attempts counts towards all of them from its beginning.
        until = node.next_at if node.status == "retrying" and node.next_at is not None else as_of
        attempt, total = state.time_between(began, as_of), state.time_between(first, until)
        self._clocks.restore(node_id, self._flow.node(node_id), node.attempt, attempt, total)

    def _note_crashes(self, suspicion: Suspicion) -> None:
        """Keep what is suspected, together with the events of the recovery, before any suspect starts."""
        if suspicion.crashes:
            note = suspicion.watching(self._flow.suspect).as_note()
            self._desk.journal.note(self._desk.record.run_id, NOTE, note)

    # --- going on -----------------------------------------------------------------------------------------------

    def _go_on_soon(self) -> None:
        """Go on once for all exits and alarms that have come; those are urgent, and this message is not."""
        if not self._going_on:
            self._going_on = True
            self.ref.tell(GoOn())

    @handles
    async def go_on(self, _message: GoOn) -> None:
        """Go on, unless something that came in between has."""
        if self._going_on:
            self._go_on()

    def _go_on(self) -> None:
        """Let the flow decide, show it in one commit, and carry it out."""
        self._going_on = False
        suspect = self._flow.suspect
        effects = self._flow.go_on()
        if self._flow.suspect != suspect:
            self._note_crashes(Suspicion(self.state.news, 1, marks=self._suspects()))
            if self._flow.suspect is None:
                self._leave_bench()
        ahead, launches = self._sorted(effects.launches)
        self._commit(launches)
        self._launch(ahead)
        self._carry_out(effects)
        if self.state.ended or (self._suspended and not len(self._crew)):
            self.stop()

    def _commit(self, launches: list[NodeStarted]) -> None:
        """Hand over what was written; the nodes it starts are launched once it is stored.

        Signals are taken only now that the ends they led to are on their way, so that no crash in between loses one.
        """
        self._hand_over(launches)
        given, self._given = self._given, []
        for node_id in given:
            self._waits.take(node_id)

    def _hand_over(self, launches: list[NodeStarted]) -> None:
        if not launches:
            self._writer.commit()
        elif self._desk.journal.durable:
            self._writer.commit(partial(self._note_stored, launches))
        else:
            self._writer.commit(partial(self._launch, launches))

    def _note_stored(self, launches: list[NodeStarted]) -> None:
        """Have them launched by a message, for it is the journal's task that calls this."""
        if not self._stored:
            self.ref.tell(Stored(), urgent=True)
        self._stored.append(launches)

    @handles
    async def stored(self, _message: Stored) -> None:
        """Launch the nodes whose start is on record."""
        self._on_record = True
        while self._stored:
            self._launch(self._stored.popleft())

    def _sorted(self, launches: list[NodeStarted]) -> tuple[list[NodeStarted], list[NodeStarted]]:
        """Those that may go ahead of the disk, and the others.

        What is pure has no effect, and what it gives out is stored after its own start; so only showing it waits. But a
        run that is not on record itself starts nothing, for it may yet be refused.
        """
        if not self._desk.journal.durable or not self._on_record:
            return [], launches
        ahead: list[NodeStarted] = []
        behind: list[NodeStarted] = []
        for started in launches:
            (ahead if self._flow.kind(started.node_id).pure else behind).append(started)
        return ahead, behind

    def _carry_out(self, effects: Effects) -> None:
        for round_ in effects.rounds:
            self._open_round(round_)
        for node_id in effects.closed:
            self._stop_clock(node_id)
            self._timers.disarm_one(f"delay/{node_id}")
        self._crew.tell_to_end(effects.cancels)
        for node_id, seconds in effects.backoffs:
            self._clocks.count(node_id, seconds)
            self._arm_clock(f"retry/{node_id}", seconds)
        for node_id, seconds in effects.delays:
            self._arm_clock(f"delay/{node_id}", seconds)
        for progress in effects.progress:
            self._voice.show_progress(progress)
        self._arm_gate()

    @handles
    async def cancel_nodes(self, _message: CancelNodes) -> None:
        """Cancel those that were told to end, some at a time, so that the answer to a control goes before them."""
        await trio.lowlevel.checkpoint()
        self._crew.cancel_some(self._flow.causes)

    def _launch(self, launches: list[NodeStarted]) -> None:
        """Start the executors of nodes whose start is on record, unless a control or a crash was quicker."""
        if self._writer.closed:
            return
        overtaken = [it.node_id for it in launches if it.node_id in self._flow.causes]
        for started in launches:
            # One that stood still may have ended between its start and the commit of that.
            awaited = started.node_id in self.state.in_flight or started.node_id in self.state.open
            if awaited and started.node_id not in self._flow.causes:
                self._launch_executor(started)
        if overtaken:
            for node_id in overtaken:
                self._flow.cancelled(node_id)
            self._go_on()

    def _launch_executor(self, started: NodeStarted) -> None:
        if started.opens:
            limit = self._limit_node_without_task(started.node_id)
        else:
            limit = self._clocks.start(started.node_id, self._flow.node(started.node_id), started.attempt)
        if self._crew.go_on(started.node_id):
            return
        executor = make_executor(self._desk, self._flow, started, self._voice, limit)
        if executor.inline:
            self._queue_inline(executor)
        else:
            self._crew.put_to_work(executor)

    def _limit_node_without_task(self, node_id: str) -> TimeLimit:
        """A node without a task has no cancel scope that could end it in time; a timer of the run does."""
        limit = self._clocks.start(node_id, self._flow.node(node_id), self.state.nodes[node_id].attempt)
        if limit.seconds is not None:
            self._limited.add(node_id)
            self._arm_clock(f"{limit.code}/{node_id}", limit.seconds)
        return limit

    def _open_round(self, round_: Round) -> None:
        """Call an open node again, now that its body has ended for what it opened."""
        if round_.node_id in self.state.open:
            started = NodeStarted(round_.node_id, round_.attempt, opens=True)
            self._queue_inline(make_executor(self._desk, self._flow, started, self._voice, _NO_LIMIT, round_))

    def _queue_inline(self, executor: NodeExecutor) -> None:
        """Have it run by a message, so that a control goes before it; one message at a time is on its way."""
        self._inline.append(executor)
        if not self._inline_called:
            self._inline_called = True
            self.ref.tell(RunInline())

    @handles
    async def run_inline(self, _message: RunInline) -> None:
        """Run the next nodes that need no task, those that follow from them included, as many as one may at a time."""
        for _ in range(INLINE_STRIDE):
            if not self._inline:
                self._go_on()
            if not self._inline:
                break
            await self._run_next_inline()
        else:
            self._go_on()
            await trio.lowlevel.checkpoint()
        self._inline_called = bool(self._inline)
        if self._inline:
            self.ref.tell(RunInline())

    async def _run_next_inline(self) -> None:
        executor = self._inline.popleft()
        if executor.context.node_id in self._flow.causes or not self._is_awaited(executor):
            self._node_ended(executor, Exit(ExitKind.KILLED))
        else:
            self._node_ended(executor, Exit(ExitKind.NORMAL, result=await executor.run()))

    async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
        """An executor ended, or a timer went off."""
        if spec.kind != TIMER:
            self._node_ended(self._crew.has_left(spec.id), exit)
            self._go_on_soon()
        elif name := self._timers.gone_off(spec, exit):
            self._alarm(name)

    def _node_ended(self, executor: NodeExecutor, exit_: Exit) -> None:
        if self.state.ended:
            return  # It stood still when the run was stopped, and was ended with it.
        node_id = executor.context.node_id
        outcome = cast("Outcome | None", exit_.result)
        elapsed = 0.0 if isinstance(outcome, Opens) else self._stop_clock(node_id)
        match outcome:
            case Succeeded():
                self._flow.succeeded(node_id, outcome)
                if not outcome.cached:
                    executor.keep_recorded(self.state.node(node_id).outputs or {})
            case Failed():
                self._note_exception(node_id, outcome)
                self._flow.failed(node_id, outcome, elapsed)
            case Opens() if len(self.state.nodes) + len(outcome.items) > self._desk.limits.run_nodes:
                self._flow.failed(node_id, self._too_many_nodes(), self._stop_clock(node_id))
            case Opens():
                self._flow.opened(node_id, outcome)
            case Waits():
                self._begin_wait(node_id, outcome)
            case _ if node_id in self._flow.causes:
                self._flow.cancelled(node_id)
            case _:
                self._executor_crashed(node_id, exit_)

    def _too_many_nodes(self) -> Failed:
        limit = self._desk.limits.run_nodes
        return Failed(ErrorDetail("too_many_nodes", f"the run would have more than {limit} nodes, bodies included"))

    def _stop_clock(self, node_id: str) -> float:
        if node_id in self._limited:
            self._limited.remove(node_id)
            for code in ("timeout", "total_timeout"):
                self._timers.disarm_one(f"{code}/{node_id}")
        return self._clocks.stop(node_id)

    def _note_exception(self, node_id: str, outcome: Failed) -> None:
        """Keep what the node raised, for callbacks; one of an earlier attempt is not meant any more."""
        self._desk.exceptions.pop(node_id, None)
        if outcome.exception is not None:
            self._desk.exceptions[node_id] = outcome.exception

    def _executor_crashed(self, node_id: str, exit_: Exit) -> None:
        _log.error("the executor of %r crashed: %r", f"{self._desk.record.run_id}/{node_id}", exit_.error)
        too_often = not self._crashes.allows(trio.current_time())
        self._flow.executor_crashed(node_id, too_often=too_often)

    # --- waits and signals --------------------------------------------------------------------------------------

    def _begin_wait(self, node_id: str, waits: Waits) -> None:
        """The node's task is over; it goes on by a signal, which may have come already, or by its clock."""
        self._flow.waits(node_id, waits)
        if self.state.node(node_id).status != "waiting":
            return
        self._waits.keep(node_id, waits)
        if waits.seconds is not None:
            self._arm_clock(f"wait/{node_id}", waits.seconds)
        self._limit_node_without_task(node_id)
        if self.state.status == "running":
            self._deliver(node_id)

    @handles
    async def signal(self, message: SignalRun) -> SignalOutcome:
        """Answer a node that waits, or keep the answer for it."""
        outcome = self._judge_signal(message)
        if outcome.accepted:
            outcome = self._keep_signal(message)
        if outcome.accepted and message.heard is not None:
            message.heard(outcome)
        if outcome.accepted and self.state.status == "running" and self.state.node(message.node_id).status == "waiting":
            self._deliver(message.node_id)
            self._go_on()
        return outcome

    def _judge_signal(self, message: SignalRun) -> SignalOutcome:
        node = self.state.node(message.node_id)
        if self.state.ended:
            return self._refused(message, "run_finished", f"the run has ended: it is {self.state.status}")
        if self.state.status == "stopping":
            return self._refused(message, "invalid_state", "the run is stopping")
        if node.ended:
            return self._refused(message, "node_finished", f"the node has ended: it is {node.status}")
        waits = self._waits.of(message.node_id) if node.status == "waiting" else None
        flaw = None if waits is None else waits.flaw(message.payload)
        if flaw is not None:
            return self._refused(message, "invalid_payload", f"the payload does not fit what the node takes: {flaw}")
        return SignalOutcome(self._desk.record.run_id, message.node_id, accepted=True)

    def _keep_signal(self, message: SignalRun) -> SignalOutcome:
        run_id = self._desk.record.run_id
        try:
            self._desk.journal.keep_signal(run_id, message.node_id, message.payload)
        except RefusedError as error:
            return self._refused(message, error.code, str(error))
        return SignalOutcome(run_id, message.node_id, accepted=True)

    def _refused(self, message: SignalRun, code: str, sentence: str) -> SignalOutcome:
        return SignalOutcome(self._desk.record.run_id, message.node_id, accepted=False, code=code, message=sentence)

    def _deliver(self, node_id: str) -> None:
        signal = self._waits.next_signal(node_id)
        if signal is not None:
            self._end_wait(node_id)
            self._flow.signalled(node_id, signal[0])
            self._given.append(node_id)

    def _deliver_signals(self) -> None:
        """Give the nodes that wait what came while nothing was given to anybody."""
        for node_id in [n for n, it in self.state.nodes.items() if it.status == "waiting"]:
            self._deliver(node_id)

    def _end_wait(self, node_id: str) -> float:
        self._timers.disarm_one(f"wait/{node_id}")
        return self._stop_clock(node_id)

    def _wait_over(self, node_id: str) -> None:
        self._end_wait(node_id)
        waits = self._waits.of(node_id)
        if waits is None or waits.default is NOTHING:
            self._flow.wait_over(node_id)
        else:
            self._flow.signalled(node_id, waits.default)

    # --- timers -------------------------------------------------------------------------------------------------

    def _arm_clock(self, name: str, seconds: float) -> None:
        """Set a timer that stands still while the run is paused."""
        self._timers.arm(name, seconds, stands_still=True)

    def _alarm(self, name: str) -> None:
        family, _, which = name.partition("/")
        if not self._node_alarm(family, which):
            self._run_alarm(family, which)
        self._go_on_soon()

    def _node_alarm(self, family: str, node_id: str) -> bool:
        """A clock of a node went off; False when it is none of a node's."""
        match family:
            case "retry":
                self._flow.retry_due(node_id)
            case "delay":
                self._flow.delay_over(node_id)
            case "wait":
                self._wait_over(node_id)
            case "timeout" | "total_timeout":
                self._timers.disarm_one(f"wait/{node_id}")
                self._flow.time_out(node_id, family)
            case _:
                return False
        return True

    def _run_alarm(self, family: str, which: str) -> None:
        match family:
            case "run-timeout":
                self._time_out()
            case "gate":
                self._wake_gate()
            case "bench":
                self._leave_bench()
            case "pause-until":
                self._resume(ResumeRun(), "until")
            case "pause-timeout":
                self._stop(StopRun(), "pause_timeout")
            case "grace":
                self._name_the_disobedient(which)
            case "progress":
                self._voice.flush_progress()
            case _:
                raise AssertionError(f"nobody set the timer {family}")

    def _name_the_disobedient(self, number: str) -> None:
        for context in self._crew.disobedient(number):
            message = "does not end although it was cancelled; the run waits for it"
            self._voice.remark(NodeLog(context.node_id, context.attempt, "warning", message, "node_ignored_cancel"))

    def _arm_run_timeout(self) -> None:
        timeout = self._desk.record.options.timeout or self._settings.timeout
        if timeout is not None and self.state.begun and self.state.status in ("running", "pausing", "paused"):
            self._arm_clock("run-timeout", timeout - self.state.time_used(self._desk.now()))

    def _time_out(self) -> None:
        self._flow.fail(ErrorDetail("run_timeout", "the run took longer than its timeout"), at_once=True)

    def _wake_gate(self) -> None:
        self.ref.tell(GateOpened(), urgent=True)

    @handles
    async def gate_opened(self, _message: GateOpened) -> None:
        """Try again to start the nodes that had to wait for their key."""
        self._flow.gate_opened()
        self._go_on()
        if self._gate is not None:
            self._gate.pass_on()

    def _arm_gate(self) -> None:
        """Ask the gate again when a rate allows the next start; who starts nothing must not hold up the line."""
        if self._gate is None:
            return
        if self.state.status != "running" or self._flow.failure is not None or self._suspended:
            self._gate.withdraw()
        elif (next_at := self._gate.next_at()) is not None:
            self._timers.arm("gate", next_at - trio.current_time())

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
        if ruling == "do":
            stop_at = None if message.timeout is None else self._desk.now() + message.timeout
            self._flow.pause(mode, until=message.until, stop_at=stop_at, by=message.by)
        elif upgrade:
            until, stop_at = self.state.pause_until, self.state.pause_stop_at
            self._flow.pause(mode, until=until, stop_at=stop_at, by=message.by)
        elif message.until is not None or message.timeout is not None:
            self._change_pause_ends(message)
        outcome = self._outcome("pause", ruling, message.heard)
        if (ruling == "do" or upgrade) and mode == "checkpoint":
            self._stand_still()
        if ruling == "do":
            self._hold()
        self._go_on()
        return outcome

    def _change_pause_ends(self, message: PauseRun) -> None:
        """A run that is paused already is to end that by itself at another time."""
        state = self.state
        if state.pause_mode is not None:
            stop_at = None if message.timeout is None else self._desk.now() + message.timeout
            change = RunStatusChanged(state.status, None, state.pause_mode, message.until, stop_at, message.by)
            self._writer.add(change)
            self._timers.disarm("pause-")
            self._arm_pause_ends()

    def _is_pausable(self, node_id: str) -> bool:
        context = self._crew.context(node_id)
        return self._flow.kind(node_id).pausable if context is None else context.pausable

    def _stand_still(self) -> None:
        """Those nodes in flight that can stand still do: to the outside they are paused, their tasks live on."""
        for node_id in self._crew.stand_still(self._flow.causes):
            self._clocks.stop(node_id)
            self._flow.stands_still(node_id)

    def _hold(self) -> None:
        """The clocks of the run stand still; those of the pause begin."""
        self._leave_bench()
        self._timers.hold()
        for node_id in self._limited:
            self._clocks.stop(node_id)
        self._arm_pause_ends()

    def _arm_pause_ends(self) -> None:
        for name, at in (("pause-until", self.state.pause_until), ("pause-timeout", self.state.pause_stop_at)):
            if at is not None:
                self._timers.arm(name, at - self._desk.now())

    @handles
    async def resume(self, message: ResumeRun) -> ControlOutcome:
        """Go on after a pause."""
        ruling = judge("resume", self.state.status)
        if ruling != "do":
            return self._outcome("resume", ruling, message.heard)
        outcome = self._resume(message)
        self._go_on()
        return outcome

    def _resume(self, message: ResumeRun, reason: str | None = None) -> ControlOutcome:
        self._timers.disarm("pause-")
        self._flow.resume(reason, by=None if reason else message.by)
        outcome = self._outcome("resume", "do", message.heard)
        for node_id in self._limited:
            self._clocks.start(node_id, self._flow.node(node_id), self.state.nodes[node_id].attempt)
        self._timers.release()
        self._flow.gate_opened()
        self._deliver_signals()
        self._arm_run_timeout()
        if self.state.status == "queued":
            self._desk.want_turn()
        return outcome

    @handles
    async def stop_run(self, message: StopRun) -> ControlOutcome:
        """End the run now."""
        ruling = judge("stop", self.state.status)
        outcome = self._stop(message) if ruling == "do" else self._outcome("stop", ruling, message.heard)
        self._go_on()
        if message.mode == "kill":
            self._crew.end_grace()
        return outcome

    def _stop(self, message: StopRun, reason: str | None = None) -> ControlOutcome:
        self._flow.stop(by=None if reason else message.by, reason=reason)
        outcome = self._outcome("stop", "do", message.heard)
        for prefix in ("pause-", "retry/", "delay/", "wait/", "timeout/", "total_timeout/", "run-timeout", "gate"):
            self._timers.disarm(prefix)
        return outcome

    @handles
    async def suspend(self, message: SuspendRun) -> None:
        """Leave things so that the next process can go on; the actor ends when no node is at work any more."""
        self._suspended = True
        self._flow.suspend()
        mode: PauseMode = "hard" if message.hard else "checkpoint"
        chosen = [it for it in self._crew if self._crew.stands_still(it) or self._flow.may_cut(it, mode)]
        for node_id in chosen:
            self._flow.causes.setdefault(node_id, "drain")
        self._crew.tell_to_end(chosen)
        self._go_on()

    def _is_awaited(self, executor: NodeExecutor) -> bool:
        """Whether an inline node is still to run: an open one may have been paused or ended while it waited."""
        node_id = executor.context.node_id
        return node_id in self.state.open or node_id in self.state.in_flight

    def _outcome(self, action: Action, ruling: Ruling, heard: Heard | None) -> ControlOutcome:
        record, state = self._desk.record, self.state
        accepted = ruling in ("do", "nothing")
        outcome = ControlOutcome(
            run_id=record.run_id,
            workflow_id=record.workflow_id,
            action=action,
            accepted=accepted,
            status=state.status,
            seq=state.seq,
            code=None if accepted else ruling,
            message=None if accepted else f"a run that is {state.status} cannot be {_PAST[action]}",
        )
        if heard is not None:
            heard(outcome)
        return outcome


_NO_LIMIT: Final = TimeLimit()
_PAST: Final[dict[Action, str]] = {"pause": "paused", "resume": "resumed", "stop": "stopped"}
