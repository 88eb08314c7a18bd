"""A picture of the living tree, as plain frozen data that a person or a program can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from attrs import frozen

from bluev_actors.actors.call import is_call
from bluev_actors.actors.lifecycle import ALIVE, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.actors.cell import Cell


@frozen
class Handling:
    """What an actor works on."""

    message: str
    """The name of the message's class."""
    seconds: float
    """For how long; a handler that is stuck shows here."""


@frozen
class ActorSnapshot:
    """One actor and all below it, at one moment."""

    id: str
    path: str
    kind: str
    state: State
    incarnation: int
    age: float
    """Seconds since the present incarnation started; 0 while none lives."""
    depth: int
    """Messages that wait, urgent ones included."""
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

    def walk(self) -> Iterator[ActorSnapshot]:
        """This actor and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


def snapshot(cell: Cell[Any]) -> ActorSnapshot:
    """Take the picture of an actor and all below it."""
    now = trio.current_time()
    mailbox = cell.mailbox.statistics()
    window = cell.window if cell.children is None else cell.children.window
    return ActorSnapshot(
        id=cell.spec.id,
        path=cell.path,
        kind=cell.kind,
        state=cell.state,
        incarnation=cell.incarnation,
        age=now - cell.started_at if cell.started and cell.state in ALIVE else 0.0,
        depth=mailbox.depth + mailbox.urgent,
        capacity=mailbox.capacity,
        high_water=mailbox.high_water,
        handling=_handling(cell, now),
        waiting_on=cell.waiting_on,
        restarts_in_window=None if window is None else window.count(now),
        restarts_left=None if window is None else window.left(now),
        last_crash=cell.last_crash,
        children=tuple(snapshot(child) for child in cell.children or ()),
    )


def _handling(cell: Cell[Any], now: float) -> Handling | None:
    item = cell.handling
    if item is None or cell.state not in ALIVE:
        return None
    message: object = item.message if is_call(item) else item
    return Handling(type(message).__name__, now - cell.handling_since)


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
        f"mailbox {actor.depth}/{actor.capacity}" if actor.depth else "",
        f"handling {actor.handling.message} for {actor.handling.seconds:.1f} s" if actor.handling else "",
        f"waiting on {actor.waiting_on}" if actor.waiting_on else "",
        f"last crash: {actor.last_crash}" if actor.last_crash else "",
    ]
    return ", ".join([f"{actor.id} {notes[0]}", *filter(None, notes[1:])])
