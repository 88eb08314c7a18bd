"""One life of an actor: one task, one cancel scope, from the factory to the exit."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import trio

from bluev_actors.actors.actor import Actor
from bluev_actors.actors.exits import Exit, ExitAs, ExitKind
from bluev_actors.actors.ref import own_cell
from bluev_actors.faultpoints import around, fault, is_armed

if TYPE_CHECKING:
    from bluev_actors.actors.cell import Cell

_log = logging.getLogger(__name__)

_NOTHING_TO_CLEAN_UP = Actor[Any].on_stop


async def live(cell: Cell[Any]) -> None:
    """Live one incarnation, note its exit in the cell, and tell its supervisor.

    Nothing gets out but what must end the whole program, such as a `KeyboardInterrupt`.
    """
    own_cell.set(cell)
    cell.task = trio.lowlevel.current_task()
    cell.armed = is_armed()
    result: object = None
    try:
        try:
            with cell.scope:
                life = _make(cell).live()
                result = await (around(cell.path, life) if cell.armed else life)
            ending = cell.outcome(result)
        except ExitAs as wanted:
            ending = _checked(cell, wanted)
        except Exception as error:  # noqa: BLE001 - an actor may fail in any way; its supervisor judges it
            ending = Exit(ExitKind.CRASHED, error)
        if cell.prepared and _cleans_up(cell):
            ending = await _clean_up(cell, ending)
    except BaseException as error:
        # Its supervisor hears of this from its nursery, and must not think of a restart.
        cell.exited(Exit(ExitKind.CRASHED, error))
        raise
    cell.exited(ending)
    cell.report(ending)


def _make(cell: Cell[Any]) -> Actor[Any]:
    made: Actor[Any] = cell.spec.factory()
    if not isinstance(made, Actor):  # pyright: ignore[reportUnnecessaryIsInstance] - a factory may return anything
        raise TypeError(f"{cell.path}: the factory made no actor but a {type(made).__name__}")
    made.embody(cell)
    cell.actor = made
    cell.kind = cell.spec.kind or type(made).__name__
    return made


def _checked(cell: Cell[Any], ending: ExitAs) -> Exit:
    """The exit that an actor wants, unless it comes too late for it."""
    if ending.exit.kind is ExitKind.IGNORED and cell.started:
        return Exit(ExitKind.CRASHED, RuntimeError(f"{cell.path}: raised Ignore after it had started"))
    return ending.exit


def _cleans_up(cell: Cell[Any]) -> bool:
    """Whether there is anything to do at the end: most actors have no `on_stop`, and its scope would cost them 8 us."""
    return cell.armed or (cell.actor is not None and type(cell.actor).on_stop is not _NOTHING_TO_CLEAN_UP)


async def _clean_up(cell: Cell[Any], ending: Exit) -> Exit:
    """Give the actor its `on_stop`; if that fails the exit is a failure, and if there was one before, it stays."""
    cell.stopping()
    actor, grace = cell.actor, cell.grace
    if actor is None:  # pragma: no cover - it was prepared, so there is one
        return ending
    try:
        fault("actor.stop", cell.path)
        with trio.CancelScope(deadline=trio.current_time() + grace, shield=True) as scope:
            await actor.on_stop(ending)
    except ExitAs as wanted:
        return _checked(cell, wanted) if ending.expected else ending
    except Exception as error:  # noqa: BLE001 - as above
        _log.exception("%s failed in its on_stop", cell.path)
        return Exit(ExitKind.CRASHED, error) if ending.expected else ending
    if scope.cancelled_caught and ending.expected:
        return Exit(ExitKind.KILLED, result=ending.result, reason=f"on_stop took longer than {grace:g} s")
    return ending
