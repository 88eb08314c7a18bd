"""The picture of the living tree, and how it reads."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Never

import trio
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    ActorSnapshot,
    Backoff,
    Handling,
    LookUp,
    Ref,
    Request,
    RestartBudget,
    State,
    StopChild,
    Supervisor,
    child,
    handles,
    open_system,
    render,
)
from bluev_actors.actors.introspection import Lens, snapshot
from bluev_actors.actors.ref import cell_behind
from bluev_actors.errors import ActorError, UndeliveredError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.actors import ChildSpec, System
    from bluev_actors.actors.cell import Cell


@frozen
class Chew(Request[str]):
    """Keeps an actor busy for ten seconds."""


@frozen
class Pass:
    """Has an actor ask another one."""

    to: Ref[Any]


class Worker(Actor[Chew | Pass]):
    """Works, or has others work."""

    @handles
    async def chew(self, _: Chew) -> str:
        """Take ten seconds."""
        await trio.sleep(10)
        return "done"

    @handles
    async def ask_another(self, message: Pass) -> None:
        """Wait for somebody else."""
        await message.to.ask(Chew(), timeout=60)


class Hoarder(Actor[str]):
    """Puts everything aside."""

    @handles
    def put_aside(self, _: str) -> None:
        """Keep it for later."""
        self.stash()


def find(tree: ActorSnapshot, path: str) -> ActorSnapshot:
    """One actor of a picture."""
    return next(actor for actor in tree.walk() if actor.path == path)


async def test_a_whole_tree(system: System) -> None:
    """Every actor is in it, parents first, with path, kind and state."""
    inner = child("inner", lambda: Supervisor[Never]([child("w", Worker)]), kind="team")
    await system.start(inner)
    await system.start(Worker)
    assert [(actor.path, actor.kind, actor.state) for actor in system.tree().walk()] == [
        ("/", "Supervisor", State.RUNNING),
        ("/inner", "team", State.RUNNING),
        ("/inner/w", "Worker", State.RUNNING),
        ("/worker", "Worker", State.RUNNING),
    ]


async def test_a_stuck_handler_can_be_seen(system: System) -> None:
    """What it handles and for how long, and what waits behind that."""
    ref = await system.start(child("w", Worker, mailbox=5))
    for _ in range(3):
        ref.tell(Chew())
    await trio.sleep(4)
    worker = find(system.tree(), "/w")
    assert worker.handling is not None
    assert (worker.handling.message, worker.handling.seconds, worker.handling.since) == ("Chew", 4, 0)
    assert (worker.depth, worker.capacity, worker.high_water, worker.age) == (2, 5, 3, 4)


async def test_who_waits_for_whom(system: System) -> None:
    """A chain of askers can be followed, and ends when the answer comes."""
    one, two = await system.start(child("one", Worker)), await system.start(child("two", Worker))
    await trio.sleep(1)
    one.tell(Pass(two))
    await trio.sleep(1)
    tree = system.tree()
    assert find(tree, "/one").waiting_on == "/two"
    assert find(tree, "/one").handling == Handling("Pass", 1, since=1)
    assert find(tree, "/two").handling == Handling("Chew", 1, since=1)
    await trio.sleep(10)
    tree = system.tree()
    assert (find(tree, "/one").waiting_on, find(tree, "/one").handling) == ("", None)


async def test_restarts_and_crashes(system: System) -> None:
    """How many restarts are left, of a supervisor and of a child with a budget of its own, and the last crash."""
    ref = await system.start(child("w", Worker, budget=RestartBudget(5)))
    other = await system.start(child("o", Worker))
    for victim in (ref, ref, other):
        victim.tell("nonsense")
    await wait_all_tasks_blocked()
    tree = system.tree()
    assert (tree.restarts_in_window, tree.restarts_left) == (1, 2)
    worker = find(tree, "/w")
    assert (worker.restarts_in_window, worker.restarts_left, worker.incarnation) == (2, 3, 3)
    assert worker.last_crash == "UnhandledMessageError: Worker has no handler for str; it handles Chew, Pass"
    assert find(tree, "/o").restarts_left is None


async def test_time_alone_makes_no_difference(system: System) -> None:
    """Two pictures between which nothing happened are equal; the times that the ages follow from make one."""
    ref = await system.start(child("w", Worker))
    ref.tell(Chew())
    await trio.sleep(1)
    first = system.tree()
    await trio.sleep(1)
    second = system.tree()
    assert first == second
    assert (find(first, "/w").age, find(second, "/w").age) == (1, 2)
    assert find(first, "/w").started_at == 0
    assert Handling("Chew", 1, since=0) != Handling("Chew", 1, since=1)


async def test_what_is_held_back(system: System) -> None:
    """A mailbox that is paused, messages that were put aside, and those that were dropped."""
    ref = await system.start(child("w", Hoarder, mailbox=3, overflow="drop_newest"))
    ref.tell("aside")
    ref.tell("aside")
    await wait_all_tasks_blocked()
    ref.pause()
    ref.tell("waits")
    ref.tell("is too much")
    worker = find(system.tree(), "/w")
    assert (worker.paused, worker.stashed, worker.dropped, worker.depth, worker.capacity) == (True, 2, 1, 1, 3)


async def test_an_actor_that_drains(system: System) -> None:
    """It can be told from one that works as ever."""
    ref = await system.start(child("w", Worker))
    ref.tell(Chew())
    ref.drain()
    await trio.sleep(1)
    assert find(system.tree(), "/w").draining
    assert not system.tree().draining


async def test_a_delayed_restart(system: System) -> None:
    """When it comes and in how long that is, and afterwards how many there were."""
    ref = await system.start(child("w", Worker, backoff=Backoff(first=4, jitter=0)))
    assert find(system.tree(), "/w").restarts == 0
    ref.tell("nonsense")
    await trio.sleep(1)
    worker = find(system.tree(), "/w")
    assert (worker.state, worker.next_restart_at, worker.next_restart_in) == (State.EXITED, 4, 3)
    assert (worker.started_at, worker.age, worker.restarts) == (None, 0, 0)
    await trio.sleep(4)
    worker = find(system.tree(), "/w")
    assert (worker.state, worker.next_restart_at, worker.next_restart_in) == (State.RUNNING, None, None)
    assert (worker.started_at, worker.age, worker.restarts) == (4, 1, 1)


async def test_the_stopped_handle_nothing(system: System) -> None:
    """A child that is gone but keeps its place shows no age and no work."""
    await system.start(child("w", Worker))
    await trio.sleep(3)
    await system.root.ask(StopChild("w"))
    worker = find(system.tree(), "/w")
    assert (worker.state, worker.age, worker.handling, worker.children) == (State.STOPPED, 0, None, ())


async def test_it_can_be_read(system: System) -> None:
    """A line for each actor; what is not worth a word has none."""
    await system.start(child("team", lambda: Supervisor[Never]([child("a", Worker), child("b", Worker)])))
    busy = await system.start(child("busy", Worker, mailbox=3))
    asker = await system.start(child("asker", Worker))
    busy.tell("nonsense")
    await wait_all_tasks_blocked()
    asker.tell(Pass(busy))
    await wait_all_tasks_blocked()
    busy.tell(Chew())
    await trio.sleep(2.5)
    crash = "last crash: UnhandledMessageError: Worker has no handler for str; it handles Chew, Pass"
    assert render(system.tree()).splitlines() == [
        "/ [Supervisor] running",
        "|- team [Supervisor] running",
        "|  |- a [Worker] running",
        "|  `- b [Worker] running",
        f"|- busy [Worker] running, incarnation 2, mailbox 1/3, handling Chew for 2.5 s, {crash}",
        "`- asker [Worker] running, handling Pass for 2.5 s, waiting on /busy",
    ]


async def test_what_is_unusual_can_be_read(system: System) -> None:
    """What holds an actor up, or is lost, has its words too."""
    hoarder = await system.start(child("hoarder", Hoarder, mailbox=2, overflow="drop_newest"))
    failing = await system.start(child("failing", Worker, backoff=Backoff(first=4, jitter=0)))
    leaving = await system.start(child("leaving", Worker))
    hoarder.tell("aside")
    failing.tell("nonsense")
    leaving.tell(Chew())
    leaving.drain()
    await trio.sleep(1)
    hoarder.pause()
    hoarder.tell("waits")
    hoarder.tell("is too much")
    crash = "last crash: UnhandledMessageError: Worker has no handler for str; it handles Chew, Pass"
    assert render(system.tree()).splitlines()[1:] == [
        "|- hoarder [Hoarder] running, paused, mailbox 1/2, 1 put aside, 1 dropped",
        f"|- failing [Worker] exited, started again in 3.0 s, {crash}",
        "`- leaving [Worker] running, draining, mailbox 1/1024, handling Chew for 1.0 s",
    ]


# --- the lens ---


class Subject(Actor[Any]):
    """Does whatever shows in a picture."""

    async def receive(self, message: Any) -> None:  # noqa: ANN401 - a script of its own
        """Do as it is told."""
        match message:
            case "put aside and work":
                self.stash()
                await trio.sleep(1)
            case "work and put aside":
                await trio.sleep(1)
                self.stash()
                await trio.sleep(1)
            case "take back":
                self.unstash()
            case "ask":
                with suppress(ActorError):
                    await self.system.root.ask(LookUp("a"), timeout=2)
            case _:
                raise ValueError(message)


WORK = st.sampled_from(["put aside and work", "work and put aside", "take back", "ask", "crash"])
ACTS: dict[str, Callable[[Ref[Any]], object]] = {
    "pause": lambda ref: ref.pause(),
    "resume": lambda ref: ref.resume(),
    "stop": lambda ref: ref.stop(),
    "drain": lambda ref: ref.drain(),
}
STEPS = st.tuples(st.integers(0, 5), WORK | st.sampled_from([*ACTS]), st.sampled_from([0.0, 0.0, 0.5, 3.0]))


def subjects() -> list[ChildSpec]:
    """A few actors that differ in what may happen to them."""
    team = [
        child("x", Subject, backoff=Backoff(first=2)),
        child("y", Subject, restart="temporary"),
        child("z", Subject),
    ]
    return [
        child("a", Subject, mailbox=2, overflow="drop_oldest"),
        child("b", Subject, mailbox=1, overflow="drop_newest", budget=RestartBudget(2, 3)),
        child("team", lambda: Supervisor[Any](team, strategy="one_for_all", intensity=9)),
    ]


@given(st.lists(STEPS, max_size=25))
def test_a_lens_sees_what_a_picture_shows(steps: list[tuple[int, str, float]]) -> None:
    """Whatever has happened since it looked last, it misses none of it."""

    async def main() -> None:
        async with open_system(*subjects(), intensity=99) as system:
            root = cell_behind(system.root)
            refs: list[Ref[Any]] = [Ref(cell) for cell in tree_of(root) if cell is not root]
            lens = Lens()
            for number, what, seconds in steps:
                ref = refs[number % len(refs)]
                with suppress(UndeliveredError):
                    ACTS[what](ref) if what in ACTS else ref.tell(what)
                for pause in (0, 0, 0, 0, seconds):
                    assert lens.look(root) == snapshot(root)
                    await trio.sleep(pause)

    logging.disable()
    try:
        trio.run(main, clock=MockClock(autojump_threshold=0))
    finally:
        logging.disable(logging.NOTSET)


def tree_of(cell: Cell[Any]) -> list[Cell[Any]]:
    """A cell and all below it."""
    return [cell, *(each for child in cell.children or () for each in tree_of(child))]


async def test_a_lens_pictures_only_what_changed(system: System) -> None:
    """The rest of the new picture is the old one; when nothing changed it is the old one altogether."""
    ref = await system.start(child("a", Worker))
    await system.start(child("b", Worker))
    root, lens = cell_behind(system.root), Lens()
    first = lens.look(root)
    await trio.sleep(1)
    assert lens.look(root) is first
    ref.tell(Chew())
    second = lens.look(root)
    assert second.children[0].depth == 1
    assert second.children[1] is first.children[1]


async def test_a_lens_forgets_the_gone(system: System) -> None:
    """It holds on to nobody who is not in the tree any more."""
    root, lens = cell_behind(system.root), Lens()
    for n in range(5):
        await system.start(child(str(n), Worker, restart="temporary"))
        lens.look(root)
        await system.root.ask(StopChild(str(n)))
    lens.look(root)
    assert len(lens._seen) == 1  # pyright: ignore[reportPrivateUsage] - what it holds on to does not show outside
