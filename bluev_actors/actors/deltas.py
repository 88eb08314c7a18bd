"""What changed between two pictures of a tree, and a stream of such changes.

`patch(old, diff(old, new)) == new` holds for any two pictures of one tree, so whoever has the first picture and all
changes since has every picture. The stream has no task and no queue: it compares the tree with the picture that its
reader saw last, so a reader who is slow gets the sum of all that happened meanwhile.
"""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from operator import attrgetter, is_
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import trio
from attrs import evolve, fields, frozen

from bluev_actors.actors.introspection import ActorSnapshot, Lens
from bluev_actors.actors.lifecycle import State
from bluev_actors.actors.ref import cell_behind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence

    from bluev_actors.actors.ref import Ref
    from bluev_actors.actors.system import System


@frozen
class ActorAdded:
    """There is an actor that was not there before, with all that is below it."""

    snapshot: ActorSnapshot
    parent: str
    """The path of its supervisor."""
    place: int
    """Its place among its siblings, counted from 0."""


@frozen
class ActorChanged:
    """Something about an actor is different; whoever is below it has changes of their own."""

    path: str
    fields: Mapping[str, Any]
    """The new values of the fields of `ActorSnapshot` that differ; its `age` comes along with them."""


@frozen
class ActorRemoved:
    """An actor is not there any more, nor is anybody below it."""

    path: str


Delta: TypeAlias = ActorAdded | ActorChanged | ActorRemoved
"""One change. They are made one after another, in the order in which they are listed."""

# --- pictures and the changes between them ---

_NAMES: Final = tuple(each.name for each in fields(ActorSnapshot) if each.eq and each.name != "children")
"""Fields that make a difference; those that only follow the time do not."""

_figures: Final[attrgetter[tuple[Any, ...]]] = attrgetter(*_NAMES)


def diff(old: ActorSnapshot, new: ActorSnapshot) -> tuple[Delta, ...]:
    """List what changed from one picture of a tree to another.

    Raises:
        ValueError: they are of different trees.
    """
    if old.path != new.path:
        raise ValueError(f"{old.path} and {new.path} are different actors")
    return tuple(_changes(old, new))


def _changes(old: ActorSnapshot, new: ActorSnapshot) -> Iterator[Delta]:
    before, after = _figures(old), _figures(new)
    if before != after:
        changed = {name: now for name, was, now in zip(_NAMES, before, after, strict=True) if was != now}
        yield ActorChanged(new.path, {**changed, "age": new.age})
    yield from _changes_below(old, new)


def _changes_below(old: ActorSnapshot, new: ActorSnapshot) -> Iterator[Delta]:
    before = {child.path: child for child in old.children}
    kept = _in_same_order(tuple(before), [child.path for child in new.children])
    yield from (ActorRemoved(path) for path in before if path not in kept)
    for place, child in enumerate(new.children):
        if child.path not in kept:
            yield ActorAdded(child, new.path, place)
        elif child is not before[child.path]:
            yield from _changes(before[child.path], child)


def _in_same_order(old: Sequence[str], new: Sequence[str]) -> set[str]:
    """Those of `new` that follow each other in `old` too: all that both have, if nobody changed places."""
    places = {path: place for place, path in enumerate(old)}
    kept: set[str] = set()
    last = -1
    for path in new:
        place = places.get(path, -1)
        if place > last:
            kept.add(path)
            last = place
    return kept


def patch(tree: ActorSnapshot, deltas: Iterable[Delta]) -> ActorSnapshot:
    """Make changes in a picture; the result is a new one.

    Actors are told apart by their paths, so two whose ids make the same path, by a slash in one of them, are mixed up.

    Raises:
        KeyError: a change is about an actor that is not in the picture.
    """
    draft = _Draft(tree)
    for delta in deltas:
        match delta:
            case ActorAdded(snapshot, parent, place):
                draft.add(snapshot, parent, place)
            case ActorChanged(path, changed):
                draft.change(path, changed)
            case _:
                draft.remove(delta.path)
    return draft.finish(tree.path)


class _Draft:
    """A picture taken apart, so that many changes cost one pass."""

    __slots__ = ("_actors", "_below", "_parents")

    def __init__(self, tree: ActorSnapshot) -> None:
        self._actors: dict[str, ActorSnapshot] = {}
        self._below: dict[str, list[str]] = {}
        self._parents: dict[str, str] = {}
        self._take_apart(tree)

    def _take_apart(self, tree: ActorSnapshot) -> None:
        for actor in tree.walk():
            self._actors[actor.path] = actor
            self._below[actor.path] = [child.path for child in actor.children]
            self._parents.update((child.path, actor.path) for child in actor.children)

    def add(self, snapshot: ActorSnapshot, parent: str, place: int) -> None:
        self._below[parent].insert(place, snapshot.path)
        self._parents[snapshot.path] = parent
        self._take_apart(snapshot)

    def change(self, path: str, changed: Mapping[str, Any]) -> None:
        self._actors[path] = evolve(self._actors[path], **changed)

    def remove(self, path: str) -> None:
        self._below[self._parents[path]].remove(path)
        self._forget(path)

    def _forget(self, path: str) -> None:
        for child in self._below.pop(path):
            self._forget(child)
        del self._actors[path], self._parents[path]

    def finish(self, path: str) -> ActorSnapshot:
        """Put an actor and all below it together."""
        actor = self._actors[path]
        children = tuple(self.finish(child) for child in self._below[path])
        # Equal is not enough: what is reused must have the very children, with their ages.
        if len(children) == len(actor.children) and all(map(is_, children, actor.children)):
            return actor
        return evolve(actor, children=children)


# --- the stream ---

MOST_LOOKS: Final = 10
"""Looks in the time between two regular ones: for a person still at once, and for a large tree still cheap."""


class TreeWatch:
    """Yields the whole tree first and then its changes, as `watch_tree` promises."""

    __slots__ = ("_closed", "_every", "_lens", "_look_at", "_looks", "_root", "_seen", "_stirred")

    def __init__(self, root: Ref[Any], every: float) -> None:
        self._root = cell_behind(root)
        self._lens = Lens()
        self._every = every
        self._seen: ActorSnapshot | None = None
        self._look_at = -math.inf
        self._looks = 0
        self._stirred = trio.Event()
        self._closed = False

    def __aiter__(self) -> TreeWatch:
        return self

    async def __anext__(self) -> ActorSnapshot | tuple[Delta, ...]:
        while not self._ended:
            with trio.move_on_at(self._look_at):
                await self._stirred.wait()
            old, self._seen = self._seen, self._look()
            if old is None:
                return self._seen
            if deltas := diff(old, self._seen):
                return deltas
        raise StopAsyncIteration

    @property
    def _ended(self) -> bool:
        return self._closed or (self._seen is not None and self._seen.state is State.STOPPED)

    def stir(self, _: object = None) -> None:
        """Have the reader look at once, because something happened; in a storm of events, at its next regular look."""
        if self._looks < MOST_LOOKS:
            self._stirred.set()

    def close(self) -> None:
        """End the stream."""
        self._closed = True
        self._stirred.set()

    def _look(self) -> ActorSnapshot:
        now = trio.current_time()
        if now >= self._look_at:
            self._look_at = now + self._every
            self._looks = 0
        self._looks += 1
        self._stirred = trio.Event()
        return self._lens.look(self._root)


@asynccontextmanager
async def watch_tree(system: System, every: float = 0.25) -> AsyncGenerator[TreeWatch]:
    """Watch the actors of a system for the length of a block.

    The stream that the block gets is for one reader. Its first item is the picture of the whole tree; each later one is
    what changed since the item before, as a tuple of deltas, and never empty. It comes at once when an actor starts,
    crashes, is started again or is gone, and otherwise, for figures such as the depth of a mailbox, every so often;
    where nothing changes nothing comes. When a great many actors come and go, the looks that this takes are limited to
    `MOST_LOOKS` in `every` seconds. The stream ends with the block, and after the root is gone.

    Args:
        system: whose actors.
        every: seconds between two looks at the figures.

    Raises:
        ValueError: `every` is not more than zero.
    """
    if not every > 0:
        raise ValueError(f"every must be more than zero, not {every}")
    watch = TreeWatch(system.root, every)
    unsubscribe = system.subscribe(watch.stir)
    try:
        yield watch
    finally:
        unsubscribe()
        watch.close()
