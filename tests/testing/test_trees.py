"""Trees that a test can write down."""

from __future__ import annotations

import pytest
import trio
from attrs import frozen

from bluev_actors.actors import Actor, Exit, State, StopChild, Supervisor, child, handles, open_system
from bluev_actors.testing.trees import tree, tree_text

VIRTUAL_TIME = True


@frozen
class Break:
    """Makes an actor crash."""


class Fragile(Actor[Break]):
    """Crashes when it is told to."""

    @handles
    def _on_break(self, _: Break) -> None:
        raise RuntimeError("broken")


class Slow(Fragile):
    """Takes its time to go."""

    async def on_stop(self, exit: Exit) -> None:  # noqa: ARG002 - how it ended does not matter
        """Take a second."""
        await trio.sleep(1)


def group() -> Supervisor[Break]:
    """A supervisor with two children."""
    return Supervisor([child("a", Fragile), child("b", Slow)])


async def test_a_tree_of_two_floors() -> None:
    """An actor is its state, a supervisor is a dict of its children."""
    async with open_system(child("store", Fragile), child("exec", group)) as system:
        assert tree(system) == {"store": "running", "exec": {"a": "running", "b": "running"}}
        await system.root.ask(StopChild("store"))
        assert tree(system) == {"store": "stopped", "exec": {"a": "running", "b": "running"}}


async def test_part_of_a_tree() -> None:
    """From the ref of a supervisor, or from a picture that was taken before."""
    async with open_system() as system:
        ref = await system.start(child("exec", group))
        before = system.tree()
        assert tree(ref) == {"a": "running", "b": "running"}
        await ref.ask(StopChild("b"))
        assert tree(ref) == {"a": "running", "b": "stopped"}
        assert tree(before) == {"exec": {"a": "running", "b": "running"}}
        assert tree(before.children[0]) == {"a": "running", "b": "running"}


async def test_a_supervisor_that_is_not_running_says_so() -> None:
    """Its own state stands among those of its children; gone, it is a word like any other."""
    async with open_system() as system:
        ref = await system.start(child("exec", group))
        ref.stop()
        await trio.sleep(0.5)
        assert tree(system) == {"exec": {"": "stopping", "a": "running", "b": "stopping"}}
        assert (await ref.stopped()).expected
        assert tree(system)["exec"] == "stopped"
        assert ref.state is State.STOPPED


async def test_a_supervisor_without_children() -> None:
    """It cannot be told from another actor, and need not be."""
    async with open_system(child("exec", Supervisor)) as system:
        assert tree(system) == {"exec": "running"}


async def test_the_text_counts_lives() -> None:
    """In start order, with nothing in it that depends on time."""
    async with open_system(child("store", Fragile), child("exec", group)) as system:
        system.root._cell.children.known("store").mailbox.put_nowait(Break())  # type: ignore[union-attr] # quicker
        await trio.sleep(0.1)
        await system.root.ask(StopChild("exec"))
        assert tree_text(system) == "/: running\n  store: running #2\n  exec: stopped\n"
        ref = await system.start(child("late", group))
        assert tree_text(ref) == "late: running\n  a: running\n  b: running\n"


async def test_a_difference_is_shown() -> None:
    """What pytest prints names the actor that differs, and no other."""
    async with open_system(child("store", Fragile), child("exec", group)) as system:
        with pytest.raises(AssertionError, match=r"(?s)Differing items.*'exec'"):
            _compare(tree(system))


def _compare(found: object) -> None:
    assert found == {"store": "running", "exec": {"a": "running", "b": "stopped"}}
