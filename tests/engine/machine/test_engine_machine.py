"""Random graphs, controls, crashes, kills and full disks against the engine, on a disk and in memory."""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
import tempfile
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import mock

import trio
from attrs import Factory, define, evolve, field
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, invariant, multiple, precondition

from bluev_actors import faultpoints
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.runtime import Runtime, open_runtime
from bluev_actors.engine.store import opening
from bluev_actors.engine.store.store_limits import StoreLimits
from bluev_actors.errors import ActorStoppedError, StorageUnavailableError
from bluev_actors.testing.faults import InjectedError
from bluev_actors.testing.machine import TrioMachine, rule
from bluev_actors.workflows.options import Rerun, RunOptions
from bluev_actors.workflows.run_events import NodeStarted
from machine_graphs import ANSWER, KEY, SLOTS, documents
from machine_laws import replayed
from machine_nodes import GRACE, Ledger, node_types

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.workflows.run_events import Recorded
    from bluev_actors.workflows.values import JsonObject

NO_RUN: object = multiple()  # pyright: ignore[reportUnknownVariableType] # of no results, of no type
"""What a rule adds to a bundle when there is nothing to add."""
LIMITS = RuntimeLimits(active_runs=2)
MAX_RUNS = 4
EPOCH = 1_800_000_000.0
CRASH_PERIOD = 6.0
"""Seconds after which the supervisor of runs has forgotten the crashes of a run."""
ENOUGH = 300.0
"""Seconds in which any run of these graphs comes to its end, if it is let."""


@define(eq=False)
class Played:
    """A run as the machine knows it.

    Attributes:
        run_id: its id.
        document: what it runs.
        shown: the events that were shown of it, to somebody who listens all the time.
        stopped: a stop was acknowledged, or may have been.
    """

    run_id: str
    document: JsonObject
    shown: list[Recorded] = Factory(list["Recorded"])
    stopped: bool = False
    crashes: list[float] = Factory(list[float])

    @property
    def waiting_nodes(self) -> list[str]:
        """Its nodes that wait for a signal."""
        return [it["id"] for it in self.document["nodes"] if it["type"] == "wait_signal"]


@define(eq=False)
class Host:
    """One process: a runtime that lives until it is closed or killed."""

    scope: trio.CancelScope = Factory(trio.CancelScope)
    close: trio.Event = Factory(trio.Event)
    gone: trio.Event = Factory(trio.Event)
    ledger: Ledger = Factory(Ledger)
    before: dict[str, int] = Factory(dict[str, int])
    """How many events of each run were shown before it opened."""
    runtime: Runtime = field(init=False)


class EngineMachine(TrioMachine):
    """Starts runs and lets all sorts of things happen to them."""

    patience = 30.0
    durable: ClassVar[bool] = False
    runs = Bundle("runs")

    def __init__(self) -> None:
        """Note what the machine knows beforehand; the base opens the first process."""
        self.stack = ExitStack()
        self.played: dict[str, Played] = {}
        self.disk_is_full = False
        self.jump = 0.0
        self.writer_crash: str | None = None
        self.writer_crashed_at = -math.inf
        self.doomed: set[str] = set()
        self.kills = 0
        self.folders = 0
        super().__init__()

    # --- the process --------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """The first process."""
        self.root = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="engine-machine-")))
        limits = StoreLimits(inline_writes=math.inf)
        patched = partial(opening.open_journal, limits=limits)
        self.stack.enter_context(mock.patch.object(opening, "open_journal", patched))
        async with trio.open_nursery() as self.hosts:
            await self._boot()
            yield
            self.hosts.cancel_scope.cancel()

    async def _boot(self) -> None:
        self.host = Host(before={run_id: len(it.shown) for run_id, it in self.played.items()})
        await self.hosts.start(self._live, self.host)

    async def _live(self, host: Host, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        folder = self.root / str(self.folders) if self.durable else None
        try:
            with host.scope, faultpoints.armed(partial(self._trap, host)):
                async with open_runtime(
                    node_types(host.ledger), now=self.now, limits=LIMITS, data_dir=folder, sync="normal"
                ) as host.runtime:
                    self._catch_up(host)
                    host.runtime.journal.subscribe(partial(self._hear, host))
                    task_status.started()
                    await host.close.wait()
        finally:
            host.gone.set()

    def now(self) -> float:
        """Wall time."""
        return EPOCH + self.jump + trio.current_time()

    def _trap(self, host: Host, point: str, key: str) -> None:
        if host is not self.host:
            return
        if point == "journal.commit" and self.disk_is_full:
            raise sqlite3.OperationalError("database or disk is full")
        if point == self.writer_crash:
            self.writer_crash = None
            raise InjectedError
        if point == "actor.receive" and key in self.doomed:
            self.doomed.discard(key)
            raise InjectedError

    def _catch_up(self, host: Host) -> None:
        """What happened while the process opened counts as shown too, after what was shown before."""
        for handle in host.runtime.list_runs():
            shown, history = self.played[handle.run_id].shown, list(handle.history())
            assert history[: len(shown)] == shown, "what was shown is there in the next process"
            shown[:] = history

    def _hear(self, host: Host, batch: Sequence[Recorded]) -> None:
        if host is self.host:
            for recorded in batch:
                if recorded.run_id in self.played:
                    self.played[recorded.run_id].shown.append(recorded)

    @property
    def runtime(self) -> Runtime:
        """The engine."""
        return self.host.runtime

    def run(self, played: Played) -> RunHandle:
        """A run's handle in the present process."""
        return self.runtime.find(run_id=played.run_id)

    # --- what people do -----------------------------------------------------------------------------------------

    @rule(target=runs, document=documents())
    async def start(self, document: JsonObject) -> Any:  # noqa: ANN401 - a run, or none
        """Somebody starts a run."""
        return await self._start(document)

    @rule(target=runs, document=documents(kinds=("work", "stubborn", "cleaner"), rivals=True))
    async def start_rival(self, document: JsonObject) -> Any:  # noqa: ANN401 - as above
        """Somebody starts a run whose nodes all name the same key."""
        return await self._start(document)

    @rule(target=runs, played=runs, mode=st.sampled_from(["failed", "stale"]))
    async def start_again(self, played: Played, mode: Any) -> Any:  # noqa: ANN401 - a literal; a run, or none
        """Somebody runs again what did not complete in a run."""
        if not self.run(played).ended:
            return NO_RUN
        return await self._start(played.document, RunOptions(rerun=Rerun(from_run=played.run_id, mode=mode)))

    async def _start(self, document: JsonObject, options: RunOptions = RunOptions()) -> Any:  # noqa: ANN401 - as above
        if len(self.played) >= MAX_RUNS:
            return NO_RUN
        played = Played(f"run-{len(self.played)}", document)
        self.played[played.run_id] = played
        try:
            await self.runtime.start(document, run_id=played.run_id, options=options)
        except (StorageUnavailableError, ActorStoppedError):
            assert self.disk_is_full
            played.stopped = True
            return NO_RUN
        return played

    @rule(
        played=runs,
        mode=st.sampled_from(["checkpoint", "drain", "hard", None]),
        until=st.sampled_from([None, None, 2.0]),
        timeout=st.sampled_from([None, None, None, 4.0]),
    )
    async def pause(
        self,
        played: Played,
        mode: Any,  # noqa: ANN401 - a literal
        until: float | None,
        timeout: float | None,
    ) -> None:
        """Somebody pauses it: from the reply on nothing starts."""
        was = self.run(played).status
        played.stopped = played.stopped or timeout is not None
        try:
            at = None if until is None else self.now() + until
            outcome = await self.run(played).pause(mode, until=at, timeout=timeout)
        except StorageUnavailableError:
            assert self.disk_is_full
            return
        assert outcome.accepted == (was in ("queued", "running", "pausing", "paused")), (was, outcome)
        if outcome.accepted:
            history = self.run(played).history()
            assert replayed(self.run(played).workflow, history[: outcome.seq]).status in ("pausing", "paused")

    @rule(played=runs)
    async def resume(self, played: Played) -> None:
        """Somebody resumes it."""
        try:
            await self.run(played).resume()
        except StorageUnavailableError:
            assert self.disk_is_full

    @rule(played=runs, mode=st.sampled_from(["graceful", "kill"]))
    async def stop(self, played: Played, mode: Any) -> None:  # noqa: ANN401 - a literal
        """Somebody stops it: it is over in its grace."""
        played.stopped = True
        try:
            outcome = await self.run(played).stop(mode)
        except StorageUnavailableError:
            assert self.disk_is_full
            return
        await self.advance(GRACE + 0.2 if mode == "graceful" else 0.1)
        if not self.disk_is_full:
            assert self.run(played).state.ended, f"stop was {outcome}, and it goes on"

    @rule(played=runs, data=st.data())
    async def signal(self, played: Played, data: st.DataObject) -> None:
        """Somebody answers a node, perhaps before it waits."""
        if played.waiting_nodes:
            try:
                await self.run(played).signal(data.draw(st.sampled_from(played.waiting_nodes)), ANSWER)
            except StorageUnavailableError:
                assert self.disk_is_full

    @rule(seconds=st.sampled_from([0.0, 0.3, 1.0, 2.5, 10.0]))
    async def pass_time(self, seconds: float) -> None:
        """Time passes."""
        await self.advance(seconds)

    # --- what befalls them --------------------------------------------------------------------------------------

    @rule(played=runs)
    async def crash_run(self, played: Played) -> None:
        """Its actor crashes at the next message."""
        now = trio.current_time()
        played.crashes = [at for at in played.crashes if at > now - CRASH_PERIOD]
        if len(played.crashes) < 3 and self.run(played).ref is not None and not self.run(played).ended:
            played.crashes.append(now)
            self.doomed.add(f"/runs/{played.run_id}")

    @precondition(lambda self: self.durable)
    @rule(point=st.sampled_from(["journal.commit", "journal.publish"]))
    async def crash_writer(self, point: str) -> None:
        """The journal's writer crashes at its next batch."""
        if trio.current_time() > self.writer_crashed_at + CRASH_PERIOD:
            self.writer_crashed_at, self.writer_crash = trio.current_time(), point

    @rule(seconds=st.sampled_from([-20.0, 20.0]))
    async def set_clock(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self.jump += seconds

    @precondition(lambda self: self.durable)
    @rule()
    async def restart(self) -> None:
        """The process goes down in order, and another takes up its folder."""
        if self.disk_is_full:
            return
        self.doomed.clear()
        self.writer_crash = None
        host = self.host
        host.close.set()
        await host.gone.wait()
        host.ledger.closed = True
        await self._boot()

    @precondition(lambda self: self.durable)
    @rule()
    async def kill(self) -> None:
        """The process dies at once; another finds its folder as it was at that moment."""
        self.doomed.clear()
        self.writer_crash = None
        old, host = self.root / str(self.folders), self.host
        self.folders += 1
        shutil.copytree(old, self.root / str(self.folders))
        host.ledger.closed = True
        self.kills += 1
        self.disk_is_full = False
        host.scope.cancel()
        await self._boot()
        self._forget_what_was_never_acknowledged()

    def _forget_what_was_never_acknowledged(self) -> None:
        held = {it.run_id for it in self.runtime.list_runs()}
        for run_id in [it for it in self.played if it not in held]:
            assert not self.played[run_id].shown, "what was shown is there after a crash"

    @precondition(lambda self: self.durable)
    @rule(full=st.booleans())
    async def fill_disk(self, full: bool) -> None:
        """The disk is full, or not any more."""
        self.disk_is_full = full
        await self.advance(0.1 if full else 3.0)

    # --- what holds ---------------------------------------------------------------------------------------------

    @invariant()
    async def laws_hold(self) -> None:
        """The record is lawful, nothing shown is taken back, and the state is what the record comes to."""
        for played in self.played.values():
            if not any(it.run_id == played.run_id for it in self.runtime.list_runs()):
                continue
            handle = self.run(played)
            history = list(handle.history())
            assert history[: len(played.shown)] == played.shown, "what was shown stays"
            assert len(played.shown) == len(history), "all that is on record was shown"
            if history:
                state = replayed(handle.workflow, history)
                live = evolve(handle.state, cursor=state.cursor)
                assert live == state, "the live state is what the record comes to"

    @invariant()
    async def nobody_works_unrecorded(self) -> None:
        """Each call of a node was put on record by this process before; so what has completed is not called again."""
        for (run_id, node_id, attempt), calls in self.host.ledger.calls.items():
            news = self.played[run_id].shown[self.host.before.get(run_id, 0) :]
            starts = [it.event for it in news if isinstance(it.event, NodeStarted)]
            found = sum((it.node_id, it.attempt) == (node_id, attempt) for it in starts)
            assert calls <= found, f"{run_id}/{node_id} was called {calls} times, and {found} starts are on record"

    @invariant()
    async def slots_are_those_in_use(self) -> None:
        """As many slots of a key are taken as nodes that name it are at work."""
        inside = 0
        for handle in self.runtime.list_runs():
            writer = handle.desk.writer
            if writer is not None and handle.ref is not None and not writer.state.ended and not writer.closed:
                keyed = [it.id for it in handle.workflow.nodes if it.concurrency_key == KEY]
                inside += sum(it in writer.state.in_flight or it in writer.state.open for it in keyed)
        found = self.runtime.runs.admission.inside(KEY)
        assert found == inside, f"{found} slots are taken by {inside} nodes"
        assert found <= SLOTS

    def teardown(self) -> None:
        """Let every run come to its end, and see that it came to what it should have."""
        try:
            if self._failure is None:
                self.perform(self.finish, "finish")
        finally:
            try:
                super().teardown()
            finally:
                self.stack.close()

    async def finish(self) -> None:
        """Resume what is paused, and wait."""
        self.disk_is_full = False
        self.doomed.clear()
        self.writer_crash = None
        await self.advance(3.0)
        held = {it.run_id for it in self.runtime.list_runs()}
        for played in [it for it in self.played.values() if it.run_id in held]:
            for _ in range(3):
                if not self.run(played).ended:
                    await self.run(played).resume()
                    await self.advance(ENOUGH)
            assert self.run(played).ended, f"{self.run(played)} does not end: {self.run(played).state}"
            await self.compare(played)
            read = [recorded async for recorded in self.run(played).events()]
            assert read == played.shown, "who reads and who is told come to the same"
        await self.laws_hold()

    async def compare(self, played: Played) -> None:
        """A run that was not stopped came to what it comes to when nothing happens to it."""
        state = self.run(played).state
        assert state.status != "stopped" or played.stopped
        async with open_runtime(node_types(Ledger()), now=self.now) as calm:
            handle = await calm.start(played.document)
            await handle.when_ended()
            expected = handle.state
        if played.stopped or (self.kills >= 3 and "poison" in str(state)):
            return
        assert state.status == expected.status, (state.error, expected.error)
        if expected.status == "completed":
            assert state.results == expected.results


class DurableMachine(EngineMachine):
    """The same on a disk, with crashes of the process."""

    durable = True


SETTINGS = settings(
    max_examples=int(os.environ.get("MACHINE_EXAMPLES", "20")),  # more of them by hand, for a night
    derandomize="MACHINE_EXAMPLES" not in os.environ,  # a change is judged by what it does, not by luck
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],  # to explain takes longer than all of these
    print_blob=True,
)

TestInMemory = EngineMachine.TestCase
TestInMemory.settings = SETTINGS
TestOnDisk = DurableMachine.TestCase
TestOnDisk.settings = SETTINGS
