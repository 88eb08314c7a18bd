"""What changed in a tree, and the stream of that."""

from __future__ import annotations

import math
import sys
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import evolve, fields
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    ActorSnapshot,
    Handling,
    RestartBudget,
    State,
    StopChild,
    Supervisor,
    child,
    open_system,
)
from bluev_actors.actors.commands import StartChild
from bluev_actors.actors.deltas import (
    MOST_LOOKS,
    ActorAdded,
    ActorChanged,
    ActorRemoved,
    TreeWatch,
    diff,
    patch,
    watch_tree,
)
from bluev_actors.actors.introspection import Lens
from bluev_actors.actors.ref import cell_behind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bluev_actors.actors import Ref, System
    from bluev_actors.actors.deltas import Delta


def with_changes(tree: ActorSnapshot, changes: dict[str, Any]) -> ActorSnapshot:
    """The same picture but for some fields."""
    return evolve(tree, **changes)


def actor(path: str, *children: ActorSnapshot, **changes: Any) -> ActorSnapshot:  # noqa: ANN401 - any field's value
    """A picture of an actor of which nothing is special but what is named."""
    plain = ActorSnapshot(
        id=path.rpartition("/")[2] or "/",
        path=path,
        kind="Worker",
        state=State.RUNNING,
        incarnation=1,
        age=0.0,
        depth=0,
        capacity=8,
        high_water=0,
        handling=None,
        waiting_on="",
        restarts_in_window=None,
        restarts_left=None,
        last_crash="",
        children=children,
    )
    return with_changes(plain, changes)


HANDLINGS = st.builds(Handling, st.sampled_from(["Ping", "Work"]), st.floats(0, 9), st.sampled_from([1.0, 2.0]))
FIGURES = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(State),
        "incarnation": st.integers(1, 3),
        "age": st.floats(0, 9),
        "depth": st.integers(0, 2),
        "handling": st.none() | HANDLINGS,
        "waiting_on": st.sampled_from(["", "/a"]),
        "restarts_left": st.none() | st.integers(0, 1),
        "started_at": st.none() | st.integers(0, 2),
        "paused": st.booleans(),
        "next_restart_at": st.none() | st.integers(3, 4),
    },
)


@st.composite
def trees(draw: st.DrawFn, path: str = "/", depth: int = 2) -> ActorSnapshot:
    """Trees of few names, so that two of them have much in common, in whatever order."""
    ids = draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=3)) if depth else []
    above = "" if path == "/" else path
    below = [draw(trees(f"{above}/{id}", depth - 1)) for id in ids]
    return actor(path, *below, **draw(FIGURES))


@given(trees(), trees())
def test_the_changes_lead_from_one_to_the_other(old: ActorSnapshot, new: ActorSnapshot) -> None:
    """Whoever has a picture and the changes has the next picture."""
    assert patch(old, diff(old, new)) == new


@given(trees(), trees(), trees())
def test_changes_add_up(first: ActorSnapshot, second: ActorSnapshot, third: ActorSnapshot) -> None:
    """The changes of two steps may be kept in one list."""
    assert patch(first, (*diff(first, second), *diff(second, third))) == third


@given(trees())
def test_nothing_changed(tree: ActorSnapshot) -> None:
    """Between equal pictures there are no changes, and none change nothing."""
    assert diff(tree, evolve(tree)) == ()
    assert patch(tree, ()) is tree


@given(trees(), trees())
def test_no_change_is_empty(old: ActorSnapshot, new: ActorSnapshot) -> None:
    """An actor is named only if something about it differs, and with nothing that does not."""
    was = {each.path: each for each in old.walk()}
    for delta in diff(old, new):
        if isinstance(delta, ActorChanged):
            assert all(getattr(was[delta.path], name) != value for name, value in delta.fields.items() if name != "age")
            assert len(delta.fields) > 1


def test_age_is_no_change() -> None:
    """Time alone makes no difference, neither to an actor nor to what it handles; it comes along with other news."""
    old = actor("/", age=1.0, handling=Handling("Ping", 1.0, 0.0), next_restart_at=9.0, next_restart_in=8.0)
    new = actor("/", age=2.0, handling=Handling("Ping", 2.0, 0.0), next_restart_at=9.0, next_restart_in=7.0)
    assert diff(old, new) == ()
    assert diff(old, evolve(new, depth=3)) == (ActorChanged("/", {"depth": 3, "age": 2.0}),)


def test_the_same_work_again_is_a_change() -> None:
    """A second message of the same class is another message."""
    old, new = (actor("/", handling=Handling("Ping", 0.0, since)) for since in (1.0, 2.0))
    (change,) = diff(old, new)
    assert isinstance(change, ActorChanged)
    assert change.fields["handling"].since == 2.0


def test_every_field_counts() -> None:
    """Whatever a picture shows, a change of it is one, but for what only follows the time."""
    plain = actor("/")
    ageing = {"age", "next_restart_in"}
    for each in fields(ActorSnapshot):
        if each.name not in {"id", "path", "children", *ageing}:
            (change,) = diff(plain, with_changes(plain, {each.name: "different"}))
            assert change == ActorChanged("/", {each.name: "different", "age": 0.0})


def test_added_changed_and_removed() -> None:
    """Each kind of change, and where somebody was added."""
    old = actor("/", actor("/a"), actor("/b", actor("/b/x")), actor("/c"))
    new = actor("/", actor("/a", depth=1), actor("/n", actor("/n/y")), actor("/c"))
    assert diff(old, new) == (
        ActorRemoved("/b"),
        ActorChanged("/a", {"depth": 1, "age": 0.0}),
        ActorAdded(actor("/n", actor("/n/y")), "/", 1),
    )


def test_one_that_moved_is_added_again() -> None:
    """The others keep their places, and are not mentioned."""
    old = actor("/", actor("/a"), actor("/b"), actor("/c"))
    new = actor("/", actor("/b"), actor("/c"), actor("/a"))
    assert diff(old, new) == (ActorRemoved("/a"), ActorAdded(actor("/a"), "/", 2))


def test_different_trees_have_no_changes() -> None:
    """Only pictures of one tree can be compared."""
    with pytest.raises(ValueError, match="/a and /b are different actors"):
        diff(actor("/a"), actor("/b"))


@pytest.mark.parametrize("delta", [ActorChanged("/x/y", {}), ActorRemoved("/x/y"), ActorAdded(actor("/y/z"), "/y", 0)])
def test_changes_of_somebody_else_do_not_fit(delta: Delta) -> None:
    """A change about an actor that is not there, or not any more, is an error."""
    tree = actor("/", actor("/x", actor("/x/y")))
    with pytest.raises(KeyError):
        patch(tree, (ActorRemoved("/x"), delta))


def test_what_did_not_change_is_the_same() -> None:
    """A patched picture shares with the old one all that is below a change's siblings."""
    tree = actor("/", actor("/a", actor("/a/x")), actor("/b"))
    patched = patch(tree, (ActorChanged("/b", {"depth": 1}),))
    assert patched.children[0] is tree.children[0]
    assert patched.children[1] == actor("/b", depth=1)


# --- the stream ---


class Worker(Actor[str]):
    """Crashes, or takes its time."""

    async def receive(self, message: str) -> None:
        """Do as it is told."""
        if message == "crash":
            raise ValueError(message)
        await trio.sleep(float(message))


async def first(watch: TreeWatch) -> ActorSnapshot:
    """The item that a stream starts with."""
    item = await anext(watch)
    assert isinstance(item, ActorSnapshot)
    return item


async def later(watch: TreeWatch) -> tuple[Delta, ...]:
    """Any item after it."""
    item = await anext(watch)
    assert isinstance(item, tuple)
    return item


def changed(deltas: Sequence[Delta], path: str) -> dict[str, Any]:
    """What a tuple of deltas says of an actor that is there all the time."""
    return {
        k: v for each in deltas if isinstance(each, ActorChanged) and each.path == path for k, v in each.fields.items()
    }


def added(deltas: Sequence[Delta]) -> list[str]:
    """The paths of those that are new."""
    return [each.snapshot.path for each in deltas if isinstance(each, ActorAdded)]


async def test_the_whole_tree_comes_first(system: System) -> None:
    """At once, as `System.tree` shows it."""
    await system.start(Worker)
    async with watch_tree(system) as watch:
        assert await first(watch) == system.tree()
        assert trio.current_time() == 0


async def test_what_happens_is_told_at_once(system: System) -> None:
    """A start, a crash with its restart, and an end, each in the moment in which it happens."""
    async with watch_tree(system) as watch:
        await first(watch)
        ref = await system.start(Worker)
        assert added(await later(watch)) == ["/worker"]
        ref.tell("crash")
        seen: dict[str, Any] = {}
        while seen.get("incarnation") != 2:
            seen |= changed(await later(watch), "/worker")
        assert seen["last_crash"] == "ValueError: crash"
        await system.root.ask(StopChild("worker"))
        seen = {}
        while seen.get("state") is not State.STOPPED:
            seen |= changed(await later(watch), "/worker")
        assert trio.current_time() == 0


async def test_figures_come_every_so_often(system: System) -> None:
    """Not with each message, but within `every` seconds; between them nothing comes if nothing changes."""
    ref: Ref[str] = await system.start(Worker)
    async with watch_tree(system, every=0.5) as watch:
        await first(watch)
        ref.tell("6.9")
        ref.tell("0")
        seen = changed(await later(watch), "/worker")
        assert (trio.current_time(), seen["depth"], seen["handling"]) == (0.5, 1, Handling("str", 0.5, 0.0))
        assert changed(await later(watch), "/worker")["depth"] == 0
        assert trio.current_time() == 7


async def test_a_slow_reader_gets_the_sum(system: System) -> None:
    """Whatever happened meanwhile is one tuple, at once, and leads from what it saw to what is."""
    ref: Ref[str] = await system.start(child("w", Worker))
    async with watch_tree(system) as watch:
        seen = await first(watch)
        for n in range(50):
            await system.start(child(f"passing {n}", Worker, restart="temporary"))
            await system.root.ask(StopChild(f"passing {n}"))
        ref.tell("crash")
        await trio.sleep(10)
        await wait_all_tasks_blocked()
        deltas = await later(watch)
        assert trio.current_time() == 10
        assert {each.path for each in deltas if isinstance(each, ActorChanged)} - {"/"} == {"/w"}
        assert len(deltas) <= 2
        assert patch(seen, deltas) == system.tree()


async def test_the_reader_never_loses_track(system: System) -> None:
    """Patch by patch, its picture stays that of the tree."""
    inner = child("inner", lambda: Supervisor[Any]([child("w", Worker, restart="temporary")], intensity=9))
    ref = await system.start(inner)
    numbers = count()
    async with watch_tree(system) as watch:
        picture = await first(watch)
        for _ in range(3):
            new = await ref.ask(StartChild(child(f"w{next(numbers)}", Worker)))
            new.tell("crash")
            await system.start(child(f"top{next(numbers)}", Worker))
            await wait_all_tasks_blocked()
            picture = patch(picture, await later(watch))
            assert picture == system.tree()


async def test_it_ends_with_its_block(system: System) -> None:
    """A reader in another task is let go, nothing listens any more, and no task was ever started."""
    ended = trio.Event()

    async def read(watch: TreeWatch) -> None:
        async for _ in watch:
            pass
        ended.set()

    async with trio.open_nursery() as nursery:
        async with watch_tree(system) as watch:
            nursery.start_soon(read, watch)
            await wait_all_tasks_blocked()
            listened = system.tap.watched and not ended.is_set()
        await ended.wait()
    assert (listened, system.tap.watched) == (True, False)
    with pytest.raises(StopAsyncIteration):
        await anext(watch)


async def test_a_stream_that_nobody_read_ends_too(system: System) -> None:
    """Its block may end before its first item was taken."""
    async with watch_tree(system) as watch:
        pass
    assert [item async for item in watch] == []


async def test_it_ends_with_the_system() -> None:
    """After the end of the root there is nothing to tell, and the last that was told is that end."""
    async with open_system() as system, trio.open_nursery() as nursery:
        items: list[ActorSnapshot | tuple[Delta, ...]] = []

        async def read() -> None:
            async with watch_tree(system) as watch:
                items.extend([item async for item in watch])

        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        system.root.stop()
        await system.root.stopped()
    last = items[-1]
    assert isinstance(last, tuple)
    assert changed(last, "/")["state"] is State.STOPPED


async def test_a_cancelled_reader_loses_nothing(system: System) -> None:
    """What it did not get, it gets when it asks again."""
    async with watch_tree(system, every=60) as watch:
        await first(watch)
        with trio.move_on_after(1) as scope:
            await later(watch)
        assert scope.cancelled_caught
        await system.start(Worker)
        assert added(await later(watch)) == ["/worker"]


async def test_a_storm_is_bounded(system: System) -> None:
    """An actor that crashes all the time does not keep the reader looking all the time, who still misses nothing."""
    ref: Ref[str] = await system.start(child("w", Worker, mailbox=9999, budget=RestartBudget(9999)))
    async with watch_tree(system, every=1) as watch:
        picture = await first(watch)
        for _ in range(200):
            ref.tell("crash")
        ref.tell("30")
        items = 0
        while trio.current_time() < 1:
            picture = patch(picture, await later(watch))
            items += 1
        assert 2 < items <= MOST_LOOKS
        assert picture == system.tree()
        assert picture.children[0].incarnation == 201


@pytest.mark.parametrize("every", [0, -1, math.nan])
async def test_a_look_takes_time(system: System, every: float) -> None:
    """To look again and again without a pause would leave nobody else any time."""
    with pytest.raises(ValueError, match="every must be more than zero"):
        await watch_tree(system, every).__aenter__()


async def test_a_thousand_actors_at_rest_are_cheap(system: System) -> None:
    """A look at them, and to find that nothing changed, costs less than their picture does."""
    for n in range(1000):
        await system.start(child(f"w{n}", Worker))
    root, lens = cell_behind(system.root), Lens()
    old = lens.look(root)
    assert calls_of(lambda: diff(old, lens.look(root))) < calls_of(system.tree)


def calls_of(work: Callable[[], object]) -> int:
    """How many functions some work calls, those of the interpreter's own included."""
    calls: list[None] = []
    before = sys.getprofile()
    sys.setprofile(lambda _frame, event, _argument: calls.append(None) if event in ("call", "c_call") else None)
    try:
        work()
    finally:
        sys.setprofile(before)
    return len(calls)
