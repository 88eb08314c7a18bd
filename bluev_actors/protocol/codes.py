"""The words by which the daemon refuses: error codes and close codes, each with its meaning.

The codes of a workflow's validation are in `workflows/problems.py`.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final

MESSAGE_CODES: Final[dict[str, str]] = {
    "bad_json": "The text is not JSON as this protocol takes it, or the frame is binary.",
    "bad_message": "The JSON is no message: a field is missing, of the wrong type, or breaks a rule.",
    "unknown_message_type": "No message has this type.",
    "too_large": "The message is larger than one may be.",
    "rate_limited": "Too many messages in too short a time.",
    "too_many_subscriptions": "A connection may not have more subscriptions.",
    "too_many_watches": "A connection may not watch more runs.",
    "request_id_conflict": "The session has used this `request_id` for a message with other content.",
}
"""Of `error` messages: why a message was not accepted."""

REFUSAL_CODES: Final[dict[str, str]] = {
    "unauthorized": "The token is missing or wrong.",
    "forbidden": "The principal, or the page the request comes from, may not do this.",
    "misdirected": "The request names a host that the daemon does not answer to.",
    "bad_request": "The request is not HTTP as it should be.",
    "bad_session_id": "A session id has 1 to 128 letters, digits and `.`, `_`, `~` or `-`.",
    "request_timeout": "The request did not come in time.",
    "not_found": "There is no run, workflow, node or output of this name.",
    "expired": "The events asked for are no longer held.",
    "unsupported_media_type": "The body must be `application/json`.",
    "validation_failed": "The workflow has problems; `errors` lists them.",
    "workflow_already_running": "The workflow has a live run, and the options do not say what then.",
    "workflow_not_found": "No stored workflow has this id.",
    "ambiguous_run": "The workflow has several live runs; name one by its `run_id`.",
    "run_finished": "The run has ended.",
    "invalid_state": "The run cannot do this in its present state.",
    "run_is_live": "The run has not ended, and only ended runs can be forgotten.",
    "run_id_taken": "There is a run of this id already.",
    "rerun_not_found": "There is no earlier run of this id to run again.",
    "node_finished": "The node has ended, so it takes no signal.",
    "invalid_payload": "The payload does not fit the schema of the node that waits for it.",
    "too_many_signals": "As many signals wait for this node as may be kept.",
    "too_many_documents": "As many documents of this kind are stored as may be.",
    "too_many_runs": "As many runs are waiting for their turn as may wait.",
    "not_supported_yet": "The option belongs to the protocol, but this version cannot do it.",
    "unavailable": "The daemon has not started yet, or has stopped.",
    "draining": "The daemon is going down and accepts nothing new.",
    "storage_unavailable": "The store does not work now; nothing is lost, it goes on when the store does.",
    "internal_error": "The fault is the daemon's; its log has more under the `error_id`.",
}
"""Of replies and REST answers: why what was asked for is not done."""

NODE_CODES: Final[dict[str, str]] = {
    "node_error": "The node's code raised an error without a code of its own.",
    "permanent": "The node's code said that no retry can mend it.",
    "retry_after": "The node's code asked for another attempt, and there was none left.",
    "fail": "A `fail` node did what it is for.",
    "invalid_param": "A param's value, computed in the run, is not what the node needs.",
    "invalid_input": "An input's value is not what the node needs.",
    "invalid_condition": "A condition came to something else than true or false.",
    "invalid_checkpoint": "What the node wanted to keep is not plain JSON, or too large.",
    "too_many_nodes": "The run would have more nodes than it may, those inside bodies included.",
    "too_many_items": "A `map` has more items than it may have.",
    "max_iterations": "A loop went round as often as it may and was not done.",
    "invalid_event": "The data of an event is not plain JSON.",
    "custom_validation_failed": "A param's value, computed in the run, is not what the node type can work with.",
    "assertion_failed": "An `assert` node found its condition false.",
    "unknown_secret": "A param names a secret that the operator has not given.",
    "killed": "A thread of the node was left behind by a kill.",
    "invalid_output": "An output is not plain JSON.",
    "output_too_large": "An output is larger than one may be.",
    "expression_failed": "An expression could not be evaluated.",
    "missing_input": "A required input came from a node that was skipped.",
    "timeout": "An attempt, or all of them together, took longer than they may.",
    "run_timeout": "The run took longer than it may.",
    "executor_crashed": "The actor that ran the node crashed too often.",
    "interrupted": "The daemon died while the node ran, and the node must not run twice.",
    "http_4xx": "A web server answered with a status from 400 to 499.",
    "http_5xx": "A web server answered with a status from 500.",
    "http_error": "A web server gave no answer, or none that could be read.",
    "invalid_json": "What was to be JSON is not.",
    "forbidden_address": "A host has an address that is not public, and the operator has not allowed it.",
    "nonzero_exit": "A program ended with an exit code that is a failure, or a signal killed it.",
    "cannot_start": "A program could not be started.",
    "program_not_allowed": "The operator lists the programs that may be started, and this is none of them.",
    "forbidden_path": "A path leads out of the files root, over a symbolic link, or to what is no regular file.",
    "no_files_root": "The operator has named no files root.",
    "file_not_found": "There is no such file.",
    "file_exists": "There is such a file, and it was to be a new one.",
    "file_error": "The system could not read or write a file.",
    "not_text": "Bytes are no text in the encoding, or a text cannot be written in it.",
    "sql_error": "A database could not do what a statement says.",
    "sql_busy": "Others held the lock of a database for too long.",
    "sql_forbidden": "A statement reaches beyond its database, or writes where it may not.",
    "worker_died": "The process that a function ran in died.",
    "poison": "The daemon died again and again while this node ran.",
    "recovery_failed": "The run could not be rebuilt from its journal.",
    "node_ignored_cancel": "The node went on although it was cancelled.",
    "node_stalled": "The node kept the daemon from doing anything else for too long.",
}
"""Of `error_detail` and `node_log`: what is wrong with a node or a run. Nodes may have codes of their own."""

ERROR_CODES: Final[dict[str, str]] = {**MESSAGE_CODES, **REFUSAL_CODES, **NODE_CODES}


@unique
class CloseCode(IntEnum):
    """Why the daemon closes a socket."""

    OFFENDER = 1008
    TOO_LARGE = 1009
    DRAINING = 1012
    SLOW = 4008
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    SILENT = 4408
    TAKEN_OVER = 4409

    @property
    def meaning(self) -> str:
        """The code in a sentence, with what a client can do."""
        return _CLOSE_MEANINGS[self]


_CLOSE_MEANINGS: Final = {
    CloseCode.OFFENDER: "Too many messages that could not be accepted, or far too many messages.",
    CloseCode.TOO_LARGE: "A message was larger than one may be.",
    CloseCode.DRAINING: "The daemon is going down; connect again later and resume.",
    CloseCode.SLOW: "The client did not read fast enough; connect again and resume.",
    CloseCode.UNAUTHENTICATED: "The token is missing, wrong or no longer valid.",
    CloseCode.FORBIDDEN: "The session belongs to another principal.",
    CloseCode.SILENT: "Two heartbeats went by without a sign of life.",
    CloseCode.TAKEN_OVER: "Another connection of this session took over.",
}
