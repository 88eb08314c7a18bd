"""What a subclass of `Supervisor` can do from its own task."""

from __future__ import annotations

import gc
import math
from typing import TYPE_CHECKING, Any, Never
from weakref import ReferenceType
from weakref import ref as ref_to

import pytest
import trio
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import assert_no_checkpoints, wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    Backoff,
    ChangeChildSpec,
    ChildSpec,
    CountChildren,
    DeleteChild,
    Exit,
    ExitKind,
    GetChildSpec,
    Ignore,
    LookUp,
    Request,
    RestartBudget,
    RestartChild,
    Shutdown,
    StartChild,
    State,
    StopChild,
    Supervisor,
    WhichChildren,
    child,
    handles,
    open_system,
)
from bluev_actors.actors.ref import cell_behind
from bluev_actors.actors.supervisor import unwrap
from bluev_actors.errors import (
    ActorError,
    ActorStoppedError,
    BadChildSpecError,
    ChildIdTakenError,
    ChildRunningError,
    ChildStartError,
    RestartIntensityError,
)

if TYPE_CHECKING:
    from bluev_actors.actors import AutoShutdown, Ref, Restart, System


@frozen
class Work:
    """Have this done by a child."""

    id: str
    seconds: float


@frozen
class Cancel:
    """Cancel the child that does it."""

    id: str


@frozen
class Results(Request[dict[str, Exit]]):
    """Asks how the work ended."""


@frozen
class Family(Request[tuple[str, ...]]):
    """Asks for the ids of the children."""


class Task(Actor[Never]):
    """Does one piece of work."""

    def __init__(self, work: Work) -> None:
        self.work = work

    async def run(self) -> str:
        """Take the time it takes."""
        await trio.sleep(self.work.seconds)
        return f"{self.work.id} done"


class Foreman(Supervisor[Work | Cancel | Results | Family]):
    """Has each piece of work done by a child of its own, and never waits for one."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - whatever a supervisor takes
        super().__init__(**options)
        self.results = dict[str, Exit]()

    async def on_start(self) -> None:
        """Children can be started from the first moment."""
        self.start_task(Work("first", 1))

    def start_task(self, work: Work) -> Ref[Any]:
        """Start the child that does it."""
        with assert_no_checkpoints():
            return self.start_child(child(work.id, lambda: Task(work), restart="temporary"))

    @handles
    def work(self, message: Work) -> None:
        """Start a child."""
        assert self.start_task(message) == self.child(message.id)

    @handles
    def cancel(self, message: Cancel) -> None:
        """Cancel a child."""
        with assert_no_checkpoints():
            self.cancel_child(message.id, "not needed")

    @handles
    def tell_results(self, _: Results) -> dict[str, Exit]:
        """Say how everything ended."""
        return self.results

    @handles
    def name_children(self, _: Family) -> tuple[str, ...]:
        """Say who works."""
        return self.children

    async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
        """Note the result; the child is forgotten by now."""
        assert spec.id not in self.children
        self.results[spec.id] = exit


async def test_children_work_while_the_supervisor_listens(system: System) -> None:
    """A start waits for nothing, and results arrive as exits, in the order of the ends."""
    foreman = await system.start(Foreman)
    for work in (Work("slow", 5), Work("quick", 2)):
        foreman.tell(work)
    assert await foreman.ask(Family()) == ("first", "slow", "quick")
    await trio.sleep(6)
    results = await foreman.ask(Results())
    assert [exit_.result for exit_ in results.values()] == ["first done", "quick done", "slow done"]
    assert await foreman.ask(Family()) == ()


async def test_a_cancelled_child(system: System) -> None:
    """Its exit arrives all the same, and says that it was cancelled and why."""
    foreman = await system.start(Foreman)
    foreman.tell(Cancel("first"))
    ending = (await foreman.ask(Results())).get("first")
    await wait_all_tasks_blocked()
    ending = (await foreman.ask(Results()))["first"]
    assert (ending.kind, ending.reason, trio.current_time()) == (ExitKind.KILLED, "not needed", 0)


async def test_a_supervisor_takes_commands_too(system: System) -> None:
    """A subclass with messages of its own is still a supervisor."""
    foreman = await system.start(Foreman)
    await foreman.ask(StartChild(child("extra", lambda: Task(Work("extra", 9)), restart="temporary")))
    assert (await foreman.ask(CountChildren())).active == 2


@pytest.mark.parametrize("message", [Cancel("nobody"), Work("first", 1)], ids=repr)
async def test_a_mistake_is_a_crash(system: System, message: Work | Cancel) -> None:
    """To cancel nobody or to take an id twice is a bug; the next incarnation starts afresh."""
    foreman = await system.start(Foreman)
    foreman.tell(message)
    await wait_all_tasks_blocked()
    assert foreman.incarnation == 2
    assert await foreman.ask(Family()) == ("first",)


async def test_too_many_children(system: System) -> None:
    """`max_children` bounds what a flood of work can start."""
    foreman = await system.start(child("foreman", lambda: Foreman(max_children=2)))
    await foreman.ask(StartChild(child("second", lambda: Task(Work("second", 1)))))
    with pytest.raises(ChildStartError, match="there are 2 children already"):
        await foreman.ask(StartChild(child("third", lambda: Task(Work("third", 1)))))


async def test_no_children_at_the_end(system: System) -> None:
    """A supervisor that is stopping starts nobody, however its clean-up tries."""
    tried = list[Exception]()

    class Eager(Foreman):
        async def on_stop(self, exit: Exit) -> None:
            del exit
            try:
                self.start_task(Work("late", 1))
            except ChildStartError as error:
                tried.append(error)

    eager = await system.start(Eager)
    eager.stop()
    await eager.stopped()
    assert "is stopping and starts no child" in str(tried[0])


async def test_it_keeps_the_order_of_starts(system: System) -> None:
    """Children of the constructor come after those of `on_start`."""
    second = child("second", lambda: Task(Work("second", 9)))
    foreman = await system.start(child("foreman", lambda: Foreman(children=[second])))
    assert await foreman.ask(Family()) == ("first", "second")


async def test_the_id_of_a_first_child_twice(system: System) -> None:
    """Two contracts of one id are found out at the start, and nothing is left."""
    twins = [child("a", lambda: Task(Work("a", 9)))] * 2
    with pytest.raises(ChildStartError) as failed:
        await system.start(child("s", lambda: Supervisor[Never](twins)))
    assert isinstance(failed.value.__cause__, ChildIdTakenError)
    assert system.tree().children == ()


async def test_stale_news(system: System) -> None:
    """An exit from before a crash of the supervisor is none of the next incarnation's business."""

    class Restless(Foreman):
        @handles
        def crash(self, message: float) -> None:
            self.cancel_child("first")
            raise ValueError(message)

    restless = await system.start(Restless)
    restless.tell(1.5)
    await trio.sleep(2)
    assert restless.incarnation == 2
    assert [exit_.result for exit_ in (await restless.ask(Results())).values()] == ["first done"]


async def test_the_place_of_a_child_that_is_gone(system: System) -> None:
    """A supervisor sees whether a child is gone for good, and may give its place up."""
    seen = list[object]()

    class Tidy(Foreman):
        async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
            del exit
            seen.append((self.has_ended(spec.id), self.has_ended("first")))
            if self.has_ended(spec.id):
                self.forget_child(spec.id)
                seen.append(self.children)

    tidy = await system.start(Tidy)
    await tidy.ask(StartChild(child("t", lambda: Task(Work("t", 0.25)), restart="transient")))
    await trio.sleep(0.5)
    assert seen == [(True, False), ("first",)]


async def test_only_the_gone_are_forgotten(system: System) -> None:
    """To forget a living child is a bug."""

    class Hasty(Foreman):
        async def on_start(self) -> None:
            await super().on_start()
            with pytest.raises(ActorError, match="/hasty/first: is not stopped but starting"):
                self.forget_child("first")

    assert (await system.start(Hasty)).incarnation == 1


async def test_a_child_of_nobody(system: System) -> None:
    """`child` names the id it does not know."""

    class Curious(Supervisor[Never]):
        async def on_start(self) -> None:
            with pytest.raises(ActorError, match="/curious: there is no child 'x'"):
                self.child("x")

    assert (await system.start(Curious)).incarnation == 1


# --- values that are wrong ---


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"strategy": "all_for_one"}, "strategy must be one of one_for_one, .*, not 'all_for_one'"),
        ({"auto_shutdown": "sometimes"}, "auto_shutdown must be one of never, .*, not 'sometimes'"),
        ({"intensity": -1}, "intensity"),
        ({"period": 0}, "period"),
    ],
)
def test_a_wrong_value_is_refused_when_it_is_made(options: dict[str, Any], what: str) -> None:
    """The text says which it is and what it may be."""
    with pytest.raises(ValueError, match=what):
        Supervisor[Never](**options)


async def test_a_significant_child_without_a_meaning(system: System) -> None:
    """Where no end of a child ends the supervisor, a significant one is a mistake, at the start and later."""
    spec = child("a", lambda: Task(Work("a", 9)), restart="transient", significant=True)
    with pytest.raises(ChildStartError) as failed:
        await system.start(child("s", lambda: Supervisor[Never]([spec])))
    assert isinstance(failed.value.__cause__, BadChildSpecError)
    with pytest.raises(BadChildSpecError, match="/: 'a': is significant"):
        await system.root.ask(StartChild(spec))
    assert await system.root.ask(WhichChildren()) == ()


# --- ending with a significant child ---


def team(auto_shutdown: AutoShutdown, *specs: ChildSpec, **options: Any) -> ChildSpec:  # noqa: ANN401 - as `child`
    """A supervisor of tasks, some of which are significant."""
    options.setdefault("restart", "temporary")
    return child("team", lambda: Supervisor[Never](specs, auto_shutdown=auto_shutdown), **options)


def member(id_: str, seconds: float, *, restart: Restart = "transient", significant: bool = True) -> ChildSpec:
    """The contract of a task that ends by itself."""
    return child(id_, lambda: Task(Work(id_, seconds)), restart=restart, significant=significant)


@pytest.mark.parametrize(
    ("auto_shutdown", "over_at"), [("never", math.inf), ("any_significant", 2), ("all_significant", 3)]
)
async def test_when_a_supervisor_ends_with_its_children(
    system: System, auto_shutdown: AutoShutdown, over_at: float
) -> None:
    """Never, with the first significant child, or with the last; ends of others mean nothing."""
    significant = auto_shutdown != "never"
    ref = await system.start(
        team(
            auto_shutdown,
            member("a", 1, significant=False),
            member("b", 2, significant=significant),
            member("c", 3, significant=significant, restart="temporary"),
            member("d", 100, significant=False),
        )
    )
    with trio.move_on_after(50):
        ending = await ref.stopped()
        assert trio.current_time() == over_at
        assert (ending.kind, ending.error) == (ExitKind.SHUTDOWN, None)
        assert ending.reason == f"{auto_shutdown}: /team/{'b' if over_at == 2 else 'c'} ended"
    assert (ref.state is State.STOPPED) == significant


@pytest.mark.parametrize(("restart", "again"), [("permanent", True), ("transient", False), ("temporary", False)])
async def test_a_supervisor_that_ended_with_a_child_has_ended_in_good_order(
    system: System, restart: Restart, *, again: bool
) -> None:
    """So its own supervisor restarts it only if it is permanent."""
    ref = await system.start(team("any_significant", member("a", 4), restart=restart))
    await trio.sleep(5)
    assert (ref.state, ref.incarnation) == ((State.RUNNING, 2) if again else (State.STOPPED, 1))


async def test_ends_go_up_the_tree(system: System) -> None:
    """A significant supervisor that ends with its child takes its own supervisor with it, and so on."""
    inner = child(
        "inner",
        lambda: Supervisor[Never]([member("a", 2)], auto_shutdown="any_significant"),
        restart="transient",
        significant=True,
    )
    middle = child(
        "middle",
        lambda: Supervisor[Never]([inner, member("b", 100)], auto_shutdown="any_significant"),
        restart="transient",
        significant=True,
    )
    ref = await system.start(team("all_significant", middle))
    assert "/team/middle ended" in (await ref.stopped()).reason
    assert trio.current_time() == 2
    assert await system.root.ask(WhichChildren()) == ()


async def test_a_child_that_is_restarted_has_not_ended(system: System) -> None:
    """A crash of a transient child is no end, as long as it may come back."""

    class Frail(Task):
        async def run(self) -> str:
            await super().run()
            raise ValueError("again")

    frail = child("a", lambda: Frail(Work("a", 10)), restart="transient", significant=True)
    ref = await system.start(team("any_significant", frail))
    await trio.sleep(25)
    assert ref.state is State.RUNNING


async def test_a_crash_of_one_that_is_not_restarted_is_an_end(system: System) -> None:
    """A temporary child is never restarted, so however it ends it has ended."""

    class Frail(Task):
        async def run(self) -> str:
            await super().run()
            raise ValueError("once")

    frail = child("a", lambda: Frail(Work("a", 1)), restart="temporary", significant=True)
    ref = await system.start(team("any_significant", frail))
    assert (await ref.stopped()).kind is ExitKind.SHUTDOWN


async def test_an_own_budget_that_is_spent_is_an_end(system: System) -> None:
    """A significant child that is given up alone will not come back either."""

    class Frail(Task):
        async def run(self) -> str:
            await super().run()
            raise ValueError("again")

    spec = evolve(member("a", 1), factory=lambda: Frail(Work("a", 1)), budget=RestartBudget(1))
    ref = await system.start(team("any_significant", spec))
    await ref.stopped()
    assert trio.current_time() == 2


@pytest.mark.parametrize("auto_shutdown", ["any_significant", "all_significant"])
async def test_who_is_stopped_by_hand_ends_nobody(system: System, auto_shutdown: AutoShutdown) -> None:
    """Only an end of its own counts; but a child that was stopped is no longer waited for."""
    ref = await system.start(team(auto_shutdown, member("a", 5), member("b", 9)))
    await ref.ask(StopChild("a"))
    (await ref.ask(StartChild(member("c", 100, significant=False)))).stop()
    await trio.sleep(1)
    assert ref.state is State.RUNNING
    await ref.stopped()
    assert trio.current_time() == 9


async def test_who_never_lived_is_not_waited_for(system: System) -> None:
    """A significant child that ignored its start ends nobody, and counts as gone."""

    class Needless(Task):
        async def on_start(self) -> None:
            raise Ignore

    needless = child("a", lambda: Needless(Work("a", 1)), restart="transient", significant=True)
    ref = await system.start(team("all_significant", needless, member("b", 3)))
    await ref.stopped()
    assert trio.current_time() == 3


async def test_two_significant_ends_in_one_moment(system: System) -> None:
    """The first of them ends the supervisor, the second finds it ending."""
    for auto_shutdown in ("any_significant", "all_significant"):
        ref = await system.start(team(auto_shutdown, member("a", 1), member("b", 1)))
        assert (await ref.stopped()).kind is ExitKind.SHUTDOWN
    assert trio.current_time() == 2


# --- its mailbox ---


class Calm(Foreman):
    """Does not mind who ends."""

    async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
        """Go on."""


async def test_commands_beside_messages_of_its_own(system: System) -> None:
    """A subclass takes every command, and rejects what makes no sense, as its base class does."""
    foreman = await system.start(child("foreman", Calm))
    spec = member("extra", 100, significant=False)
    extra = await foreman.ask(StartChild(spec))
    assert await foreman.ask(LookUp("extra")) == extra
    assert await foreman.ask(GetChildSpec("extra")) is spec
    await foreman.ask(ChangeChildSpec(evolve(spec, shutdown=1)))
    await foreman.ask(StopChild("extra"))
    foreman.tell(StopChild("extra"))
    assert (await foreman.ask(RestartChild("extra"))).incarnation == 2
    with pytest.raises(ChildRunningError):
        await foreman.ask(DeleteChild("extra"))
    await foreman.ask(StopChild("extra"))
    await foreman.ask(DeleteChild("extra"))
    assert await foreman.ask(LookUp("extra")) is None
    foreman.tell(DeleteChild("extra"))
    assert await foreman.ask(Family()) == ("first",)


class Hopeless(Task):
    """Works once, and fails to come back as often as it is told."""

    lives = 0
    failures = 0

    async def on_start(self) -> None:
        """Fail, but the first time."""
        kind = type(self)
        kind.lives += 1
        if 1 < kind.lives <= 1 + kind.failures:
            raise OSError("hopeless")

    async def run(self) -> str:
        """Fail the first time."""
        if type(self).lives == 1:
            raise ValueError("first")
        return await super().run()


@pytest.mark.parametrize("paused", [False, True])
async def test_failed_restarts_and_messages_take_turns(system: System, *, paused: bool) -> None:
    """What waits is handled between two tries; while the supervisor is paused, the tries go on without."""

    class Child(Hopeless):
        failures = 4

    foreman = await system.start(child("foreman", lambda: Calm(intensity=9)))
    foreman.tell(StartChild(child("a", lambda: Child(Work("a", 50)))))
    if paused:
        await foreman.ask(Family())
        foreman.pause()
    await wait_all_tasks_blocked()
    assert Child.lives == 6
    foreman.resume()
    assert await foreman.ask(Family()) == ("first", "a")


async def test_delayed_restarts_beside_timers_of_its_own(system: System) -> None:
    """A supervisor wakes for its own timers and for the restarts of its children, each in its time."""
    woken = list[float]()

    class Clock(Supervisor[float]):
        async def on_start(self) -> None:
            self.after(1.5, 1.5)
            self.after(3.5, 3.5)

        @handles
        def tick(self, message: float) -> None:
            assert message == trio.current_time()
            woken.append(message)

        async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
            del spec, exit
            woken.append(trio.current_time())

    class Restless(Task):
        async def run(self) -> str:
            raise ValueError("again")

    spec = child("a", lambda: Restless(Work("a", 0)), backoff=Backoff(1, factor=2, jitter=0))
    await system.start(child("clock", lambda: Clock([spec], intensity=2, period=60), restart="temporary"))
    await trio.sleep(10)
    assert woken == [0, 1, 1.5]


# --- giving up, in trees ---


class Mine(Actor[str]):
    """Explodes when it is touched."""

    async def receive(self, message: str) -> None:
        """Explode."""
        raise ValueError(message)


@pytest.mark.parametrize(
    ("restart", "outer_restarts", "state"),
    [("permanent", 1, State.RUNNING), ("transient", 0, State.STOPPED), ("temporary", 0, State.STOPPED)],
)
async def test_a_supervisor_that_gives_up_in_a_tree(
    system: System, restart: Restart, outer_restarts: int, state: State
) -> None:
    """A permanent one is restarted and counts there; the others have ended in good order."""
    ref = await system.start(
        child("inner", lambda: Supervisor[Never]([child("mine", Mine)], intensity=1), restart=restart)
    )
    for _ in range(2):
        mine = await ref.ask(LookUp("mine"))
        assert mine is not None
        mine.tell("boom")
        await wait_all_tasks_blocked()
    assert (ref.state, system.tree().restarts_in_window) == (state, outer_restarts)
    if state is State.RUNNING:
        assert system.tree().children[0].restarts_in_window == 0
    else:
        ending = await ref.stopped()
        assert ending.kind is ExitKind.SHUTDOWN
        assert isinstance(ending.error, RestartIntensityError)
        assert isinstance(ending.error.__cause__, ValueError)


async def test_giving_up_goes_up_the_tree() -> None:
    """A crash that no level can afford ends all of them, from the innermost to the block."""

    def nested(depth: int) -> ChildSpec:
        if depth == 0:
            return child("mine", Mine)
        return child(f"s{depth}", lambda: Supervisor[Never]([nested(depth - 1)], intensity=0))

    with pytest.raises(RestartIntensityError, match="/: more than 0") as gave_up:  # noqa: PT012 - the block raises
        async with open_system(nested(3), intensity=0) as system:
            ref = system.root
            for id_ in ("s3", "s2", "s1", "mine"):
                found = await ref.ask(LookUp(id_))
                assert found is not None
                ref = found
            ref.tell("boom")
            await trio.sleep_forever()
    causes = list[str]()
    error: BaseException | None = gave_up.value
    while error is not None:
        causes.append(str(error).split(":")[0])
        error = error.__cause__
    assert causes == ["/", "/s3", "/s3/s2", "/s3/s2/s1", "boom"]


# --- the ends of supervisors ---


async def test_a_draining_supervisor_answers_what_was_asked_before(system: System) -> None:
    """And refuses what comes later, before it drains its children and ends."""
    foreman = await system.start(Foreman)
    answers = list[tuple[str, ...]]()

    async def ask() -> None:
        answers.append(await foreman.ask(Family()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        foreman.tell(Work("second", 7))
        foreman.drain("enough")
        with pytest.raises(ActorStoppedError, match="drains: enough"):
            await foreman.ask(Family())
    assert str(await foreman.stopped()) == "shutdown (enough)"
    assert answers == [("first",)]


async def test_a_task_is_not_drained_but_stopped(system: System) -> None:
    """A child that takes no messages has nothing to be drained of."""
    ref = await system.start(team("never", member("a", 100, significant=False)))
    ref.drain()
    await ref.stopped()
    assert trio.current_time() == 0


async def test_a_supervisor_whose_own_start_fails_ends_its_children(system: System) -> None:
    """Those that its `on_start` has started are stopped before anybody hears that it did not start."""

    class Half(Foreman):
        async def on_start(self) -> None:
            await super().on_start()
            await trio.sleep(0.5)
            raise OSError("half way")

    with pytest.raises(ChildStartError) as failed:
        await system.start(Half)
    assert isinstance(failed.value.__cause__, OSError)
    assert system.tree().children == ()


async def test_on_child_exit_of_a_group(system: System) -> None:
    """It is told of the one that failed, when all of its group are back."""
    seen = list[tuple[str, tuple[State, ...]]]()

    class Watchful(Supervisor[Never]):
        async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
            seen.append((f"{spec.id} {exit.kind.value}", tuple(self.child(id_).state for id_ in self.children)))

    specs = [child("a", Mine), child("b", Mine)]
    ref = await system.start(child("w", lambda: Watchful(specs, strategy="one_for_all")))
    mine = await ref.ask(LookUp("a"))
    assert mine is not None
    mine.tell("boom")
    await wait_all_tasks_blocked()
    assert seen == [("a crashed", (State.RUNNING, State.RUNNING))]


async def test_on_child_exit_may_crash(system: System) -> None:
    """It is the supervisor's own code, so it is the supervisor that crashes; its children end with it."""

    class Clumsy(Foreman):
        async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
            raise OSError(spec, exit)

    clumsy = await system.start(child("clumsy", Clumsy, restart="temporary"))
    ending = await clumsy.stopped()
    assert (trio.current_time(), type(ending.error)) == (1, OSError)


async def test_on_child_exit_may_give_up(system: System) -> None:
    """A supervisor may end in good order because of a child, as every actor may."""

    class Sensitive(Foreman):
        async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
            raise Shutdown(f"without {spec.id}: {exit}")

    sensitive = await system.start(child("sensitive", Sensitive, restart="transient"))
    assert str(await sensitive.stopped()) == "shutdown (without first: normal)"


async def test_no_past_incarnation_of_a_child_is_kept(system: System, caplog: pytest.LogCaptureFixture) -> None:
    """After a restart nothing leads to the actor before, not even its crash."""
    caplog.set_level("CRITICAL")  # or pytest keeps the crash

    class Brittle(Actor[str]):
        async def receive(self, message: str) -> None:
            raise ValueError(message, self)

    made = list[ReferenceType[Brittle]]()

    def make() -> Brittle:
        brittle = Brittle()
        made.append(ref_to(brittle))
        return brittle

    ref = await system.start(child("brittle", make))
    for _ in range(3):
        ref.tell("crash")
        await wait_all_tasks_blocked()
        await trio.sleep(10)
    gc.collect()
    assert [alive() is not None for alive in made] == [False, False, False, True]


async def test_no_past_incarnation_of_a_supervisor_is_kept(system: System, caplog: pytest.LogCaptureFixture) -> None:
    """Neither it, nor its children, nor their cells."""
    caplog.set_level("CRITICAL")
    made = list[ReferenceType[Any]]()

    class Frail(Foreman):
        def __init__(self) -> None:
            super().__init__()
            made.append(ref_to(self))

        def start_task(self, work: Work) -> Ref[Any]:
            ref = super().start_task(work)
            made.append(ref_to(cell_behind(ref)))
            return ref

    frail = await system.start(Frail)
    frail.tell(Cancel("nobody"))
    await wait_all_tasks_blocked()
    gc.collect()
    assert [alive() is not None for alive in made] == [False, False, True, True]


LEAVES = [ValueError("a"), OSError("b"), KeyboardInterrupt(), SystemExit(1)]


@given(st.lists(st.sampled_from(LEAVES), min_size=1, max_size=4, unique=True))
def test_unwrapping(leaves: list[BaseException]) -> None:
    """One exception comes out as itself; what ends the program goes before what does not; else the group stays."""
    group = BaseExceptionGroup("nursery", leaves)
    final = [leaf for leaf in leaves if not isinstance(leaf, Exception)]
    expected = final[0] if len(final) == 1 else leaves[0] if len(leaves) == 1 else group
    assert unwrap(group) is expected
