"""One life of an actor: one task, one cancel scope, from the factory to the exit."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import trio

from bluev_actors.actors.actor import Actor, is_actor
from bluev_actors.actors.ref import own_cell
from bluev_actors.actors.restart import Exit, ExitKind
from bluev_actors.faultpoints import fault

if TYPE_CHECKING:
    from bluev_actors.actors.cell import Cell

_log = logging.getLogger(__name__)

_NOTHING_TO_CLEAN_UP = Actor[Any].on_stop


class ExitAs(Exception):  # noqa: N818 - no error: it carries an exit out of the actor
    """Raised inside an actor to end its incarnation in just this way."""

    def __init__(self, exit: Exit) -> None:
        super().__init__(str(exit))
        self.exit = exit


async def live(cell: Cell[Any]) -> None:
    """Live one incarnation, and note its exit in the cell.

    Nothing gets out but what must end the whole program, such as a `KeyboardInterrupt`.
    """
    own_cell.set(cell)
    cell.task = trio.lowlevel.current_task()
    try:
        ending = await _run(cell)
        if cell.prepared:
            ending = await _clean_up(cell, ending)
    except BaseException as error:
        # Its supervisor hears of this from its nursery, and must not think of a restart.
        cell.exited(Exit(ExitKind.CRASHED, error))
        raise
    cell.exited(ending)
    cell.report(ending)


async def _run(cell: Cell[Any]) -> Exit:
    result: object = None
    try:
        with cell.scope:
            result = await _make(cell).live()
    except ExitAs as ending:
        return ending.exit
    except Exception as error:  # noqa: BLE001 - an actor may fail in any way; its supervisor judges it
        return Exit(ExitKind.CRASHED, error)
    return cell.outcome(result)


def _make(cell: Cell[Any]) -> Actor[Any]:
    made: object = cell.spec.factory()
    if not is_actor(made):
        raise TypeError(f"{cell.path}: the factory made no actor but a {type(made).__name__}")
    made.embody(cell)
    cell.actor = made
    cell.kind = cell.kind or type(made).__name__
    return made


async def _clean_up(cell: Cell[Any], ending: Exit) -> Exit:
    """Give the actor its `on_stop`; if that fails the exit is a failure, and if there was one before, it stays."""
    cell.stopping()
    grace = cell.spec.grace
    try:
        fault("actor.stop", cell.path)
        if cell.actor is None or type(cell.actor).on_stop is _NOTHING_TO_CLEAN_UP:
            return ending
        with trio.CancelScope(deadline=trio.current_time() + grace, shield=True) as scope:
            await cell.actor.on_stop(ending)
    except Exception as error:  # noqa: BLE001 - as above
        _log.exception("%s failed in its on_stop", cell.path)
        return Exit(ExitKind.CRASHED, error) if ending.expected else ending
    if scope.cancelled_caught and ending.expected:
        return Exit(ExitKind.KILLED, result=ending.result, reason=f"on_stop took longer than {grace:g} s")
    return ending
