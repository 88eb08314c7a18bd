"""The picture of the living tree, and how it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Never

import trio
from attrs import frozen
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    ActorSnapshot,
    Handling,
    Request,
    RestartBudget,
    State,
    StopChild,
    Supervisor,
    child,
    handles,
    render,
)

if TYPE_CHECKING:
    from bluev_actors.actors import Ref, System


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
    assert worker.handling == Handling("Chew", 4)
    assert (worker.depth, worker.capacity, worker.high_water, worker.age) == (2, 5, 3, 4)


async def test_who_waits_for_whom(system: System) -> None:
    """A chain of askers can be followed, and ends when the answer comes."""
    one, two = await system.start(child("one", Worker)), await system.start(child("two", Worker))
    one.tell(Pass(two))
    await trio.sleep(1)
    tree = system.tree()
    assert find(tree, "/one").waiting_on == "/two"
    assert find(tree, "/one").handling == Handling("Pass", 1)
    assert find(tree, "/two").handling == Handling("Chew", 1)
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
