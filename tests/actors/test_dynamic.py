"""A supervisor of children that come and go: templates, limits, and an end for all at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    Backoff,
    ChildCounts,
    ChildInfo,
    CountChildren,
    DeleteChild,
    DynamicSupervisor,
    Exit,
    ExitKind,
    GetChildSpec,
    Ignore,
    LookUp,
    RestartBudget,
    RestartChild,
    Shutdown,
    SpawnChild,
    StartChild,
    State,
    StopChild,
    SupervisorReport,
    WhichChildren,
    child,
)
from bluev_actors.errors import (
    ActorError,
    ActorStoppedError,
    BadChildSpecError,
    ChildNotFoundError,
    ChildStartError,
    RestartIntensityError,
)

if TYPE_CHECKING:
    from bluev_actors.actors import AutoShutdown, ChildSpec, Ref, Request, Restart, System


class Session(Actor[str]):
    """Serves one user."""

    needless = False
    broken = False

    def __init__(self, user: str = "anybody", stop_time: float = 0) -> None:
        self.user, self.stop_time = user, stop_time

    async def on_start(self) -> None:
        """Start, or not."""
        if self.needless:
            raise Ignore
        if self.broken:
            raise OSError(self.user)

    async def receive(self, message: str) -> None:
        """End in one way or the other."""
        if message == "crash":
            raise ValueError(self.user)
        if message == "give up":
            raise Shutdown(message)
        self.stop()

    async def on_stop(self, exit: Exit) -> None:
        """Take some time."""
        del exit
        await trio.sleep(self.stop_time)


class Needless(Session):
    """Is never needed."""

    needless = True


class Broken(Session):
    """Never starts."""

    broken = True


def template(**options: Any) -> ChildSpec:  # noqa: ANN401 - whatever `child` takes
    """The contract of all sessions."""
    return child("session", Session, **options)


async def pool(system: System, spec: ChildSpec | None = None, **options: Any) -> Ref[Any]:  # noqa: ANN401 - as above
    """Start a dynamic supervisor; it is temporary, so that its end is final."""
    made = child("pool", lambda: DynamicSupervisor[Any](spec, **options), restart="temporary", shutdown=math.inf)
    return await system.start(made)


async def ids(supervisor: Ref[Any]) -> list[str]:
    """Who has a place."""
    return [info.id for info in await supervisor.ask(WhichChildren())]


# --- starting ---


async def test_spawning_by_the_template(system: System) -> None:
    """Its factory gets the arguments, the ids count, and every other term is the template's."""
    ref = await pool(system, template(restart="transient", mailbox=7))
    for user in ("ada", "bob"):
        await ref.ask(SpawnChild((user,)))
    assert await ref.ask(WhichChildren()) == (
        ChildInfo("session-1", "Session", State.RUNNING, "transient", 1),
        ChildInfo("session-2", "Session", State.RUNNING, "transient", 1),
    )
    spec = await ref.ask(GetChildSpec("session-2"))
    assert (spec.mailbox, spec.factory().user) == (7, "bob")


async def test_arguments_outlive_a_crash(system: System) -> None:
    """The next incarnation is made with the same."""
    ref = await pool(system, template())
    session = await ref.ask(SpawnChild(("ada",)))
    session.tell("crash")
    await wait_all_tasks_blocked()
    assert (session.incarnation, session.state) == (2, State.RUNNING)
    session.tell("crash")
    ending = await session.stopped()
    assert str(ending.error) == "ada"


async def test_numbers_are_not_used_again(system: System) -> None:
    """So a name never means two sessions, one after the other."""
    ref = await pool(system, template())
    first = await ref.ask(SpawnChild())
    await ref.ask(StopChild(first.id))
    assert (await ref.ask(SpawnChild())).id == "session-2"


async def test_spawning_without_a_template(system: System) -> None:
    """There is nothing to start by; a contract of its own is taken as everywhere."""
    ref = await pool(system)
    with pytest.raises(BadChildSpecError, match="/pool: has no template"):
        await ref.ask(SpawnChild())
    assert (await ref.ask(StartChild(child("own", Session)))).path == "/pool/own"


async def test_contracts_of_their_own_beside_the_template(system: System) -> None:
    """Whoever has the id of the next number makes that one fail, and the one after it is free again."""
    ref = await pool(system, template())
    await ref.ask(StartChild(child("session-1", Session)))
    with pytest.raises(ActorError, match="there is a child 'session-1' already"):
        await ref.ask(SpawnChild())
    assert (await ref.ask(SpawnChild())).id == "session-2"


async def test_a_limit(system: System) -> None:
    """Whoever goes makes room."""
    ref = await pool(system, template(), max_children=2)
    first = await ref.ask(SpawnChild())
    await ref.ask(SpawnChild())
    with pytest.raises(ChildStartError, match="/pool: there are 2 children already"):
        await ref.ask(SpawnChild())
    first.tell("crash")
    await wait_all_tasks_blocked()
    with pytest.raises(ChildStartError, match="there are 2 children already"):
        await ref.ask(SpawnChild())
    await ref.ask(StopChild(first.id))
    await ref.ask(SpawnChild())


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
async def test_a_start_that_fails_or_is_ignored_leaves_nothing(system: System, restart: Restart) -> None:
    """Whoever asked is told, and nobody has a place."""
    ref = await pool(system)
    with pytest.raises(ChildStartError):
        await ref.ask(StartChild(child("broken", Broken, restart=restart)))
    needless = await ref.ask(StartChild(child("needless", Needless, restart=restart)))
    assert (needless.state, (await needless.stopped()).kind) == (State.STOPPED, ExitKind.IGNORED)
    assert await ids(ref) == []
    assert system.tree().children[0].restarts_in_window == 0


async def test_wrong_arguments(system: System) -> None:
    """A factory that does not take them is a start that fails."""
    ref = await pool(system, template())
    with pytest.raises(ChildStartError) as failed:
        await ref.ask(SpawnChild(("one", 2, "three")))
    assert isinstance(failed.value.__cause__, TypeError)
    assert await ids(ref) == []


async def test_a_template_may_be_told_to(system: System) -> None:
    """Whoever does not wait for the ref need not ask."""
    ref = await pool(system, template())
    ref.tell(SpawnChild(("ada",)))
    assert await ids(ref) == ["session-1"]


async def test_a_template_that_is_wrong(system: System) -> None:
    """A significant one where no end means anything is found out at the start, not with the first child."""
    with pytest.raises(ChildStartError) as failed:
        await pool(system, template(restart="transient", significant=True))
    assert isinstance(failed.value.__cause__, BadChildSpecError)


# --- ends ---


@pytest.mark.parametrize(
    ("restart", "message", "left"),
    [
        ("permanent", "end", 1),
        ("permanent", "crash", 1),
        ("transient", "end", 0),
        ("transient", "give up", 0),
        ("transient", "crash", 1),
        ("temporary", "end", 0),
        ("temporary", "crash", 0),
    ],
)
async def test_who_is_not_restarted_is_forgotten(system: System, restart: Restart, message: str, left: int) -> None:
    """There are no places among children that come and go."""
    ref = await pool(system, template(restart=restart))
    session = await ref.ask(SpawnChild())
    session.tell(message)
    await wait_all_tasks_blocked()
    assert len(await ids(ref)) == left
    assert session.state is (State.RUNNING if left else State.STOPPED)


async def test_each_is_restarted_alone(system: System) -> None:
    """Its siblings do not notice, and all of them share one budget."""
    ref = await pool(system, template(), intensity=2)
    sessions = [await ref.ask(SpawnChild()) for _ in range(3)]
    for session in sessions[:2]:
        session.tell("crash")
    await wait_all_tasks_blocked()
    assert [session.incarnation for session in sessions] == [2, 2, 1]
    sessions[2].tell("crash")
    assert isinstance((await ref.stopped()).error, RestartIntensityError)
    assert {session.state for session in sessions} == {State.STOPPED}


async def test_a_budget_of_its_own(system: System) -> None:
    """A session whose own budget is spent is forgotten, and costs the others nothing."""
    ref = await pool(system, template(budget=RestartBudget(1)), intensity=0)
    session = await ref.ask(SpawnChild())
    for _ in range(2):
        session.tell("crash")
    assert (await session.stopped()).kind is ExitKind.CRASHED
    assert await ids(ref) == []


async def test_one_that_waits_for_its_restart(system: System) -> None:
    """It keeps its name meanwhile, and can be stopped, which forgets it."""
    ref = await pool(system, template(backoff=Backoff(1, jitter=0)))
    session = await ref.ask(SpawnChild())
    session.tell("crash")
    await trio.sleep(0.5)
    assert await ref.ask(CountChildren()) == ChildCounts(1, 0, 0, 1)
    await ref.ask(StopChild(session.id))
    assert await ids(ref) == []
    await trio.sleep(5)
    with pytest.raises(ActorStoppedError):
        session.tell("hello")


@pytest.mark.parametrize("id_", ["session-1", "nobody"])
@pytest.mark.parametrize("command", [RestartChild, DeleteChild])
async def test_commands_about_places(system: System, command: type[Request[object]], id_: str) -> None:
    """There are none to start again or to give up, whoever is meant."""
    ref = await pool(system, template())
    await ref.ask(SpawnChild())
    with pytest.raises(ActorError, match="/pool: is dynamic") as refused:
        await ref.ask(command(id_))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - both take an id
    assert not isinstance(refused.value, ChildNotFoundError)


async def test_stopping_one(system: System) -> None:
    """It is forgotten at once; one that nobody knows cannot be stopped."""
    ref = await pool(system, template())
    session = await ref.ask(SpawnChild())
    await ref.ask(StopChild(session.id))
    assert (session.state, await ids(ref), await ref.ask(LookUp(session.id))) == (State.STOPPED, [], None)
    with pytest.raises(ChildNotFoundError):
        await ref.ask(StopChild(session.id))


async def test_all_are_stopped_at_once(system: System) -> None:
    """Three that take a second each take a second together."""
    ref = await pool(system, child("session", lambda: Session(stop_time=1)))
    sessions = [await ref.ask(SpawnChild()) for _ in range(3)]
    ref.stop()
    await ref.stopped()
    assert trio.current_time() == 1
    assert {(await session.stopped()).kind for session in sessions} == {ExitKind.SHUTDOWN}


async def test_each_has_its_own_time_even_so(system: System) -> None:
    """The longest of them is the time of all."""
    reports = list[SupervisorReport]()
    system.reports.subscribe(reports.append)
    ref = await pool(system)
    for seconds in (1, 2, 3):
        await ref.ask(StartChild(child(f"s{seconds}", lambda: Session(stop_time=9), shutdown=seconds)))
    ref.stop()
    await ref.stopped()
    assert trio.current_time() == 3
    assert {(r.context, r.offender.id, r.reason.kind) for r in reports} == {
        ("shutdown_error", f"s{seconds}", ExitKind.KILLED) for seconds in (1, 2, 3)
    }


async def test_all_are_drained_at_once(system: System) -> None:
    """Each handles what waits for it, beside the others."""

    class Slow(Session):
        async def receive(self, message: str) -> None:
            await trio.sleep(float(message))

    ref = await pool(system, child("session", Slow))
    for _ in range(3):
        session = await ref.ask(SpawnChild())
        session.tell("1")
        session.tell("1")
    ref.drain()
    await ref.stopped()
    assert trio.current_time() == 2


# --- the end with a significant child ---


@pytest.mark.parametrize(("auto_shutdown", "over_after"), [("any_significant", 1), ("all_significant", 3)])
async def test_when_it_ends_with_its_children(system: System, auto_shutdown: AutoShutdown, over_after: int) -> None:
    """With the first, or when the very last one is gone."""
    ref = await pool(system, template(restart="transient", significant=True), auto_shutdown=auto_shutdown)
    for count, session in enumerate([await ref.ask(SpawnChild()) for _ in range(3)], 1):
        if ref.state is State.RUNNING:
            session.tell("end")
            await wait_all_tasks_blocked()
        assert (ref.state is State.STOPPED) == (count >= over_after)


async def test_one_that_waits_for_its_restart_is_not_gone(system: System) -> None:
    """A child that will be back keeps the supervisor alive."""
    spec = template(restart="transient", significant=True, backoff=Backoff(1, jitter=0))
    ref = await pool(system, spec, auto_shutdown="all_significant")
    (first, second) = [await ref.ask(SpawnChild()) for _ in range(2)]
    first.tell("crash")
    await trio.sleep(0.5)
    second.tell("end")
    await trio.sleep(1)
    assert (ref.state, first.incarnation) == (State.RUNNING, 2)
    first.tell("end")
    await ref.stopped()
