from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import frozen

from bluev_actors import errors
from bluev_actors.errors import (
    BluevError,
    ConnectionLostError,
    ExpressionError,
    InvalidWorkflowError,
    MailboxFullError,
    MissingInputError,
    NodeError,
    ParamError,
    Permanent,
    ProtocolError,
    RefusedError,
    RetryAfter,
    RunFailedError,
    RunStoppedError,
    ServerRefusedError,
    UndeliveredError,
)

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject

CLASSES = [it for it in vars(errors).values() if isinstance(it, type) and issubclass(it, BluevError)]
SUMMARY: JsonObject = {"state": "failed"}


@frozen
class Problem:
    """As much of a problem as the error shows."""

    path: str
    message: str


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_is_caught_by_the_root(cls: type[BluevError]) -> None:
    """Who embeds this package can catch all of it, and nothing of anybody else's, with one clause."""
    assert issubclass(cls, BluevError)
    assert not issubclass(cls, (OSError, ValueError, LookupError))


def test_codes_tell_errors_apart() -> None:
    """No two errors have one code by chance; `not_found`-like codes are shared by inheritance alone."""
    own = [cls.code for cls in CLASSES if "code" in vars(cls)]
    assert len(own) == len(set(own))


# --- actors -----------------------------------------------------------------------------------------------


def test_a_message_comes_back_in_its_error() -> None:
    """The sender can do something else with what was not accepted."""
    error = MailboxFullError("/runs/1", {"a": 1}, "its mailbox is full")
    assert isinstance(error, UndeliveredError)
    assert str(error) == "/runs/1: its mailbox is full"
    assert (error.actor, error.undelivered, error.code) == ("/runs/1", {"a": 1}, "mailbox_full")


# --- workflows --------------------------------------------------------------------------------------------


def test_an_invalid_workflow_lists_its_problems() -> None:
    """The sentence shows the first and counts them; all are in the error."""
    problems = [Problem("nodes[0].type", "there is no such type"), Problem("nodes[1]", "it is no object")]
    error = InvalidWorkflowError(problems)
    assert str(error) == "the workflow has 2 problem(s): nodes[0].type: there is no such type"
    assert error.problems == tuple(problems)


def test_an_invalid_workflow_without_problems_is_still_a_sentence() -> None:
    """Even an empty list of problems makes an error that can be shown."""
    assert str(InvalidWorkflowError([])) == "the workflow has 0 problem(s)"


@pytest.mark.parametrize("cls", [RunFailedError, RunStoppedError])
def test_the_end_of_a_run_brings_its_summary(cls: type[RunFailedError | RunStoppedError]) -> None:
    """Who waited for a result learns what became of the run instead."""
    error = cls("it failed", SUMMARY)
    assert str(error) == "it failed"
    assert error.summary is SUMMARY


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (RefusedError("draining", "no new runs"), "draining", "no new runs"),
        (ParamError("param_out_of_range", "too large"), "param_out_of_range", "too large"),
        (ExpressionError("no such name"), "expression_failed", "no such name"),
        (ExpressionError("no such name", "invalid_template"), "invalid_template", "no such name"),
        (MissingInputError(["a", "b"]), "missing_input", "nothing arrived at the required input(s) a, b"),
        (ServerRefusedError("rate_limited", "too fast", "type"), "rate_limited", "too fast"),
        (ProtocolError("bad_json", "no JSON", "x", "r1"), "bad_json", "no JSON"),
    ],
)
def test_some_errors_are_given_their_code(error: BluevError, code: str, text: str) -> None:
    """Where one class stands for many refusals, each carries its own code; the class's stays as it is."""
    assert (error.code, str(error)) == (code, text)
    assert type(error).code in {
        "internal_error",
        "workflow_error",
        "client_error",
        "expression_failed",
        "missing_input",
    }


# --- nodes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (NodeError("no"), "node_error", True),
        (NodeError("no", code="http_503"), "http_503", True),
        (NodeError("no", retryable=False), "node_error", False),
        (Permanent("no"), "permanent", False),
        (Permanent("no", code="no_such_city"), "no_such_city", False),
        (Permanent("no", retryable=True), "permanent", True),
    ],
)
def test_a_node_says_how_it_failed(error: NodeError, code: str, retryable: bool) -> None:
    """The code and whether another attempt may help are the class's, unless the node says otherwise."""
    assert (error.code, error.retryable, str(error)) == (code, retryable, "no")


def test_what_one_error_says_of_itself_is_not_said_of_others() -> None:
    """Codes given to an error stay with it."""
    NodeError("no", code="other", retryable=False)
    assert (NodeError.code, NodeError.retryable) == ("node_error", True)


def test_a_node_may_ask_for_its_own_delay() -> None:
    """It is retried after as many seconds, and says something even if the node does not."""
    error = RetryAfter(30)
    assert (error.seconds, error.code, error.retryable) == (30, "retry_after", True)
    assert str(error) == "asked to try again later"
    assert str(RetryAfter(1, "busy")) == "busy"


# --- the wire and the client ------------------------------------------------------------------------------


def test_a_bad_message_says_where() -> None:
    """The answer names the place and repeats the request's id, when it could be read."""
    error = ProtocolError("bad_message", "it is no text", "workflow.nodes[3].id", "r1")
    assert (error.path, error.request_id) == ("workflow.nodes[3].id", "r1")
    nowhere = ProtocolError("bad_json", "no JSON")
    assert (nowhere.path, nowhere.request_id) == ("", None)


def test_a_lost_connection_may_say_how_it_was_closed() -> None:
    """A close code is there if the other side sent one."""
    assert ConnectionLostError("it broke").close_code is None
    assert ConnectionLostError("too slow", 4008).close_code == 4008


def test_a_refusal_of_the_daemon_keeps_its_path() -> None:
    """The client shows what the daemon said."""
    error = ServerRefusedError("bad_message", "it is no text", "workflow.id")
    assert (error.code, error.path) == ("bad_message", "workflow.id")
    assert ServerRefusedError("draining", "no new runs").path == ""
