"""The wire messages: one class each, grouped by who says them.

Names, fields and meanings are those of the contract; the reference page, the JSON Schema, the codec, the
fuzzing strategies and the dispatch tables are all made from these classes. A field that defaults to None is
left out of the text when it is None; a field without a default is always there, null included.

An `Attributes` line of a docstring is what the reference page says of the field.
"""

# ruff: noqa: TC001 - cattrs looks up the names of the annotations at run time.

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias, TypeVar

from attrs import field, frozen

from bluev_actors.workflows.control import Action
from bluev_actors.workflows.graph import PauseMode
from bluev_actors.workflows.options import RunOptions
from bluev_actors.workflows.run_events import LogLevel, NodeStatus, RunStatus
from bluev_actors.workflows.values import Json, JsonObject

PROTOCOL = "bluev.v1"
"""The sub-protocol a client may ask for in the handshake."""

ControlMode: TypeAlias = Literal["checkpoint", "drain", "hard", "graceful", "kill"]
ControlStatus: TypeAlias = Literal["acknowledged", "rejected", "not_found"]
GapReason: TypeAlias = Literal["epoch", "expired", "invalid"]


# --- client to server -------------------------------------------------------------------------------------


@frozen(kw_only=True)
class ClientMessage:
    """What a client may say.

    Attributes:
        request_id: chosen by the client, repeated by every reply; a UUID is best.
    """

    type: ClassVar[str]
    request_id: str | None = None


@frozen(kw_only=True)
class ExecuteWorkflow(ClientMessage):
    """Start a run of a workflow.

    Attributes:
        workflow: the graph: `id`, `nodes`, `connections` and more.
        workflow_id: a stored workflow instead.
        inputs: values for the workflow's declared inputs.
        options: how to start it.
    """

    type: ClassVar[str] = "execute_workflow"
    workflow: JsonObject | None = None
    workflow_id: str | None = None
    inputs: JsonObject | None = None
    options: RunOptions = field(factory=RunOptions)


@frozen(kw_only=True)
class ControlWorkflow(ClientMessage):
    """Pause, resume or stop a run.

    Attributes:
        workflow_id: the workflow whose live run, else latest run, is meant.
        run_id: the run that is meant.
        action: what to do.
        mode: of pause `checkpoint`, `drain` or `hard`; of stop `graceful` or `kill`.
        until: of pause: resume at this time (RFC 3339).
        timeout: of pause: stop the run after this many seconds.
    """

    type: ClassVar[str] = "control_workflow"
    workflow_id: str | None = None
    run_id: str | None = None
    action: Action
    mode: ControlMode | None = None
    until: str | None = None
    timeout: float | None = None


@frozen(kw_only=True)
class Subscribe(ClientMessage):
    """Ask for events by type.

    Attributes:
        event_types: subscription names, exact type names, or `*`.
        run_id: only of this run; `*` for every run.
        workflow_id: only of this workflow's runs.
    """

    type: ClassVar[str] = "subscribe"
    event_types: tuple[str, ...] = ()
    run_id: str | None = None
    workflow_id: str | None = None


@frozen(kw_only=True)
class Unsubscribe(ClientMessage):
    """Take subscriptions back.

    Attributes:
        event_types: as in `subscribe`.
        run_id: the same filter as in `subscribe`.
        workflow_id: the same filter as in `subscribe`.
    """

    type: ClassVar[str] = "unsubscribe"
    event_types: tuple[str, ...] = ()
    run_id: str | None = None
    workflow_id: str | None = None


@frozen(kw_only=True)
class HeartbeatResponse(ClientMessage):
    """Says that the client lives; any other frame does as well."""

    type: ClassVar[str] = "heartbeat_response"


@frozen(kw_only=True)
class Watch(ClientMessage):
    """Follow one run from a snapshot, or from a place, without a gap.

    Attributes:
        run_id: the run.
        workflow_id: the workflow whose live run, else latest run, is meant.
        after: the last `seq` the client has; 0 is the start; absent: begin with a snapshot.
    """

    type: ClassVar[str] = "watch"
    run_id: str | None = None
    workflow_id: str | None = None
    after: int | None = None


@frozen(kw_only=True)
class Unwatch(ClientMessage):
    """Stop following a run.

    Attributes:
        run_id: the run.
    """

    type: ClassVar[str] = "unwatch"
    run_id: str


@frozen(kw_only=True)
class Resume(ClientMessage):
    """Go on after a break, as the first message of a new connection.

    Attributes:
        epoch: the epoch of the greeting of the connection that broke.
        cursor: the last cursor the client has seen.
        event_types: the subscriptions to put back, as `subscriptions` reads.
        watch: the runs to watch again.
    """

    type: ClassVar[str] = "resume"
    epoch: str
    cursor: str
    event_types: tuple[str, ...] | None = None
    watch: tuple[str, ...] | None = None


@frozen(kw_only=True)
class ValidateWorkflow(ClientMessage):
    """Check a workflow without running it.

    Attributes:
        workflow: the graph.
        inputs: values for its declared inputs.
    """

    type: ClassVar[str] = "validate_workflow"
    workflow: JsonObject
    inputs: JsonObject | None = None


@frozen(kw_only=True)
class Signal(ClientMessage):
    """Answer a node that waits for approval or input.

    Attributes:
        run_id: the run.
        workflow_id: the workflow whose live run is meant.
        node_id: the node that waits.
        payload: the answer.
    """

    type: ClassVar[str] = "signal"
    run_id: str | None = None
    workflow_id: str | None = None
    node_id: str
    payload: Json = None


# --- server to client: replies ----------------------------------------------------------------------------


@frozen(kw_only=True)
class ServerMessage:
    """What the daemon may say.

    Attributes:
        timestamp: RFC 3339, UTC, with `Z`.
    """

    type: ClassVar[str]
    timestamp: str


@frozen(kw_only=True)
class Reply(ServerMessage):
    """A direct answer to a client's message.

    Attributes:
        request_id: the message's own.
    """

    request_id: str | None = None


@frozen(kw_only=True)
class ConnectionEstablished(ServerMessage):
    """The greeting: the first message of every connection.

    Attributes:
        session_id: the session this connection belongs to.
        protocol: the protocol's name and version.
        server: the server's name and version.
        epoch: names the global order of events; a cursor holds within it.
        cursor: the place from which this connection's events begin.
        heartbeat_interval: seconds between heartbeats.
        limits: the limits a client should know, by name.
    """

    type: ClassVar[str] = "connection_established"
    session_id: str
    protocol: str
    server: str
    epoch: str
    cursor: str
    heartbeat_interval: float
    limits: dict[str, int | float]


@frozen(kw_only=True)
class WorkflowValidationError(Reply):
    """The workflow was not accepted; nothing runs.

    Attributes:
        errors: every problem: `code`, `message`, `path`, and `node_id` or `details` where they help.
    """

    type: ClassVar[str] = "workflow_validation_error"
    errors: tuple[JsonObject, ...]


@frozen(kw_only=True)
class WorkflowExecutionError(Reply):
    """The run could not be started for another reason than the workflow.

    Attributes:
        error: a sentence.
        code: a stable code, such as `workflow_already_running`.
    """

    type: ClassVar[str] = "workflow_execution_error"
    error: str
    code: str


@frozen(kw_only=True)
class WorkflowControlResponse(Reply):
    """The answer to `control_workflow`.

    Attributes:
        workflow_id: the run's workflow.
        run_id: the run.
        action: what was asked for.
        status: `acknowledged`, `rejected` or `not_found`.
        state: what the run is, or is turning into.
        seq: no node starts above it after a pause.
        code: of a refusal: why.
        message: of a refusal: a sentence.
        duplicate: true when this answers a repeated request.
    """

    type: ClassVar[str] = "workflow_control_response"
    workflow_id: str | None = None
    run_id: str | None = None
    action: Action
    status: ControlStatus
    state: RunStatus | None = None
    seq: int | None = None
    code: str | None = None
    message: str | None = None
    duplicate: bool | None = None


@frozen(kw_only=True)
class SubscriptionConfirmed(Reply):
    """The answer to `subscribe`.

    Attributes:
        subscriptions: all that this connection has, sorted.
        unknown: names of this message that no event has (broadcasts may use them).
    """

    type: ClassVar[str] = "subscription_confirmed"
    subscriptions: tuple[str, ...]
    unknown: tuple[str, ...]


@frozen(kw_only=True)
class SubscriptionUpdated(Reply):
    """The answer to `unsubscribe`.

    Attributes:
        subscriptions: all that this connection still has, sorted.
    """

    type: ClassVar[str] = "subscription_updated"
    subscriptions: tuple[str, ...]


@frozen(kw_only=True)
class Watching(Reply):
    """The answer to `watch`; every event after it follows without a gap.

    Attributes:
        run_id: the run.
        snapshot: the run as it is; null when `after` could be honoured.
        reason: `expired` when the events after `after` are no longer held.
    """

    type: ClassVar[str] = "watching"
    run_id: str
    snapshot: JsonObject | None
    reason: GapReason | None = None


@frozen(kw_only=True)
class Unwatched(Reply):
    """The answer to `unwatch`.

    Attributes:
        run_id: the run.
    """

    type: ClassVar[str] = "unwatched"
    run_id: str


@frozen(kw_only=True)
class Resumed(Reply):
    """The answer to `resume`: the missed events follow.

    Attributes:
        replayed: how many events were missed up to now.
    """

    type: ClassVar[str] = "resumed"
    replayed: int


@frozen(kw_only=True)
class ResumeFailed(Reply):
    """The history is gone; events go on after the new cursor.

    Attributes:
        reason: `epoch`, `expired` or `invalid`.
        snapshots: one for each live or watched run of the connection.
        cursor: where events go on.
    """

    type: ClassVar[str] = "resume_failed"
    reason: GapReason
    snapshots: tuple[JsonObject, ...]
    cursor: str


@frozen(kw_only=True)
class WorkflowValidation(Reply):
    """The answer to `validate_workflow`.

    Attributes:
        errors: what would keep it from running.
        warnings: what would not, but deserves a look.
    """

    type: ClassVar[str] = "workflow_validation"
    errors: tuple[JsonObject, ...]
    warnings: tuple[JsonObject, ...]


@frozen(kw_only=True)
class SignalResponse(Reply):
    """The answer to `signal`.

    Attributes:
        run_id: the run.
        node_id: the node.
        status: `acknowledged`, `rejected` or `not_found`.
        code: of a refusal: why.
        message: of a refusal: a sentence.
        duplicate: true when this answers a repeated request.
    """

    type: ClassVar[str] = "signal_response"
    run_id: str | None = None
    node_id: str
    status: ControlStatus
    code: str | None = None
    message: str | None = None
    duplicate: bool | None = None


@frozen(kw_only=True)
class Error(Reply):
    """A message was not accepted; the connection lives.

    Attributes:
        message: a sentence.
        code: a stable code.
        path: where it is wrong, from the message's root.
        detail: more, where it helps.
    """

    type: ClassVar[str] = "error"
    message: str
    code: str
    path: str | None = None
    detail: JsonObject | None = None


# --- server to client: run events -------------------------------------------------------------------------


@frozen(kw_only=True)
class RunMessage(ServerMessage):
    """An event of a run.

    Attributes:
        workflow_id: the workflow.
        run_id: the run.
        seq: 1, 2, 3 ... within the run, without gaps.
        cursor: "I have seen everything up to here", for `resume`; not on what is sent again.
        coalesced: for a slow client: how many updates this one stands for.
    """

    workflow_id: str
    run_id: str
    seq: int
    cursor: str | None = None
    coalesced: int | None = None


@frozen(kw_only=True)
class WorkflowExecutionStarted(RunMessage):
    """The run is accepted; event 1 of every run and the reply to `execute_workflow`.

    Attributes:
        request_id: to the submitter: its message's own.
        state: `queued` when the run has to wait for its turn.
        warnings: what validation found worth a look.
        duplicate: true when this answers a repeated request.
        parent_run_id: the earlier run that this one runs parts of again.
    """

    type: ClassVar[str] = "workflow_execution_started"
    request_id: str | None = None
    state: RunStatus | None = None
    warnings: tuple[JsonObject, ...] | None = None
    duplicate: bool | None = None
    parent_run_id: str | None = None


@frozen(kw_only=True)
class NodeStatusUpdate(RunMessage):
    """A node has another status.

    Attributes:
        node_id: the node.
        attempt: which attempt, from 1; 0 when it never started.
        status: the new status.
        outputs: with `completed`: the values by name; with `failed`: what its `error` output carries, if any.
        by_ref: names of the outputs that were too large and stand as references.
        cached: with `completed`: the outputs are recorded ones.
        error: with `failed` and `retrying`: the error's text.
        error_detail: `code`, `message`, `retryable`, `error_id`.
        next_at: with `retrying`: when the next attempt begins; with `waiting`: when it waits no longer.
        reason: with `skipped`, `cancelled` and `waiting`: why.
        recovered: with `running`: it began before a crash and runs again.
        opens: with `running`: its work is done by the nodes inside it.
        path: of a node inside a body: the parts of its id, as in `["each", 3, "fetch"]`.
    """

    type: ClassVar[str] = "node_status_update"
    node_id: str
    attempt: int
    status: NodeStatus
    outputs: JsonObject | None = None
    by_ref: tuple[str, ...] | None = None
    cached: bool | None = None
    error: str | None = None
    error_detail: JsonObject | None = None
    next_at: str | None = None
    reason: str | None = None
    recovered: bool | None = None
    opens: bool | None = None
    path: tuple[Json, ...] | None = None


@frozen(kw_only=True)
class NodeLogMessage(RunMessage):
    """A line from a node, or about it.

    Attributes:
        node_id: the node.
        attempt: which attempt.
        level: `debug`, `info`, `warning` or `error`.
        message: the text.
        code: of lines about a node: a stable code.
        path: of a node inside a body: the parts of its id.
    """

    type: ClassVar[str] = "node_log"
    node_id: str
    attempt: int
    level: LogLevel
    message: str
    code: str | None = None
    path: tuple[Json, ...] | None = None


@frozen(kw_only=True)
class NodeEventMessage(RunMessage):
    """What an `emit_event` node says.

    Attributes:
        node_id: the node.
        attempt: which attempt.
        name: the event's name.
        data: its value.
        path: of a node inside a body: the parts of its id.
    """

    type: ClassVar[str] = "node_event"
    node_id: str
    attempt: int
    name: str
    data: Json
    path: tuple[Json, ...] | None = None


@frozen(kw_only=True)
class WorkflowStatusUpdate(RunMessage):
    """The run has another state that is not its end.

    Attributes:
        state: the new state.
        reason: why, where it helps.
        mode: of `pausing` and `paused`: the pause's mode.
        until: of a pause: when the run goes on by itself (RFC 3339).
        stop_at: of a pause: when the run is stopped if it is still paused (RFC 3339).
        by: the session that asked for it, empty for a program that embeds the runtime; absent when nobody did.
    """

    type: ClassVar[str] = "workflow_status_update"
    state: RunStatus
    reason: str | None = None
    mode: PauseMode | None = None
    until: str | None = None
    stop_at: str | None = None
    by: str | None = None


@frozen(kw_only=True)
class WorkflowCompleted(RunMessage):
    """The run reached its end; its last event.

    Attributes:
        results: outputs of the completed nodes with no connection going out.
        outputs: the workflow's declared outputs by name.
        by_ref: `node.output` of the results that were too large and stand as references.
        outputs_by_ref: names of the `outputs` that were too large and stand as references.
        summary: counts, times, what was slow.
    """

    type: ClassVar[str] = "workflow_completed"
    results: JsonObject
    outputs: JsonObject | None = None
    by_ref: tuple[str, ...] | None = None
    outputs_by_ref: tuple[str, ...] | None = None
    summary: JsonObject


@frozen(kw_only=True)
class WorkflowFailed(RunMessage):
    """The run ended because something failed; its last event.

    Attributes:
        error: the error's text.
        error_detail: `code`, `message`, `retryable`, `error_id`.
        summary: counts, times, what failed.
    """

    type: ClassVar[str] = "workflow_failed"
    error: str
    error_detail: JsonObject
    summary: JsonObject


@frozen(kw_only=True)
class WorkflowStopped(RunMessage):
    """The run was stopped; its last event.

    Attributes:
        results: what there was by then.
        by_ref: `node.output` of the results that were too large and stand as references.
        summary: counts, times.
    """

    type: ClassVar[str] = "workflow_stopped"
    results: JsonObject
    by_ref: tuple[str, ...] | None = None
    summary: JsonObject


# --- server to client: what is not stored -----------------------------------------------------------------


@frozen(kw_only=True)
class NodeProgressMessage(ServerMessage):
    """How far a node is; the newest wins, nothing is lost when one is missed.

    Attributes:
        workflow_id: the workflow.
        run_id: the run.
        node_id: the node.
        attempt: which attempt.
        fraction: 0 to 1.
        done: or so many...
        total: ...of so many.
        message: what it does now.
        path: of a node inside a body: the parts of its id.
    """

    type: ClassVar[str] = "node_progress"
    workflow_id: str
    run_id: str
    node_id: str
    attempt: int
    fraction: float | None = None
    done: float | None = None
    total: float | None = None
    message: str | None = None
    path: tuple[Json, ...] | None = None


@frozen(kw_only=True)
class ActorStatusUpdate(ServerMessage):
    """The supervision tree changed.

    Attributes:
        actor: the actor's path.
        kind: what it is.
        state: what became of it.
        incarnation: how often it was started.
        reason: why, where it helps.
    """

    type: ClassVar[str] = "actor_status_update"
    actor: str
    kind: str
    state: str
    incarnation: int
    reason: str | None = None


@frozen(kw_only=True)
class Heartbeat(ServerMessage):
    """Asks whether the client lives."""

    type: ClassVar[str] = "heartbeat"


@frozen(kw_only=True)
class ServerDraining(ServerMessage):
    """The daemon is going down; the socket will be closed with 1012.

    Attributes:
        retry_after: seconds to wait before connecting again.
    """

    type: ClassVar[str] = "server_draining"
    retry_after: float


@frozen(kw_only=True)
class Gap(ServerMessage):
    """This connection fell behind what is held; events go on after the new cursor.

    Attributes:
        reason: `expired`.
        snapshots: one for each live or watched run of the connection.
        cursor: where events go on.
    """

    type: ClassVar[str] = "gap"
    reason: GapReason
    snapshots: tuple[JsonObject, ...]
    cursor: str


_Message = TypeVar("_Message", bound=ClientMessage | ServerMessage)


def _by_type(*classes: type[_Message]) -> dict[str, type[_Message]]:
    return {cls.type: cls for cls in classes}


CLIENT_MESSAGES: dict[str, type[ClientMessage]] = _by_type(
    ExecuteWorkflow,
    ControlWorkflow,
    Subscribe,
    Unsubscribe,
    HeartbeatResponse,
    Watch,
    Unwatch,
    Resume,
    ValidateWorkflow,
    Signal,
)
"""What a client may say, by wire type."""

SERVER_MESSAGES: dict[str, type[ServerMessage]] = _by_type(
    ConnectionEstablished,
    WorkflowExecutionStarted,
    WorkflowValidationError,
    WorkflowExecutionError,
    WorkflowControlResponse,
    SubscriptionConfirmed,
    SubscriptionUpdated,
    Watching,
    Unwatched,
    Resumed,
    ResumeFailed,
    WorkflowValidation,
    SignalResponse,
    Error,
    NodeStatusUpdate,
    NodeProgressMessage,
    NodeLogMessage,
    NodeEventMessage,
    WorkflowStatusUpdate,
    WorkflowCompleted,
    WorkflowFailed,
    WorkflowStopped,
    ActorStatusUpdate,
    Heartbeat,
    ServerDraining,
    Gap,
)
"""What the daemon may say, by wire type."""

SUBSCRIPTION_NAMES: dict[str, tuple[str, ...]] = {
    "workflow_status": (
        "workflow_execution_started",
        "workflow_status_update",
        "workflow_completed",
        "workflow_failed",
        "workflow_stopped",
    ),
    "node_status": ("node_status_update",),
    "node_progress": ("node_progress",),
    "node_log": ("node_log",),
    "node_event": ("node_event",),
    "actor_status": ("actor_status_update",),
}
"""Short names for groups of types. `*` means all of them but `actor_status`, which must be named."""

TERMINAL_TYPES = frozenset({"workflow_completed", "workflow_failed", "workflow_stopped"})
"""Never filtered away and never coalesced."""

RunEventMessage: TypeAlias = (
    WorkflowExecutionStarted
    | NodeStatusUpdate
    | NodeLogMessage
    | NodeEventMessage
    | WorkflowStatusUpdate
    | WorkflowCompleted
    | WorkflowFailed
    | WorkflowStopped
)
