"""What stands behind a ref: its logs and events, its deadlines, and what it tells those who wait."""

from __future__ import annotations

import gc
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
    ExitKind,
    Request,
    RestartBudget,
    child,
)
from bluev_actors.actors.cell import Cell, ChildExited
from bluev_actors.actors.lifecycle import IllegalMoveError
from bluev_actors.errors import ActorRestartingError, ActorStoppedError

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
    system.subscribe(events.append)
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
