"""What a run may be asked and told: the messages its actor takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from bluev_actors.actors import Request
from bluev_actors.workflows.control import ControlOutcome, SignalOutcome, StopMode

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.workflows.graph import PauseMode
    from bluev_actors.workflows.values import Json

Heard: TypeAlias = "Callable[[ControlOutcome], None]"
"""Called with the outcome in the moment it is decided, so that what it keeps goes to the disk with the control."""


@frozen
class Begin:
    """A queued run's turn has come."""


@frozen
class PauseRun(Request[ControlOutcome]):
    """Start no more nodes, and treat those in flight as `mode` says.

    Attributes:
        mode: None means the workflow's own setting.
        until: resume by itself at this wall time, in seconds since 1970.
        timeout: stop the run after so many seconds of pause.
        by: the session that asks.
        heard: called with the outcome at once.
    """

    mode: PauseMode | None = None
    until: float | None = None
    timeout: float | None = None
    by: str = ""
    heard: Heard | None = None


@frozen
class ResumeRun(Request[ControlOutcome]):
    """Go on after a pause."""

    by: str = ""
    heard: Heard | None = None


@frozen
class StopRun(Request[ControlOutcome]):
    """End the run now."""

    mode: StopMode = "graceful"
    by: str = ""
    heard: Heard | None = None


@frozen
class SignalRun(Request[SignalOutcome]):
    """Answer a node that waits; what comes before it waits is kept for it.

    Attributes:
        node_id: the node, by its id in the run.
        payload: plain JSON.
        heard: called with the outcome at once.
    """

    node_id: str
    payload: Json = None
    heard: Callable[[SignalOutcome], None] | None = None


@frozen
class SuspendRun:
    """The process goes down: leave things so that the next one can go on. No event tells of it.

    Attributes:
        hard: cancel every node in flight, not only those that a `checkpoint` pause would.
    """

    hard: bool = False


@frozen
class RunInline:
    """A run's word to itself: there is a node to run in its own task."""


@frozen
class Stored:
    """A run's word to itself: there are nodes whose start is on record now."""


@frozen
class CallUp:
    """It is this run's turn to try the nodes that are suspected of killing the process."""


@frozen
class GoOn:
    """A run's word to itself: something has ended, or is due."""


@frozen
class CancelNodes:
    """A run's word to itself: there are nodes to cancel."""


@frozen
class GateOpened:
    """There may be room for a node that had to wait for its key."""


_Asked: TypeAlias = PauseRun | ResumeRun | StopRun | SignalRun
_ToItself: TypeAlias = CallUp | RunInline | GoOn | Stored | CancelNodes | GateOpened
RunCommand: TypeAlias = Begin | SuspendRun | _Asked | _ToItself
