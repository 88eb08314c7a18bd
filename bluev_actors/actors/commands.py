"""What everybody may ask of a supervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import frozen

from bluev_actors.actors.call import Request
from bluev_actors.actors.ref import Ref

if TYPE_CHECKING:
    from bluev_actors.actors.lifecycle import State
    from bluev_actors.actors.specs import ChildSpec, Restart


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
    """The answer to `CountChildren`; as in OTP, only `active` asks who is alive."""

    specs: int
    """Children it has a contract with."""
    active: int
    """Those that are alive."""
    supervisors: int
    """Those that are supervisors themselves, or were when they last lived."""
    workers: int
    """The others."""


@frozen
class StartChild(Request[Ref[Any]]):
    """Start a child; answered when it has started.

    Rejected with `ChildIdTakenError`, with `BadChildSpecError`, or with `ChildStartError`, whose cause is what went
    wrong. A child that fails to start is forgotten. One that raises `Ignore` is answered with a ref whose state is
    stopped, and keeps its place unless it is temporary.
    """

    spec: ChildSpec


@frozen
class SpawnChild(Request[Ref[Any]]):
    """Start a child of a `DynamicSupervisor` by its template; answered when it has started.

    Args:
        args: what the template's factory is called with.
    """

    args: tuple[Any, ...] = ()


@frozen
class StopChild(Request[None]):
    """Stop a child for good; answered when it is gone. Its contract stays, unless it is temporary.

    Rejected with `ChildNotFoundError`. One that is stopped already is stopped.
    """

    id: str


@frozen
class RestartChild(Request[Ref[Any]]):
    """Start a stopped child again by its contract; answered with its new ref when it has started.

    A ref of the child from before stays a ref of the one that is gone. Rejected with `ChildNotFoundError`,
    `ChildRunningError`, `ChildRestartingError` or `ChildStartError`; a child that fails to start keeps its place.
    """

    id: str


@frozen
class DeleteChild(Request[None]):
    """Forget the contract of a stopped child.

    Rejected with `ChildNotFoundError`, `ChildRunningError` or `ChildRestartingError`.
    """

    id: str


@frozen
class GetChildSpec(Request["ChildSpec"]):
    """Look up the contract of a child; rejected with `ChildNotFoundError`."""

    id: str


@frozen
class ChangeChildSpec(Request[None]):
    """Give the child of the contract's id this contract instead of its own.

    Its factory makes the next incarnation, everything else counts at once. Rejected with `ChildNotFoundError` or
    `BadChildSpecError`.
    """

    spec: ChildSpec


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
    StartChild
    | StopChild
    | RestartChild
    | DeleteChild
    | GetChildSpec
    | ChangeChildSpec
    | WhichChildren
    | CountChildren
    | LookUp
)
"""Every command of a supervisor."""
