"""What is to be written in one transaction, in order, and who is to hear of it afterwards.

Until it is written it is also where that is looked up which is not on the disk yet.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from attrs import Factory, define

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bluev_actors.engine.requests import Answered
    from bluev_actors.engine.store.ledger import RunLog
    from bluev_actors.engine.store.memory_shelves import RequestKey
    from bluev_actors.engine.store.records import RunRecord
    from bluev_actors.workflows.run_events import Recorded
    from bluev_actors.workflows.values import Json, JsonObject

Row: TypeAlias = tuple[object, ...]
EventRow: TypeAlias = tuple[int, int, int, float, int, bytes | None]
"""Cursor, run, seq, time, shape and body of an event; the body is None when it stands in the outputs."""
Added: TypeAlias = "tuple[RunLog, Sequence[Recorded]]"

ROW_BYTES = 64
"""About what a row takes besides its body."""


@define(eq=False)
class Batch:
    """Writes that succeed or fail together.

    Attributes:
        number: its place among the batches.
        events: the events to be written.
        outputs: the bodies of events that are too large to stand with the others: cursor and body.
        writes: everything else: statement and values, in order.
        checkpoints: the newest checkpoints, by the run's number and the node.
        added: the events by run, to be committed in the ledger.
        effects: what is to be called after the batch is published.
        records: the runs it opens.
        requests: the answers it keeps, each with the number of its run.
        cached: the outputs it keeps, by fingerprint.
        documents: the documents it keeps, or drops (None), by family and name.
        size: about how many bytes it has.
        committed: whether it is on the disk; set by whoever wrote it, and by nobody else.
        published: whether its events were shown, and its effects called.
    """

    number: int
    events: list[EventRow] = Factory(list["EventRow"])
    outputs: list[Row] = Factory(list["Row"])
    writes: list[tuple[str, Row]] = Factory(list["tuple[str, Row]"])
    checkpoints: dict[tuple[int, str], Json] = Factory(dict["tuple[int, str]", "Json"])
    added: deque[Added] = Factory(deque["Added"])
    effects: deque[Callable[[], None]] = Factory(deque["Callable[[], None]"])
    records: dict[str, RunRecord] = Factory(dict[str, "RunRecord"])
    requests: dict[RequestKey, tuple[int, Answered]] = Factory(dict["RequestKey", "tuple[int, Answered]"])
    cached: dict[bytes, bytes] = Factory(dict[bytes, bytes])
    documents: dict[tuple[str, str], JsonObject | None] = Factory(dict["tuple[str, str]", "JsonObject | None"])
    size: int = 0
    committed: bool = False
    published: bool = False

    def __len__(self) -> int:
        return len(self.events) + len(self.writes) + len(self.checkpoints)

    def __bool__(self) -> bool:
        return bool(self.events or self.writes or self.checkpoints or self.effects)

    def write(self, statement: str, *values: object) -> None:
        """Have a statement done, after those that came before."""
        self.writes.append((statement, values))
        self.size += ROW_BYTES + sum(len(value) for value in values if isinstance(value, (bytes, str)))
