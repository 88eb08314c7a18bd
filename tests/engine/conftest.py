"""A runtime in virtual time that notices tasks left behind, the laws every run obeys, and a run told in words."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from inspect import iscoroutinefunction
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import pytest
import trio
from attrs import define
from trio.testing import MockClock, wait_all_tasks_blocked

from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.engine.store import opening
from bluev_actors.workflows import paths
from bluev_actors.workflows.run_events import (
    NODE_ENDED,
    RUN_ENDED,
    TERMINAL_EVENTS,
    NodeEmitted,
    NodeLog,
    NodeStarted,
    Recorded,
    RunCompleted,
    RunStarted,
    RunStatusChanged,
)
from bluev_actors.workflows.run_state import RunState, apply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
    from contextlib import AbstractAsyncContextManager
    from typing import Self

    from trio.abc import Clock, Instrument

    from bluev_actors.engine.node_types import NodeType
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.workflows.graph import Workflow

EPOCH: Final = 1_800_000_000.0
"""Wall time when Trio's clock reads 0."""
FOREVER: Final = 1e8
"""Virtual seconds after which a test hangs: with nothing left to do, the clock jumps there at once."""


# --- time -------------------------------------------------------------------------------------------------


def run_in_virtual_time(
    test: Callable[[], Awaitable[object]], clock: Clock | None, instruments: Sequence[Instrument]
) -> object:
    """Run a test on a clock that jumps to the next deadline as soon as nobody has anything to do."""
    return trio.run(test, clock=clock or MockClock(autojump_threshold=0), instruments=instruments)


def run_in_real_time(
    test: Callable[[], Awaitable[object]], clock: Clock | None, instruments: Sequence[Instrument]
) -> object:
    """Run a test that uses `running_clock`, be it only by a mark of its module."""
    return trio.run(test, clock=clock, instruments=instruments)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have every async test of this folder run in virtual time."""
    folder = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(folder) and iscoroutinefunction(getattr(item, "obj", None)):
            fixtures: list[str] = getattr(item, "fixturenames", [])
            run = run_in_real_time if "running_clock" in fixtures else run_in_virtual_time
            item.add_marker(pytest.mark.trio(run=run))


@pytest.fixture
def running_clock() -> MockClock:
    """A clock that runs by itself, for tests with threads: one that jumps would not wait for them."""
    return MockClock(rate=1.0)


# --- a runtime --------------------------------------------------------------------------------------------


@define
class Disk:
    """How slow the disk of a journal in a folder is."""

    seconds: float = 0.0


@define
class OnTheLoop:
    """Stands in for the thread of a journal in a folder, which a clock that jumps would not wait for."""

    disk: Disk

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_how: object) -> None:
        """There is nothing to end."""

    async def run(self, do: Callable[[], None]) -> None:
        """Do it here; once begun it is never left alone, whoever cancels."""
        with trio.CancelScope(shield=True):
            await trio.sleep(self.disk.seconds)
        do()


class OpenBench(Protocol):
    """Opens a runtime whose wall clock is Trio's; after it no task may be left."""

    def __call__(self, *nodes: NodeType, limits: RuntimeLimits = ...) -> AbstractAsyncContextManager[Runtime]:
        """Have these node types besides the built-in ones."""
        ...


@asynccontextmanager
async def _bench(
    *nodes: NodeType, limits: RuntimeLimits = RuntimeLimits(), folder: Path | None = None, disk: Disk | None = None
) -> AsyncGenerator[Runtime]:
    before = living_tasks()
    with trio.fail_after(FOREVER), pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "Worker", _no_thread(disk or Disk()))
        async with open_runtime(nodes, now=wall_time, limits=limits, data_dir=folder) as runtime:
            yield runtime
            if all(handle.status in RUN_ENDED for handle in runtime.list_runs()):
                await wait_all_tasks_blocked()
                left = [it.path for it in runtime.system.tree().walk() if it.kind in ("run", "node", "timer")]
                assert left == [], "a run that has ended leaves nobody behind"
    assert living_tasks() == before


def _no_thread(disk: Disk) -> Callable[[str], OnTheLoop]:
    def worker(_name: str) -> OnTheLoop:
        return OnTheLoop(disk)

    return worker


def wall_time() -> float:
    """Wall time, in step with Trio's clock."""
    return EPOCH + trio.current_time()


def living_tasks() -> int:
    """How many tasks there are below the one that runs the test."""
    return sum(1 for _ in _below(trio.lowlevel.current_task()))


def _below(task: trio.lowlevel.Task) -> Iterable[trio.lowlevel.Task]:
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield child
            yield from _below(child)


@pytest.fixture(scope="session")
def memory_bench() -> OpenBench:
    """Open runtimes in virtual time, with node types of the test."""
    return _bench


@pytest.fixture(scope="session")
def bench(memory_bench: OpenBench) -> OpenBench:
    """As `memory_bench`; a file of tests may have both journals under this name."""
    return memory_bench


@pytest.fixture(scope="session")
def folder_bench(tmp_path_factory: pytest.TempPathFactory) -> OpenBench:
    """The same over a journal in a folder, each in a folder of its own."""

    def opened(*nodes: NodeType, limits: RuntimeLimits = RuntimeLimits()) -> AbstractAsyncContextManager[Runtime]:
        return _bench(*nodes, limits=limits, folder=tmp_path_factory.mktemp("runs"))

    return opened


@pytest.fixture(scope="session", params=["in memory", "in a folder"])
def each_bench(request: pytest.FixtureRequest, memory_bench: OpenBench, folder_bench: OpenBench) -> OpenBench:
    """First over a journal in memory, then over one in a folder."""
    return folder_bench if request.param == "in a folder" else memory_bench


class OpenHouse(Protocol):
    """Opens runtimes over the folder of the test, one after the other."""

    def __call__(
        self, *nodes: NodeType, limits: RuntimeLimits = ..., folder: Path | None = None
    ) -> AbstractAsyncContextManager[Runtime]:
        """Have these node types; another folder is one that a test has made."""
        ...


@pytest.fixture
def disk() -> Disk:
    """The disk under `house`."""
    return Disk()


@pytest.fixture
def house(tmp_path: Path, disk: Disk) -> OpenHouse:
    """Open the same folder time and again, in virtual time: what one process leaves, the next one finds."""

    def opened(
        *nodes: NodeType, limits: RuntimeLimits = RuntimeLimits(), folder: Path | None = None
    ) -> AbstractAsyncContextManager[Runtime]:
        return _bench(*nodes, limits=limits, folder=folder or tmp_path / "house", disk=disk)

    return opened


class PullThePlug(Protocol):
    """Makes a folder as a process that is killed at this moment leaves it."""

    def __call__(self, source: Path | None = None) -> Path:
        """A copy of the folder of `house`, or of another one, as the disk has it now."""
        ...


@pytest.fixture
def pull_the_plug(tmp_path: Path) -> PullThePlug:
    """Copy the folder of `house` as it is: the process that opens the copy finds what a `kill -9` had left."""
    numbers = count(1)

    def copy(source: Path | None = None) -> Path:
        target = tmp_path / f"after-crash-{next(numbers)}"
        shutil.copytree(source or tmp_path / "house", target)
        return target

    return copy


# --- laws -------------------------------------------------------------------------------------------------


class CheckLaws(Protocol):
    """Holds what is on record of a run against the laws that every run obeys."""

    def __call__(self, workflow: Workflow, history: Sequence[Recorded]) -> None:
        """Raise an `AssertionError` that says which law was broken."""
        ...


def _check_laws(workflow: Workflow, history: Sequence[Recorded]) -> None:
    state = RunState("run", workflow.id)
    for number, recorded in enumerate(history, start=1):
        assert recorded.seq == number, "a run's events are numbered without holes"
        assert not state.ended, "nothing comes after the terminal event"
        assert isinstance(recorded.event, RunStarted) == (number == 1), "RunStarted is the first event, and only that"
        _check_event(workflow, state, recorded)
        apply(state, recorded)
    if state.ended:
        assert {it.id for it in workflow.nodes} <= set(state.nodes), "every node of an ended run has ended"
        assert all(it.ended for it in state.nodes.values()), "every node of an ended run has ended"


def _check_event(workflow: Workflow, state: RunState, recorded: Recorded) -> None:
    event = recorded.event
    node_id: str | None = getattr(event, "node_id", None)
    if isinstance(event, RunCompleted):
        assert not state.in_flight, "nothing is in flight when a run completes"
    if node_id is None or isinstance(event, NodeLog | NodeEmitted):
        return
    assert not state.node(node_id).ended, "what has ended has ended"
    if isinstance(event, NodeStarted):
        _check_start(workflow, state, event)


def _check_start(workflow: Workflow, state: RunState, event: NodeStarted) -> None:
    known = state.node(event.node_id)
    assert state.status == "running", "no node starts but in a running run"
    graph, prefix = workflow.graph_of(event.node_id), paths.prefix(event.node_id)
    sources = {prefix + edge.from_node for edge in graph.incoming[paths.own(event.node_id)]}
    assert all(state.node(it).status in NODE_ENDED for it in sources), "no node starts before its inputs are settled"
    around = paths.container(event.node_id)
    assert around is None or around in state.open, "no node starts inside a node that is not open"
    assert event.recovered == (known.status == "running"), "what was in flight, and only that, is recovered"
    again = known.status in ("running", "paused")
    assert event.attempt == known.attempt + (not again), "only a failed attempt gives way to the next number"
    limit = workflow.settings.max_concurrency
    others = len(state.in_flight) - (event.node_id in state.in_flight)
    assert limit is None or event.opens or others < limit, "no more nodes run at a time than the settings say"


@pytest.fixture(scope="session")
def check_laws() -> CheckLaws:
    """Hold a record against the laws that every run obeys."""
    return _check_laws


# --- words ------------------------------------------------------------------------------------------------


class TellStory(Protocol):
    """Tells what happened in a run, one short line for each event."""

    def __call__(self, run: RunHandle) -> list[str]:
        """Such as `["run started", "a started", "a completed", "run completed"]`."""
        ...


def _story(run: RunHandle) -> list[str]:
    _check_laws(run.workflow, run.history())
    return [_line(recorded) for recorded in run.history()]


def _line(recorded: Recorded) -> str:
    event = recorded.event
    if isinstance(event, RunStatusChanged):
        return f"run {event.status}"
    if isinstance(event, NodeLog):
        return f"{event.node_id} says {event.code or event.message}"
    who = "run" if isinstance(event, (RunStarted, *TERMINAL_EVENTS)) else getattr(event, "node_id", "?")
    what = type(event).__name__.removeprefix("Run").removeprefix("Node").lower()
    again = " again" if isinstance(event, NodeStarted) and event.recovered else ""
    number = f" {event.attempt}" if isinstance(event, NodeStarted) and event.attempt > 1 else ""
    return f"{who} {what}{number}{again}"


@pytest.fixture(scope="session")
def story() -> TellStory:
    """Tell what happened in a run, and hold it against the laws on the way."""
    return _story
