"""What a journal keeps of a run beside its events: the record, the line in the list of runs, a signal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from attrs import Factory, frozen

from bluev_actors.workflows.options import RunOptions
from bluev_actors.workflows.run_events import Recorded, RunEvent, RunStatus

if TYPE_CHECKING:
    from bluev_actors.workflows.graph import Workflow
    from bluev_actors.workflows.values import Json, JsonObject

Entry: TypeAlias = tuple[RunEvent, float]
"""An event and its wall time, in seconds since 1970."""
Subscriber: TypeAlias = Callable[[Sequence[Recorded]], None]
"""Called with each committed batch, in the global order. A plain function that does not raise."""


@frozen
class RunRecord:
    """What is kept of a run from the moment it is accepted. Times are seconds since 1970."""

    run_id: str
    workflow: Workflow
    inputs: JsonObject
    accepted_at: float
    session_id: str = ""
    principal: str = ""
    options: RunOptions = Factory(RunOptions)
    warnings: tuple[JsonObject, ...] = ()

    @property
    def workflow_id(self) -> str:
        """The workflow's id."""
        return self.workflow.id


@frozen
class RunLine:
    """A held run as one line of a list. Times are seconds since 1970."""

    run_id: str
    workflow_id: str
    session_id: str
    principal: str
    accepted_at: float
    status: RunStatus = "queued"
    """The last committed one."""


def line_of(record: RunRecord) -> RunLine:
    """The line of a run that was just accepted."""
    return RunLine(record.run_id, record.workflow_id, record.session_id, record.principal, record.accepted_at)


@frozen
class Signal:
    """A signal that waits for its node; `number` tells it from every other."""

    number: int
    payload: Json
