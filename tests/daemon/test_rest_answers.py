"""JSON answers and refusals."""

from __future__ import annotations

import json

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from bluev_actors.daemon.rest_answers import (
    STATUSES,
    JsonAnswer,
    answer_to_bug,
    answer_to_refusal,
    answer_without_route,
    message_answer,
    refusal,
)
from bluev_actors.errors import (
    HistoryExpiredError,
    InvalidScheduleError,
    InvalidWorkflowError,
    ProtocolError,
    RefusedError,
    RunNotFoundError,
)
from bluev_actors.protocol.codes import ERROR_CODES
from bluev_actors.protocol.messages import Unwatched
from bluev_actors.workflows.problems import GraphProblem

REQUEST = Request({"type": "http", "method": "PUT", "path": "/x", "headers": [], "query_string": b"", "server": None})


def test_a_value_and_a_text_that_is_json_already() -> None:
    """Bytes are sent as they are, all else is written."""
    assert JsonAnswer({"a": [1, None]}).body == b'{"a":[1,null]}'
    assert JsonAnswer(b'{"a" : 1}').body == b'{"a" : 1}'
    assert JsonAnswer(None).headers["content-type"] == "application/json"


def test_nothing_is_kept_and_nothing_is_guessed() -> None:
    """Answers are not cached, and a browser takes them for what they are."""
    headers = JsonAnswer({}, headers={"allow": "GET"}).headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert headers["allow"] == "GET"


def test_a_message_is_its_own_body() -> None:
    """What the socket would say, REST says."""
    answer = message_answer(Unwatched(timestamp="2026-01-01T00:00:00Z", run_id="r"), 201)
    assert (answer.status_code, json.loads(bytes(answer.body))["type"]) == (201, "unwatched")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ProtocolError("bad_json", "no"), 400),
        (RunNotFoundError("no"), 404),
        (RefusedError("run_is_live", "no"), 409),
        (RefusedError("draining", "no"), 503),
        (HistoryExpiredError("no"), 410),
    ],
)
async def test_each_refusal_has_its_status(error: Exception, status: int) -> None:
    """The code decides, and what nobody listed is a conflict."""
    answer = await answer_to_refusal(REQUEST, error)
    assert answer.status_code == status
    assert json.loads(bytes(answer.body))["message"] == "no"


async def test_a_refusal_says_where_if_it_can() -> None:
    """`path` is there when something is wrong in the body, and `errors` when a workflow has some."""
    answer = await answer_to_refusal(REQUEST, ProtocolError("bad_message", "no", "workflow"))
    assert json.loads(bytes(answer.body)) == {"code": "bad_message", "message": "no", "path": "workflow"}
    listed = refusal("validation_failed", "no", errors=({"code": "x"},))
    assert json.loads(bytes(listed.body)) == {"code": "validation_failed", "message": "no", "errors": [{"code": "x"}]}
    problem = GraphProblem("cycle_detected", "a circle", "nodes[0]")
    for error in (InvalidWorkflowError([problem]), InvalidScheduleError([problem])):
        told = await answer_to_refusal(REQUEST, error)
        assert (told.status_code, json.loads(bytes(told.body))["errors"]) == (422, [problem.as_json()])


@pytest.mark.parametrize(("status", "code"), [(404, "not_found"), (405, "method_not_allowed")])
async def test_without_a_route(status: int, code: str) -> None:
    """An unknown address and a wrong method are told apart, and the allowed ones are named."""
    answer = await answer_without_route(REQUEST, HTTPException(status, headers={"allow": "GET"}))
    assert (answer.status_code, json.loads(bytes(answer.body))["code"]) == (status, code)
    assert answer.headers["allow"] == "GET"


async def test_a_bug_is_a_500_with_an_id(caplog: pytest.LogCaptureFixture) -> None:
    """The client gets the id, the log gets the rest."""
    answer = await answer_to_bug(REQUEST, ValueError("a secret"))
    body = json.loads(bytes(answer.body))
    assert (answer.status_code, body["code"]) == (500, "internal_error")
    assert "a secret" not in str(body)
    assert body["error_id"] in caplog.text


def test_codes_are_those_of_the_protocol() -> None:
    """A status is not listed for a code that nobody knows, but for REST's own and the engine's."""
    assert STATUSES.keys() - ERROR_CODES.keys() <= {"method_not_allowed", "too_many_runs"}
