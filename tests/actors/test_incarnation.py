"""One life: how it starts, what ends it, and what its exit says."""

from __future__ import annotations

import gc
import logging
import traceback
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Never, TypeAlias

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    ActorCrashed,
    ActorEvent,
    Exit,
    ExitKind,
    Ignore,
    LookUp,
    RestartBudget,
    Shutdown,
    State,
    Supervisor,
    WhichChildren,
    child,
    handles,
    open_system,
)
from bluev_actors.actors.exits import ExitAs
from bluev_actors.errors import ActorStoppedError, ChildStartError
from bluev_actors.faultpoints import armed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bluev_actors.actors import Ref, Restart, System
    from bluev_actors.actors.cell import Cell

    CellOf: TypeAlias = Callable[[Ref[Any]], Cell[Any]]
    Hook: TypeAlias = Callable[[], Awaitable[object]]


class Scripted(Actor[Never]):
    """Does in each part of its life what the test says, and notes that it was there."""

    def __init__(
        self,
        start: Hook = trio.lowlevel.checkpoint,
        body: Hook = trio.sleep_forever,
        stop: Hook = trio.lowlevel.checkpoint,
    ) -> None:
        self.start, self.body, self.end = start, body, stop
        self.seen = list[str]()

    async def on_start(self) -> None:
        """Start as told."""
        self.seen.append("start")
        await self.start()

    async def run(self) -> object:
        """Do as told."""
        self.seen.append("run")
        return await self.body()

    async def on_stop(self, exit: Exit) -> None:
        """End as told."""
        self.seen.append(f"stop {exit}")
        await self.end()


async def start(system: System, actor: Actor[Any], shutdown: float = 5.0) -> Ref[Any]:
    """Start a temporary actor."""
    return await system.start(child("a", lambda: actor, restart="temporary", shutdown=shutdown))


async def crash() -> Never:
    """What a bug does."""
    await trio.lowlevel.checkpoint()
    raise ValueError("bug")


async def done() -> str:
    """What a task does that ends well."""
    await trio.sleep(1)
    return "result"


async def crash_in_a_nursery() -> None:
    """A bug in a task of the actor's own."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        nursery.start_soon(crash)


# --- starting ---


async def test_a_crash_while_it_starts(system: System) -> None:
    """No `on_stop`, no zombie, and the reason reaches whoever started it."""
    actor = Scripted(start=crash)
    with pytest.raises(ChildStartError, match="/a: did not start: crashed") as failed:
        await start(system, actor)
    assert isinstance(failed.value.__cause__, ValueError)
    assert actor.seen == ["start"]
    assert system.tree().children == ()


@pytest.mark.parametrize("factory", [lambda: 1 / 0, object], ids=["raises", "no actor"])
async def test_a_factory_that_makes_no_actor(system: System, factory: Callable[[], object]) -> None:
    """A factory that raises or returns something else is a crash like any other."""
    with pytest.raises(ChildStartError) as failed:
        await system.start(child("a", factory))
    assert isinstance(failed.value.__cause__, (ZeroDivisionError, TypeError))
    assert system.tree().children == ()


async def test_a_stop_while_it_starts(system: System) -> None:
    """It does not wait for a start that may never end, and nothing is left of it."""
    actor = Scripted(start=trio.sleep_forever)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def starter() -> None:
            with pytest.raises(ChildStartError, match="shutdown"):
                await start(system, actor)

        await wait_all_tasks_blocked()
        (info,) = await system.root.ask(WhichChildren())
        assert info.state is State.STARTING
        ref = await system.root.ask(LookUp("a"))
        assert ref is not None
        ref.stop()
    assert actor.seen == ["start"]
    assert trio.current_time() == 0


# --- ending ---


async def test_it_returns(system: System) -> None:
    """Its result is in the exit, which `on_stop` sees."""
    actor = Scripted(body=done)
    ending = await (await start(system, actor)).stopped()
    assert (ending.kind, ending.result) == (ExitKind.NORMAL, "result")
    assert actor.seen == ["start", "run", "stop normal"]


@pytest.mark.parametrize("body", [crash, crash_in_a_nursery])
async def test_it_raises(system: System, body: Callable[[], Awaitable[None]]) -> None:
    """An exception is the exit, one out of a nursery of its own too."""
    actor = Scripted(body=body)
    ending = await (await start(system, actor)).stopped()
    assert ending.kind is ExitKind.CRASHED
    assert "bug" in "".join(traceback.format_exception(ending.error))
    assert actor.seen[-1].startswith("stop crashed")


async def test_a_crash_while_it_is_cancelled(system: System) -> None:
    """A nursery that raises an error and the cancellation together has crashed; the cancellation stays inside."""

    async def stubborn() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise ValueError("bug on the way out")

    ref = await start(system, Scripted(body=stubborn))
    ref.stop()
    ending = await ref.stopped()
    assert ending.kind is ExitKind.CRASHED
    assert isinstance(ending.error, ExceptionGroup)


async def test_it_chooses_its_exit(system: System) -> None:
    """The runtime may end an actor in just one way."""

    async def resign() -> None:
        await trio.lowlevel.checkpoint()
        raise ExitAs(Exit(ExitKind.SHUTDOWN, reason="resigned"))

    ending = await (await start(system, Scripted(body=resign))).stopped()
    assert str(ending) == "shutdown (resigned)"


async def test_completion_wins(system: System) -> None:
    """A body that returns although it was cancelled has a result."""

    async def quick() -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(1)
        return "result"

    ref = await start(system, Scripted(body=quick))
    ref.stop("hurry")
    ending = await ref.stopped()
    assert (ending.kind, ending.result, ending.reason) == (ExitKind.SHUTDOWN, "result", "hurry")


async def test_an_error_that_cannot_say_what_it_is(system: System) -> None:
    """A crash with a broken exception is a crash, and harms neither supervisor nor log."""

    class Mute(Exception):  # noqa: N818 - a broken class with a fitting name
        def __str__(self) -> str:
            raise RuntimeError("mute")

    async def crash_in_silence() -> None:
        await trio.lowlevel.checkpoint()
        raise Mute

    ending = await (await start(system, Scripted(body=crash_in_silence))).stopped()
    assert str(ending) == "crashed (Mute)"
    assert system.root.state is State.RUNNING


# --- cleaning up ---


async def test_a_failing_clean_up(system: System) -> None:
    """It turns a good exit into a crash, and adds nothing to a bad one."""
    ending = await (await start(system, Scripted(body=done, stop=crash))).stopped()
    assert (ending.kind, str(ending.error)) == (ExitKind.CRASHED, "bug")

    async def first_bug() -> None:
        await trio.lowlevel.checkpoint()
        raise RuntimeError("first bug")

    ending = await (await start(system, Scripted(body=first_bug, stop=crash))).stopped()
    assert str(ending.error) == "first bug"


async def test_a_clean_up_without_end(system: System) -> None:
    """It has the contract's time and no more."""
    ref = await start(system, Scripted(body=done, stop=trio.sleep_forever), shutdown=2)
    ending = await ref.stopped()
    assert trio.current_time() == pytest.approx(3)
    assert (ending.kind, ending.result) == (ExitKind.KILLED, "result")
    assert ending.reason == "on_stop took longer than 2 s"


async def test_a_clean_up_after_a_crash_without_end(system: System) -> None:
    """The crash stays what is told."""
    ref = await start(system, Scripted(body=crash, stop=trio.sleep_forever))
    assert (await ref.stopped()).kind is ExitKind.CRASHED


async def test_a_clean_up_is_not_cancelled(system: System, cell_of: CellOf) -> None:
    """A kill in the middle of it does not cut it short."""
    ended = list[float]()

    async def orderly() -> None:
        await trio.sleep(3)
        ended.append(trio.current_time())

    ref = await start(system, Scripted(body=done, stop=orderly))
    await trio.sleep(2)
    cell_of(ref).kill("now")
    ref.stop()
    await ref.stopped()
    assert ended == [pytest.approx(4)]


async def test_no_time_to_clean_up(system: System) -> None:
    """With `shutdown` 0 it is killed at once, and `on_stop` may do what needs no waiting."""
    actor = Scripted(stop=trio.sleep_forever)
    ref = await start(system, actor, shutdown=0)
    ref.stop("now")
    ending = await ref.stopped()
    assert (ending.kind, trio.current_time()) == (ExitKind.KILLED, 0)
    assert actor.seen[-1] == "stop killed (now)"


# --- saying itself how it ends ---


async def ignore() -> Never:
    """What an actor does that is not needed."""
    await trio.lowlevel.checkpoint()
    raise Ignore("not on Sundays")


async def give_up() -> Never:
    """What an actor does that can do no more."""
    await trio.lowlevel.checkpoint()
    raise Shutdown("had enough")


def ignored_factory() -> Never:
    """A factory that makes nothing."""
    raise Ignore("not on Sundays")


def given_up_factory() -> Never:
    """A factory that ends it all."""
    raise Shutdown("had enough")


@pytest.mark.parametrize("factory", [ignored_factory, lambda: Scripted(start=ignore)], ids=["factory", "on_start"])
async def test_not_needed(factory: Callable[[], Actor[Any]], system: System) -> None:
    """It is no failure: whoever starts it gets the ref of one that is gone, and it keeps its place."""
    ref = await system.start(child("a", factory))
    assert ref.state is State.STOPPED
    assert str(await ref.stopped()) == "ignored (not on Sundays)"
    with pytest.raises(ActorStoppedError, match="not on Sundays"):
        ref.tell("too late")
    (info,) = await system.root.ask(WhichChildren())
    assert (info.id, info.state, info.incarnation) == ("a", State.STOPPED, 1)


async def test_a_temporary_one_is_not_needed(system: System) -> None:
    """It is forgotten."""
    ref = await system.start(child("a", lambda: Scripted(start=ignore), restart="temporary"))
    assert ref.state is State.STOPPED
    assert await system.root.ask(WhichChildren()) == ()


async def test_nobody_cleans_up_what_was_not_needed(system: System) -> None:
    """There is no `on_stop` after a start that was none, and no crash is told of."""
    events = list[ActorEvent]()
    system.subscribe(events.append)
    actor = Scripted(start=ignore)
    await system.start(child("a", lambda: actor))
    assert actor.seen == ["start"]
    assert [event for event in events if isinstance(event, ActorCrashed)] == []


@pytest.mark.parametrize("restart", ["permanent", "transient"])
async def test_not_needed_any_more(restart: Restart, system: System) -> None:
    """One that finds so in a restart is gone, whatever its policy, and its supervisor goes on."""
    lives = iter([Scripted(body=crash), Scripted(start=ignore)])
    ref = await system.start(child("a", lambda: next(lives), restart=restart))
    assert (await ref.stopped()).kind is ExitKind.IGNORED
    assert (ref.incarnation, system.root.state) == (2, State.RUNNING)


@pytest.mark.parametrize("part", ["body", "stop"])
async def test_too_late_not_to_be_needed(part: str, system: System) -> None:
    """Once it has started that is a crash, and the text says what is wrong."""
    hooks: dict[str, Hook] = {"body": done, part: ignore}
    ending = await (await start(system, Scripted(**hooks))).stopped()
    assert ending.kind is ExitKind.CRASHED
    assert str(ending.error) == "/a: raised Ignore after it had started"


@pytest.mark.parametrize("factory", [given_up_factory, lambda: Scripted(start=give_up)], ids=["factory", "on_start"])
async def test_giving_up_before_it_starts(factory: Callable[[], Actor[Any]], system: System) -> None:
    """However orderly, it has not started, and whoever wanted that is told."""
    with pytest.raises(ChildStartError, match=r"/a: did not start: shutdown \(had enough\)"):
        await system.start(child("a", factory))
    assert system.tree().children == ()


@pytest.mark.parametrize("part", ["body", "stop"])
async def test_giving_up(part: str, system: System) -> None:
    """It ends in good order, with its reason; `on_stop` sees that."""
    hooks: dict[str, Hook] = {"body": done, part: give_up}
    actor = Scripted(**hooks)
    ending = await (await start(system, actor)).stopped()
    assert str(ending) == "shutdown (had enough)"
    assert actor.seen[-1] == ("stop shutdown (had enough)" if part == "body" else "stop normal")


@pytest.mark.parametrize(("restart", "lives"), [("permanent", 2), ("transient", 1), ("temporary", 1)])
async def test_who_gives_up_may_be_started_again(restart: Restart, lives: int, system: System) -> None:
    """An orderly end is one for a transient actor, and no excuse for a permanent one."""
    bodies = iter([give_up, trio.sleep_forever])
    ref = await system.start(child("a", lambda: Scripted(body=next(bodies)), restart=restart))
    await wait_all_tasks_blocked()
    assert ref.incarnation == lives


async def test_giving_up_in_a_handler(system: System) -> None:
    """The message at hand is the last."""

    class Resigning(Actor[str]):
        async def receive(self, message: str) -> None:
            raise Shutdown(message)

    ref = await system.start(child("a", Resigning, restart="transient"))
    for reason in ("first", "second"):
        ref.tell(reason)
    assert str(await ref.stopped()) == "shutdown (first)"
    assert ref.mailbox.received == 1


@pytest.mark.parametrize("wish", [ignore, give_up])
async def test_a_crash_is_not_talked_away(wish: Hook, system: System) -> None:
    """What `on_stop` wants after a crash changes nothing."""
    ending = await (await start(system, Scripted(body=crash, stop=wish))).stopped()
    assert str(ending) == "crashed (ValueError: bug)"


async def test_giving_up_in_a_task_of_its_own(system: System) -> None:
    """A nursery wraps what its tasks raise, so this is a crash: it has to be raised in the actor's own task."""

    async def in_a_nursery() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(give_up)

    ending = await (await start(system, Scripted(body=in_a_nursery))).stopped()
    assert ending.kind is ExitKind.CRASHED


async def test_a_supervisor_gives_up(system: System) -> None:
    """Its children end with it, and nothing of its nursery is seen in the exit."""

    class Resigning(Supervisor[str]):
        @handles
        def on_word(self, word: str) -> None:
            raise Shutdown(word)

    inner = Scripted()
    ref = await system.start(child("s", lambda: Resigning([child("a", lambda: inner)]), restart="temporary"))
    ref.tell("enough")
    assert str(await ref.stopped()) == "shutdown (enough)"
    assert inner.seen[-1] == "stop shutdown (its supervisor stops)"


# --- nothing is left ---


ENDS: dict[str, Hook] = {"returns": done, "crashes": crash, "gives up": give_up, "is killed": trio.sleep_forever}


@pytest.mark.parametrize("end", ENDS)
async def test_a_past_incarnation_is_garbage(
    end: str, system: System, cell_of: CellOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it ended, nobody keeps the actor of a past incarnation; of the present one only its cell does."""
    monkeypatch.setattr(logging.getLogger("bluev_actors.actors.cell"), "disabled", True)  # pytest keeps its records
    made = list[weakref.ref[Scripted]]()

    def make() -> Scripted:
        actor = Scripted(body=trio.sleep_forever if made else ENDS[end])
        made.append(weakref.ref(actor))
        return actor

    ref = await system.start(child("a", make, budget=RestartBudget(10)))
    if end == "is killed":
        cell_of(ref).kill("by hand")
    await trio.sleep(2)
    gc.collect()
    assert [actor() is None for actor in made] == [True, False]
    ref.stop()
    await ref.stopped()
    gc.collect()
    assert [actor() is None for actor in made] == [True, True]


async def test_an_actor_that_had_everything_is_garbage(system: System) -> None:
    """Timers, monitors, links, deferred answers and a stash keep nothing of a past incarnation."""
    made = list[weakref.ref[Actor[Any]]]()

    class Busy(Actor[Any]):
        def __init__(self) -> None:
            made.append(weakref.ref(self))

        @handles
        async def on_word(self, word: str) -> None:
            self.every(1, "tick", key=self)
            self.monitor(bystander, restarts=True)
            self.link(bystander)
            self.ref.when_stopped(lambda _: None)
            if word == "stash":
                self.stash()
            if word == "end":
                self.stop()

    bystander = await start(system, Scripted())
    ref = await system.start(child("busy", Busy))
    for word in ("stash", "work", "end"):
        ref.tell(word)
    await wait_all_tasks_blocked()
    gc.collect()
    assert (ref.incarnation, ref.mailbox.stashed, bystander.state) == (2, 1, State.RUNNING)
    assert [actor() is None for actor in made] == [True, False]


async def test_no_task_is_left() -> None:
    """When a system is closed, all tasks are that it started, whatever its actors did."""
    before = trio.lowlevel.current_statistics().tasks_living
    async with open_system(intensity=10) as system:
        await start(system, Scripted())
        await system.start(child("b", lambda: Scripted(body=done, stop=trio.sleep_forever), restart="temporary"))
        await system.start(child("c", lambda: Supervisor[Never]([child("d", Scripted)])))
        await system.start(child("e", lambda: Scripted(start=ignore)))
        await trio.sleep(2)
    assert trio.lowlevel.current_statistics().tasks_living == before


# --- what gets out ---


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("part", ["start", "body", "stop"])
async def test_what_ends_the_program_gets_out(part: str, error: type[BaseException]) -> None:
    """Ctrl-C is nobody's crash: it passes all supervisors, whose other children are ended on the way."""

    async def end_the_program() -> None:
        await trio.sleep(2)
        raise error

    bystander = Scripted()
    parts: dict[str, Any] = {"body": done, part: end_the_program}
    with pytest.raises(error):  # noqa: PT012 - leaving the block is what raises
        async with open_system(child("bystander", lambda: bystander)) as system:
            await system.start(child("inner", lambda: Supervisor[Never]([child("a", lambda: Scripted(**parts))])))
            await trio.sleep_forever()
    assert bystander.seen[-1].startswith("stop")


# --- fault points ---


@pytest.mark.parametrize("point", ["actor.start", "actor.receive", "actor.stop"])
async def test_fault_points(point: str) -> None:
    """Tests can make each part of a life fail, for one actor by its path."""

    def trap(name: str, key: str) -> None:
        if (name, key) == (point, "/a"):
            raise OSError(point)

    class Plain(Actor[str]):
        async def receive(self, message: str) -> None:
            del message
            self.stop()

    with armed(trap):
        async with open_system() as system:
            events = list[ActorEvent]()
            system.subscribe(events.append)
            with suppress(ChildStartError):
                (await system.start(child("a", Plain, restart="temporary"))).tell("go on")
            await wait_all_tasks_blocked()
    (crashed,) = (event for event in events if isinstance(event, ActorCrashed))
    assert isinstance(crashed.error, OSError)
