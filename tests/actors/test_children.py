"""How children start, restart and end: the orders and counts of every strategy, on a clock that jumps."""

from __future__ import annotations

import gc
import math
import random
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Never, TypeAlias, get_args

import pytest
import trio
from attrs import define, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    Backoff,
    ChangeChildSpec,
    ChildCounts,
    CountChildren,
    DeadLetter,
    DeleteChild,
    DynamicSupervisor,
    Exit,
    ExitKind,
    Ignore,
    LookUp,
    Offender,
    Ref,
    Request,
    RestartBudget,
    RestartChild,
    Shutdown,
    StartChild,
    State,
    StopChild,
    Supervisor,
    SupervisorReport,
    WhichChildren,
    child,
    handles,
    open_system,
)
from bluev_actors.actors.restart import is_restarted, restart_group
from bluev_actors.actors.specs import AutoShutdown, Restart, Strategy
from bluev_actors.errors import (
    ActorError,
    ActorRestartingError,
    ActorStoppedError,
    AskCycleError,
    BadChildSpecError,
    ChildIdTakenError,
    ChildNotFoundError,
    ChildRestartingError,
    ChildRunningError,
    ChildStartError,
    RestartIntensityError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bluev_actors.actors import ChildSpec, System
    from bluev_actors.actors.cell import Cell

    CellOf: TypeAlias = Callable[[Ref[Any]], Cell[Any]]

ALL_STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


@define(eq=False)
class Stage:
    """What happened to the children of a test, and what is to go wrong."""

    log: list[str] = field(factory=list[str])
    starts: list[tuple[str, float]] = field(factory=list[tuple[str, float]])
    got: list[str] = field(factory=list[str])
    ignoring: set[str] = field(factory=set[str])  # who finds that it is not needed
    fail_starts: dict[str, int] = field(factory=dict[str, int])  # how many of the next starts of a child fail
    start_time: float = 0
    stop_time: float = 0

    def spec(self, id_: str, **options: Any) -> ChildSpec:  # noqa: ANN401 - whatever `child` takes
        """The contract of one child on this stage."""
        return child(id_, lambda: Player(self, id_), **options)


class Player(Actor[str]):
    """Starts and stops in its own time, and ends as it is told."""

    def __init__(self, stage: Stage, id_: str) -> None:
        self.stage, self.id = stage, id_

    async def on_start(self) -> None:
        """Start, or fail to."""
        self.stage.log.append(f"start {self.id}")
        self.stage.starts.append((self.id, trio.current_time()))
        await trio.sleep(self.stage.start_time)
        if self.id in self.stage.ignoring:
            raise Ignore("no need")
        if self.stage.fail_starts.get(self.id, 0):
            self.stage.fail_starts[self.id] -= 1
            raise OSError("no start")
        self.stage.log.append(f"{self.id} is up")

    async def receive(self, message: str) -> None:
        """End in one way or the other."""
        if message == "crash":
            raise ValueError(message)
        if message == "stay":
            await trio.sleep_forever()
        if message == "give up":
            raise Shutdown(message)
        if message != "end":
            self.stage.got.append(message)
            return
        self.stop()

    async def on_stop(self, exit: Exit) -> None:
        """Note the end, after a while."""
        await trio.sleep(self.stage.stop_time)
        self.stage.log.append(f"stop {self.id} {exit.kind.value}")


@frozen
class Ask(Request[str]):
    """A question that nobody answers."""


def reports_of(system: System) -> list[tuple[str, str, str]]:
    """What the supervisors of a system report from now on: the context, about whom, and how it ended."""
    seen = list[tuple[str, str, str]]()

    def note(report: SupervisorReport) -> None:
        seen.append((report.context, report.offender.id, report.reason.kind.value))

    system.reports.subscribe(note)
    return seen


def family(*specs: ChildSpec, **options: Any) -> ChildSpec:  # noqa: ANN401 - whatever a supervisor takes
    """The contract of a supervisor of these; it is temporary, so that its end is final."""
    return child("family", lambda: Supervisor[Never](specs, **options), restart="temporary", shutdown=math.inf)


async def states(supervisor: Ref[Any]) -> dict[str, State]:
    """The states of all who have a place."""
    return {info.id: info.state for info in await supervisor.ask(WhichChildren())}


async def crash(supervisor: Ref[Any], id_: str) -> None:
    """Crash a child and see what follows through."""
    ref = await supervisor.ask(LookUp(id_))
    assert ref is not None
    ref.tell("crash")
    await wait_all_tasks_blocked()


# --- one strategy after the other ---


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("one_for_one", ["stop b crashed", "start b", "b is up"]),
        (
            "rest_for_one",
            ["stop b crashed", "stop c shutdown", "start b", "b is up", "start c", "c is up"],
        ),
        (
            "one_for_all",
            [
                "stop b crashed",
                "stop c shutdown",
                "stop a shutdown",
                "start a",
                "a is up",
                "start b",
                "b is up",
                "start c",
                "c is up",
            ],
        ),
    ],
)
async def test_who_is_restarted_in_which_order(strategy: Strategy, expected: list[str]) -> None:
    """The group ends in reverse order and starts in order, each waiting for the one before."""
    stage = Stage()
    async with open_system(*map(stage.spec, "abc"), strategy=strategy) as system:
        stage.log.clear()
        await crash(system.root, "b")
        assert stage.log == expected
        assert {ref.state for ref in await refs(system.root, "abc")} == {State.RUNNING}


async def refs(supervisor: Ref[Any], ids: Iterable[str]) -> list[Ref[Any]]:
    """The refs of these children, all of which live."""
    found = [await supervisor.ask(LookUp(id_)) for id_ in ids]
    return [ref for ref in found if ref is not None]


async def test_they_start_in_order_and_stop_in_reverse() -> None:
    """Each start waits for the one before, however long that takes; each stop too."""
    stage = Stage(start_time=2, stop_time=3)
    async with open_system(*map(stage.spec, "abc")):
        assert trio.current_time() == pytest.approx(6)
        assert stage.log == ["start a", "a is up", "start b", "b is up", "start c", "c is up"]
        stage.log.clear()
    assert stage.log == ["stop c shutdown", "stop b shutdown", "stop a shutdown"]
    assert trio.current_time() == pytest.approx(15)


async def test_two_incarnations_never_overlap() -> None:
    """The next one starts when the clean-up of the last one has ended."""
    stage = Stage(stop_time=3)
    async with open_system(stage.spec("a")) as system:
        (ref,) = await refs(system.root, "a")
        ref.tell("crash")
        await trio.sleep(2.9)
        assert (ref.state, ref.incarnation) == (State.STOPPING, 1)
        await trio.sleep(0.2)
        assert (ref.state, ref.incarnation) == (State.RUNNING, 2)
    assert stage.log[:5] == ["start a", "a is up", "stop a crashed", "start a", "a is up"]


async def test_temporary_siblings_vanish() -> None:
    """They are stopped with their group and do not come back."""
    stage = Stage()
    specs = [stage.spec("a"), stage.spec("b", restart="temporary"), stage.spec("c")]
    async with open_system(*specs, strategy="one_for_all") as system:
        await crash(system.root, "a")
        assert [ref.id for ref in await refs(system.root, "abc")] == ["a", "c"]


async def test_a_group_counts_once() -> None:
    """However many are restarted together, the budget loses one."""
    stage = Stage()
    async with open_system(*map(stage.spec, "abc"), strategy="one_for_all", intensity=2) as system:
        await crash(system.root, "a")
        await crash(system.root, "b")
        assert system.tree().restarts_left == 0


async def test_stopped_siblings_come_back_with_their_group() -> None:
    """A child that was stopped by hand keeps its place, and is started with the others."""
    stage = Stage()
    async with open_system(*map(stage.spec, "ab"), strategy="one_for_all") as system:
        await system.root.ask(StopChild("a"))
        await crash(system.root, "b")
        (ref, _) = await refs(system.root, "ab")
        assert (ref.state, ref.incarnation) == (State.RUNNING, 2)


async def test_two_crashes_at_once_are_one_restart() -> None:
    """With one_for_all the exit of a sibling that crashed too has been dealt with."""
    stage = Stage()
    async with open_system(*map(stage.spec, "ab"), strategy="one_for_all") as system:
        for ref in await refs(system.root, "ab"):
            ref.tell("crash")
        await wait_all_tasks_blocked()
        assert system.tree().restarts_in_window == 1
        assert [ref.incarnation for ref in await refs(system.root, "ab")] == [2, 2]


# --- starts that fail ---


@pytest.mark.parametrize(
    ("strategy", "starts"),
    [
        ("one_for_one", ["b", "b", "b"]),
        ("rest_for_one", ["b", "c", "c", "c"]),
        ("one_for_all", ["a", "b", "c", "a", "b", "c", "a", "b", "c"]),
    ],
)
async def test_a_restart_that_fails_is_tried_again(strategy: Strategy, starts: list[str]) -> None:
    """At once, and against the budget; one_for_all tears the fresh ones down again, rest_for_one keeps them."""
    stage = Stage()
    victim = "b" if strategy == "one_for_one" else "c"
    async with open_system(*map(stage.spec, "abc"), strategy=strategy, intensity=3) as system:
        stage.log.clear()
        stage.fail_starts[victim] = 2
        await crash(system.root, "b")
        assert [line[-1] for line in stage.log if line.startswith("start")] == starts
        assert system.tree().restarts_in_window == 3
        assert {ref.state for ref in await refs(system.root, "abc")} == {State.RUNNING}


async def test_a_child_may_use_its_own_budget_up_within_a_group() -> None:
    """It is given up alone; its siblings, which waited behind it, are started all the same."""
    stage = Stage()
    specs = [stage.spec("a"), stage.spec("b", budget=RestartBudget(1)), stage.spec("c")]
    async with open_system(*specs, strategy="one_for_all") as system:
        stage.fail_starts["b"] = 2
        await crash(system.root, "a")
        assert [ref.id for ref in await refs(system.root, "abc")] == ["a", "c"]
        assert {ref.state for ref in await refs(system.root, "ac")} == {State.RUNNING}


async def test_stopping_one_that_is_due() -> None:
    """A sibling that waits for its restart can be stopped for good meanwhile."""
    stage = Stage()
    async with open_system(*map(stage.spec, "ab"), strategy="one_for_all") as system:
        stage.start_time = 2
        (a, b) = await refs(system.root, "ab")
        a.tell("crash")
        await trio.sleep(1)
        assert b.state is State.EXITED
        b.stop("not again")
        await trio.sleep(2)
        assert (a.state, b.state) == (State.RUNNING, State.STOPPED)


async def test_a_crash_while_a_stop_is_wanted(cell_of: CellOf) -> None:
    """Whoever is to be stopped for good is not restarted, even if it crashes on its way."""
    stage = Stage()
    async with open_system(stage.spec("a")) as system:
        (ref,) = await refs(system.root, "a")
        ref.tell("crash")
        cell_of(ref).stop_reason = "wanted in this very moment"
        assert (await ref.stopped()).kind is ExitKind.CRASHED


async def test_a_first_start_that_fails_ends_the_supervisor() -> None:
    """Those that had started are stopped again, in reverse order, and the reason gets out."""
    stage = Stage(fail_starts={"c": 1})
    with pytest.raises(ChildStartError, match="/c: did not start") as failed:
        async with open_system(*map(stage.spec, "abcd")):
            raise AssertionError("the block must not be entered")
    assert isinstance(failed.value.__cause__, OSError)
    assert stage.log[-2:] == ["stop b shutdown", "stop a shutdown"]


# --- what OTP's rules say of starts ---


async def test_nobody_starts_when_a_contract_is_wrong(system: System) -> None:
    """All first contracts are checked before the first of them is carried out."""
    stage = Stage()
    for wrong in (stage.spec("a"), stage.spec("b", restart="transient", significant=True)):
        with pytest.raises(ChildStartError) as failed:
            await system.start(family(stage.spec("a"), wrong))
        assert isinstance(failed.value.__cause__, ChildIdTakenError | BadChildSpecError)
    assert stage.log == []


async def test_the_report_of_a_first_start_that_fails(system: System) -> None:
    """The supervisor says who did not start, and its own supervisor says that it did not."""
    stage, reports = Stage(fail_starts={"b": 1}), reports_of(system)
    with pytest.raises(ChildStartError):
        await system.start(family(*map(stage.spec, "abc")))
    assert reports[0] == ("start_error", "b", "crashed")
    assert "start c" not in stage.log


async def test_who_ignores_its_first_start_keeps_its_place() -> None:
    """Unless it is temporary; the others start as if nothing were, and nothing is reported."""
    stage = Stage(ignoring={"a", "b"})
    specs = [stage.spec("a"), stage.spec("b", restart="temporary"), stage.spec("c")]
    async with open_system() as system:
        reports = reports_of(system)
        ref = await system.start(family(*specs))
        assert await states(ref) == {"a": State.STOPPED, "c": State.RUNNING}
        assert reports == []
        stage.ignoring.clear()
        assert (await ref.ask(RestartChild("a"))).state is State.RUNNING


@pytest.mark.parametrize("restart", get_args(Restart))
async def test_who_ignores_when_it_is_started_by_hand(system: System, restart: Restart) -> None:
    """Whoever asked gets a ref of one that is stopped; the place is kept unless it is temporary."""
    stage, reports = Stage(ignoring={"a"}), reports_of(system)
    ref = await system.start(stage.spec("a", restart=restart))
    assert (ref.state, (await ref.stopped()).kind) == (State.STOPPED, ExitKind.IGNORED)
    assert await states(system.root) == ({} if restart == "temporary" else {"a": State.STOPPED})
    assert reports == []


async def test_a_factory_may_ignore(system: System) -> None:
    """There need not be an actor to find out that none is needed."""

    def factory() -> Never:
        raise Ignore

    ref = await system.start(child("a", factory))
    assert str(await ref.stopped()) == "ignored"


async def test_who_ignores_its_restart_is_not_tried_again() -> None:
    """It keeps its place, and its one restart has counted."""
    stage = Stage()
    async with open_system(*map(stage.spec, "ab"), intensity=3) as system:
        stage.ignoring.add("a")
        await crash(system.root, "a")
        assert await states(system.root) == {"a": State.STOPPED, "b": State.RUNNING}
        assert system.tree().restarts_in_window == 1


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_who_ignores_the_restart_of_its_group(strategy: Strategy) -> None:
    """Those behind it are started all the same."""
    stage = Stage()
    async with open_system(*map(stage.spec, "abc"), strategy=strategy) as system:
        stage.ignoring |= {"a", "b"}
        await crash(system.root, "a")
        assert await states(system.root) == {"a": State.STOPPED, "b": State.STOPPED, "c": State.RUNNING}
        stage.ignoring.clear()
        await crash(system.root, "c")
        expected = State.RUNNING if strategy == "one_for_all" else State.STOPPED
        assert await states(system.root) == {"a": expected, "b": expected, "c": State.RUNNING}


async def test_an_ignored_group_member_that_is_temporary_has_no_place() -> None:
    """A group restart never starts a temporary child, so it is gone before it could say anything."""
    stage = Stage()
    async with open_system(stage.spec("a"), stage.spec("b", restart="temporary"), strategy="one_for_all") as system:
        await crash(system.root, "b")
        assert await states(system.root) == {"a": State.RUNNING}
        assert stage.log.count("start a") == 1


async def test_a_restart_by_hand_that_is_ignored(system: System) -> None:
    """The ref is one of a stopped child, the place stays, and nothing is counted."""
    stage = Stage()
    await system.start(stage.spec("a"))
    await system.root.ask(StopChild("a"))
    stage.ignoring.add("a")
    assert (await system.root.ask(RestartChild("a"))).state is State.STOPPED
    assert await states(system.root) == {"a": State.STOPPED}
    assert system.tree().restarts_in_window == 0


async def test_failed_starts_by_hand_do_not_count(system: System) -> None:
    """They change nothing: a new child is forgotten, an old one keeps its place, the budget is whole."""
    stage, reports = Stage(fail_starts={"a": 1}), reports_of(system)
    with pytest.raises(ChildStartError):
        await system.start(stage.spec("a"))
    assert await states(system.root) == {}
    await system.start(stage.spec("a"))
    await system.root.ask(StopChild("a"))
    stage.fail_starts["a"] = 5
    for _ in range(5):
        with pytest.raises(ChildStartError):
            await system.root.ask(RestartChild("a"))
    assert await states(system.root) == {"a": State.STOPPED}
    assert system.tree().restarts_in_window == 0
    assert reports == []  # whoever asked has the error, so OTP reports none


# --- reports of ends ---


@pytest.mark.parametrize(
    ("restart", "message", "expected"),
    [
        ("permanent", "end", [("child_terminated", "a", "normal")]),
        ("permanent", "give up", [("child_terminated", "a", "shutdown")]),
        ("permanent", "crash", [("child_terminated", "a", "crashed")]),
        ("transient", "end", []),
        ("transient", "give up", []),
        ("transient", "crash", [("child_terminated", "a", "crashed")]),
        ("temporary", "end", []),
        ("temporary", "give up", []),
        ("temporary", "crash", [("child_terminated", "a", "crashed")]),
    ],
)
async def test_which_ends_are_reported(
    system: System, restart: Restart, message: str, expected: list[tuple[str, str, str]]
) -> None:
    """Every end of a permanent child, and the ends of others that went wrong."""
    stage, reports = Stage(), reports_of(system)
    ref = await system.start(stage.spec("a", restart=restart))
    ref.tell(message)
    await wait_all_tasks_blocked()
    assert reports == expected


async def test_what_a_report_says(system: System) -> None:
    """Who reports, when, on what occasion, and the contract of the child that it is about."""
    reports = list[SupervisorReport]()
    system.reports.subscribe(reports.append)
    stage = Stage()
    ref = await system.start(family(stage.spec("a", kind="actress", restart="transient", shutdown=3)))
    await trio.sleep(2)
    await crash(ref, "a")
    (report,) = reports
    assert (report.supervisor, report.at, report.context) == ("/family", 2, "child_terminated")
    assert str(report.reason) == "crashed (ValueError: crash)"
    assert report.offender == Offender("a", "/family/a", "actress", 1, "transient", 3)


async def test_giving_up_is_reported(system: System) -> None:
    """First the end that was one too many, then that the supervisor gives up because of it."""
    stage, reports = Stage(), reports_of(system)
    ref = await system.start(family(*map(stage.spec, "ab"), intensity=0))
    await crash(ref, "a")
    assert (await ref.stopped()).kind is ExitKind.SHUTDOWN
    assert reports == [("child_terminated", "a", "crashed"), ("shutdown", "a", "crashed")]
    assert stage.log[-1] == "stop b shutdown"


async def test_each_failed_try_is_reported(system: System) -> None:
    """A restart that fails is a start error, and every one is counted."""
    stage, reports = Stage(), reports_of(system)
    ref = await system.start(family(stage.spec("a"), intensity=3))
    stage.fail_starts["a"] = 3
    await crash(ref, "a")
    await ref.stopped()
    assert reports == [
        ("child_terminated", "a", "crashed"),
        *[("start_error", "a", "crashed")] * 3,
        ("shutdown", "a", "crashed"),
    ]


async def test_a_group_reports_each_failed_start_once(system: System) -> None:
    """Where it breaks off, before it begins anew."""
    stage, reports = Stage(), reports_of(system)
    ref = await system.start(family(*map(stage.spec, "ab"), strategy="one_for_all", intensity=3))
    stage.fail_starts["b"] = 2
    await crash(ref, "a")
    assert reports == [("child_terminated", "a", "crashed"), *[("start_error", "b", "crashed")] * 2]


class Rude(Actor[str]):
    """Ends in its own way when it is asked to."""

    def __init__(self, how: str) -> None:
        self.how = how

    async def run(self) -> None:
        """Do something else instead of ending."""
        try:
            await trio.sleep_forever()
        finally:
            if self.how == "crash":
                raise ValueError(self.how)
            if self.how == "linger":
                with trio.CancelScope(shield=True):
                    await trio.sleep(1)

    async def on_stop(self, exit: Exit) -> None:
        """Take a hundred seconds, or fail."""
        if self.how == "hang":
            await trio.sleep(100)
        if self.how == "fail":
            raise OSError(exit)


@pytest.mark.parametrize(
    ("how", "shutdown", "restart", "expected"),
    [
        ("polite", 5, "permanent", []),
        ("linger", 5, "permanent", []),
        ("polite", 0, "permanent", []),
        ("hang", 0, "permanent", []),
        ("crash", 5, "permanent", [("shutdown_error", "a", "crashed")]),
        ("crash", 5, "temporary", [("shutdown_error", "a", "crashed")]),
        ("hang", 5, "transient", [("shutdown_error", "a", "killed")]),
        ("fail", 5, "transient", [("shutdown_error", "a", "crashed")]),
    ],
)
@pytest.mark.parametrize("by_hand", [False, True])
async def test_bad_ends_are_reported(
    how: str, shutdown: float, restart: Restart, expected: list[tuple[str, str, str]], *, by_hand: bool
) -> None:
    """Whoever does not end as it was asked to is reported, whether by hand or together with its supervisor."""
    async with open_system() as system:
        reports = reports_of(system)
        ref = await system.start(family(child("a", lambda: Rude(how), shutdown=shutdown, restart=restart)))
        if by_hand:
            await ref.ask(StopChild("a"), timeout=60)
        else:
            ref.stop()
            await ref.stopped()
        assert reports == expected


# --- retries ---


async def test_commands_are_served_between_retries() -> None:
    """A child that cannot come back keeps nobody waiting; whoever stops it ends the tries."""
    stage = Stage(start_time=1)
    async with open_system(stage.spec("a"), intensity=1000) as system:
        (ref,) = await refs(system.root, "a")
        stage.fail_starts["a"] = 1000
        ref.tell("crash")
        await trio.sleep(3.5)
        assert ref.incarnation == 5
        for command in (RestartChild("a"), DeleteChild("a")):
            with pytest.raises(ChildRestartingError):
                await system.root.ask(command)
        with pytest.raises(ChildIdTakenError):
            await system.start(stage.spec("a"))
        await system.root.ask(StopChild("a"))
        assert ref.state is State.STOPPED
        assert trio.current_time() == pytest.approx(4.5)
        assert system.tree().restarts_in_window == 4


async def test_retries_at_once_let_requests_in() -> None:
    """Even when each try fails at once, who asks meanwhile is answered before the budget is gone."""
    stage = Stage()
    async with open_system(stage.spec("a"), intensity=1000) as system:
        (ref,) = await refs(system.root, "a")
        stage.fail_starts["a"] = 1000
        ref.tell("crash")
        await trio.lowlevel.checkpoint()
        await system.root.ask(StopChild("a"))
        assert ref.state is State.STOPPED
        assert 0 < ref.incarnation < 100
        assert system.root.state is State.RUNNING


async def test_a_supervisor_that_is_paused_supervises_all_the_same() -> None:
    """Only ordinary messages wait: a child that fails to come back is tried again and again."""
    stage = Stage()
    async with open_system() as system:
        ref = await system.start(family(stage.spec("a"), intensity=10))
        (a,) = await refs(ref, "a")
        ref.pause()
        stage.fail_starts["a"] = 3
        a.tell("crash")
        await wait_all_tasks_blocked()
        assert (a.state, a.incarnation) == (State.RUNNING, 5)


async def test_a_supervisor_that_is_paused_between_two_tries() -> None:
    """A try that waits behind ordinary messages does not wait with them when they are held back."""
    stage = Stage()

    class Napper(Supervisor[float]):
        @handles
        async def nap(self, message: float) -> None:
            await trio.sleep(message)

    async with open_system() as system:
        ref = await system.start(child("napper", lambda: Napper([stage.spec("a")], intensity=10)))
        (a,) = await refs(ref, "a")
        stage.fail_starts["a"], stage.start_time = 1, 0.5
        a.tell("crash")
        await wait_all_tasks_blocked()
        for _ in range(2):
            ref.tell(1.0)
        await trio.sleep(1.5)
        ref.pause()
        await trio.sleep(5)
        assert (a.state, a.incarnation) == (State.RUNNING, 3)


async def test_whoever_is_unknown_or_lives() -> None:
    """What is done to a child by its id names the child and what is in the way."""
    stage = Stage()
    async with open_system(stage.spec("a"), strategy="one_for_all") as system:
        with pytest.raises(ChildNotFoundError, match="/: there is no child 'b'"):
            await system.root.ask(DeleteChild("b"))
        with pytest.raises(ChildRunningError, match="/a: is not stopped but running"):
            await system.root.ask(DeleteChild("a"))
        await system.root.ask(ChangeChildSpec(stage.spec("a", restart="transient")))
        (ref,) = await refs(system.root, "a")
        ref.tell("end")
        assert (await ref.stopped()).kind is ExitKind.NORMAL
    async with open_system() as system:
        full = await system.start(family(max_children=0))
        with pytest.raises(ChildStartError, match="there are 0 children already"):
            await full.ask(StartChild(stage.spec("a")))
        dynamic = await system.start(child("dynamic", DynamicSupervisor))
        with pytest.raises(ActorError, match="/dynamic: is dynamic"):
            await dynamic.ask(DeleteChild("a"))


async def test_a_start_in_the_end() -> None:
    """A supervisor that ends takes on nobody, whoever asks it from within."""
    refused = list[ChildStartError]()
    stage = Stage()

    class Eager(Supervisor[Never]):
        async def on_stop(self, exit: Exit) -> None:
            del exit
            with pytest.raises(ChildStartError) as raised:
                self.start_child(stage.spec("late"))
            refused.append(raised.value)

    async with open_system(child("eager", Eager)):
        pass
    assert "is stopping and starts no child" in str(refused[0])


# --- restarts that wait ---


STEADY = Backoff(1, limit=10, factor=2, jitter=0)


async def crash_all_along(stage: Stage, ref: Ref[Any], times: int) -> list[float]:
    """Crash a child as soon as it is up, again and again; returns the times of its starts since then."""
    before = len(stage.starts)
    for _ in range(times):
        ref.tell("crash")
    await trio.sleep(1000)
    return [at for _, at in stage.starts[before:]]


async def test_waits_grow_up_to_the_limit() -> None:
    """1, 2, 4, 8 and then 10 seconds, to the moment."""
    stage = Stage()
    async with open_system(stage.spec("a", backoff=STEADY)) as system:
        (ref,) = await refs(system.root, "a")
        assert await crash_all_along(stage, ref, 6) == [1, 3, 7, 15, 25, 35]
        assert (ref.state, ref.incarnation) == (State.RUNNING, 7)


async def test_a_sound_life_begins_the_waits_anew() -> None:
    """One of `reset_after` seconds; a shorter one does not."""
    stage = Stage()
    backoff = Backoff(1, limit=10, factor=3, jitter=0, reset_after=5)
    async with open_system(stage.spec("a", backoff=backoff)) as system:
        (ref,) = await refs(system.root, "a")
        for life, wait in ((0, 1), (4.5, 3), (5, 1), (0, 3)):
            await trio.sleep(life)
            ref.tell("crash")
            expected = trio.current_time() + wait
            await trio.sleep(wait)
            await wait_all_tasks_blocked()
            assert stage.starts[-1] == ("a", expected)


async def test_failed_restarts_wait_longer_too() -> None:
    """One that does not even start was never sound, however long its start took."""
    stage = Stage()
    async with open_system(stage.spec("a", backoff=STEADY), intensity=5, period=1000) as system:
        (ref,) = await refs(system.root, "a")
        stage.fail_starts["a"], stage.start_time = 2, 20
        ref.tell("crash")
        await trio.sleep(100)
        assert stage.starts == [("a", 0), ("a", 1), ("a", 23), ("a", 47)]
        assert ref.state is State.RUNNING


async def test_waits_that_count() -> None:
    """A restart that waits is counted when it is decided, so a budget that is spent ends the waiting."""
    stage = Stage()
    with pytest.raises(RestartIntensityError):  # noqa: PT012 - leaving the block is what raises
        async with open_system(stage.spec("a", backoff=STEADY), intensity=2, period=100) as system:
            (ref,) = await refs(system.root, "a")
            await crash_all_along(stage, ref, 3)
    assert trio.current_time() == 3


@given(seed=st.integers(0, 2**32), jitter=st.floats(0, 1), crashes=st.integers(1, 6))
def test_jitter_in_a_tree_keeps_its_bounds(seed: int, jitter: float, crashes: int) -> None:
    """No wait is longer than the exact one, nor shorter by more than the share that is left to chance."""

    async def main() -> list[float]:
        stage = Stage()
        backoff = Backoff(1, limit=10, factor=2, jitter=jitter)
        async with open_system(stage.spec("a", backoff=backoff), intensity=10) as system:
            (ref,) = await refs(system.root, "a")
            return [0, *await crash_all_along(stage, ref, crashes)]

    random.seed(seed)
    starts = trio.run(main, clock=MockClock(autojump_threshold=0))
    exact = [min(10, 2**n) for n in range(crashes)]
    for (before, after), longest in zip(pairwise(starts), exact, strict=True):
        assert longest * (1 - jitter) - 1e-9 <= after - before <= longest + 1e-9


async def test_asking_one_that_waits_for_its_restart() -> None:
    """It fails at once and says when to try again; so do questions that waited in its mailbox."""
    stage = Stage()
    errors = list[str]()

    async def ask(ref: Ref[Any]) -> None:
        with pytest.raises(ActorRestartingError) as raised:
            await ref.ask(Ask())
        errors.append(f"{raised.value} at {trio.current_time():g}")

    async with open_system(stage.spec("a", backoff=STEADY)) as system, trio.open_nursery() as nursery:
        (ref,) = await refs(system.root, "a")
        ref.tell("crash")
        nursery.start_soon(ask, ref)
        await trio.sleep(0.25)
        nursery.start_soon(ask, ref)
        await wait_all_tasks_blocked()
        assert len(errors) == 2
    assert "is started again in 0.75 s (crashed (ValueError: crash)) at 0.25" in errors[1]


async def test_told_while_it_waits() -> None:
    """Messages are kept and handled after the restart, in order."""
    stage = Stage()
    async with open_system(stage.spec("a", backoff=STEADY)) as system:
        (ref,) = await refs(system.root, "a")
        ref.tell("crash")
        ref.tell("one")
        await trio.sleep(0.5)
        assert (ref.state, ref.incarnation) == (State.EXITED, 1)
        ref.tell("two")
        await ref.send("three")
        assert stage.got == []
        await trio.sleep(0.6)
        assert stage.got == ["one", "two", "three"]


@pytest.mark.parametrize("how", ["command", "ref"])
async def test_stopping_one_that_waits_for_its_restart(how: str) -> None:
    """It is gone at once, and does not come back when the time has come."""
    stage = Stage()
    async with open_system(stage.spec("a", backoff=STEADY)) as system:
        reports = reports_of(system)
        (ref,) = await refs(system.root, "a")
        ref.tell("crash")
        ref.tell("lost")
        await trio.sleep(0.5)
        if how == "command":
            await system.root.ask(StopChild("a"))
        else:
            ref.stop("enough")
            ref.stop("twice")
        assert (await ref.stopped()).kind is ExitKind.CRASHED
        assert trio.current_time() == 0.5
        await trio.sleep(10)
        assert await states(system.root) == {"a": State.STOPPED}
        assert len(stage.starts) == 1
        assert reports == [("child_terminated", "a", "crashed")]
        assert (await system.root.ask(RestartChild("a"))).state is State.RUNNING


async def test_stopping_one_in_the_moment_of_its_restart() -> None:
    """Whether the stop or the restart comes first, it is gone in the end, and starts at most once more."""
    for delay in (0.999, *[1.0] * 20):  # in one moment either may come first
        stage = Stage()
        async with open_system(stage.spec("a", backoff=STEADY)) as system:
            (ref,) = await refs(system.root, "a")
            ref.tell("crash")
            await trio.sleep(delay)
            ref.stop("enough")
            await ref.stopped()
            await trio.sleep(5)
            assert await states(system.root) == {"a": State.STOPPED}
            assert len(stage.starts) <= 2


async def test_commands_about_one_that_waits_for_its_restart() -> None:
    """It is neither running nor stopped but restarting, as OTP says."""
    stage = Stage()
    async with open_system(stage.spec("a", backoff=STEADY)) as system:
        (ref,) = await refs(system.root, "a")
        ref.tell("crash")
        await trio.sleep(0.5)
        for command in (RestartChild("a"), DeleteChild("a")):
            with pytest.raises(ChildRestartingError):
                await system.root.ask(command)
        assert await states(system.root) == {"a": State.EXITED}
        assert await system.root.ask(CountChildren()) == ChildCounts(1, 0, 0, 1)
        assert await system.root.ask(LookUp("a")) == ref
        await trio.sleep(1)
        assert ref.state is State.RUNNING


async def test_the_end_of_a_supervisor_whose_child_waits() -> None:
    """It waits for nobody's delay, and the child is gone for good."""
    stage = Stage()
    async with open_system(stage.spec("a", backoff=STEADY), stage.spec("b")) as system:
        (ref, _) = await refs(system.root, "ab")
        ref.tell("crash")
        await trio.sleep(0.5)
    assert (trio.current_time(), ref.state) == (0.5, State.STOPPED)
    assert stage.log[-1] == "stop b shutdown"


async def test_draining_while_a_child_waits_for_its_restart() -> None:
    """A drain of the tree does not wait for it; what waited in its mailbox is lost, and said to be."""
    stage, lost = Stage(), list[DeadLetter]()
    async with open_system(stage.spec("a", backoff=STEADY), stage.spec("b")) as system:
        system.dead_letters.subscribe(lost.append)
        (ref, _) = await refs(system.root, "ab")
        ref.tell("crash")
        await trio.sleep(0.5)
        ref.tell("lost")
        await system.drain()
        assert (trio.current_time(), ref.state) == (0.5, State.STOPPED)
        assert [(letter.path, letter.message) for letter in lost] == [("/a", "lost")]


async def test_draining_one_that_waits_for_its_restart() -> None:
    """It comes back when its time has come, handles what waits, and ends for good."""
    stage = Stage()
    async with open_system(stage.spec("a", backoff=STEADY)) as system:
        (ref,) = await refs(system.root, "a")
        ref.tell("crash")
        ref.tell("one")
        await trio.sleep(0.5)
        ref.drain("enough")
        with pytest.raises(ActorStoppedError):
            ref.tell("two")
        assert (await ref.stopped()).kind is ExitKind.SHUTDOWN
        assert (trio.current_time(), stage.got, ref.incarnation) == (1, ["one"], 2)


async def test_draining_one_that_comes_back_too_late() -> None:
    """When the time of the drain is over before the restart, it is given up and not tried again and again."""
    stage = Stage()
    async with open_system(stage.spec("a", backoff=STEADY), intensity=1000) as system:
        (ref,) = await refs(system.root, "a")
        ref.tell("crash")
        await trio.sleep(0.25)
        ref.drain("enough", within=0.25)
        with trio.fail_after(5):
            await ref.stopped()
        assert ref.incarnation <= 2
        await trio.sleep(20)
        assert len(stage.starts) <= 2


@pytest.mark.parametrize(("strategy", "again"), [("rest_for_one", ["b", "c"]), ("one_for_all", ["a", "b", "c"])])
async def test_a_group_that_waits(strategy: Strategy, again: list[str]) -> None:
    """The group ends at once and comes back together, when the one that failed may."""
    stage = Stage()
    specs = [stage.spec("a"), stage.spec("b", backoff=STEADY), stage.spec("c")]
    async with open_system(*specs, strategy=strategy) as system:
        (_, b, c) = await refs(system.root, "abc")
        stage.starts.clear()
        b.tell("crash")
        await trio.sleep(0.5)
        assert (b.state, c.state) == (State.EXITED, State.EXITED)
        c.tell("kept")
        with pytest.raises(ActorRestartingError):
            await c.ask(Ask())
        await trio.sleep(1)
        assert stage.starts == [(id_, 1) for id_ in again]
        assert stage.got == ["kept"]


@pytest.mark.parametrize("victim", ["a", "b", "c"])
async def test_stopping_a_member_of_a_group_that_waits(victim: str) -> None:
    """The others come back when their time has come, whoever of them was stopped, even the one that had failed."""
    stage = Stage()
    specs = [stage.spec("a"), stage.spec("b", backoff=STEADY), stage.spec("c")]
    async with open_system(*specs, strategy="one_for_all") as system:
        await crash(system.root, "b")
        stage.starts.clear()
        await trio.sleep(0.5)
        await system.root.ask(StopChild(victim))
        assert trio.current_time() == 0.5
        await trio.sleep(5)
        expected = {id_: State.STOPPED if id_ == victim else State.RUNNING for id_ in "abc"}
        assert await states(system.root) == expected
        assert stage.starts == [(id_, 1) for id_ in "abc" if id_ != victim]


async def test_a_longer_wait_of_a_larger_group() -> None:
    """A group that is to wait longer is not woken by the shorter wait of a member from before."""
    stage = Stage()
    specs = [
        stage.spec("a", backoff=Backoff(9, limit=9, jitter=0)),
        stage.spec("b", backoff=Backoff(4, limit=4, jitter=0)),
    ]
    async with open_system(*specs, strategy="rest_for_one") as system:
        await crash(system.root, "b")
        await trio.sleep(1)
        await crash(system.root, "a")
        stage.starts.clear()
        await trio.sleep(20)
        assert stage.starts == [("a", 10), ("b", 10)]


async def test_a_shorter_wait_of_a_larger_group() -> None:
    """A member that waited longer comes back with its group, and only once."""
    stage = Stage()
    specs = [
        stage.spec("a", backoff=Backoff(1, limit=1, jitter=0)),
        stage.spec("b", backoff=Backoff(9, limit=9, jitter=0)),
    ]
    async with open_system(*specs, strategy="rest_for_one") as system:
        await crash(system.root, "b")
        await trio.sleep(1)
        await crash(system.root, "a")
        stage.starts.clear()
        await trio.sleep(20)
        assert stage.starts == [("a", 2), ("b", 2)]


async def test_a_supervisor_that_crashes_while_a_child_waits() -> None:
    """The child of the last incarnation does not come back to the next one."""
    stage = Stage()

    class Frail(Supervisor[str]):
        @handles
        def crash(self, message: str) -> None:
            raise ValueError(message)

    spec = child("frail", lambda: Frail([stage.spec("a", backoff=STEADY)]))
    async with open_system(spec) as system:
        (frail,) = await refs(system.root, ["frail"])
        (old,) = await refs(frail, "a")
        old.tell("crash")
        await trio.sleep(0.5)
        frail.tell("crash")
        await trio.sleep(5)
        assert (old.state, stage.starts) == (State.STOPPED, [("a", 0), ("a", 0.5)])


# --- budgets ---


async def test_giving_up() -> None:
    """One restart too many: all children are stopped in reverse order, and the error says who and how often."""
    stage = Stage()
    with pytest.raises(RestartIntensityError, match=r"/: more than 1 restarts within 5 s, .* /b") as gave_up:  # noqa: PT012 - leaving the block is what raises
        async with open_system(*map(stage.spec, "abc"), intensity=1) as system:
            await crash(system.root, "b")
            stage.log.clear()
            await crash(system.root, "b")
            raise AssertionError("the block must be cancelled")
    assert isinstance(gave_up.value.__cause__, ValueError)
    assert stage.log == ["stop b crashed", "stop c shutdown", "stop a shutdown"]


async def test_restarts_far_enough_apart() -> None:
    """A crash now and then is no reason to give up; exactly `period` apart is too close."""
    stage = Stage()
    with pytest.raises(RestartIntensityError):  # noqa: PT012 - leaving the block is what raises
        async with open_system(stage.spec("a"), intensity=1, period=5) as system:
            for _ in range(10):
                await crash(system.root, "a")
                await trio.sleep(5.5)
            await crash(system.root, "a")
            await trio.sleep(5)
            await crash(system.root, "a")
    assert trio.current_time() == pytest.approx(60)


@pytest.mark.parametrize(("restart", "lives"), [("transient", False), ("permanent", True)])
async def test_a_supervisor_that_gave_up_has_ended_in_good_order(restart: Restart, *, lives: bool) -> None:
    """So a transient one is not restarted by its own supervisor, and a permanent one is."""
    stage = Stage()
    spec = child("inner", lambda: Supervisor[Never]([stage.spec("a")], intensity=0), restart=restart)
    async with open_system(spec) as system:
        inner = await system.root.ask(LookUp("inner"))
        assert inner is not None
        await crash(inner, "a")
        assert (inner.state is State.RUNNING) == lives
        assert inner.incarnation == (2 if lives else 1)


async def test_a_budget_of_its_own() -> None:
    """Its crashes cost its supervisor nothing, and when it is spent this child alone is given up."""
    stage = Stage()
    specs = [stage.spec("a", budget=RestartBudget(2)), stage.spec("b")]
    async with open_system(*specs, intensity=0) as system:
        (ref, _) = await refs(system.root, "ab")
        for _ in range(3):
            ref.tell("crash")
        assert (await ref.stopped()).kind is ExitKind.CRASHED
        assert ref.incarnation == 3
        assert [ref.id for ref in await refs(system.root, "ab")] == ["b"]


async def test_a_hundred_thousand_crashes(caplog: pytest.LogCaptureFixture) -> None:
    """Twenty actors that crash every four seconds for five hours and a half leave nothing behind."""

    class Loop(Actor[Never]):
        async def run(self) -> None:
            await trio.sleep(4)
            raise ValueError("again")

    caplog.set_level("CRITICAL")
    specs = [child(f"loop-{number}", Loop) for number in range(20)]
    async with open_system(*specs, intensity=40, period=5) as system:
        await trio.sleep(1_002)
        before = census()
        await trio.sleep(19_000)
        assert [actor.incarnation for actor in system.tree().children] == [5001] * 20
        assert (system.tree().restarts_in_window, system.tree().restarts_left) == (20, 20)
        assert census() <= before + 20
        assert trio.current_time() == pytest.approx(20_002)


def census() -> int:
    """How many objects there are, of those that the garbage collector knows."""
    gc.collect()
    return len(gc.get_objects())


# --- ends ---


async def test_each_child_has_its_own_time() -> None:
    """One that does not stop is cancelled when its time is over, and the next one is asked then."""
    stage = Stage()
    specs = [stage.spec("a", shutdown=1), stage.spec("b", shutdown=2), stage.spec("c", shutdown=0)]
    async with open_system(*specs) as system:
        for ref in await refs(system.root, "abc"):
            ref.tell("stay")
        await wait_all_tasks_blocked()
        stage.log.clear()
    assert stage.log == ["stop b killed", "stop a killed"]  # no time at all for the clean-up of c
    assert trio.current_time() == pytest.approx(3)


async def test_waiting_for_ever() -> None:
    """A child with all the time in the world is not cancelled."""
    stage = Stage(stop_time=100_000)
    async with open_system(stage.spec("a", shutdown=math.inf)):
        pass
    assert stage.log[-1] == "stop a shutdown"
    assert trio.current_time() == pytest.approx(100_000)


async def test_a_supervisor_that_is_out_of_time() -> None:
    """Its children are then cancelled all at once, and still each cleans up."""
    stage = Stage(stop_time=1)
    inner = child("inner", lambda: Supervisor[Never]([*map(stage.spec, "abc")]), shutdown=2)
    async with open_system(inner) as system:
        supervisor = await system.root.ask(LookUp("inner"))
        assert supervisor is not None
        for ref in await refs(supervisor, "abc"):
            ref.tell("stay")
        await wait_all_tasks_blocked()
        stage.log.clear()
    assert sorted(stage.log) == ["stop a killed", "stop b killed", "stop c killed"]
    assert trio.current_time() == pytest.approx(3)


async def test_a_supervisor_that_is_ending_gets_its_time() -> None:
    """One that ended by itself, and is told to end meanwhile, goes on ending its children in order."""
    stage = Stage(stop_time=1)

    class Brief(Supervisor[str]):
        @handles
        def leave(self, _message: str) -> None:
            self.stop()

    inner = child("inner", lambda: Brief([*map(stage.spec, "abc")]), restart="temporary")
    async with open_system(inner) as system:
        (ref,) = await refs(system.root, ["inner"])
        ref.tell("leave")
        await trio.sleep(0.5)
    assert stage.log[-3:] == ["stop c shutdown", "stop b shutdown", "stop a shutdown"]


@pytest.mark.parametrize("cut_at", [0.5, 1.5, 2.5])
async def test_stopping_a_supervisor_that_is_starting(cut_at: float) -> None:
    """Whoever has started ends in reverse order, each politely and in its own time; nobody else starts."""
    stage = Stage(start_time=1, stop_time=3)
    reports = list[tuple[str, str, str]]()
    async with open_system() as system, trio.open_nursery() as nursery:
        reports = reports_of(system)

        async def start() -> None:
            with pytest.raises(ChildStartError):
                await system.start(family(*map(stage.spec, "abc")))

        nursery.start_soon(start)
        await trio.sleep(cut_at)
        await system.root.ask(StopChild("family"), timeout=60)
        up = "abc"[: int(cut_at)]
        assert stage.log[-len(up) :] == [f"stop {id_} shutdown" for id_ in reversed(up)] if up else True
        assert trio.current_time() == cut_at + 3 * len(up)
        assert [line for line in stage.log if line.startswith("start")] == [f"start {c}" for c in "abc"[: len(up) + 1]]
    assert all(context != "shutdown_error" for context, _, _ in reports)


async def test_a_brutal_kill_of_a_supervisor_that_is_starting() -> None:
    """It has no time at all, so its children have none either; each still cleans up."""
    stage = Stage(start_time=1, stop_time=3)
    spec = child("family", lambda: Supervisor[Never]([*map(stage.spec, "abc")]), shutdown=0)
    async with open_system() as system, trio.open_nursery() as nursery:

        async def start() -> None:
            with pytest.raises(ChildStartError):
                await system.start(spec)

        nursery.start_soon(start)
        await trio.sleep(2.5)
        await system.root.ask(StopChild("family"), timeout=60)
        assert sorted(stage.log[-2:]) == ["stop a killed", "stop b killed"]
        assert trio.current_time() == 5.5


async def test_times_of_every_kind_in_one_row() -> None:
    """A brutal kill, a limit that is kept, one that is not, and all the time in the world, one after the other."""
    stage = Stage(stop_time=4)
    specs = [
        stage.spec("a", shutdown=math.inf),
        stage.spec("b", shutdown=3),
        stage.spec("c", shutdown=5),
        stage.spec("d", shutdown=0),
    ]
    async with open_system() as system:
        reports = reports_of(system)
        ref = await system.start(family(*specs))
        stage.log.clear()
        ref.stop()
        await ref.stopped()
    assert stage.log == ["stop c shutdown", "stop a shutdown"]
    assert trio.current_time() == 0 + 4 + 3 + 4
    assert reports == [("shutdown_error", "b", "killed")]


# --- drains ---


class Worker(Actor[str]):
    """Works a second on each message, and notes what it did and when."""

    def __init__(self, stage: Stage, id_: str) -> None:
        self.stage, self.id = stage, id_

    async def receive(self, message: str) -> None:
        """Work, or crash."""
        await trio.sleep(1)
        if message == "crash":
            raise ValueError(message)
        self.stage.log.append(f"{self.id} {message} at {trio.current_time():g}")

    async def on_stop(self, exit: Exit) -> None:
        """Note the end."""
        self.stage.log.append(f"{self.id} {exit.kind.value} at {trio.current_time():g}")


def worker(stage: Stage, id_: str, **options: Any) -> ChildSpec:  # noqa: ANN401 - whatever `child` takes
    """The contract of a worker."""
    return child(id_, lambda: Worker(stage, id_), **options)


def lines(id_: str, stage: Stage) -> list[str]:
    """What the log says of one worker; those of two that work at once come in any order."""
    return [line.removeprefix(f"{id_} ") for line in stage.log if line.startswith(f"{id_} ")]


async def test_draining_a_tree() -> None:
    """In reverse order, each when it has handled all that waited for it; whoever comes later still takes messages."""
    stage = Stage()
    async with open_system() as system:
        ref = await system.start(family(worker(stage, "a"), worker(stage, "b", shutdown=0.1)))
        (a, b) = await refs(ref, "ab")
        for one in (a, b):
            one.tell("1")
            one.tell("2")
        ref.drain("enough")
        ref.drain("twice")
        await trio.sleep(1.5)
        with pytest.raises(ActorStoppedError, match="drains"):
            b.tell("3")
        a.tell("3")
        assert str(await ref.stopped()) == "shutdown (enough)"
        assert lines("b", stage) == ["1 at 1", "2 at 2", "shutdown at 2"]
        assert lines("a", stage) == ["1 at 1", "2 at 2", "3 at 3", "shutdown at 3"]


async def test_a_drain_within_a_time() -> None:
    """When the time is over whoever is left is cancelled, and the rest of the tree has no time left either."""
    stage = Stage()
    async with open_system() as system:
        ref = await system.start(family(worker(stage, "a"), worker(stage, "b")))
        for one in await refs(ref, "ab"):
            for number in range(9):
                one.tell(str(number))
        ref.drain(within=2.5)
        await ref.stopped()
        assert trio.current_time() == 2.5
        assert stage.log[-2:] == ["b killed at 2.5", "a killed at 2.5"]


async def test_a_stop_cuts_a_drain_short() -> None:
    """The message at hand is finished, what waits is not."""
    stage, lost = Stage(), list[object]()
    async with open_system() as system:
        system.dead_letters.subscribe(lambda letter: lost.append((letter.path, letter.message)))
        ref = await system.start(family(worker(stage, "a"), worker(stage, "b")))
        for one in await refs(ref, "ab"):
            for number in range(3):
                one.tell(str(number))
        ref.drain()
        await trio.sleep(0.5)
        ref.stop("now")
        await ref.stopped()
        assert lines("b", stage) == ["0 at 1", "shutdown at 1"]
        assert lines("a", stage) == ["0 at 1", "1 at 2", "shutdown at 2"]
        assert lost == [("/family/b", "1"), ("/family/b", "2"), ("/family/a", "2")]


async def test_a_crash_in_the_middle_of_a_drain() -> None:
    """The child comes back, handles what is left, and ends then."""
    stage = Stage()
    async with open_system() as system:
        (ref,) = [await system.start(worker(stage, "a"))]
        for message in ("1", "crash", "2"):
            ref.tell(message)
        ref.drain("enough")
        assert (await ref.stopped()).kind is ExitKind.SHUTDOWN
        assert stage.log == ["a 1 at 1", "a crashed at 2", "a 2 at 3", "a shutdown at 3"]
        assert await states(system.root) == {"a": State.STOPPED}


async def test_a_child_that_crashes_while_its_supervisor_drains() -> None:
    """Nobody is restarted by a supervisor that ends, so what waited is lost, and said to be."""
    stage, lost = Stage(), list[object]()
    async with open_system() as system:
        system.dead_letters.subscribe(lambda letter: lost.append(letter.message))
        reports = reports_of(system)
        ref = await system.start(family(worker(stage, "a"), worker(stage, "b")))
        (a, b) = await refs(ref, "ab")
        for message in ("1", "crash", "2"):
            b.tell(message)
        for message in ("1", "2", "3"):
            a.tell(message)
        ref.drain()
        await ref.stopped()
        assert lines("b", stage) == ["1 at 1", "crashed at 2"]
        assert lines("a", stage)[-2:] == ["3 at 3", "shutdown at 3"]
        assert lost == ["2"]
        assert reports == [("shutdown_error", "b", "crashed")]


async def test_draining_one_that_takes_too_long(cell_of: CellOf) -> None:
    """A child alone that does not drain in time is cancelled, and not started again."""
    stage = Stage()
    async with open_system(worker(stage, "a")) as system:
        (ref,) = await refs(system.root, "a")
        for number in range(9):
            ref.tell(str(number))
        ref.drain(within=2.5)
        assert cell_of(ref).draining
        ending = await ref.stopped()
        assert (ending.kind, ending.reason) == (ExitKind.KILLED, "did not drain in time")
        assert (trio.current_time(), ref.incarnation) == (2.5, 1)


async def test_draining_in_a_group_that_is_restarted() -> None:
    """A sibling that crashes restarts it too, and it goes on draining then."""
    stage = Stage()
    specs = [worker(stage, "a"), worker(stage, "b")]
    async with open_system(*specs, strategy="one_for_all") as system:
        (a, b) = await refs(system.root, "ab")
        for message in ("1", "2", "3"):
            b.tell(message)
        a.tell("crash")
        b.drain()
        assert (await b.stopped()).kind is ExitKind.SHUTDOWN
        assert await states(system.root) == {"a": State.RUNNING, "b": State.STOPPED}
        assert "b 3 at 3" in stage.log
        assert (b.incarnation, a.incarnation) == (2, 2)


async def test_cancelled_from_outside() -> None:
    """Whoever cancels the block waits for the same orderly end as everybody."""
    stage = Stage(stop_time=1)
    with trio.move_on_after(10) as scope:
        async with open_system(*map(stage.spec, "abc")):
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert stage.log[-3:] == ["stop c shutdown", "stop b shutdown", "stop a shutdown"]
    assert trio.current_time() == pytest.approx(13)


async def test_cancelled_while_it_opens() -> None:
    """A start that hangs can be given up."""
    stage = Stage(start_time=math.inf)
    with trio.move_on_after(10) as scope:
        async with open_system(stage.spec("a")):
            raise AssertionError("the block must not be entered")
    assert scope.cancelled_caught
    assert trio.current_time() == pytest.approx(10)


async def test_a_child_that_asks_its_stopping_parent(cell_of: CellOf) -> None:
    """It is told at once that there is nobody to answer, so nobody waits for anybody."""
    told = list[Exception]()

    class Asker(Actor[Never]):
        def __init__(self, parent: Ref[Any]) -> None:
            self.parent = parent

        async def on_stop(self, exit: Exit) -> None:
            del exit
            try:
                await self.parent.ask(LookUp("anybody"), timeout=60)
            except ActorRestartingError as error:
                told.append(error)

    async with open_system(child("inner", Supervisor[Never], shutdown=math.inf)) as system:
        (inner,) = await refs(system.root, ["inner"])
        await inner.ask(StartChild(child("asker", lambda: Asker(inner), shutdown=math.inf)))
        cell_of(inner).leave("restarted for this test")
        await trio.sleep(1)
        assert inner.incarnation == 2
    assert len(told) == 1
    assert trio.current_time() == pytest.approx(1)


async def test_a_question_that_waits_when_the_parent_stops(cell_of: CellOf) -> None:
    """A child that waits for an answer of its parent, which then stops, does not wait for ever.

    If the parent comes back, it finds the other messages that waited, and passes over the question.
    """
    told, naps = list[Exception](), list[str]()

    class Asker(Actor[Ref[Any]]):
        async def receive(self, message: Ref[Any]) -> None:
            try:
                await message.ask(LookUp("anybody"), timeout=60)
            except ActorRestartingError as error:
                told.append(error)

    class Napper(Supervisor[str]):
        @handles
        async def nap(self, message: str) -> None:
            await trio.sleep(1)
            naps.append(message)

    async with open_system(child("napper", Napper)) as system:
        (napper,) = await refs(system.root, ["napper"])
        asker = await napper.ask(StartChild(child("asker", Asker, shutdown=math.inf)))
        napper.tell("zzz")
        asker.tell(napper)
        await wait_all_tasks_blocked()
        napper.tell("zzz again")
        cell_of(napper).leave("restarted for this test")
        await trio.sleep(2.5)
        assert (len(told), napper.incarnation, naps) == (1, 2, ["zzz", "zzz again"])


# --- against a model ---


@define
class Model:
    """OTP's rules in a few lines: who lives, in what order things happen, and whether the supervisor has ended."""

    strategy: Strategy
    auto_shutdown: AutoShutdown
    specs: dict[str, ChildSpec] = field(factory=dict[str, "ChildSpec"])
    living: set[str] = field(factory=set[str])
    log: list[str] = field(factory=list[str])
    fail_starts: dict[str, int] = field(factory=dict[str, int])
    ignoring: set[str] = field(factory=set[str])
    over: bool = False

    def start(self, id_: str) -> str:
        """Try to start a child that has a place; returns what becomes of it."""
        self.log.append(f"start {id_}")
        if id_ in self.ignoring:
            self.retire(id_)
            return "ignored"
        if self.fail_starts.get(id_, 0):
            self.fail_starts[id_] -= 1
            return "failed"
        self.log.append(f"{id_} is up")
        self.living.add(id_)
        return "up"

    def add(self, spec: ChildSpec) -> None:
        """A child is started for the first time; if that fails it is forgotten."""
        self.specs[spec.id] = spec
        if self.start(spec.id) == "failed":
            del self.specs[spec.id]

    def end(self, id_: str, kind: ExitKind) -> None:
        """A child ends by itself."""
        self.living.discard(id_)
        self.log.append(f"stop {id_} {kind.value}")
        spec = self.specs[id_]
        if is_restarted(spec.restart, Exit(kind)):
            self.restart(id_)
            return
        self.retire(id_)
        if spec.significant and self.ends():
            self.over = True
            for sibling in reversed(list(self.specs)):
                self.stop(sibling)

    def ends(self) -> bool:
        """Whether the supervisor ends now that a significant child has."""
        if self.strategy == "dynamic" and self.auto_shutdown == "all_significant":
            return not self.living
        left = any(self.specs[id_].significant for id_ in self.living)
        return self.auto_shutdown == "any_significant" or not left

    def restart(self, id_: str) -> None:
        """A child and its group are restarted, until nobody fails; the one that did is who it begins with again."""
        failed: str | None = id_
        while failed is not None:
            group = self.tear_down(failed)
            failed = next((each for each in group if self.start(each) == "failed"), None)

    def tear_down(self, id_: str) -> list[str]:
        """Stop the group of a child, without those who do not come back; returns who does."""
        if self.strategy in {"one_for_one", "dynamic"}:
            return [id_]
        group = [spec.id for spec in restart_group(id_, self.strategy, list(self.specs.values()))]
        for each in reversed(group):
            self.stop(each)
        return [each for each in group if each in self.specs]

    def stop(self, id_: str) -> None:
        """A child is made to end, if it lives; a temporary one loses its place."""
        if id_ in self.living:
            self.living.discard(id_)
            self.log.append(f"stop {id_} shutdown")
        if self.specs[id_].restart == "temporary":
            del self.specs[id_]

    def retire(self, id_: str) -> None:
        """A child is not started again."""
        if self.strategy == "dynamic" or self.specs[id_].restart == "temporary":
            del self.specs[id_]


@frozen
class Step:
    """What is done to a child, and whose starts go wrong meanwhile."""

    what: str
    id: str
    fail_starts: dict[str, int]
    ignoring: set[str]


ids = st.sampled_from("abcd")
policies = st.tuples(st.sampled_from(get_args(Restart)), st.booleans())
steps = st.builds(
    Step,
    st.sampled_from(["crash", "crash", "end", "give up", "stop", "restart", "start", "delete"]),
    ids,
    st.dictionaries(ids, st.integers(1, 2), max_size=2),
    st.sets(ids, max_size=1),
)


@settings(max_examples=300)
@given(
    first=st.dictionaries(ids, policies, min_size=1),
    strategy=st.sampled_from(ALL_STRATEGIES),
    auto_shutdown=st.sampled_from(get_args(AutoShutdown)),
    steps=st.lists(steps, max_size=12),
)
def test_it_does_what_the_model_does(
    first: dict[str, tuple[Restart, bool]], strategy: Strategy, auto_shutdown: AutoShutdown, steps: list[Step]
) -> None:
    """Whatever happens to whichever children, they start and stop in the order that the model expects."""
    stage = Stage()
    specs = {
        id_: stage.spec(
            id_, restart=restart, significant=wanted and auto_shutdown != "never" and restart != "permanent"
        )
        for id_, (restart, wanted) in first.items()
    }
    trio.run(play, stage, specs, Model(strategy, auto_shutdown), steps, clock=MockClock(autojump_threshold=0))


async def play(stage: Stage, specs: dict[str, ChildSpec], model: Model, steps: list[Step]) -> None:
    """Do the steps to a real supervisor and to the model."""
    options: dict[str, Any] = {"strategy": model.strategy, "auto_shutdown": model.auto_shutdown, "intensity": 1000}
    for spec in specs.values():
        model.add(spec)
    async with open_system() as system:
        ref = await system.start(family(*specs.values(), **options))
        for step in steps:
            stage.fail_starts, stage.ignoring = dict(step.fail_starts), step.ignoring
            model.fail_starts, model.ignoring = dict(step.fail_starts), step.ignoring
            await act(ref, model, specs, step)
            await wait_all_tasks_blocked()
            if model.over:
                break
            assert stage.log == model.log
            assert [info.id for info in await ref.ask(WhichChildren())] == list(model.specs)
            assert {child.id for child in await refs(ref, "abcd")} == model.living
        assert ref.state is (State.STOPPED if model.over else State.RUNNING)
        assert sorted(stage.log) == sorted(model.log)  # dynamic children have no order in which they end


async def act(ref: Ref[Any], model: Model, specs: dict[str, ChildSpec], step: Step) -> None:
    """Do one step to both, if it makes sense for this child now."""
    id_, known, lives = step.id, step.id in model.specs, step.id in model.living
    if step.what == "start":
        if id_ in specs and not known:
            model.add(specs[id_])
            await try_to(ref, StartChild(specs[id_]))
    elif step.what == "stop":
        if lives:
            model.living.discard(id_)
            model.log.append(f"stop {id_} shutdown")
            model.retire(id_)
            await ref.ask(StopChild(id_))
    elif step.what in {"restart", "delete"}:
        if known and not lives:
            if step.what == "restart":
                model.start(id_)
            else:
                del model.specs[id_]
            await try_to(ref, RestartChild(id_) if step.what == "restart" else DeleteChild(id_))
    elif lives:
        kinds = {"crash": ExitKind.CRASHED, "end": ExitKind.NORMAL, "give up": ExitKind.SHUTDOWN}
        (victim,) = await refs(ref, id_)
        model.end(id_, kinds[step.what])
        victim.tell(step.what)


async def try_to(ref: Ref[Any], command: Request[Any]) -> None:
    """Send a command that may fail because a start does."""
    with suppress(ChildStartError):
        await ref.ask(command)


async def test_one_that_drains_is_not_kept_waiting(system: System) -> None:
    """A crash in the middle of a drain is followed by a restart at once, for there is work that waits."""
    stage = Stage()
    ref = await system.start(stage.spec("a", backoff=Backoff(first=60, limit=60)))
    for message in ("crash", "work"):
        ref.tell(message)
    ref.drain("closing time")
    assert str(await ref.stopped()) == "shutdown (closing time)"
    assert (stage.got, ref.incarnation) == (["work"], 2)
    assert trio.current_time() == 0


# --- nobody waits in vain ---


class Dependent(Actor[str]):
    """Asks somebody a question when it is told to, and notes what it hears."""

    def __init__(self, whom: Callable[[], Ref[Any]], heard: list[object]) -> None:
        self.whom, self.heard = whom, heard

    async def receive(self, message: str) -> None:
        """Ask, and wait as long as it takes."""
        del message
        try:
            self.heard.append(await self.whom().ask(Ask(), timeout=math.inf))
        except ActorError as error:
            self.heard.append(type(error))


class Oracle(Actor[Ask]):
    """Breaks over every question, after a while."""

    @handles
    async def on_ask(self, _: Ask) -> str:
        """Think, and break."""
        await trio.sleep(1)
        raise ValueError("too hard")


async def test_who_starts_a_child_that_a_group_forgets_is_told() -> None:
    """A temporary child whose start is under way vanishes with its group, and nobody waits for it any longer."""
    stage = Stage(start_time=1)
    async with open_system(stage.spec("a"), strategy="one_for_all") as system:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tell_after, 0.5, system.root.child("a"), "crash")
            with pytest.raises(ChildStartError, match="restarted with its siblings"):
                await system.start(stage.spec("b", restart="temporary"))
        assert trio.current_time() == 1.5


async def tell_after(seconds: float, ref: Ref[Any], message: object) -> None:
    """Tell somebody something later."""
    await trio.sleep(seconds)
    ref.tell(message)


async def test_a_first_start_that_a_group_restart_repeats_and_that_fails_is_forgotten() -> None:
    """It never lived, so it has no place to keep, though it was tried twice."""
    stage = Stage(start_time=1)
    async with open_system(stage.spec("a"), strategy="one_for_all") as system, trio.open_nursery() as nursery:
        nursery.start_soon(tell_after, 0.5, system.root.child("a"), "crash")
        stage.fail_starts["b"] = 9
        with pytest.raises(ChildStartError):
            await system.start(stage.spec("b", restart="transient"))
        assert [info.id for info in await system.root.ask(WhichChildren())] == ["a"]


@pytest.mark.parametrize("order", ["before", "after"])
async def test_a_group_ends_though_its_members_wait_for_each_other(order: str) -> None:
    """Who asked a sibling that crashed, or that was ended first, is told at once, and so ends in good order."""
    heard = list[object]()
    specs = [child("oracle", Oracle), child("asker", lambda: Dependent(lambda: system.root.child("oracle"), heard))]
    async with open_system(*specs[:: 1 if order == "before" else -1], strategy="one_for_all") as system:
        reports = reports_of(system)
        system.root.child("asker").tell("ask")
        await trio.sleep(3)
        assert heard == [ActorRestartingError]
        assert [ref.incarnation for ref in await refs(system.root, ["oracle", "asker"])] == [2, 2]
        assert reports == [("child_terminated", "oracle", "crashed")]


async def test_a_sibling_that_was_ended_first_answers_nobody() -> None:
    """What waits in its mailbox is refused as soon as it has ended, for the asker is to end next."""
    heard = list[object]()
    stage = Stage()
    specs = [
        stage.spec("a"),
        child("asker", lambda: Dependent(lambda: system.root.child("c"), heard)),
        child("c", Oracle),
    ]
    async with open_system(*specs, strategy="one_for_all") as system:
        system.root.child("c").pause()
        system.root.child("asker").tell("ask")
        await trio.sleep(1)
        system.root.child("a").tell("crash")
        await wait_all_tasks_blocked()
        assert heard == [ActorRestartingError]
        assert trio.current_time() == 1


async def test_a_member_that_has_asked_its_supervisor_is_told() -> None:
    """The supervisor waits for its end and answers nothing meanwhile; the circle is broken where it closes."""
    heard = list[object]()

    class Curious(Dependent):
        async def receive(self, message: str) -> None:
            del message
            try:
                await self.system.root.ask(WhichChildren(), timeout=math.inf)
            except ActorError as error:
                self.heard.append(type(error))

    stage = Stage()
    curious = child("b", lambda: Curious(lambda: system.root, heard), shutdown=math.inf)
    async with open_system(stage.spec("a"), curious, strategy="one_for_all") as system:
        system.root.pause()  # so that the question waits, which the end of a child does not
        system.root.child("b").tell("ask")
        await wait_all_tasks_blocked()
        system.root.child("a").tell("crash")
        await wait_all_tasks_blocked()
        assert (heard, trio.current_time()) == ([AskCycleError], 0)
        system.root.resume()


async def test_a_supervisor_that_is_killed_in_the_middle_of_a_group_restart() -> None:
    """Its children are killed with it, also the one that it was waiting for."""
    stage = Stage()
    specs = [stage.spec("a"), stage.spec("b", shutdown=100)]
    async with open_system() as system:
        inner = await system.start(
            child("s", lambda: Supervisor[Never](specs, strategy="one_for_all"), shutdown=2, restart="temporary")
        )
        inner.child("b").tell("stay")
        await trio.sleep(1)
        inner.child("a").tell("crash")
        await trio.sleep(1)
        inner.stop("bye")
        assert str(await inner.stopped()) == "killed (did not stop within 2 s)"
        assert trio.current_time() == 4


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
async def test_a_restart_that_hangs_keeps_nobody_from_leaving(strategy: Strategy) -> None:
    """A supervisor that waits for the start of a child passes the wish to stop on to it."""
    stage = Stage()
    async with open_system(stage.spec("a"), strategy=strategy) as system:
        stage.start_time = 10_000
        system.root.child("a").tell("crash")
        await trio.sleep(1)
    assert trio.current_time() == 1


async def test_a_kill_reaches_a_supervisor_that_ends_politely() -> None:
    """One that was stopped while it started ends its children in their order, but in no more time than it has."""
    stage = Stage()

    class Busy(Player):
        async def on_start(self) -> None:
            self.ref.tell("stay")

    def inner() -> Supervisor[Never]:
        slow = Stage(start_time=100)
        return Supervisor([child("c1", lambda: Busy(stage, "c1"), shutdown=math.inf), slow.spec("c2")])

    async with open_system() as system, trio.open_nursery() as nursery:
        outer = child("p", lambda: Supervisor[Never]([child("s", inner)]), shutdown=2, restart="temporary")

        async def start() -> None:
            with pytest.raises(ChildStartError):
                await system.start(outer)

        nursery.start_soon(start)
        await trio.sleep(1)
        await system.root.ask(StopChild("p"), timeout=math.inf)
        assert trio.current_time() == 3


async def test_who_waits_for_room_is_told_as_those_in_the_mailbox_are(nursery: trio.Nursery, system: System) -> None:
    """A delayed restart fails all asks at once, also the one for which there was no room."""
    heard = list[object]()
    ref = await system.start(child("a", Oracle, mailbox=1, backoff=Backoff(first=50, limit=50, jitter=0)))

    async def ask() -> None:
        try:
            await ref.ask(Ask(), timeout=math.inf)
        except ActorError as error:
            heard.append(type(error))

    for _ in range(3):
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
    await trio.sleep(1)
    await wait_all_tasks_blocked()
    assert heard == [ActorRestartingError] * 3
    assert trio.current_time() == 1


async def test_a_failed_restart_is_no_message_that_a_full_mailbox_may_drop(system: System) -> None:
    """A supervisor whose policy is to drop what is oldest does not drop the ends of its children."""
    stage = Stage()
    inner = await system.start(
        child("s", lambda: Supervisor[Any]([stage.spec("a")], intensity=3), mailbox=1, overflow="drop_oldest")
    )
    stage.fail_starts["a"] = 1
    inner.child("a").tell("crash")
    for _ in range(3):
        inner.tell(WhichChildren())
    await trio.sleep(1)
    assert inner.child("a").state is State.RUNNING
