"""Which requests a session has made, so that one that is repeated does not act a second time.

An answer is kept as long as the run it is about is held, so what is kept is bounded by the runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

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
