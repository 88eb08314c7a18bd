"""Every way to fail, on one page.

Each error says whose fault it is by its branch of the tree, carries the stable `code` that the wire and the
REST answers show, and a sentence for a person. A message that could not be delivered travels inside its error,
so that the sender can do something else with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class BluevError(Exception):
    """The root of every error this package raises on purpose."""

    code: str = "internal_error"


# --- actors -----------------------------------------------------------------------------------------------


class ActorError(BluevError):
    """Something went wrong between actors."""

    code = "actor_error"


class UndeliveredError(ActorError):
    """A message was not accepted; it is handed back in `undelivered`."""

    code = "undelivered"

    def __init__(self, actor: str, undelivered: object, why: str) -> None:
        super().__init__(f"{actor}: {why}")
        self.actor = actor
        self.undelivered = undelivered


class MailboxFullError(UndeliveredError):
    """The mailbox holds as many messages as it may."""

    code = "mailbox_full"


class ActorStoppedError(UndeliveredError):
    """The actor is gone for good and will not come back; `why` names the reason of its exit."""

    code = "actor_stopped"


class ActorRestartingError(ActorError):
    """The actor crashed while it worked on this request; it may be asked again once it is back."""

    code = "actor_restarting"


class AskTimeoutError(ActorError):
    """No answer came within the time the asker allowed."""

    code = "ask_timeout"


class AskCycleError(ActorError):
    """Actors would wait for each other in a circle; `cycle` lists their paths, the first one at both ends."""

    code = "ask_cycle"

    def __init__(self, cycle: Sequence[str]) -> None:
        super().__init__(f"nobody could ever answer: {' waits for '.join(cycle)}")
        self.cycle = tuple(cycle)


class LinkedExitError(ActorError):
    """An actor was ended because one that it is linked to ended; why that one did is the `__cause__`."""

    code = "linked_exit"


class ChildStartError(ActorError):
    """A child could not be started; the reason is the `__cause__`."""

    code = "child_start_failed"


class BadChildSpecError(ActorError):
    """A supervisor cannot take this contract of a child."""

    code = "bad_child_spec"


class ChildNotFoundError(ActorError):
    """A supervisor has no child of this id."""

    code = "child_not_found"


class ChildRunningError(ActorError):
    """This can only be done with a child that is stopped, and it is running."""

    code = "child_running"


class ChildRestartingError(ActorError):
    """This can only be done with a child that is stopped, and it is about to be started again."""

    code = "child_restarting"


class ChildIdTakenError(ActorError):
    """A supervisor has a child of this id already."""

    code = "child_id_taken"


class NameTakenError(ActorError):
    """A registry has another actor under this name."""

    code = "name_taken"


class RestartIntensityError(ActorError):
    """Children crashed more often than their supervisor allows, so it gave up."""

    code = "restart_intensity"


# --- workflows and their runs -----------------------------------------------------------------------------


class WorkflowError(BluevError):
    """A workflow could not be accepted or a run did not end well."""

    code = "workflow_error"


class InvalidDocumentError(WorkflowError):
    """A document is wrong; `problems` lists everything that is, each with its code and path."""

    code = "validation_failed"
    what: ClassVar[str] = "document"

    def __init__(self, problems: Sequence[Any]) -> None:
        first = f": {problems[0].path}: {problems[0].message}" if problems else ""
        super().__init__(f"the {self.what} has {len(problems)} problem(s){first}")
        self.problems = tuple(problems)


class InvalidWorkflowError(InvalidDocumentError):
    """The workflow is wrong; `problems` lists everything that is, each with its code and path."""

    what = "workflow"


class InvalidScheduleError(InvalidDocumentError):
    """A schedule is wrong; `problems` lists everything that is, each with its code and path."""

    what = "schedule"


class RefusedError(WorkflowError):
    """A command is not legal now; `code` says why and stays stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RunNotFoundError(WorkflowError):
    """No run has this id."""

    code = "not_found"


class HistoryExpiredError(WorkflowError):
    """Events that were asked for are no longer held."""

    code = "expired"


class RunFailedError(WorkflowError):
    """The run ended as `failed`."""

    code = "run_failed"

    def __init__(self, message: str, summary: dict[str, Any]) -> None:
        super().__init__(message)
        self.summary = summary


class RunStoppedError(WorkflowError):
    """The run was stopped before its end."""

    code = "run_stopped"

    def __init__(self, message: str, summary: dict[str, Any]) -> None:
        super().__init__(message)
        self.summary = summary


class ExpressionError(WorkflowError):
    """An expression or a template cannot be read or evaluated; `code` says which.

    Args:
        message: the sentence that clients see.
        code: `invalid_expression`, `unknown_expression_name` or `invalid_template` when it cannot be read.
    """

    code = "expression_failed"

    def __init__(self, message: str, code: str = "expression_failed") -> None:
        super().__init__(message)
        self.code = code


class QueryBudgetError(ExpressionError):
    """A query takes more steps than it may for what it is given."""


class ParamError(WorkflowError):
    """A param came out of its expressions as a value it cannot have; `code` says how it is wrong."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class MissingInputError(WorkflowError):
    """A node's required inputs got no value, because what leads to them was skipped or failed."""

    code = "missing_input"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"nothing arrived at the required input(s) {', '.join(names)}")
        self.names = tuple(names)


# --- nodes ------------------------------------------------------------------------------------------------


class NodeError(BluevError):
    """What a node's code raises to say how it failed.

    Args:
        message: the sentence that clients see.
        code: a stable code for `retry_on` and for clients.
        retryable: whether trying again may help.
    """

    code = "node_error"
    retryable: bool = True

    def __init__(self, message: str, *, code: str | None = None, retryable: bool | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        if retryable is not None:
            self.retryable = retryable


class Permanent(NodeError):  # noqa: N818 - the name users write: `raise Permanent("no such city")`
    """A failure that no retry can mend."""

    code = "permanent"
    retryable = False


class RetryAfter(NodeError):  # noqa: N818 - the name users write: `raise RetryAfter(30)`
    """A failure that asks for its own delay before the next attempt.

    Args:
        seconds: the delay, in seconds.
    """

    code = "retry_after"

    def __init__(self, seconds: float, message: str = "asked to try again later") -> None:
        super().__init__(message)
        self.seconds = seconds


class NodeTypeError(BluevError):
    """A node type is declared wrongly, or its name is taken."""

    code = "node_type_error"


# --- storage ----------------------------------------------------------------------------------------------


class StorageError(BluevError):
    """Something is wrong with the folder in which runs are kept."""

    code = "storage_error"


class StorageUnavailableError(StorageError):
    """Nothing can be stored at present; what was handed over is kept and tried again."""

    code = "storage_unavailable"


class StoreOpenError(StorageError):
    """The folder cannot be opened: it cannot be made, read or written."""

    code = "cannot_open_store"


class StoreLockedError(StoreOpenError):
    """Another daemon works in this folder; `pid` is its process id, when that is known."""

    code = "store_locked"

    def __init__(self, message: str, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


class StoreCorruptError(StoreOpenError):
    """What is in the folder is no journal, or is damaged."""

    code = "store_corrupt"


class StoreTooNewError(StoreOpenError):
    """The journal was written by a newer version, which this one cannot read."""

    code = "store_too_new"


# --- the wire ---------------------------------------------------------------------------------------------


class ProtocolError(BluevError):
    """A message that cannot be accepted.

    Args:
        code: a stable code of the contract, such as `bad_json`.
        message: the sentence that the sender sees.
        path: where it is wrong, from the message's root.
        request_id: the message's own `request_id`, when it could be read.
    """

    def __init__(self, code: str, message: str, path: str = "", request_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.path = path
        self.request_id = request_id


class ConfigError(BluevError):
    """A setting is wrong; the message names its key and what would be right."""

    code = "bad_config"


class ListenError(BluevError):
    """The daemon cannot listen on its address: another process does, or it is not one of this machine."""

    code = "cannot_listen"


# --- the client -------------------------------------------------------------------------------------------


class ClientError(BluevError):
    """The client could not do what it was asked."""

    code = "client_error"


class UnreachableError(ClientError):
    """No daemon answers at this address."""

    code = "unreachable"


class ConnectionLostError(ClientError):
    """The socket broke; `close_code` is the WebSocket close code, when there was one."""

    code = "connection_lost"

    def __init__(self, message: str, close_code: int | None = None) -> None:
        super().__init__(message)
        self.close_code = close_code


class RequestTimeoutError(ClientError):
    """The daemon gave no answer in time; whether it has acted is not known."""

    code = "request_timeout"


class ServerRefusedError(ClientError):
    """The daemon answered with an error; `code` is the daemon's."""

    def __init__(self, code: str, message: str, path: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.path = path
