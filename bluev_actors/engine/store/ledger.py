"""Events in memory: every run's newest in the order of the run, and all of them in the global order.

An event that was *added* has its places; what is *committed* may be shown. The oldest can be dropped, so that what is
held here is bounded.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from attrs import Factory, define, evolve, field

from bluev_actors.errors import RunNotFoundError
from bluev_actors.workflows.run_events import (
    RUN_ENDED,
    NodeCancelled,
    NodeCompleted,
    NodeFailed,
    NodeSkipped,
    Recorded,
    RunCompleted,
    RunEvent,
    RunFailed,
    RunStarted,
    RunStatus,
    RunStatusChanged,
    RunStopped,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluev_actors.engine.store.records import Entry, RunLine
    from bluev_actors.engine.store.shelf import Shelf

NODE_ENDS: Final = (NodeCompleted, NodeFailed, NodeSkipped, NodeCancelled)
"""The classes of the events after which a node needs its checkpoint no more."""
STATUS_EVENTS: Final = frozenset({RunStarted, RunStatusChanged, RunCompleted, RunFailed, RunStopped})
"""The classes of the events that change the status of a run."""

_ENDS: Final[dict[type[RunEvent], RunStatus]] = {RunCompleted: "completed", RunFailed: "failed", RunStopped: "stopped"}
_cursor_of = attrgetter("cursor")


def status_after(event: RunEvent) -> RunStatus:
    """The status a run has with an event that changes it."""
    if isinstance(event, RunStatusChanged):
        return event.status
    if isinstance(event, RunStarted):
        return "queued" if event.queued else "running"
    return _ENDS[type(event)]


@define(eq=False)
class RunLog:
    """What is held of one run.

    Attributes:
        line: the run in the list of runs.
        number: what it is called in a store; 0 where there is none.
        dropped: how many of its events, the oldest, are not in `events`.
        committed: the `seq` of its last committed event.
        last_cursor: where its last event stands in the global order.
        ended_at: when its terminal event happened, once that is committed; seconds since 1970.
        shelf: the small things kept beside its events; None when they were not loaded yet.
        events: the newest of its events; those that are not committed are the last of them.
    """

    line: RunLine
    number: int = 0
    dropped: int = 0
    committed: int = 0
    last_cursor: int = 0
    ended_at: float | None = None
    shelf: Shelf | None = None
    events: list[Recorded] = Factory(list[Recorded])

    @property
    def ended(self) -> bool:
        """Whether its terminal event is committed."""
        return self.line.status in RUN_ENDED

    def after(self, seq: int, limit: int | None = None) -> list[Recorded]:
        """The committed events that are held with a `seq` above this one, at most `limit`."""
        start = max(0, seq - self.dropped)
        end = self.committed - self.dropped
        return self.events[start : end if limit is None else min(end, start + limit)]

    def drop(self, cursor: int) -> None:
        """Drop the events up to a place in the global order."""
        count = bisect_right(self.events, cursor, key=_cursor_of)
        del self.events[:count]
        self.dropped += count


@define(eq=False)
class Ledger:
    """The runs and events that are held in memory.

    Attributes:
        cursor: the place of the last committed event in the global order.
        added: the place of the last event that was added.
        logs: the runs by their ids, the oldest first.
    """

    cursor: int = 0
    added: int = field(init=False)
    logs: dict[str, RunLog] = Factory(dict[str, RunLog])
    _first: int = field(init=False)
    _all: list[Recorded] = Factory(list[Recorded])

    def __attrs_post_init__(self) -> None:
        self.added = self.cursor
        self._first = self.cursor + 1

    @property
    def first(self) -> int:
        """The place of the oldest event in the global order that is held, or will be."""
        return self._first

    def __len__(self) -> int:
        return len(self._all)

    def log_of(self, run_id: str) -> RunLog:
        """What is held of a run.

        Raises:
            RunNotFoundError: nothing.
        """
        try:
            return self.logs[run_id]
        except KeyError:
            raise RunNotFoundError(f"there is no run {run_id}") from None

    def add(self, log: RunLog, entries: Sequence[Entry]) -> list[Recorded]:
        """Give events of one run their places."""
        run_id, workflow_id = log.line.run_id, log.line.workflow_id
        seq, cursor = log.dropped + len(log.events), self.added
        added = [
            Recorded(run_id, workflow_id, seq + n, cursor + n, at, event)
            for n, (event, at) in enumerate(entries, start=1)
        ]
        log.events.extend(added)
        self._all.extend(added)
        self.added = log.last_cursor = cursor + len(added)
        return added

    def commit(self, log: RunLog, added: Sequence[Recorded]) -> None:
        """Let events be shown: those of one run that were added together."""
        last = added[-1]
        log.committed = last.seq
        self.cursor = last.cursor
        for recorded in added:
            if recorded.event.__class__ in STATUS_EVENTS:
                log.line = evolve(log.line, status=status_after(recorded.event))
                log.ended_at = recorded.at if log.ended else None

    def read_all(self, after: int, limit: int | None = None) -> list[Recorded]:
        """The committed events of all runs that are held with a cursor above `after`, at most `limit`."""
        start = max(0, after + 1 - self._first)
        end = self.cursor + 1 - self._first
        return self._all[start : end if limit is None else min(end, start + limit)]

    def trim(self, cursor: int, *, live: bool) -> None:
        """Drop what is committed up to a place in the global order.

        Args:
            cursor: the place.
            live: whether runs that have not ended lose their events too.
        """
        count = max(0, min(cursor, self.cursor) + 1 - self._first)
        for run_id in {recorded.run_id for recorded in self._all[:count]}:
            log = self.logs.get(run_id)
            if log is not None and (live or log.ended):
                log.drop(self._first + count - 1)
        del self._all[:count]
        self._first += count

    def oldest_ended(self, keep: int, not_before: float) -> list[str]:
        """Which ended runs are beyond the newest `keep`, or ended before a time; seconds since 1970."""
        ended = sorted((log.ended_at, run_id) for run_id, log in self.logs.items() if log.ended_at is not None)
        excess = len(ended) - keep
        return [run_id for place, (at, run_id) in enumerate(ended) if place < excess or at < not_before]
