"""A picture of the living tree, as plain frozen data that a person or a program can read.

Some figures change merely because time passes, such as an age. They are there to be read, and each follows from a time
that is there as well; two pictures that differ in nothing else are equal.
"""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, Any, TypeAlias

import trio
from attrs import field, frozen

from bluev_actors.actors.call import Envelope
from bluev_actors.actors.lifecycle import ALIVE, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.actors.cell import Cell


@frozen
class Handling:
    """What an actor works on."""

    message: str
    """The name of the message's class."""
    seconds: float = field(eq=False)
    """For how long; a handler that is stuck shows here."""
    since: float = 0.0
    """Since when, in seconds on Trio's clock."""


@frozen
class ActorSnapshot:
    """One actor and all below it, at one moment."""

    id: str
    path: str
    kind: str
    state: State
    incarnation: int
    age: float = field(eq=False)
    """Seconds since the present incarnation started; 0 while none lives."""
    depth: int
    """Messages that wait, urgent ones included and those put aside not."""
    capacity: int
    high_water: int
    handling: Handling | None
    waiting_on: str
    """The path of the actor whose answer it waits for; a circle of these is a deadlock."""
    restarts_in_window: int | None
    """Of a supervisor, or of a child with a budget of its own."""
    restarts_left: int | None
    last_crash: str
    children: tuple[ActorSnapshot, ...]
    started_at: float | None = None
    """When the present incarnation started, in seconds on Trio's clock; None while none lives."""
    paused: bool = False
    """Whether messages that are not urgent are held back."""
    draining: bool = False
    """Whether it takes nothing new and only handles what it has."""
    stashed: int = 0
    """Messages that it has put aside."""
    dropped: int = 0
    """Messages that its overflow policy has dropped so far."""
    next_restart_at: float | None = None
    """When it is started again, if that is delayed, in seconds on Trio's clock."""
    next_restart_in: float | None = field(default=None, eq=False)
    """The same, in seconds from the moment of the picture."""

    @property
    def restarts(self) -> int:
        """How often it was started again so far, by its supervisor or by hand."""
        return max(0, self.incarnation - 1)

    def walk(self) -> Iterator[ActorSnapshot]:
        """This actor and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


def snapshot(cell: Cell[Any]) -> ActorSnapshot:
    """Take the picture of an actor and all below it."""
    return Lens().look(cell)


class Lens:
    """Takes pictures of the same tree again and again, at little cost.

    Whoever did not change since the last picture is not pictured again: the new picture has the old one inside, with
    the ages that it had then. A look at an actor at rest costs less than half of a picture.
    """

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[Cell[Any], tuple[_Marks, ActorSnapshot]] = {}

    def look(self, cell: Cell[Any]) -> ActorSnapshot:
        """Take the picture of an actor and all below it."""
        seen: dict[Cell[Any], tuple[_Marks, ActorSnapshot]] = {}
        tree = self._look(cell, trio.current_time(), seen)
        self._seen = seen  # whoever is gone is not in it
        return tree

    def _look(self, cell: Cell[Any], now: float, seen: dict[Cell[Any], tuple[_Marks, ActorSnapshot]]) -> ActorSnapshot:
        children = tuple([self._look(child, now, seen) for child in cell.children or ()])
        marks = _marks(cell, now)
        last = self._seen.get(cell)
        if last is None or last[0] != marks or not _same(last[1].children, children):
            last = marks, _picture(cell, now, children)
        seen[cell] = last
        return last[1]


_Marks: TypeAlias = tuple[object, ...]


def _marks(cell: Cell[Any], now: float) -> _Marks:
    """Figures of which one at least is different whenever a picture would be.

    The message at hand is not among them: it would be kept alive, and to compare messages may be slow. Each one shows
    in what the mailbox has received.
    """
    window = cell.window if cell.children is None else cell.children.window
    return (
        cell.kind,
        cell.state,
        cell.incarnation,
        cell.handling is None,
        cell.handling_since,
        cell.waiting_on,
        cell.last_crash,
        cell.restart_at,
        cell.draining,
        None if window is None else (window.budget, window.count(now)),
        cell.mailbox.marks(),
    )


def _same(old: tuple[ActorSnapshot, ...], new: tuple[ActorSnapshot, ...]) -> bool:
    """Whether these are the very same pictures; equal ones may have other ages."""
    return len(old) == len(new) and all(map(is_, old, new))


def _picture(cell: Cell[Any], now: float, children: tuple[ActorSnapshot, ...]) -> ActorSnapshot:
    mailbox = cell.mailbox.statistics()
    window = cell.window if cell.children is None else cell.children.window
    lives = cell.started and cell.state in ALIVE
    return ActorSnapshot(
        id=cell.spec.id,
        path=cell.path,
        kind=cell.kind,
        state=cell.state,
        incarnation=cell.incarnation,
        age=now - cell.started_at if lives else 0.0,
        depth=mailbox.depth + mailbox.urgent,
        capacity=mailbox.capacity,
        high_water=mailbox.high_water,
        handling=_handling(cell, now),
        waiting_on=cell.waiting_on,
        restarts_in_window=None if window is None else window.count(now),
        restarts_left=None if window is None else window.left(now),
        last_crash=cell.last_crash,
        children=children,
        started_at=cell.started_at if lives else None,
        paused=mailbox.paused,
        draining=cell.draining,
        stashed=mailbox.stashed,
        dropped=mailbox.dropped,
        next_restart_at=cell.restart_at,
        next_restart_in=None if cell.restart_at is None else max(0.0, cell.restart_at - now),
    )


def _handling(cell: Cell[Any], now: float) -> Handling | None:
    item = cell.handling
    if item is None or cell.state not in ALIVE:
        return None
    message: object = item.content if isinstance(item, Envelope) else item
    return Handling(type(message).__name__, now - cell.handling_since, cell.handling_since)


def render(tree: ActorSnapshot) -> str:
    """Write a tree as text, a line for each actor."""
    return "\n".join(_lines(tree, "", ""))


def _lines(actor: ActorSnapshot, first: str, rest: str) -> Iterator[str]:
    yield first + _line(actor)
    for place, child in enumerate(actor.children, 1):
        last = place == len(actor.children)
        yield from _lines(child, rest + ("`- " if last else "|- "), rest + ("   " if last else "|  "))


def _line(actor: ActorSnapshot) -> str:
    notes = [
        f"[{actor.kind}] {actor.state.value}",
        f"incarnation {actor.incarnation}" if actor.incarnation > 1 else "",
        f"started again in {actor.next_restart_in:.1f} s" if actor.next_restart_in is not None else "",
        "draining" if actor.draining else "",
        "paused" if actor.paused else "",
        f"mailbox {actor.depth}/{actor.capacity}" if actor.depth else "",
        f"{actor.stashed} put aside" if actor.stashed else "",
        f"{actor.dropped} dropped" if actor.dropped else "",
        f"handling {actor.handling.message} for {actor.handling.seconds:.1f} s" if actor.handling else "",
        f"waiting on {actor.waiting_on}" if actor.waiting_on else "",
        f"last crash: {actor.last_crash}" if actor.last_crash else "",
    ]
    return ", ".join([f"{actor.id} {notes[0]}", *filter(None, notes[1:])])
