"""What everybody may ask of a supervisor, and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Never

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    ChildCounts,
    ChildInfo,
    CountChildren,
    DeleteChild,
    LookUp,
    RestartChild,
    StartChild,
    State,
    StopChild,
    Supervisor,
    WhichChildren,
    child,
)
from bluev_actors.errors import ActorError, ActorStoppedError, ChildIdTakenError, ChildStartError

if TYPE_CHECKING:
    from bluev_actors.actors import Request, System


class Quiet(Actor[str]):
    """Does nothing, in its own time."""

    async def on_start(self) -> None:
        """Take a second to start."""
        await trio.sleep(1)

    async def receive(self, message: str) -> None:
        """Crash on everything."""
        raise ValueError(message)


class Broken(Actor[Never]):
    """Never starts."""

    starts = 0

    async def on_start(self) -> None:
        """Fail, but the first time."""
        type(self).starts += 1
        if self.starts > 1:
            raise OSError("broken")


async def test_start_waits_for_the_start(system: System) -> None:
    """The answer is a ref of a child that runs."""
    ref = await system.root.ask(StartChild(child("a", Quiet)))
    assert (ref.path, ref.state, trio.current_time()) == ("/a", State.RUNNING, 1)


async def test_a_supervisor_answers_while_a_child_starts(system: System, nursery: trio.Nursery) -> None:
    """A slow start keeps nobody else waiting."""
    nursery.start_soon(system.start, child("slow", Quiet))
    await wait_all_tasks_blocked()
    (info,) = await system.root.ask(WhichChildren())
    assert info == ChildInfo("slow", "Quiet", State.STARTING, "permanent", 1)
    assert trio.current_time() == 0


async def test_an_id_is_taken_once(system: System) -> None:
    """Even by a child that is stopped but keeps its place."""
    await system.start(child("a", Quiet))
    await system.root.ask(StopChild("a"))
    with pytest.raises(ChildIdTakenError, match="there is a child 'a' already"):
        await system.start(child("a", Quiet))


async def test_stop_waits_for_the_end(system: System) -> None:
    """Afterwards it is gone for good, but can be restarted by its contract."""
    ref = await system.start(child("a", Quiet))
    await system.root.ask(StopChild("a"))
    assert ref.state is State.STOPPED
    assert await system.root.ask(LookUp("a")) is None
    new = await system.root.ask(RestartChild("a"))
    assert (new.state, new.incarnation) == (State.RUNNING, 2)
    assert new != ref
    with pytest.raises(ActorStoppedError):
        ref.tell("too late")


async def test_stopping_twice(system: System) -> None:
    """To stop what is stopped is no error."""
    await system.start(child("a", Quiet))
    for _ in range(2):
        await system.root.ask(StopChild("a"))
    assert await system.root.ask(LookUp("a")) is None


async def test_stopping_a_temporary_child_forgets_it(system: System) -> None:
    """It has no place to keep."""
    await system.start(child("a", Quiet, restart="temporary"))
    await system.root.ask(StopChild("a"))
    assert await system.root.ask(WhichChildren()) == ()


async def test_delete_frees_the_id(system: System) -> None:
    """A stopped child can be forgotten, and its id used again."""
    await system.start(child("a", Quiet))
    await system.root.ask(StopChild("a"))
    await system.root.ask(DeleteChild("a"))
    assert (await system.start(child("a", Quiet))).incarnation == 1


@pytest.mark.parametrize("command", [StopChild("b"), RestartChild("b"), DeleteChild("b")])
async def test_commands_about_nobody(system: System, command: Request[object]) -> None:
    """They are rejected, and the supervisor lives on."""
    with pytest.raises(ActorError, match="/: there is no child 'b'"):
        await system.root.ask(command)
    assert system.root.state is State.RUNNING


@pytest.mark.parametrize("command", [RestartChild("a"), DeleteChild("a")])
async def test_commands_that_need_a_stopped_child(system: System, command: Request[object]) -> None:
    """A living child is neither started again nor forgotten."""
    await system.start(child("a", Quiet))
    with pytest.raises(ActorError, match="/a: is not stopped but running"):
        await system.root.ask(command)


async def test_a_restart_that_fails_keeps_the_place(system: System) -> None:
    """Whoever asked is told, and may try again; nothing is tried on its own."""
    Broken.starts = 0
    await system.start(child("a", Broken))
    await system.root.ask(StopChild("a"))
    for _ in range(2):
        with pytest.raises(ChildStartError, match="/a: did not start"):
            await system.root.ask(RestartChild("a"))
    assert Broken.starts == 3
    (info,) = await system.root.ask(WhichChildren())
    assert (info.state, info.incarnation) == (State.STOPPED, 3)


async def test_commands_can_be_told(system: System) -> None:
    """Whoever does not wait for the answer need not ask."""
    system.root.tell(StartChild(child("a", Quiet)))
    await trio.sleep(2)
    (ref, *_) = [await system.root.ask(LookUp("a"))]
    assert ref is not None
    system.root.tell(StopChild("a"))
    await ref.stopped()
    system.root.tell(RestartChild("a"))
    await trio.sleep(2)
    system.root.tell(StopChild("nobody"))
    (info,) = await system.root.ask(WhichChildren())
    assert (info.state, info.incarnation) == (State.RUNNING, 2)


async def test_a_child_that_was_started_by_command_is_restarted(system: System) -> None:
    """Once it has started, its contract holds as for every other."""
    ref = await system.start(child("a", Quiet))
    ref.tell("crash")
    await trio.sleep(2)
    assert (ref.state, ref.incarnation) == (State.RUNNING, 2)


async def test_counting(system: System) -> None:
    """Contracts, the living, and which of those are supervisors."""
    await system.start(child("a", Quiet))
    await system.start(child("s", Supervisor))
    await system.start(child("b", Quiet))
    await system.root.ask(StopChild("b"))
    assert await system.root.ask(CountChildren()) == ChildCounts(specs=3, active=2, supervisors=1, workers=1)


async def test_looking_up(system: System) -> None:
    """The ref, or None."""
    ref = await system.start(child("a", Quiet))
    assert await system.root.ask(LookUp("a")) == ref
    assert await system.root.ask(LookUp("b")) is None
