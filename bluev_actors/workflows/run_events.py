"""Everything that can happen in a run, as frozen records.

A journal stores them, `run_state.apply` folds them, `protocol/wire_events.py` shows them. They are the only
way a run changes.
"""

# ruff: noqa: TC001 - cattrs looks up the names of the annotations at run time.

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from attrs import Factory, frozen

from bluev_actors.workflows.graph import PauseMode
from bluev_actors.workflows.values import Json, JsonObject

RunStatus: TypeAlias = Literal["queued", "running", "pausing", "paused", "stopping", "completed", "failed", "stopped"]
NodeStatus: TypeAlias = Literal[
    "pending",
    "ready",
    "running",
    "retrying",
    "waiting",
    "paused",
    "completed",
    "failed",
    "skipped",
    "cancelled",
]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]

RUN_ENDED: frozenset[str] = frozenset({"completed", "failed", "stopped"})
NODE_ENDED: frozenset[str] = frozenset({"completed", "failed", "skipped", "cancelled"})


@frozen
class ErrorDetail:
    """Why something failed, as clients see it; the traceback stays in the log under `error_id`."""

    code: str
    message: str
    retryable: bool = False
    error_id: str | None = None


# --- the run ----------------------------------------------------------------------------------------------


@frozen
class RunStarted:
    """The run is accepted; always the first event."""

    queued: bool = False
    warnings: tuple[JsonObject, ...] = ()
    parent_run_id: str | None = None
    """The earlier run that it runs parts of again."""


@frozen
class RunStatusChanged:
    """The run moved to another state that is not its end."""

    status: RunStatus
    reason: str | None = None
    mode: PauseMode | None = None
    """Of a pause: how it treats the nodes in flight."""
    until: float | None = None
    """Of a pause: when the run goes on by itself, in seconds since 1970."""
    stop_at: float | None = None
    """Of a pause: when the run is stopped if it is still paused, in seconds since 1970."""
    by: str | None = None
    """The session that asked for it; None when the run does it by itself."""


@frozen
class RunCompleted:
    """The run reached its end."""

    results: JsonObject
    summary: JsonObject
    outputs: JsonObject | None = None


@frozen
class RunFailed:
    """The run ended because something failed."""

    error: ErrorDetail
    summary: JsonObject


@frozen
class RunStopped:
    """The run was stopped; `results` holds what there was by then."""

    results: JsonObject
    summary: JsonObject


# --- its nodes --------------------------------------------------------------------------------------------


@frozen
class NodeStarted:
    """An attempt began. `recovered`: it had begun before a crash and runs again under the same number."""

    node_id: str
    attempt: int = 1
    recovered: bool = False
    opens: bool = False
    """Its work is done by the nodes of its body; it has no task of its own."""


@frozen
class NodeCompleted:
    """The node ended well."""

    node_id: str
    attempt: int
    outputs: JsonObject
    cached: bool = False


@frozen
class NodeFailed:
    """The node failed for good."""

    node_id: str
    attempt: int
    error: ErrorDetail
    outputs: JsonObject | None = None
    """With `on_error: error_output`: what its `error` output carries."""


@frozen
class NodeRetrying:
    """An attempt failed; the next one begins at `next_at` (wall time, seconds since 1970)."""

    node_id: str
    attempt: int
    error: ErrorDetail
    next_at: float


@frozen
class NodeWaiting:
    """The node waits for something from outside, without a task."""

    node_id: str
    attempt: int
    reason: str | None = None
    until: float | None = None
    """When it waits no longer, in seconds since 1970, unless a pause stops its clock."""


@frozen
class NodePaused:
    """The node's task was ended by a pause; it will run again from its last checkpoint."""

    node_id: str
    attempt: int


@frozen
class NodeSkipped:
    """The node will not run: `branch`, `upstream_failed` or `disabled`."""

    node_id: str
    reason: str


@frozen
class NodeCancelled:
    """The node was ended, or kept from starting, by `stopped` or `fail_fast`."""

    node_id: str
    attempt: int
    reason: str


@frozen
class NodeLog:
    """A line a node wrote, or one written about it (then with a `code`)."""

    node_id: str
    attempt: int
    level: LogLevel
    message: str
    code: str | None = None


@frozen
class NodeEmitted:
    """A named event that the workflow's author asked for."""

    node_id: str
    attempt: int
    name: str
    data: Json = None


RunEvent: TypeAlias = (
    RunStarted
    | RunStatusChanged
    | RunCompleted
    | RunFailed
    | RunStopped
    | NodeStarted
    | NodeCompleted
    | NodeFailed
    | NodeRetrying
    | NodeWaiting
    | NodePaused
    | NodeSkipped
    | NodeCancelled
    | NodeLog
    | NodeEmitted
)
TerminalEvent: TypeAlias = RunCompleted | RunFailed | RunStopped
TERMINAL_EVENTS = (RunCompleted, RunFailed, RunStopped)


@frozen
class NodeProgress:
    """How far a node is: `fraction` of one, or `done` of `total`. Never stored, so not a run event."""

    node_id: str
    attempt: int
    fraction: float | None = None
    done: float | None = None
    total: float | None = None
    message: str | None = None


@frozen
class Recorded:
    """A run event with its places in the two orders: `seq` in its run, `cursor` among all events.

    `at` is wall time in seconds since 1970.
    """

    run_id: str
    workflow_id: str
    seq: int
    cursor: int
    at: float
    event: RunEvent


@frozen
class Pause:
    """A stretch of time during which the run was paused, or still is. Times are seconds since 1970."""

    at: float
    mode: PauseMode
    until: float | None = None


@frozen
class Control:
    """What somebody asked of a run, and when, in seconds since 1970."""

    action: Literal["pause", "resume", "stop"]
    at: float
    by: str | None = None


@frozen
class RunIdentity:
    """Whose run it is and what it is called."""

    run_id: str
    workflow_id: str
    session_id: str = ""
    principal: str = ""
    inputs: JsonObject = Factory(dict[str, Any])
