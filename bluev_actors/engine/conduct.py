"""What a pause, a retry and a crash mean for nodes of a kind, told in sentences for a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.workflows.kinds import Conduct

if TYPE_CHECKING:
    from bluev_actors.workflows.kinds import NodeKind


def conduct_of(kind: NodeKind) -> Conduct:
    """The kind's own sentences, and where it has none those that follow from its flags."""
    own = kind.conduct
    return Conduct(
        pause=own.pause or _pause(kind),
        retry=own.retry or _retry(kind),
        crash=own.crash or _crash(kind),
        security=own.security or _security(kind),
    )


def _pause(kind: NodeKind) -> str:
    if kind.body:
        return "The nodes of its body are paused like all others; at the resume it goes on where they are."
    if kind.pure and kind.pausable:
        return "A pause may end it in the middle; at the resume it runs again, with the same outputs."
    if kind.pausable:
        return "A `checkpoint` pause ends it; at the resume it goes on from its last checkpoint."
    return "A `checkpoint` pause lets it end first, a `hard` one ends it; at the resume it then runs again."


def _retry(kind: NodeKind) -> str:
    if kind.body:
        return "Another attempt runs what did not complete; what did is not run again."
    if kind.pure:
        return "Another attempt comes to the same, so a retry mends nothing but a timeout."
    return "Each attempt does its work once more, with the same idempotency key."


def _crash(kind: NodeKind) -> str:
    if kind.body:
        return "The nodes of its body that completed are not run again; the others go on as they would anywhere."
    if kind.at_most_once:
        return "If the daemon dies while it runs, it fails with `interrupted` and does not run again: at most once."
    if kind.pure:
        return "It runs again after a crash and gives the same; once its outputs are recorded it never does."
    return "If the daemon dies while it runs, it runs again with the same attempt number: at least once."


def _security(kind: NodeKind) -> str:
    if kind.outside:
        return f"It touches the outside, so it is off until the operator allows it by `--allow {kind.name}`."
    return "It touches nothing outside its run."
