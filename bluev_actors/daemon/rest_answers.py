"""Answers of the REST half: JSON, and one shape for everything that is refused."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from bluev_actors.daemon.asgi import log_crash
from bluev_actors.protocol.codec import encode
from bluev_actors.protocol.json_text import dump_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from bluev_actors.protocol.messages import ServerMessage
    from bluev_actors.workflows.problems import GraphProblem
    from bluev_actors.workflows.values import JsonObject

STATUSES: Final[dict[str, int]] = {
    "bad_json": 400,
    "bad_message": 400,
    "not_found": 404,
    "workflow_not_found": 404,
    "method_not_allowed": 405,
    "expired": 410,
    "validation_failed": 422,
    "rate_limited": 429,
    "too_many_runs": 429,
    "too_many_documents": 429,
    "internal_error": 500,
    "draining": 503,
    "storage_unavailable": 503,
}
"""The HTTP status of each error code. What is not listed is about the state of something, which is a 409."""
CONFLICT: Final = 409

HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class JsonAnswer(Response):
    """A JSON body. Bytes are taken for JSON that is written already."""

    media_type = "application/json"

    def __init__(self, content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(content, status, {**HEADERS, **(headers or {})})

    def render(self, content: object) -> bytes:
        """Write the body."""
        return content if isinstance(content, bytes) else dump_json(content)


def message_answer(message: ServerMessage, status: int = 200) -> JsonAnswer:
    """A message of the socket as the body."""
    return JsonAnswer(encode(message), status)


def refusal(
    code: str, message: str, *, path: str | None = None, errors: tuple[JsonObject, ...] | None = None
) -> JsonAnswer:
    """An error: its code, a sentence, and where it is wrong, if that can be said."""
    body: JsonObject = {"code": code, "message": message}
    if path:
        body["path"] = path
    if errors is not None:
        body["errors"] = list(errors)
    return JsonAnswer(body, STATUSES.get(code, CONFLICT))


async def answer_to_refusal(_request: Request, error: Exception) -> Response:
    """The answer to an error that says what the caller got wrong."""
    code: str = getattr(error, "code", "internal_error")
    problems: tuple[GraphProblem, ...] | None = getattr(error, "problems", None)
    errors = None if problems is None else tuple(problem.as_json() for problem in problems)
    return refusal(code, str(error), path=getattr(error, "path", None), errors=errors)


async def answer_without_route(request: Request, error: Exception) -> Response:
    """The answer where no route fits: an unknown address, or the wrong method for a known one."""
    status: int = getattr(error, "status_code", HTTPStatus.NOT_FOUND)
    headers: Mapping[str, str] | None = getattr(error, "headers", None)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        code, message = "method_not_allowed", f"{request.method} is not for this address."
    else:
        code, message = "not_found", "There is nothing at this address."
    return JsonAnswer({"code": code, "message": message}, status, headers)


async def answer_to_bug(request: Request, error: Exception) -> Response:
    """The answer to what no handler meant to raise; the log has the rest."""
    error_id = log_crash(request.method, request.url.path, error)
    message = f"The daemon made a mistake; its log has more under {error_id}."
    return JsonAnswer({"code": "internal_error", "message": message, "error_id": error_id}, 500)
