"""The tap: who hears what, and what a bad listener does to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import frozen
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import Actor, ExitKind, Ref, Request, child, handles
from bluev_actors.actors.events import ActorCrashed, ActorEvent, ActorStarted, ActorStopped, DeadLetter, Tap
from bluev_actors.actors.ref import cell_behind
from bluev_actors.errors import ActorStoppedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.actors import Overflow, System


@frozen
class Ask(Request[str]):
    """A question."""


EVENT = ActorStarted("/a", "A", 1, 0.0)


def test_all_hear_it_in_order() -> None:
    """Subscribers are called in the order in which they came."""
    tap, heard = Tap[ActorEvent](), list[str]()
    tap.subscribe(lambda _: heard.append("first"))
    tap.subscribe(lambda _: heard.append("second"))
    tap.emit(EVENT)
    assert heard == ["first", "second"]


def test_whoever_leaves_hears_no_more() -> None:
    """The function that `subscribe` returns takes the subscriber out; to call it twice does no harm."""
    tap, heard = Tap[ActorEvent](), list[ActorEvent]()
    leave = tap.subscribe(heard.append)
    assert tap.watched
    tap.emit(EVENT)
    leave()
    leave()
    tap.emit(EVENT)
    assert heard == [EVENT]
    assert not tap.watched


def test_a_function_may_subscribe_twice() -> None:
    """Two subscriptions are two, and end one by one."""
    tap, heard = Tap[ActorEvent](), list[ActorEvent]()
    leave = tap.subscribe(heard.append)
    tap.subscribe(heard.append)
    tap.emit(EVENT)
    leave()
    tap.emit(EVENT)
    assert len(heard) == 3


def test_a_bad_subscriber_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """One that raises is logged and taken out; the others hear everything."""
    tap, heard = Tap[ActorEvent](), list[ActorEvent]()

    def bad(_event: ActorEvent) -> None:
        raise RuntimeError("not my day")

    tap.subscribe(bad)
    tap.subscribe(heard.append)
    tap.emit(EVENT)
    tap.emit(EVENT)
    assert len(heard) == 2
    assert [record.exc_text and "not my day" in record.exc_text for record in caplog.records] == [True]


def test_subscribers_may_leave_while_they_are_called() -> None:
    """A subscriber that takes itself out does not make another miss the event."""
    tap, heard = Tap[ActorEvent](), list[ActorEvent]()
    leave: list[Callable[[], None]] = []
    leave.append(tap.subscribe(lambda _: leave[0]()))
    tap.subscribe(heard.append)
    tap.emit(EVENT)
    assert heard == [EVENT]


def test_subscribers_may_come_while_they_are_called() -> None:
    """One that comes in the middle hears from the next event on."""
    tap, heard = Tap[ActorEvent](), list[ActorEvent]()
    comers = iter([heard.append])

    def invite(_: ActorEvent) -> None:
        for comer in comers:
            tap.subscribe(comer)

    tap.subscribe(invite)
    tap.emit(EVENT)
    assert heard == []
    tap.emit(EVENT)
    assert heard == [EVENT]


def test_whoever_is_taken_out_in_the_middle_hears_no_more() -> None:
    """Not even the event that is just handed out."""
    tap, heard = Tap[ActorEvent](), list[ActorEvent]()
    leave = list["Callable[[], None]"]()
    tap.subscribe(lambda _: leave[0]())
    leave.append(tap.subscribe(heard.append))
    tap.emit(EVENT)
    assert heard == []


def test_the_only_subscriber_that_fails_leaves_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody has to make events for nobody."""
    tap = Tap[ActorEvent]()

    def bad(_: ActorEvent) -> None:
        raise RuntimeError("not my day")

    leave = tap.subscribe(bad)
    tap.emit(EVENT)
    assert not tap.watched
    leave()
    assert len(caplog.records) == 1


def test_an_event_within_an_event() -> None:
    """A subscriber may make something happen; the others hear that first, and then what it was about."""
    tap, heard = Tap[str](), list[str]()

    def echo(event: str) -> None:
        if event == "call":
            tap.emit("echo")

    tap.subscribe(echo)
    tap.subscribe(heard.append)
    tap.emit("call")
    assert heard == ["echo", "call"]


def test_what_ends_the_program_gets_through() -> None:
    """Ctrl-C in a subscriber is no failure of it."""
    tap = Tap[str]()

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    tap.subscribe(interrupt)
    with pytest.raises(KeyboardInterrupt):
        tap.emit("event")
    assert tap.watched


# --- dead letters ---


class Deaf(Actor[str]):
    """Takes nothing in."""

    async def receive(self, message: str) -> None:
        """Never return."""
        del message
        await trio.sleep_forever()


async def test_what_waits_for_one_that_is_gone(system: System) -> None:
    """Every message that was left becomes a dead letter, in order; the one at hand was handled, however it ended."""
    letters = list[DeadLetter]()
    system.dead_letters.subscribe(letters.append)
    ref = await system.start(child("a", Deaf, restart="temporary", shutdown=1))
    ref.tell("at hand")
    await wait_all_tasks_blocked()
    for message in ("one", "two"):
        ref.tell(message)
    ref.tell("urgent", urgent=True)
    ref.stop("enough")
    await ref.stopped()
    assert [letter.message for letter in letters] == ["urgent", "one", "two"]
    assert {(letter.path, letter.why, letter.at) for letter in letters} == {
        ("/a", "stopped: killed (did not stop within 1 s)", 1)
    }


async def test_questions_are_no_dead_letters(system: System) -> None:
    """Whoever asked is told, and senders who were refused know."""
    letters = list[DeadLetter]()
    system.dead_letters.subscribe(letters.append)
    ref = await system.start(child("a", Deaf, restart="temporary", shutdown=0, mailbox=1))
    ref.tell("at hand")
    await wait_all_tasks_blocked()

    async def ask() -> None:
        with pytest.raises(ActorStoppedError):
            await ref.ask(Ask())

    async def send() -> None:
        with pytest.raises(ActorStoppedError):
            await ref.send("too late")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        nursery.start_soon(send)
        await wait_all_tasks_blocked()
        ref.stop()
    with pytest.raises(ActorStoppedError):
        ref.tell("later still")
    assert letters == []


@pytest.mark.parametrize(("overflow", "lost"), [("drop_newest", ["two", "three"]), ("drop_oldest", ["one", "two"])])
async def test_what_a_full_mailbox_drops(system: System, overflow: Overflow, lost: list[str]) -> None:
    """It becomes a dead letter at once, while the actor lives."""
    letters = list[DeadLetter]()
    system.dead_letters.subscribe(letters.append)
    ref = await system.start(child("a", Deaf, mailbox=1, overflow=overflow, shutdown=0))
    ref.pause()
    for message in ("one", "two", "three"):
        ref.tell(message)
    assert [letter.message for letter in letters] == lost
    assert {letter.why for letter in letters} == {"its mailbox is full (1 messages)"}


async def test_what_was_put_aside_is_lost_too(system: System) -> None:
    """A message that was kept for later has no later."""

    class Keeper(Actor[str]):
        @handles
        def keep(self, _: str) -> None:
            self.stash()

    letters = list[object]()
    system.dead_letters.subscribe(lambda letter: letters.append(letter.message))
    ref = await system.start(Keeper)
    ref.tell("kept")
    await wait_all_tasks_blocked()
    ref.stop()
    await ref.stopped()
    assert letters == ["kept"]


async def test_a_bad_listener_harms_no_actor(system: System, caplog: pytest.LogCaptureFixture) -> None:
    """One of dead letters, of events or of reports that raises is removed, and the tree goes on."""

    def bad(_: object) -> None:
        raise RuntimeError("not my day")

    for tap in (system.dead_letters, system.tap, system.reports):
        tap.subscribe(bad)
    ref = await system.start(child("a", Deaf, shutdown=0))
    for message in ("at hand", "at hand then", "lost"):
        ref.tell(message)
    await wait_all_tasks_blocked()
    cell_behind(ref).kill("now")
    await wait_all_tasks_blocked()
    ref.stop()
    await ref.stopped()
    assert [system.tap.watched, system.reports.watched, system.dead_letters.watched] == [False] * 3
    assert sum("is removed" in record.getMessage() for record in caplog.records) == 3


async def test_listeners_may_act(system: System) -> None:
    """A subscriber may stop, tell and unsubscribe right there, in the middle of whatever happens."""
    seen = list[str]()

    def act(event: ActorEvent) -> None:
        seen.append(type(event).__name__)
        if isinstance(event, ActorCrashed):
            ref.stop("enough of it")
        if isinstance(event, ActorStopped):
            leave()

    leave = system.subscribe(act)
    ref = await system.start(child("fragile", Fragile))
    ref.tell("crash")
    assert (await ref.stopped()).kind is ExitKind.CRASHED
    assert seen == ["ActorStarted", "ActorCrashed", "ActorStopped"]
    assert ref.incarnation == 1


class Fragile(Actor[str]):
    """Crashes with every message."""

    async def receive(self, message: str) -> None:
        """Crash."""
        raise ValueError(message)


async def test_a_listener_may_stop_what_just_started(system: System) -> None:
    """It has started, so it is asked in order, and whoever started it has its ref."""
    system.subscribe(lambda event: found[0].stop("not you") if isinstance(event, ActorStarted) else None)
    found = list[Ref[Any]]()

    class Found(Actor[str]):
        async def on_start(self) -> None:
            found.append(self.ref)

    ref = await system.start(Found)
    assert str(await ref.stopped()) == "shutdown (not you)"
