"""What everybody may ask of a supervisor, and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Never

import pytest
import trio
from attrs import evolve
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    Backoff,
    ChangeChildSpec,
    ChildCounts,
    ChildInfo,
    CountChildren,
    DeleteChild,
    Exit,
    ExitKind,
    GetChildSpec,
    LookUp,
    RestartBudget,
    RestartChild,
    StartChild,
    State,
    StopChild,
    Supervisor,
    WhichChildren,
    child,
    handles,
)
from bluev_actors.errors import (
    ActorError,
    ActorStoppedError,
    AskTimeoutError,
    BadChildSpecError,
    ChildIdTakenError,
    ChildNotFoundError,
    ChildRestartingError,
    ChildRunningError,
    ChildStartError,
    MailboxFullError,
)

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


class Lingering(Actor[str]):
    """Takes every message, and two seconds to end."""

    async def receive(self, message: str) -> None:
        """Take it."""

    async def on_stop(self, exit: Exit) -> None:
        """Take two seconds."""
        del exit
        await trio.sleep(2)


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


@pytest.mark.parametrize(
    "command",
    [StopChild("b"), RestartChild("b"), DeleteChild("b"), GetChildSpec("b"), ChangeChildSpec(child("b", Quiet))],
    ids=lambda command: type(command).__name__,
)
async def test_commands_about_nobody(system: System, command: Request[object]) -> None:
    """They are rejected, and the supervisor lives on."""
    with pytest.raises(ChildNotFoundError, match="/: there is no child 'b'"):
        await system.root.ask(command)
    assert system.root.state is State.RUNNING


@pytest.mark.parametrize("command", [RestartChild("a"), DeleteChild("a")])
async def test_commands_that_need_a_stopped_child(system: System, command: Request[object]) -> None:
    """A living child is neither started again nor forgotten."""
    await system.start(child("a", Quiet))
    with pytest.raises(ChildRunningError, match="/a: is not stopped but running"):
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
    """Contracts, the living, and which of all are supervisors, whether they live or not."""
    await system.start(child("a", Quiet))
    await system.start(child("s", Supervisor))
    await system.start(child("b", Quiet))
    for id_ in ("b", "s"):
        await system.root.ask(StopChild(id_))
    assert await system.root.ask(CountChildren()) == ChildCounts(specs=3, active=1, supervisors=1, workers=2)


async def test_looking_up(system: System) -> None:
    """The ref, or None."""
    ref = await system.start(child("a", Quiet))
    assert await system.root.ask(LookUp("a")) == ref
    assert await system.root.ask(LookUp("b")) is None


# --- commands in the same moment ---


async def test_two_who_stop_the_same_child(system: System, nursery: trio.Nursery) -> None:
    """Both are answered when it is gone."""
    ref = await system.start(child("a", Lingering))
    answered = list[float]()

    async def stop() -> None:
        await system.root.ask(StopChild("a"))
        answered.append(trio.current_time())

    for delay in (0, 1):
        await trio.sleep(delay)
        nursery.start_soon(stop)
    await ref.stopped()
    await wait_all_tasks_blocked()
    assert answered == [2, 2]


async def test_whoever_gave_up_waiting_for_a_stop(system: System) -> None:
    """The child is stopped all the same, and the late answer harms nobody."""
    ref = await system.start(child("a", Lingering))
    with pytest.raises(AskTimeoutError):
        await system.root.ask(StopChild("a"), timeout=1)
    assert ref.state is State.STOPPING
    assert (await ref.stopped()).kind is ExitKind.SHUTDOWN


async def test_whoever_gave_up_waiting_for_a_start(system: System) -> None:
    """The child starts all the same; one that fails later is forgotten although nobody hears of it."""
    with trio.move_on_after(0.5):
        await system.start(child("a", Quiet))
    await trio.sleep(1)
    assert [info.state for info in await system.root.ask(WhichChildren())] == [State.RUNNING]

    class Late(Quiet):
        async def on_start(self) -> None:
            await super().on_start()
            raise OSError("late")

    with trio.move_on_after(0.5):
        await system.start(child("late", Late))
    await trio.sleep(1)
    assert [info.id for info in await system.root.ask(WhichChildren())] == ["a"]


async def test_stopping_one_that_starts(system: System, nursery: trio.Nursery) -> None:
    """Whoever waits for the start is told that there will be none; the one who stopped it is answered."""
    errors = list[ChildStartError]()

    async def start() -> None:
        with pytest.raises(ChildStartError) as failed:
            await system.start(child("a", Quiet))
        errors.append(failed.value)

    nursery.start_soon(start)
    await trio.sleep(0.5)
    await system.root.ask(StopChild("a"))
    assert trio.current_time() == 0.5
    await wait_all_tasks_blocked()
    assert "its supervisor was told to stop it" in str(errors[0])
    assert await system.root.ask(WhichChildren()) == ()


async def test_restarting_one_that_is_being_restarted(system: System, nursery: trio.Nursery) -> None:
    """By hand it counts as running, because somebody has started it; after a crash as restarting."""
    await system.start(child("a", Quiet))
    await system.root.ask(StopChild("a"))
    nursery.start_soon(system.root.ask, RestartChild("a"))
    await wait_all_tasks_blocked()
    for command in (RestartChild("a"), DeleteChild("a")):
        with pytest.raises(ChildRunningError):
            await system.root.ask(command)
    await trio.sleep(1)
    ref = await system.root.ask(LookUp("a"))
    assert ref is not None
    ref.tell("crash")
    await wait_all_tasks_blocked()
    for command in (RestartChild("a"), DeleteChild("a")):
        with pytest.raises(ChildRestartingError, match="/a: is about to be started again"):
            await system.root.ask(command)


async def test_restarting_one_that_starts_for_the_first_time(system: System, nursery: trio.Nursery) -> None:
    """It was never gone, so it counts as running."""
    nursery.start_soon(system.start, child("a", Quiet))
    await wait_all_tasks_blocked()
    with pytest.raises(ChildRunningError, match="is not stopped but starting"):
        await system.root.ask(RestartChild("a"))


async def test_a_child_may_ask_for_its_own_end(system: System) -> None:
    """Told and not asked, for it could not end while it waits for the answer."""

    class Suicidal(Actor[str]):
        @handles
        def die(self, _: str) -> None:
            self.system.root.tell(StopChild(self.ref.id))

    ref = await system.start(Suicidal)
    ref.tell("go")
    assert (await ref.stopped()).kind is ExitKind.SHUTDOWN
    assert ref.incarnation == 1


async def test_a_child_that_asks_for_its_own_end(system: System) -> None:
    """It holds up nobody but itself: when its time is over it is cancelled."""

    class Suicidal(Actor[str]):
        @handles
        async def die(self, _: str) -> None:
            await self.system.root.ask(StopChild(self.ref.id), timeout=60)

    ref = await system.start(child("a", Suicidal, shutdown=2))
    ref.tell("go")
    assert (await ref.stopped()).kind is ExitKind.KILLED
    assert trio.current_time() == 2


async def test_commands_of_a_supervisor_that_is_gone(system: System) -> None:
    """Whoever asks is told, whatever the command."""
    ref = await system.start(child("s", Supervisor, restart="temporary"))
    ref.stop()
    await ref.stopped()
    for command in (StartChild(child("a", Quiet)), StopChild("a"), CountChildren()):
        with pytest.raises(ActorStoppedError):
            await ref.ask(command)


async def test_who_waits_for_a_start_when_the_supervisor_ends(system: System, nursery: trio.Nursery) -> None:
    """The start is broken off, and whoever waits for it is told."""
    errors = list[ActorError]()
    ref = await system.start(child("s", Supervisor))

    async def start() -> None:
        with pytest.raises(ActorError) as failed:
            await ref.ask(StartChild(child("a", Quiet)), timeout=60)
        errors.append(failed.value)

    nursery.start_soon(start)
    await trio.sleep(0.5)
    ref.stop()
    await ref.stopped()
    await wait_all_tasks_blocked()
    assert (len(errors), trio.current_time()) == (1, 0.5)


# --- contracts ---


async def test_reading_a_contract(system: System) -> None:
    """It is the one that was given, and can be given again."""
    spec = child("a", Quiet, restart="transient", kind="quiet")
    await system.start(spec)
    assert await system.root.ask(GetChildSpec("a")) is spec


async def test_changing_the_policy(system: System) -> None:
    """The next end is judged by the new one."""
    ref = await system.start(child("a", Quiet))
    await system.root.ask(ChangeChildSpec(child("a", Quiet, restart="temporary")))
    ref.tell("crash")
    assert (await ref.stopped()).kind is ExitKind.CRASHED
    assert await system.root.ask(WhichChildren()) == ()


async def test_changing_the_time_to_end(system: System) -> None:
    """It counts for an actor that lives already."""
    ref = await system.start(child("a", Lingering, shutdown=100))
    await system.root.ask(ChangeChildSpec(child("a", Lingering, shutdown=0.5)))
    ref.stop()
    assert (await ref.stopped()).kind is ExitKind.KILLED
    assert trio.current_time() == 0.5


async def test_changing_the_factory(system: System) -> None:
    """The living go on as they are; the next incarnation is made by the new one, and is named after it."""
    ref = await system.start(child("a", Quiet))
    await system.root.ask(ChangeChildSpec(child("a", Lingering)))
    assert [info.kind for info in await system.root.ask(WhichChildren())] == ["Quiet"]
    ref.tell("crash")
    await wait_all_tasks_blocked()
    assert [info.kind for info in await system.root.ask(WhichChildren())] == ["Lingering"]


async def test_changing_the_factory_of_one_that_is_stopped(system: System) -> None:
    """It counts when it is started again."""
    await system.start(child("a", Quiet))
    await system.root.ask(StopChild("a"))
    await system.root.ask(ChangeChildSpec(child("a", Lingering)))
    await system.root.ask(RestartChild("a"))
    assert [info.kind for info in await system.root.ask(WhichChildren())] == ["Lingering"]


async def test_changing_the_bound_of_the_mailbox(system: System) -> None:
    """What waits is kept; there is room again when less waits than the new bound."""
    ref = await system.start(child("a", Lingering, mailbox=3))
    ref.pause()
    for number in range(3):
        ref.tell(str(number))
    await system.root.ask(ChangeChildSpec(child("a", Lingering, mailbox=1)))
    assert (ref.mailbox.depth, ref.mailbox.capacity) == (3, 1)
    with pytest.raises(MailboxFullError):
        ref.tell("4")
    await system.root.ask(ChangeChildSpec(child("a", Lingering, mailbox=4)))
    ref.tell("4")
    assert ref.mailbox.depth == 4


async def test_a_larger_bound_lets_those_in_who_wait(system: System, nursery: trio.Nursery) -> None:
    """They need not wait until something is taken out."""
    ref = await system.start(child("a", Lingering, mailbox=1))
    ref.pause()
    for number in range(3):
        nursery.start_soon(ref.send, str(number))
    await wait_all_tasks_blocked()
    assert (ref.mailbox.depth, ref.mailbox.waiting) == (1, 2)
    await system.root.ask(ChangeChildSpec(child("a", Lingering, mailbox=2)))
    assert (ref.mailbox.depth, ref.mailbox.waiting) == (2, 1)
    ref.resume()
    await wait_all_tasks_blocked()
    assert ref.mailbox.received == 3


async def test_changing_what_becomes_of_messages_beyond_the_bound(system: System) -> None:
    """From now on they are dropped; and then no longer."""
    ref = await system.start(child("a", Lingering, mailbox=1))
    ref.pause()
    ref.tell("1")
    await system.root.ask(ChangeChildSpec(child("a", Lingering, mailbox=1, overflow="drop_newest")))
    ref.tell("2")
    assert (ref.mailbox.depth, ref.mailbox.dropped) == (1, 1)
    await system.root.ask(ChangeChildSpec(child("a", Lingering, mailbox=1, overflow="error")))
    with pytest.raises(MailboxFullError):
        await ref.send("3")


async def test_changing_the_budget(system: System) -> None:
    """A new budget begins unspent; the same one goes on as it was."""
    spec = child("a", Quiet, budget=RestartBudget(1, 60))
    ref = await system.start(spec)
    ref.tell("crash")
    await trio.sleep(2)
    await system.root.ask(ChangeChildSpec(spec))
    assert system.tree().children[0].incarnation == 2
    await system.root.ask(ChangeChildSpec(evolve(spec, budget=RestartBudget(1, 61))))
    ref.tell("crash")
    await trio.sleep(2)
    assert (ref.state, ref.incarnation) == (State.RUNNING, 3)
    await system.root.ask(ChangeChildSpec(evolve(spec, budget=RestartBudget(1, 61))))
    ref.tell("crash")
    await ref.stopped()


async def test_taking_the_budget_away(system: System) -> None:
    """Its restarts count against its supervisor's from then on."""
    ref = await system.start(child("a", Quiet, budget=RestartBudget(5)))
    await system.root.ask(ChangeChildSpec(child("a", Quiet)))
    ref.tell("crash")
    await trio.sleep(2)
    assert system.tree().restarts_in_window == 1


async def test_a_new_contract_that_does_not_go_with_the_supervisor(system: System) -> None:
    """It is rejected, and the old one holds."""
    spec = child("a", Quiet)
    await system.start(spec)
    with pytest.raises(BadChildSpecError):
        await system.root.ask(ChangeChildSpec(child("a", Quiet, restart="transient", significant=True)))
    assert await system.root.ask(GetChildSpec("a")) is spec


async def test_changing_a_contract_while_the_restart_waits(system: System) -> None:
    """Whoever waits for a delayed restart comes back by the new contract."""
    ref = await system.start(child("a", Quiet, backoff=Backoff(1, jitter=0)))
    ref.tell("crash")
    await trio.sleep(0.5)
    await system.root.ask(ChangeChildSpec(child("a", Lingering)))
    await trio.sleep(1)
    assert [(info.kind, info.state) for info in await system.root.ask(WhichChildren())] == [
        ("Lingering", State.RUNNING)
    ]
