"""What everybody may ask of a supervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import frozen

from bluev_actors.actors.call import Request
from bluev_actors.actors.ref import Ref

if TYPE_CHECKING:
    from bluev_actors.actors.lifecycle import State
    from bluev_actors.actors.restart import ChildSpec, Restart


@frozen
class ChildInfo:
    """What `WhichChildren` says of a child."""

    id: str
    kind: str
    state: State
    restart: Restart
    incarnation: int


@frozen
class ChildCounts:
    """The answer to `CountChildren`."""

    specs: int
    """Children it has a contract with, alive or not."""
    active: int
    """Those that are alive."""
    supervisors: int
    """Those alive that are supervisors themselves."""
    workers: int
    """The others that are alive."""


@frozen
class StartChild(Request[Ref[Any]]):
    """Start a child; answered when it has started.

    Rejected with `ChildIdTakenError`, or with `ChildStartError`, whose cause is what went wrong. A child that
    fails to start is forgotten.
    """

    spec: ChildSpec


@frozen
class StopChild(Request[None]):
    """Stop a child for good; answered when it is gone. Its contract stays, unless it is temporary."""

    id: str


@frozen
class RestartChild(Request[Ref[Any]]):
    """Start a stopped child again by its contract; answered with its new ref when it has started.

    A ref of the child from before stays a ref of the one that is gone.
    """

    id: str


@frozen
class DeleteChild(Request[None]):
    """Forget the contract of a stopped child."""

    id: str


@frozen
class WhichChildren(Request[tuple[ChildInfo, ...]]):
    """List the children in start order."""


@frozen
class CountChildren(Request[ChildCounts]):
    """Count the children."""


@frozen
class LookUp(Request["Ref[Any] | None"]):
    """Find the ref of a child; None if there is none of this id or it is stopped."""

    id: str


SupervisorCommand: TypeAlias = (
    StartChild | StopChild | RestartChild | DeleteChild | WhichChildren | CountChildren | LookUp
)
"""Every command of a supervisor."""
