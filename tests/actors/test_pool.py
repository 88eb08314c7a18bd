"""Pools: who gets a message, and what becomes of it when nobody can take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    ActorCrashed,
    ExitKind,
    LookUp,
    Ref,
    Rejected,
    Request,
    RestartChild,
    State,
    StopChild,
    Supervisor,
    child,
    handles,
    open_system,
)
from bluev_actors.actors.pool import Pool, start_pool
from bluev_actors.errors import (
    ActorRestartingError,
    ActorStoppedError,
    AskCycleError,
    AskTimeoutError,
    ChildIdTakenError,
    ChildStartError,
    MailboxFullError,
)

if TYPE_CHECKING:
    from bluev_actors.actors import Overflow, System


@frozen
class Work:
    """Takes some seconds."""

    seconds: float
    name: str = ""


@frozen
class Who(Request[str]):
    """Asks a member for its id."""


@frozen
class AskAgain(Request[str]):
    """Has a member ask its own pool who is there."""

    depth: int = 1


@frozen
class Break:
    """Has a member crash."""


class Worker(Actor[Work | Who | AskAgain | Break]):
    """Works, and notes it in a list that outlives it."""

    def __init__(self, done: list[str], pool: list[Pool[Any]]) -> None:
        self.done = done
        self.pool = pool

    @handles
    async def work(self, message: Work) -> None:
        """Take the time it takes."""
        await trio.sleep(message.seconds)
        self.done.append(f"{self.ref.id}{message.name}")

    @handles
    def who(self, _: Who) -> str:
        """Say who it is."""
        return self.ref.id

    @handles
    async def ask_again(self, message: AskAgain) -> str:
        """Pass the question on."""
        question = Who() if message.depth == 1 else AskAgain(message.depth - 1)
        return f"{self.ref.id}>{await self.pool[0].ask(question)}"

    @handles
    def break_down(self, _: Break) -> None:
        """Crash."""
        raise ValueError("broken")


class Team:
    """A pool, and what its members have done."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.pools: list[Pool[Any]] = []

    def worker(self) -> Worker:
        """A member."""
        return Worker(self.done, self.pools)

    async def start(self, parent: System | Ref[Any], size: int, **options: Any) -> Pool[Any]:  # noqa: ANN401 - passed on
        """Start the pool."""
        pool = await start_pool(parent, "workers", self.worker, size=size, **options)
        self.pools.append(pool)
        return pool


@pytest.fixture
def team() -> Team:
    """Nobody yet."""
    return Team()


async def test_members_live_under_their_own_supervisor(system: System, team: Team) -> None:
    """All are there when it has started, with the contract that was asked for."""
    pool = await team.start(system, 3, mailbox=7, restart="transient")
    assert [ref.path for ref in pool.refs] == ["/workers/1", "/workers/2", "/workers/3"]
    assert {ref.state for ref in pool.refs} == {State.RUNNING}
    assert {ref.mailbox.capacity for ref in pool.refs} == {7}
    assert pool.ref.path == "/workers"
    assert [actor.kind for actor in system.tree().walk()] == ["Supervisor", "Pool", "Worker", "Worker", "Worker"]
    assert repr(pool) == "<Pool /workers of 3>"


async def test_it_can_live_under_any_supervisor(system: System, team: Team) -> None:
    """Its place in the tree is that of any child."""
    parent = await system.start(child("inner", Supervisor[Any]))
    pool = await team.start(parent, 1)
    assert pool.ref.path == "/inner/workers"
    with pytest.raises(ChildIdTakenError):
        await team.start(parent, 1)


async def test_the_idle_take_turns(system: System, team: Team) -> None:
    """Among equals each gets its share."""
    pool = await team.start(system, 3)
    assert [await pool.ask(Who()) for _ in range(7)] == ["1", "2", "3", "1", "2", "3", "1"]


async def test_two_idle_beside_a_busy_one_share_alike(system: System, team: Team) -> None:
    """The turn of the busy one does not go to the same neighbour each time."""
    pool = await team.start(system, 3)
    pool.tell(Work(100))
    await wait_all_tasks_blocked()
    assert [await pool.ask(Who()) for _ in range(4)] == ["2", "3", "2", "3"]


async def test_the_least_busy_is_given_more(system: System, team: Team) -> None:
    """What waits in a mailbox counts, and so does the message at hand."""
    pool = await team.start(system, 2)
    one, two = pool.refs
    for _ in range(3):
        one.tell(Work(1))
    two.tell(Work(9))
    await wait_all_tasks_blocked()
    pool.tell(Work(1))
    assert (one.mailbox.depth, two.mailbox.depth) == (2, 1)
    pool.tell(Work(1))
    assert (one.mailbox.depth, two.mailbox.depth) == (2, 2)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 5))
def test_nobody_idles_while_work_waits(durations: list[int], size: int) -> None:
    """Told one after another, messages are done no later than if each had gone to the shortest queue."""
    queues = [0] * size
    for _ in durations:
        queues[queues.index(min(queues))] += 1
    team = Team()

    async def main() -> list[int]:
        async with open_system() as system:
            pool = await team.start(system, size)
            for seconds in durations:
                pool.tell(Work(seconds))
            depths = [ref.mailbox.depth for ref in pool.refs]
            await trio.sleep(sum(durations) + 1)
            return depths

    assert trio.run(main, clock=MockClock(autojump_threshold=0)) == queues
    assert len(team.done) == len(durations)


async def test_a_full_member_is_passed_over(system: System, team: Team) -> None:
    """Whoever has room gets it; when nobody has, the sender gets it back."""
    pool = await team.start(system, 2, mailbox=1)
    one, two = pool.refs
    one.pause()
    one.tell(Work(1))
    two.tell(Work(1))
    await wait_all_tasks_blocked()
    pool.tell(Work(1))
    assert (one.mailbox.depth, two.mailbox.depth) == (1, 1)
    message = Work(1)
    with pytest.raises(MailboxFullError, match="/workers: the mailboxes of all its members are full") as refused:
        pool.tell(message)
    assert refused.value.undelivered is message


async def test_send_waits_for_room(system: System, team: Team) -> None:
    """Where all are full, it waits for the least busy; those who wait are spread too."""
    pool = await team.start(system, 2, mailbox=1)
    async with trio.open_nursery() as nursery:
        for n in range(8):
            nursery.start_soon(pool.send, Work(1, f":{n}"))
        await wait_all_tasks_blocked()
        assert [ref.mailbox.waiting for ref in pool.refs] == [2, 2]
    assert trio.current_time() == 2
    await trio.sleep(3)
    assert sorted(done[0] for done in team.done) == ["1"] * 4 + ["2"] * 4
    assert len(set(team.done)) == 8


async def test_send_joins_the_shorter_queue(system: System, team: Team) -> None:
    """Where others wait for room already counts as busier."""
    pool = await team.start(system, 2, mailbox=1)
    one, two = pool.refs
    for ref in (one, two):
        ref.pause()
        ref.tell(Work(1))
    async with trio.open_nursery() as nursery:
        for n in range(2):
            nursery.start_soon(one.send, Work(1, f":{n}"))
        await wait_all_tasks_blocked()
        for n in range(2):
            nursery.start_soon(pool.send, Work(1, f":{n}"))
        await wait_all_tasks_blocked()
        assert (one.mailbox.waiting, two.mailbox.waiting) == (2, 2)
        nursery.cancel_scope.cancel()


async def test_send_goes_on_to_another(system: System, team: Team) -> None:
    """If the member it waits for is gone before there was room, another one gets the message."""
    pool = await team.start(system, 2, mailbox=1)
    one, two = pool.refs
    for ref in (one, two):
        ref.tell(Work(5))
    await wait_all_tasks_blocked()
    for ref in (one, two):
        ref.tell(Work(5))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pool.send, Work(0, ":late"))
        await wait_all_tasks_blocked()
        (waits,) = (ref for ref in pool.refs if ref.mailbox.waiting)
        waits.stop()
    await trio.sleep(20)
    assert team.done[-1].endswith(":late")
    assert not team.done[-1].startswith(waits.id)


async def test_send_that_is_cancelled_sends_nothing(system: System, team: Team) -> None:
    """Nobody gets a message whose sender gave up."""
    pool = await team.start(system, 1, mailbox=1)
    pool.tell(Work(1))
    await wait_all_tasks_blocked()
    pool.tell(Work(1))
    with trio.move_on_after(0.5) as scope:
        await pool.send(Work(1, ":never"))
    assert scope.cancelled_caught
    await trio.sleep(10)
    assert team.done == ["1", "1"]


async def test_send_where_nobody_waits(system: System, team: Team) -> None:
    """With another overflow policy a full pool says so to senders too."""
    pool = await team.start(system, 2, mailbox=1, overflow="error")
    for ref in pool.refs:
        ref.pause()
    for _ in range(2):
        await pool.send(Work(1))
    with pytest.raises(MailboxFullError) as refused:
        await pool.send(Work(9))
    assert refused.value.undelivered == Work(9)


class Hoarder(Actor[str | Who]):
    """Puts what it is told aside, which takes up room in its mailbox."""

    @handles
    def put_aside(self, _: str) -> None:
        """Keep it."""
        self.stash()

    @handles
    def who(self, _: Who) -> str:
        """Say who it is."""
        return self.ref.id


@pytest.mark.parametrize("overflow", ["wait", "error"])
async def test_one_that_is_full_of_what_it_put_aside(system: System, overflow: Overflow) -> None:
    """It has nothing to do, but no room either, so others are asked as long as they have some."""
    pool = await start_pool(system, "hoarders", Hoarder, size=2, mailbox=1, overflow=overflow)
    pool.refs[0].tell("aside")
    await wait_all_tasks_blocked()
    assert [await pool.ask(Who()) for _ in range(3)] == ["2", "2", "2"]
    pool.refs[1].tell("aside")
    await wait_all_tasks_blocked()
    request = Who()
    if overflow == "wait":
        with pytest.raises(AskTimeoutError):
            await pool.ask(request)
    else:
        with pytest.raises(MailboxFullError, match="/hoarders: the mailboxes of all") as refused:
            await pool.ask(request)
        assert refused.value.undelivered is request


async def test_an_error_of_the_handler_is_an_answer(system: System) -> None:
    """A member whose own work met a full mailbox or a circle has answered: nobody else is asked the same."""
    asked: list[str] = []
    errors = [MailboxFullError("/else", "where", "full"), AskCycleError(["/workers/2", "/workers/2"])]

    class Failing(Actor[Who]):
        @handles
        def who(self, _: Who) -> str:
            asked.append(self.ref.id)
            raise Rejected(errors[0])

    pool = await start_pool(system, "workers", Failing, size=2)
    with pytest.raises(MailboxFullError):
        await pool.ask(Who())
    errors.pop(0)
    with pytest.raises(AskCycleError):
        await pool.ask(Who())
    assert asked == ["1", "2"]


async def test_who_is_not_running_is_last(system: System, team: Team) -> None:
    """Neither one that is paused nor one that is gone gets anything while there is another."""
    pool = await team.start(system, 3)
    one, two, _ = pool.refs
    one.pause()
    await pool.ref.ask(StopChild("2"))
    assert [ref.id for ref in pool.refs] == ["1", "3"]
    assert [await pool.ask(Who()) for _ in range(3)] == ["3", "3", "3"]
    assert two.state is State.STOPPED
    await pool.ref.ask(StopChild("3"))
    pool.tell(Work(0))
    one.resume()
    await wait_all_tasks_blocked()
    assert team.done == ["1"]


async def test_a_crash_costs_one_message(system: System, team: Team) -> None:
    """The others go on, and the member is back at once."""
    pool = await team.start(system, 2)
    pool.tell(Break())
    await wait_all_tasks_blocked()
    assert [ref.incarnation for ref in pool.refs] == [2, 1]
    assert {await pool.ask(Who()) for _ in range(2)} == {"1", "2"}


async def test_the_handle_outlives_the_supervisor(system: System, team: Team) -> None:
    """When the members crash too often all are started anew, and the pool is of the new ones."""
    pool = await team.start(system, 2, intensity=1)
    old = pool.refs
    for _ in range(2):
        pool.tell(Break())
    await wait_all_tasks_blocked()
    assert pool.ref.incarnation == 2
    assert not set(pool.refs) & set(old)
    assert await pool.ask(Who()) in {"1", "2"}


async def test_a_member_started_again_by_hand_is_back(system: System, team: Team) -> None:
    """Who is a member is what its supervisor says at the moment."""
    pool = await team.start(system, 1)
    await pool.ref.ask(StopChild("1"))
    with pytest.raises(ActorStoppedError, match="has no member that takes messages"):
        pool.tell(Work(1))
    await pool.ref.ask(RestartChild("1"))
    assert await pool.ask(Who()) == "1"


async def test_without_members_nothing_is_lost(system: System, team: Team) -> None:
    """Every way to give it a message hands the message back."""
    pool = await team.start(system, 1, restart="temporary")
    pool.refs[0].stop()
    await pool.refs[0].stopped()
    request = Who()
    with pytest.raises(ActorStoppedError) as told:
        pool.tell(request)
    with pytest.raises(ActorStoppedError) as sent:
        await pool.send(request)
    with pytest.raises(ActorStoppedError) as asked:
        await pool.ask(request)
    assert all(error.value.undelivered is request for error in (told, sent, asked))


async def test_an_answer_that_does_not_come(system: System, team: Team) -> None:
    """An ask ends as that of a ref: with the time, or with the crash."""
    pool = await team.start(system, 1)
    pool.tell(Work(9))
    with pytest.raises(AskTimeoutError):
        await pool.ask(Who(), timeout=1)
    await trio.sleep(10)
    with pytest.raises(ActorRestartingError, match="/workers/1: ended while it worked on AskAgain"):
        await pool.ask(AskAgain())


async def test_a_member_may_ask_its_own_pool(system: System, team: Team) -> None:
    """It is answered by somebody else, and so are those it waits for, as long as there is somebody."""
    pool = await team.start(system, 3)
    answer = await pool.ask(AskAgain(2))
    assert sorted(answer.split(">")) == ["1", "2", "3"]


async def test_a_busy_pool_finds_the_one_outside_the_circle(system: System, team: Team) -> None:
    """It asks on until it meets a member that does not wait for the asker."""
    pool = await team.start(system, 3)
    three = pool.refs[2]
    for _ in range(5):
        three.tell(Work(0.1))
    assert await pool.ask(AskAgain(2)) == "1>2>3"


@pytest.mark.parametrize("circle", [["1", "1"], ["2", "1", "2"]])
async def test_a_circle_of_all_is_named(system: System, team: Team, circle: list[str]) -> None:
    """When each member waits for the asker, there is nobody left to answer."""
    size = len(circle) - 1
    pool = await team.start(system, size)
    crashes: list[object] = []
    system.subscribe(lambda event: crashes.append(event.error) if isinstance(event, ActorCrashed) else None)
    with pytest.raises(ActorRestartingError):
        await pool.ask(AskAgain(size))
    error = crashes[0]
    assert isinstance(error, AskCycleError)
    assert error.cycle == tuple(f"/workers/{id}" for id in circle)


async def test_it_stops(system: System, team: Team) -> None:
    """At once, with all its members, and says how it ended."""
    pool = await team.start(system, 2)
    for _ in range(4):
        pool.tell(Work(1))
    await wait_all_tasks_blocked()
    pool.stop("enough")
    ending = await pool.stopped()
    assert (ending.kind, ending.reason) == (ExitKind.SHUTDOWN, "enough")
    assert len(team.done) == 2
    assert pool.refs == ()
    with pytest.raises(ActorStoppedError):
        pool.tell(Work(1))


async def test_members_have_the_time_their_contract_gives(system: System, team: Team) -> None:
    """Their supervisor waits for them for as long as they may take."""
    pool = await team.start(system, 1, shutdown=30)
    pool.tell(Work(20))
    await wait_all_tasks_blocked()
    pool.ref.stop()
    await pool.stopped()
    assert team.done == ["1"]


async def test_it_drains(system: System, team: Team) -> None:
    """All that waits is handled, by all members at the same time, and nothing new is taken."""
    pool = await team.start(system, 4)
    for _ in range(12):
        pool.tell(Work(1))
    pool.drain("closing time")
    with pytest.raises(ActorStoppedError):
        pool.tell(Work(1))
    with pytest.raises(ActorStoppedError):
        await pool.send(Work(1))
    ending = await pool.stopped()
    assert len(team.done) == 12
    assert trio.current_time() == 3
    assert ending.kind is ExitKind.SHUTDOWN


async def test_a_drain_has_an_end(system: System, team: Team) -> None:
    """Who is not done within the time it was given is cancelled."""
    pool = await team.start(system, 2)
    pool.tell(Work(1))
    pool.tell(Work(100))
    pool.drain(within=5)
    await pool.stopped()
    assert trio.current_time() == 5
    assert team.done == ["1"]


async def test_a_pool_has_members(system: System, team: Team) -> None:
    """None at all is a mistake, and a member that does not start is an error of the start."""
    with pytest.raises(ValueError, match="at least one member, not 0"):
        await team.start(system, 0)

    def broken() -> Worker:
        raise ValueError("no tools")

    with pytest.raises(ChildStartError):
        await start_pool(system, "workers", broken)
    assert await system.root.ask(LookUp("workers")) is None


async def test_types_are_kept(system: System) -> None:
    """What a member takes and answers, the pool does: type checkers read this test."""

    class Echo(Actor[Who | Work]):
        @handles
        def who(self, _: Who) -> str:
            return "echo"

        @handles
        def work(self, _: Work) -> None:
            pass

    pool = await start_pool(system, "echo", Echo)
    pool.tell(Work(1))
    answer: str = await pool.ask(Who())
    assert answer == "echo"
    assert len(pool.refs) == 4
    pool.tell("nonsense")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - which is what is tested
