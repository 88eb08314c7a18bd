"""What stands behind a ref: its logs and events, its deadlines, and what it tells those who wait."""

from __future__ import annotations

import gc
import math
from typing import TYPE_CHECKING, Any, Never, TypeAlias
from weakref import WeakSet

import pytest
import trio
from attrs import frozen
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    ActorCrashed,
    ActorEvent,
    ActorRestarted,
    ActorStarted,
    ActorStopped,
    Backoff,
    Call,
    DeadLetter,
    Exit,
    ExitKind,
    LookUp,
    Request,
    RestartBudget,
    StartChild,
    State,
    Supervisor,
    child,
    handles,
)
from bluev_actors.actors.cell import Cell, ChildExited
from bluev_actors.actors.lifecycle import IllegalMoveError
from bluev_actors.actors.ref import cell_behind
from bluev_actors.errors import ActorError, ActorRestartingError, ActorStoppedError, MailboxFullError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.actors import Ref, System

    CellOf: TypeAlias = Callable[[Ref[Any]], Cell[Any]]


@frozen
class Hello(Request[str]):
    """A question."""


class Fragile(Actor[str]):
    """Crashes with every message."""

    async def receive(self, message: str) -> None:
        """Crash."""
        raise ValueError(message)


class Stubborn(Actor[object]):
    """Does not come out of its handler."""

    async def receive(self, message: object) -> None:
        """Never return."""
        del message
        await trio.sleep_forever()


async def test_a_life_in_events(system: System) -> None:
    """Started, crashed, restarted, stopped: each with path, kind, incarnation, time and reason."""
    events = list[ActorEvent]()
    system.tap.subscribe(events.append)
    ref = await system.start(child("vase", Fragile, kind="vase", budget=RestartBudget(1)))
    await trio.sleep(1)
    ref.tell("oh")
    await trio.sleep(1)
    ref.tell("no")
    last = await ref.stopped()
    assert [type(event) for event in events] == [
        ActorStarted,
        ActorCrashed,
        ActorRestarted,
        ActorCrashed,
        ActorStopped,
    ]
    assert {(event.path, event.kind) for event in events} == {("/vase", "vase")}
    assert [(event.incarnation, event.at) for event in events] == [(1, 0), (1, 1), (2, 1), (2, 2), (2, 2)]
    assert [event.reason for event in events if isinstance(event, ActorCrashed)] == [
        "ValueError: oh",
        "ValueError: no",
    ]
    assert isinstance(events[-1], ActorStopped)
    assert events[-1].reason == str(last) == "crashed (ValueError: no)"


async def test_a_crash_is_logged(system: System, caplog: pytest.LogCaptureFixture) -> None:
    """An actor that crashes in a loop can be seen by whoever reads the log, with the traceback."""
    ref = await system.start(Fragile)
    ref.tell("oh")
    await wait_all_tasks_blocked()
    (record,) = caplog.records
    assert record.getMessage() == "/fragile crashed in its incarnation 1"
    assert "ValueError: oh" in (record.exc_text or "")


async def test_the_first_reason_counts(system: System, cell_of: CellOf) -> None:
    """Whoever asks for an end after somebody else neither changes the reason nor gives it more time."""
    ref = await system.start(Stubborn)
    ref.tell("stay")
    await wait_all_tasks_blocked()
    cell_of(ref).leave("first")
    await trio.sleep(4)
    cell_of(ref).leave("second")
    ref.stop("third")
    await ref.stopped()
    assert trio.current_time() == pytest.approx(5)


async def test_a_kill_cuts_the_time_short(system: System, cell_of: CellOf) -> None:
    """A kill after a polite request does not wait for its deadline."""
    ref = await system.start(Stubborn)
    ref.tell("stay")
    await wait_all_tasks_blocked()
    ref.stop("please")
    cell_of(ref).kill("now")
    cell_of(ref).kill("again")
    cell_of(ref).leave("too late")
    ending = await ref.stopped()
    assert (ending.kind, ending.reason, trio.current_time()) == (ExitKind.KILLED, "now", 0)


async def test_while_it_stops_it_answers_nobody(system: System, nursery: trio.Nursery, cell_of: CellOf) -> None:
    """Somebody who asks during `on_stop` is told at once: it will be back, or it will not."""

    class Leaving(Actor[Hello]):
        async def on_stop(self, exit: object) -> None:
            del exit
            await trio.sleep(1)

    ref = await system.start(Leaving)
    cell_of(ref).kill("to be restarted")
    await wait_all_tasks_blocked()
    with pytest.raises(ActorRestartingError, match="is stopping"):
        await ref.ask(Hello())
    cell_of(ref).stop_reason = "enough"
    with pytest.raises(ActorStoppedError, match="is stopping: enough") as stopped:
        await ref.ask(Hello())
    assert stopped.value.undelivered == Hello()
    nursery.cancel_scope.cancel()


async def test_a_name_before_there_is_an_actor(system: System) -> None:
    """A cell is of no kind before its factory has made something, unless its contract says."""
    assert Cell[Never](child("a", Stubborn), "/a", system).kind == ""
    assert Cell[Never](child("a", Stubborn, kind="k"), "/a", system).kind == "k"


async def test_given_up_before_it_lived(system: System) -> None:
    """A cell that never began has an exit all the same, so nobody waits for it in vain."""
    cell = Cell[Never](child("a", Stubborn), "/a", system)
    cell.request_stop("not needed")
    cell.finish()
    assert str(await cell.gone()) == "shutdown (not needed)"
    cell.finish()
    with pytest.raises(IllegalMoveError):
        cell.begin()


async def test_the_gone_leave_no_circle(system: System) -> None:
    """What a finished actor leaves is freed at once; thousands of them do not wait for the garbage collector."""

    class Brief(Actor[Never]):
        async def run(self) -> None:
            await trio.lowlevel.checkpoint()

    made = WeakSet[Brief]()

    def make() -> Brief:
        brief = Brief()
        made.add(brief)
        return brief

    gc.disable()
    try:
        await (await system.start(child("a", make, restart="temporary"))).stopped()
        await wait_all_tasks_blocked()
        assert len(made) == 0
    finally:
        gc.enable()


async def test_news_for_nobody(system: System) -> None:
    """An exit that comes after the supervisor is gone is dropped."""
    parent = Cell[Never](child("p", Stubborn), "/p", system)
    cell = Cell[Never](child("a", Stubborn), "/p/a", system, parent)
    for one in (parent, cell):
        one.begin()
    cell.exited(cell.outcome(None))
    cell.report(cell.outcome(None))
    (news,) = parent.mailbox
    assert isinstance(news, ChildExited)
    parent.exited(parent.outcome(None))
    parent.finish()
    assert len(parent.mailbox) == 0
    cell.report(cell.outcome(None))
    assert len(parent.mailbox) == 0


# --- callbacks ---


async def test_callbacks_at_the_end_of_each_life(system: System) -> None:
    """One hears of every exit, the other of the last; what undoes them may be called twice."""
    exits, ends = list[str](), list[str]()
    ref = await system.start(child("a", Fragile, budget=RestartBudget(1)))
    undo = ref.when_exited(lambda exit: exits.append(str(exit.error)))
    ref.when_stopped(lambda exit: ends.append(str(exit.error)))
    undo_end = ref.when_stopped(lambda _: ends.append("never"))
    ref.tell("one")
    await wait_all_tasks_blocked()
    for _ in range(2):
        undo()
        undo_end()
    ref.tell("two")
    await ref.stopped()
    assert (exits, ends) == (["one"], ["two"])
    ref.when_stopped(lambda exit: ends.append(f"late {exit.error}"))()
    assert ends == ["two", "late two"]


async def test_callbacks_that_fail(system: System, caplog: pytest.LogCaptureFixture) -> None:
    """They are logged, the others are called, and the supervisor goes on."""
    called = list[str]()

    def bad(_: object) -> None:
        raise OSError("not my day")

    ref = await system.start(child("a", Fragile, budget=RestartBudget(1)))
    ref.when_exited(bad)
    ref.when_exited(lambda _: called.append("exited"))
    ref.when_stopped(bad)
    ref.when_stopped(lambda _: called.append("stopped"))
    for message in ("one", "two"):
        ref.tell(message)
    await ref.stopped()
    ref.when_stopped(bad)
    assert called == ["exited", "exited", "stopped"]
    assert sum("a callback" in record.getMessage() for record in caplog.records) == 4


async def test_callbacks_may_do_anything(system: System) -> None:
    """Undo themselves and each other, add more, and act on the actor, in the middle of being called."""
    ref = await system.start(child("a", Fragile))
    called = list[str]()

    def meddle(_: object) -> None:
        called.append("meddle")
        undo_self()
        undo_other()
        ref.when_exited(lambda _: called.append("added"))
        ref.stop("by a callback")

    undo_self = ref.when_exited(meddle)
    undo_other = ref.when_exited(lambda _: called.append("other"))
    ref.tell("crash")
    assert (await ref.stopped()).kind is ExitKind.CRASHED
    assert called in (["meddle"], ["meddle", "other"])
    assert ref.incarnation == 1


async def test_the_end_of_one_may_be_the_end_of_another(system: System) -> None:
    """A callback that stops its sibling finds everything in order."""
    (a, b) = [await system.start(child(id_, Fragile)) for id_ in "ab"]
    a.when_stopped(lambda exit: b.stop(f"with {exit.reason}"))
    b.when_stopped(lambda _: a.stop("again"))
    a.stop("good night")
    assert (await b.stopped()).reason == "with good night"


# --- stops in every moment of a life ---


class Phases(Actor[str]):
    """Takes a second for each part of its life."""

    async def on_start(self) -> None:
        """Take a second."""
        await trio.sleep(1)

    async def receive(self, message: str) -> None:
        """Take a second, and crash perhaps."""
        await trio.sleep(1)
        if message == "crash":
            raise ValueError(message)

    async def on_stop(self, exit: Exit) -> None:
        """Take a second."""
        del exit
        await trio.sleep(1)


@pytest.mark.parametrize("grace", [0, 0.25, 5, math.inf])
@pytest.mark.parametrize("moment", [n / 4 for n in range(18)])
@pytest.mark.parametrize("how", ["stop", "drain", "stop twice", "drain and stop", "kill and stop"])
async def test_whenever_it_is_stopped_it_ends(system: System, how: str, moment: float, grace: float) -> None:
    """In every phase of its life, in the very moment of each change and between them, and it does not come back.

    It starts until 1, crashes at 2, has cleaned up at 3, is back at 4.
    """
    starts = list[float]()

    def make() -> Phases:
        starts.append(trio.current_time())
        return Phases()

    system.root.tell(StartChild(child("a", make, shutdown=grace)))
    await wait_all_tasks_blocked()
    ref = await system.root.ask(LookUp("a"))
    assert ref is not None
    ref.tell("crash")
    await trio.sleep(moment)
    if how == "kill and stop":
        cell_behind(ref).kill("now")
    if how.startswith("drain"):
        ref.drain("enough")
    if how != "drain":
        ref.stop("enough")
    if how == "stop twice":
        await trio.sleep(0.1)
        ref.stop("more than enough")
    last = len(starts) + how.startswith("drain")
    with trio.fail_after(10):
        await ref.stopped()
    await trio.sleep(20)
    assert len(starts) <= last
    assert ref.state is State.STOPPED
    assert trio.lowlevel.current_statistics().tasks_living < 12


async def test_a_stop_and_a_crash_in_one_moment(system: System) -> None:
    """Whichever comes first, it does not come back."""
    for order in (("crash", "stop"), ("stop", "crash")):
        ref = await system.start(child(order[0], Fragile, restart="permanent"))
        for what in order:
            if what == "stop":
                ref.stop()
            else:
                ref.tell("crash")
        await ref.stopped()
        assert ref.incarnation == 1


async def test_a_stop_by_the_actor_that_is_just_being_restarted(system: System) -> None:
    """A factory, an `on_start` or an `on_stop` may stop its own actor for good."""

    class Doomed(Fragile):
        async def on_stop(self, exit: Exit) -> None:
            del exit
            self.ref.stop("doomed")

    ref = await system.start(Doomed)
    ref.tell("crash")
    assert (await ref.stopped()).kind is ExitKind.CRASHED
    assert ref.incarnation == 1

    class Reluctant(Fragile):
        async def on_start(self) -> None:
            if self.ref.incarnation == 2:
                self.ref.stop("not again")

    ref = await system.start(Reluctant)
    ref.tell("crash")
    assert (await ref.stopped()).reason == "not again"
    assert ref.incarnation == 2


async def test_a_kill_of_what_does_not_live(system: System, cell_of: CellOf) -> None:
    """There is nothing to cancel, so the next life is not cancelled either."""
    ref = await system.start(child("a", Fragile, backoff=Backoff(1, jitter=0)))
    ref.tell("crash")
    await trio.sleep(0.5)
    cell_of(ref).kill("while it waits")
    await trio.sleep(1)
    assert (ref.state, ref.incarnation) == (State.RUNNING, 2)


async def test_a_refusal_says_why(system: System, cell_of: CellOf) -> None:
    """That it comes back in so many seconds, that it is on its way out, or that its work is over."""

    class Leaving(Actor[Hello]):
        async def on_stop(self, exit: object) -> None:
            del exit
            await trio.sleep(1)

        @handles
        def hello(self, _: Hello) -> str:
            self.stop()
            return "bye"

    ref = await system.start(child("a", Leaving, restart="temporary"))
    assert await ref.ask(Hello()) == "bye"
    await wait_all_tasks_blocked()
    with pytest.raises(ActorStoppedError, match="is stopping: its work is over"):
        await ref.ask(Hello())
    assert cell_of(ref).unanswering


async def test_whom_it_waits_for(system: System, cell_of: CellOf) -> None:
    """The path of the actor whose answer it waits for, as long as it waits."""

    class Asker(Actor[Never]):
        async def run(self) -> None:
            await other.ask(Hello(), timeout=1)

    class Slow(Actor[Hello]):
        @handles
        async def hello(self, _: Hello) -> str:
            await trio.sleep_forever()

    other = await system.start(Slow)
    asker = await system.start(child("asker", Asker, restart="temporary"))
    await wait_all_tasks_blocked()
    assert cell_of(asker).waiting_on == "/slow"
    assert cell_of(other).waiting_on == ""
    await asker.stopped()
    assert cell_of(asker).waiting_on == ""


async def test_ties_end_with_the_incarnation(system: System, cell_of: CellOf) -> None:
    """What belongs to one life ends with it, once, unless it was taken out before."""
    ended = list[str]()
    ref = await system.start(Fragile)
    cell_of(ref).tie(lambda exit: ended.append(f"first {exit.error}"))
    untie = cell_of(ref).tie(lambda _: ended.append("never"))
    cell_of(ref).tie(lambda exit: ended.append(f"last {exit.error}"))
    untie()
    untie()
    for message in ("one", "two"):
        ref.tell(message)
        await wait_all_tasks_blocked()
    assert ended == ["first one", "last one"]


async def test_who_dies_with_another(system: System, cell_of: CellOf) -> None:
    """It crashes with the exit that it is given, unless it does not live or dies already."""
    fate = Exit(ExitKind.CRASHED, OSError("the other"))
    ref = await system.start(child("a", Stubborn, restart="temporary"))
    ref.tell("stay")
    await wait_all_tasks_blocked()
    cell_of(ref).kill("before")
    cell_of(ref).die_with(fate)
    assert (await ref.stopped()).reason == "before"
    cell_of(ref).die_with(fate)
    other = await system.start(child("b", Stubborn, restart="temporary"))
    cell_of(other).die_with(fate)
    assert (await other.stopped()).error is fate.error


# --- contracts and drains, seen from the cell ---


async def test_a_new_contract(system: System, cell_of: CellOf) -> None:
    """Its bound and its budget count at once; a budget that stays the same goes on as it was."""
    budget = RestartBudget(2)
    ref = await system.start(child("a", Stubborn, budget=budget))
    cell = cell_of(ref)
    window = cell.window
    cell.change(child("a", Stubborn, mailbox=1, kind="mule", budget=budget))
    assert (ref.mailbox.capacity, cell.kind, cell.window is window) == (1, "mule", True)
    cell.change(child("a", Stubborn, budget=RestartBudget(3)))
    assert cell.window is not None
    assert cell.window.budget == RestartBudget(3)
    cell.change(child("a", Stubborn))
    assert cell.window is None


async def test_a_drain_that_begins_while_it_starts(system: System) -> None:
    """It starts, handles what waits, and ends; a later drain of more time, or one of what is gone, changes nothing."""
    system.root.tell(StartChild(child("a", Phases)))
    await wait_all_tasks_blocked()
    found = await system.root.ask(LookUp("a"))
    assert found is not None
    found.tell("one")
    found.drain("enough")
    found.drain("more than enough", within=1000)
    assert str(await found.stopped()) == "shutdown (enough)"
    assert trio.current_time() == 3
    found.drain("too late")


async def test_a_second_drain_may_leave_less_time(system: System) -> None:
    """The tighter of two limits holds, and the first reason."""
    ref = await system.start(Phases)
    ref.tell("one")
    ref.drain("enough")
    ref.drain("hurry", within=0)
    ending = await ref.stopped()
    assert (ending.kind, ending.reason) == (ExitKind.KILLED, "did not drain in time")


@pytest.mark.parametrize(
    ("factory", "shutdown", "grace"),
    [
        (Phases, None, 5.0),
        (Supervisor[Never], None, math.inf),
        (Supervisor[Never], 2.5, 2.5),
        (Phases, 0, 0),
        (Phases, math.inf, math.inf),
    ],
)
async def test_the_time_to_end(
    system: System, cell_of: CellOf, factory: Callable[[], Actor[Any]], shutdown: float | None, grace: float
) -> None:
    """A contract that says nothing gives a worker five seconds, and a supervisor what its children need, as in OTP."""
    ref = await system.start(child("a", factory, shutdown=shutdown))
    assert cell_of(ref).grace == grace


async def test_a_drain_across_a_crash_keeps_its_time(system: System) -> None:
    """The next incarnation has what is left of it, and no more."""
    ref = await system.start(Phases)
    for message in ("crash", "two", "three"):
        ref.tell(message)
    began = trio.current_time()
    ref.drain(within=5)
    ending = await ref.stopped()
    assert (ending.kind, ending.reason, ref.incarnation) == (ExitKind.KILLED, "did not drain in time", 2)
    assert trio.current_time() == began + 5 + 1  # and a second for its `on_stop`


async def test_a_drain_that_is_cut_short_when_it_is_nearly_done(system: System) -> None:
    """A stop that comes when everything is handled, and it only cleans up, changes nothing but its time."""
    ref = await system.start(child("a", Phases, shutdown=1.25))
    ref.tell("one")
    ref.drain("enough", within=100)
    await trio.sleep(1.5)
    assert ref.state is State.STOPPING
    ref.stop("now")
    assert str(await ref.stopped()) == "shutdown (enough)"
    assert trio.current_time() == 3


async def test_draining_what_takes_no_messages(system: System) -> None:
    """There is nothing to be drained of, so it is stopped."""

    class Busy(Actor[Never]):
        async def run(self) -> None:
            await trio.sleep_forever()

    for reason, expected in (("", "drained"), ("enough", "enough")):
        ref = await system.start(child(expected, Busy))
        ref.drain(reason)
        assert (await ref.stopped()).reason == expected


async def test_stopping_a_tree_that_drains(system: System) -> None:
    """A child that drains already is stopped with it, one whose turn has not come is asked when it has."""

    class Parent(Supervisor[Never]):
        def __init__(self) -> None:
            super().__init__([child("a", Phases), child("b", Phases)])

    ref = await system.start(child("p", Parent, shutdown=math.inf))
    b = await ref.ask(LookUp("b"))
    assert b is not None
    for _ in range(9):
        b.tell("work")
    ref.drain()
    await trio.sleep(0.5)
    ref.stop("now")
    await ref.stopped()
    assert (await b.stopped()).reason == "now"
    assert trio.current_time() == 2 + 1 + 1 + 1  # both starts; then b's message at hand, its end, and a's end


async def test_stopping_what_waits_for_its_restart(system: System) -> None:
    """Its supervisor gives it up, however often it is asked to."""
    ref = await system.start(child("a", Fragile, backoff=Backoff(1, jitter=0)))
    ref.tell("crash")
    await trio.sleep(0.5)
    with pytest.raises(ActorRestartingError, match=r"is started again in 0\.5 s"):
        await ref.ask(Hello())
    for _ in range(2):
        ref.stop("enough")
    await ref.stopped()
    assert trio.current_time() == 0.5


async def test_draining_what_waits_for_its_restart(system: System) -> None:
    """It is given up at once if it would come back too late, and drains when it is back otherwise."""
    for within, over_at in ((0.25, 0.5), (10, 1.5)):
        ref = await system.start(child(f"a{within}", Fragile, backoff=Backoff(1, jitter=0)))
        ref.tell("crash")
        await trio.sleep(0.5)
        ref.drain(within=within)
        await ref.stopped()
        assert trio.current_time() == over_at


async def test_whoever_is_owed_an_answer_is_told(system: System) -> None:
    """A question at hand, one that was left for later, one that waits and one that was dropped fail, each with why."""

    class Debtor(Actor[Hello | str]):
        held: Call[Any] | None = None

        @handles
        def later(self, _: Hello) -> str:
            self.held = self.defer()
            return ""

        @handles
        async def work(self, message: str) -> None:
            if message == "answer" and self.held is not None:
                self.held.answer("here")
            else:
                await trio.sleep(1)
                raise ValueError(message)

    errors = list[str]()

    async def ask() -> None:
        try:
            errors.append(await ref.ask(Hello(), timeout=60))
        except ActorError as error:
            errors.append(type(error).__name__)

    ref = await system.start(child("a", Debtor, mailbox=2, overflow="drop_newest", budget=RestartBudget(1)))
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(ask)
            await wait_all_tasks_blocked()
        ref.tell("answer")
        await wait_all_tasks_blocked()
        assert errors == ["here"]
        ref.tell("crash")
        await wait_all_tasks_blocked()
        for _ in range(3):
            nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        assert errors == ["here", "MailboxFullError"]
        await trio.sleep(1.5)
        assert errors == ["here", "MailboxFullError", "ActorRestartingError"]
        ref.tell("crash again")
        ref.tell("never")
        await ref.stopped()
    assert errors[3:] == ["ActorStoppedError"] * 2


async def test_a_question_to_one_that_drops_the_oldest(system: System) -> None:
    """The one who is dropped is told, and a plain message that is dropped is a dead letter."""
    letters = list[DeadLetter]()
    system.dead_letters.subscribe(letters.append)
    ref = await system.start(child("a", Stubborn, mailbox=1, overflow="drop_oldest", shutdown=0))
    ref.tell("at hand")
    await wait_all_tasks_blocked()
    ref.tell("one")
    errors = list[MailboxFullError]()

    async def ask() -> None:
        with pytest.raises(MailboxFullError) as dropped:
            await ref.ask(Hello())
        errors.append(dropped.value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        ref.tell("two")
    assert errors[0].undelivered == Hello()
    assert [(letter.message, letter.why) for letter in letters] == [("one", "its mailbox is full (1 messages)")]


async def test_draining_what_will_take_no_messages(system: System) -> None:
    """Whether it takes any is known when it has started; one that does not is stopped then."""

    class Busy(Actor[Never]):
        async def on_start(self) -> None:
            await trio.sleep(1)

        async def run(self) -> None:
            await trio.sleep_forever()

    system.root.tell(StartChild(child("a", Busy)))
    await wait_all_tasks_blocked()
    ref = await system.root.ask(LookUp("a"))
    assert ref is not None
    ref.drain()
    assert (await ref.stopped()).kind is ExitKind.SHUTDOWN
    assert trio.current_time() == 1


async def test_questions_that_wait_when_a_restart_is_delayed(system: System) -> None:
    """They fail at once; messages that nobody waits for are kept."""
    ref = await system.start(child("a", Fragile, backoff=Backoff(1, jitter=0), budget=RestartBudget(1)))
    errors = list[ActorRestartingError]()

    async def ask() -> None:
        with pytest.raises(ActorRestartingError) as refused:
            await ref.ask(Hello(), timeout=60)
        errors.append(refused.value)

    async with trio.open_nursery() as nursery:
        ref.tell("crash")
        ref.tell("kept")
        nursery.start_soon(ask)
    assert trio.current_time() == 0
    assert "is started again in 1 s" in str(errors[0])
    assert (await ref.stopped()).kind is ExitKind.CRASHED
    assert trio.current_time() == 1


async def test_many_who_wait_for_the_same_end(system: System, cell_of: CellOf) -> None:
    """All of them are woken by it, whichever end they wait for; whoever comes later need not wait."""
    ref = await system.start(child("a", Phases))
    woken = list[str]()

    async def wait(what: str) -> None:
        if what == "gone":
            await ref.stopped()
        else:
            await cell_of(ref).over()
        woken.append(what)

    supervisor = await system.start(child("s", Supervisor[Never]))
    async with trio.open_nursery() as nursery:
        for what in ("gone", "over") * 2:
            nursery.start_soon(wait, what)
        await wait_all_tasks_blocked()
        supervisor.stop()
        ref.stop()
    assert sorted(woken) == ["gone", "gone", "over", "over"]
    ref.when_exited(lambda _: woken.append("never"))()
    assert (await supervisor.stopped()).kind is ExitKind.SHUTDOWN


async def test_a_pause_holds_back_messages_but_for_the_ends_of_children(system: System, cell_of: CellOf) -> None:
    """What waits behind messages, because a restart failed, comes through before them."""
    vase = cell_of(await system.start(child("vase", Fragile)))
    shelf = cell_of(await system.start(child("shelf", Supervisor[Never])))
    for item in ("first", ChildExited(vase, Exit(ExitKind.NORMAL)), "second"):
        shelf.mailbox.put_last(item)
    shelf.pause()
    assert [type(item) for item in shelf.mailbox.drain()] == [ChildExited]
    assert shelf.mailbox.paused
    assert len(shelf.mailbox) == 2
    shelf.mailbox.drain()
    shelf.mailbox.resume()


async def test_what_a_crash_is_remembered_by(system: System, cell_of: CellOf) -> None:
    """Its text stays to be read until the next crash, and there is none before the first."""
    ref = await system.start(Fragile)
    assert cell_of(ref).last_crash == ""
    ref.tell("oh")
    await wait_all_tasks_blocked()
    assert (cell_of(ref).last_crash, ref.incarnation) == ("ValueError: oh", 2)
