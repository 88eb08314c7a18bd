"""How children start, restart and end: the orders and counts of every strategy, on a clock that jumps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Never, TypeAlias, get_args

import pytest
import trio
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    Exit,
    ExitKind,
    LookUp,
    Ref,
    RestartBudget,
    RestartChild,
    StartChild,
    State,
    StopChild,
    Supervisor,
    child,
    handles,
    open_system,
)
from bluev_actors.actors.restart import Restart, Strategy, is_restarted, restart_group
from bluev_actors.errors import ActorRestartingError, ChildStartError, RestartIntensityError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bluev_actors.actors import ChildSpec
    from bluev_actors.actors.cell import Cell

    CellOf: TypeAlias = Callable[[Ref[Any]], Cell[Any]]

ALL_STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


@define(eq=False)
class Stage:
    """What happened to the children of a test, and what is to go wrong."""

    log: list[str] = field(factory=list[str])
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
        await trio.sleep(self.stage.start_time)
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
        self.stop()

    async def on_stop(self, exit: Exit) -> None:
        """Note the end, after a while."""
        await trio.sleep(self.stage.stop_time)
        self.stage.log.append(f"stop {self.id} {exit.kind.value}")


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


async def test_a_crash_loop_over_virtual_hours(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of restarts over many hours leave nothing behind and keep to the budget's window."""

    class Loop(Actor[Never]):
        async def run(self) -> None:
            await trio.sleep(1)
            raise ValueError("again")

    caplog.set_level("CRITICAL")
    async with open_system(child("loop", Loop), intensity=6, period=5) as system:
        tasks = trio.lowlevel.current_statistics().tasks_living
        await trio.sleep(5000.5)
        assert system.tree().children[0].incarnation == 5001
        assert system.tree().restarts_in_window == 5
        assert trio.lowlevel.current_statistics().tasks_living == tasks


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
    async with open_system(stage.spec("a", shutdown=None)):
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

    async with open_system(child("inner", Supervisor[Never], shutdown=None)) as system:
        (inner,) = await refs(system.root, ["inner"])
        await inner.ask(StartChild(child("asker", lambda: Asker(inner), shutdown=None)))
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
        asker = await napper.ask(StartChild(child("asker", Asker, shutdown=None)))
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
    """A supervisor in a few lines: who lives, and what is expected in the log."""

    specs: dict[str, ChildSpec]
    strategy: Strategy
    living: set[str] = field(factory=set[str])
    log: list[str] = field(factory=list[str])

    def end(self, id_: str, kind: ExitKind) -> None:
        """A child ends by itself."""
        self.living.discard(id_)
        self.log.append(f"stop {id_} {kind.value}")
        spec = self.specs[id_]
        if is_restarted(spec.restart, Exit(kind)):
            self.restart([each.id for each in restart_group(id_, self.strategy, list(self.specs.values()))])
        elif spec.restart == "temporary":
            del self.specs[id_]

    def restart(self, group: Sequence[str]) -> None:
        """A group is restarted."""
        for id_ in reversed(group):
            if id_ in self.living:
                self.stop(id_)
        for id_ in group:
            if self.specs[id_].restart == "temporary":
                del self.specs[id_]
            else:
                self.start(id_)

    def start(self, id_: str) -> None:
        """A child is started."""
        self.living.add(id_)
        self.log += [f"start {id_}", f"{id_} is up"]

    def stop(self, id_: str) -> None:
        """A living child is stopped."""
        self.living.discard(id_)
        self.log.append(f"stop {id_} shutdown")


@given(
    restarts=st.lists(st.sampled_from(get_args(Restart)), min_size=1, max_size=4),
    strategy=st.sampled_from(ALL_STRATEGIES),
    steps=st.lists(st.tuples(st.sampled_from(["crash", "end", "stop", "restart"]), st.integers(0, 3)), max_size=12),
)
def test_it_does_what_the_model_does(restarts: list[Restart], strategy: Strategy, steps: list[tuple[str, int]]) -> None:
    """Whatever happens to whichever children, they start and stop in the order that the model expects."""
    trio.run(play, restarts, strategy, steps, clock=MockClock(autojump_threshold=0))


async def play(restarts: list[Restart], strategy: Strategy, steps: list[tuple[str, int]]) -> None:
    """Do the steps to a real supervisor and to the model."""
    stage = Stage()
    specs = [stage.spec(id_, restart=restart) for id_, restart in zip("abcd", restarts, strict=False)]
    model = Model({spec.id: spec for spec in specs}, strategy)
    for spec in specs:
        model.start(spec.id)
    async with open_system(*specs, strategy=strategy, intensity=1000) as system:
        for step, place in steps:
            if place < len(model.specs):
                await act(system.root, model, step, list(model.specs)[place])
            assert stage.log == model.log
        assert {ref.id for ref in await refs(system.root, "abcd")} == model.living


async def act(root: Ref[Any], model: Model, step: str, id_: str) -> None:
    """Do one step to both, if it makes sense for this child now."""
    if step == "restart":
        if id_ not in model.living:
            model.start(id_)
            await root.ask(RestartChild(id_))
    elif id_ in model.living:
        if step == "stop":
            model.stop(id_)
            if model.specs[id_].restart == "temporary":
                del model.specs[id_]
            await root.ask(StopChild(id_))
        else:
            model.end(id_, ExitKind.CRASHED if step == "crash" else ExitKind.NORMAL)
            (ref,) = await refs(root, id_)
            ref.tell(step)
            await wait_all_tasks_blocked()
