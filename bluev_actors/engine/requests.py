"""Which requests a session has made, so that one that is repeated does not act a second time.

An answer is kept as long as the run it is about is held, so what is kept is bounded by the runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, define, frozen

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject


@frozen
class Answered:
    """A request and its first answer.

    Attributes:
        digest: a digest of the request's content, to know a repetition from another request of the same id.
        answer: the answer, as it was sent.
        run_id: the run it was about.
    """

    digest: bytes
    answer: JsonObject
    run_id: str


@define
class RequestLog:
    """Remembers accepted requests by session and request id."""

    _answers: dict[tuple[str, str], Answered] = Factory(dict[tuple[str, str], Answered])
    _by_run: dict[str, list[tuple[str, str]]] = Factory(dict[str, list[tuple[str, str]]])

    def find(self, session_id: str, request_id: str) -> Answered | None:
        """The first answer to this request; None when it has not been made."""
        return self._answers.get((session_id, request_id))

    def remember(self, session_id: str, request_id: str, digest: bytes, answer: JsonObject, run_id: str) -> None:
        """Keep the answer to a request, until its run is forgotten."""
        key = (session_id, request_id)
        self._answers[key] = Answered(digest, answer, run_id)
        self._by_run.setdefault(run_id, []).append(key)

    def forget_run(self, run_id: str) -> None:
        """Drop what was asked about a run."""
        for key in self._by_run.pop(run_id, ()):
            self._answers.pop(key, None)
