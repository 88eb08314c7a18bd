"""How an actor hears of another's end: a monitor sends it a message, a link ends it too.

Both belong to an incarnation and end with it; what they look at is another actor, through its ref.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from bluev_actors.actors.call import Envelope
from bluev_actors.actors.exits import Exit, ExitKind
from bluev_actors.actors.lifecycle import ALIVE
from bluev_actors.errors import LinkedExitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.actors.cell import Cell
    from bluev_actors.actors.ref import Ref


@frozen(eq=False)
class Down:
    """What a monitor sends: an incarnation of the actor it looks at is over."""

    ref: Ref[Any]
    exit: Exit
    incarnation: int
    """Which of its lives that was, counted from 1."""
    gone: bool
    """Whether it is gone for good; otherwise its supervisor has yet to decide."""


class DownSignal(Envelope):
    """A `Down` on its way to the incarnation that asked for it, and to no later one."""

    __slots__ = ("down", "incarnation")

    def __init__(self, down: Down, incarnation: int) -> None:
        self.down = down
        self.incarnation = incarnation

    @property
    def content(self) -> object:
        """The message."""
        return self.down


class Monitor:
    """A look that one incarnation keeps on another actor.

    Args:
        watcher: who is told.
        target: who is looked at.
        ref: the target's address, for the messages.
        restarts: whether every end of an incarnation is told, and not only the last.
    """

    __slots__ = ("_cancels", "_ref", "_target", "_watcher")

    def __init__(self, watcher: Cell[Any], target: Cell[Any], ref: Ref[Any], *, restarts: bool) -> None:
        self._watcher = watcher
        self._target = target
        self._ref = ref
        self._cancels: list[Callable[[], None]] = []
        if restarts:
            self._cancels.append(target.when_exited(self._exited))
        self._cancels.append(watcher.tie(lambda _: self.cancel()))
        self._cancels.append(target.when_stopped(self._gone))

    def cancel(self) -> None:
        """Look no longer; messages that are on their way still arrive."""
        cancels, self._cancels = self._cancels, []
        for cancel in cancels:
            cancel()

    def _exited(self, exit: Exit) -> None:
        self._tell(exit, gone=False)

    def _gone(self, exit: Exit) -> None:
        self._tell(exit, gone=True)
        self.cancel()

    def _tell(self, exit: Exit, *, gone: bool) -> None:
        if self._watcher.state in ALIVE:
            down = Down(self._ref, exit, self._target.incarnation, gone)
            self._watcher.mailbox.put_control(DownSignal(down, self._watcher.incarnation))


class Link:
    """Binds two incarnations: if one ends in any way but a normal one, the other ends as crashed.

    Args:
        one: one of them.
        other: the other.
    """

    __slots__ = ("_cancels",)

    def __init__(self, one: Cell[Any], other: Cell[Any]) -> None:
        self._cancels = [
            one.tie(lambda exit: self._break(one, other, exit)),
            other.tie(lambda exit: self._break(other, one, exit)),
        ]

    def cancel(self) -> None:
        """Bind them no longer."""
        for cancel in self._cancels:
            cancel()

    def _break(self, ended: Cell[Any], left: Cell[Any], exit: Exit) -> None:
        self.cancel()
        if exit.kind is not ExitKind.NORMAL and exit.kind is not ExitKind.IGNORED:
            left.die_with(linked_exit(ended, exit))


def linked_exit(ended: Cell[Any], exit: Exit) -> Exit:
    """The exit of one that ends because somebody it is linked to did."""
    error = LinkedExitError(f"{ended.path}, to which it is linked, ended: {exit}")
    error.__cause__ = exit.error
    return Exit(ExitKind.CRASHED, error)
