"""Which control is legal in which state of a run: the contract's table, as data.

A pause, a resume or a stop is judged before it is done, so that the answer and the deed cannot disagree.
"""

# ruff: noqa: TC001 - cattrs looks up the names of the annotations at run time.

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from attrs import frozen

from bluev_actors.workflows.graph import PauseMode
from bluev_actors.workflows.run_events import RUN_ENDED, RunStatus

Action: TypeAlias = Literal["pause", "resume", "stop"]
StopMode: TypeAlias = Literal["graceful", "kill"]
Ruling: TypeAlias = Literal["do", "nothing", "invalid_state", "run_finished"]
"""`do` it; `nothing` to do, for it is in effect already; or the code of the refusal."""

_TABLE: Final[dict[Action, dict[str, Ruling]]] = {
    "pause": {"queued": "do", "running": "do", "pausing": "nothing", "paused": "nothing"},
    "resume": {"queued": "nothing", "running": "nothing", "pausing": "do", "paused": "do"},
    "stop": {"queued": "do", "running": "do", "pausing": "do", "paused": "do", "stopping": "nothing"},
}

_STRICTNESS: Final[dict[str | None, int]] = {None: -1, "drain": 0, "checkpoint": 1, "hard": 2}


def judge(action: Action, status: RunStatus) -> Ruling:
    """Say what `action` means for a run that is `status`."""
    if status in RUN_ENDED:
        return "nothing" if (action, status) == ("stop", "stopped") else "run_finished"
    return _TABLE[action].get(status, "invalid_state")


def is_stricter(mode: PauseMode, than: PauseMode | None) -> bool:
    """Whether a pause of `mode` ends more nodes than one of `than`."""
    return _STRICTNESS[mode] > _STRICTNESS[than]


@frozen
class ControlOutcome:
    """What became of a control.

    Attributes:
        run_id: the run.
        workflow_id: its workflow.
        action: what was asked for.
        accepted: whether it was done, or in effect already.
        status: what the run is, or is turning into.
        seq: the place in the run's events; after a pause no node starts above it.
        code: of a refusal: why.
        message: of a refusal: a sentence.
    """

    run_id: str
    workflow_id: str
    action: Action
    accepted: bool
    status: RunStatus
    seq: int
    code: str | None = None
    message: str | None = None


@frozen
class SignalOutcome:
    """What became of a signal.

    Attributes:
        run_id: the run.
        node_id: the node it was for.
        accepted: whether it was delivered or kept.
        code: of a refusal: why.
        message: of a refusal: a sentence.
    """

    run_id: str
    node_id: str
    accepted: bool
    code: str | None = None
    message: str | None = None
