"""Where runs are kept: append-only events, in one order for all runs and one order for each, and what lies beside them.

`append` is a plain call that takes what belongs together. Once it is *committed* it is published, and only then may the
effects follow that wait for it. In memory that is done at once; on a disk committing is the work of an actor. `Journal`
is the interface of both. Where nothing else is said, a run that is not held raises `RunNotFoundError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from bluev_actors.engine.store.memory_journal import MemoryJournal
from bluev_actors.engine.store.records import Entry, RunLine, RunRecord, Signal, Subscriber

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bluev_actors.actors import ChildSpec
    from bluev_actors.engine.requests import Answered
    from bluev_actors.workflows.run_events import Recorded
    from bluev_actors.workflows.values import Json, JsonObject

__all__ = ["Entry", "Journal", "MemoryJournal", "RunLine", "RunRecord", "Signal", "Subscriber"]


class Journal(Protocol):
    """An append-only log of run events, and the small facts beside them."""

    epoch: str
    """Names the global order; a cursor means something only within it."""
    durable: bool
    """Whether what is committed outlives the process."""

    @property
    def cursor(self) -> int:
        """The place of the last committed event in the global order; 0 before the first."""
        ...

    # --- committing ---------------------------------------------------------------------------------------------

    def spec(self) -> ChildSpec | None:
        """The actor that commits, to be started before everybody who appends; None where none is needed."""
        ...

    async def stored(self, cursor: int | None = None) -> None:
        """Wait until everything up to now is committed, whatever kind of thing it is.

        Args:
            cursor: wait for the events up to this place alone, and for what was handed over before them.

        Raises:
            StorageUnavailableError: nothing can be stored at present.
        """
        ...

    @property
    def trouble(self) -> str | None:
        """Why nothing can be stored at present, in one sentence; None when all is well."""
        ...

    def on_trouble(self, listener: Callable[[str | None], None]) -> Callable[[], None]:
        """Have `listener` told when trouble begins (why) and when it ends (None); the answer ends that."""
        ...

    @property
    def pending(self) -> int:
        """How many events and other writes are not committed yet."""
        ...

    @property
    def pending_bytes(self) -> int:
        """About how large they are."""
        ...

    # --- events -------------------------------------------------------------------------------------------------

    def append(self, run_id: str, entries: Sequence[Entry], then: Callable[[], None] | None = None) -> int:
        """Take events that belong together; once they are committed, publish them and call `then`.

        Nothing is written here and nothing can fail later but the storing itself, which is tried until it succeeds.
        The checkpoint of a node goes with the event of its end, and what only a live run needs with the last one.

        Args:
            run_id: whose events they are.
            entries: the events, each with its wall time.
            then: called after they are committed and published; not at all if that never happens. Without
                events it is called when all that was appended before is.

        Returns:
            The place of the last of them in the global order.
        """
        ...

    def history(self, run_id: str, after: int = 0, limit: int | None = None) -> Sequence[Recorded]:
        """The committed events of a run with a `seq` above `after`, at most `limit`.

        Raises:
            HistoryExpiredError: some of them are no longer held.
        """
        ...

    def last(self, run_id: str) -> Recorded | None:
        """The last committed event of a run; None when there is none yet, or it is no longer held.

        Raises:
            RunNotFoundError: no such run is held.
        """
        ...

    def replay(self, run_id: str) -> Sequence[Recorded]:
        """All events of a run, committed or on their way: what a new incarnation of its actor goes on from."""
        ...

    def has_ended(self, run_id: str) -> bool:
        """Whether the run's terminal event is committed."""
        ...

    def read_all(self, after: int, limit: int | None = None) -> Sequence[Recorded]:
        """The committed events of all runs with a cursor above `after`, at most `limit`.

        Raises:
            HistoryExpiredError: some of them are no longer held.
        """
        ...

    async def changed(self, run_id: str) -> None:
        """Wait until something more of this run is committed, or until it is forgotten."""
        ...

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have `subscriber` called with every committed batch; the answer ends that."""
        ...

    # --- runs ---------------------------------------------------------------------------------------------------

    def open_run(self, record: RunRecord) -> None:
        """Keep a newly accepted run."""
        ...

    def record(self, run_id: str) -> RunRecord:
        """A run as it was accepted."""
        ...

    def held(self) -> Sequence[RunLine]:
        """Every run that is held, the oldest first."""
        ...

    def forget_run(self, run_id: str) -> None:
        """Drop a run and everything about it; its readers wake up and find it gone."""
        ...

    def retain(self, keep: int, not_before: float) -> Sequence[str]:
        """Forget the ended runs beyond the newest `keep`, and those that ended before a time.

        Args:
            keep: how many ended runs may stay.
            not_before: the time, in seconds since 1970.

        Returns:
            The ids of the runs that were forgotten.
        """
        ...

    # --- the small facts of a run -------------------------------------------------------------------------------

    def save_checkpoint(self, run_id: str, node_id: str, state: Json) -> None:
        """Keep the newest checkpoint of a node; of a run that is gone, none."""
        ...

    def checkpoint(self, run_id: str, node_id: str) -> Json | None:
        """The newest checkpoint of a node, or None."""
        ...

    def keep_signal(self, run_id: str, node_id: str, payload: Json) -> None:
        """Have a signal wait for its node.

        Raises:
            RefusedError: `too_many_signals`.
        """
        ...

    def signals(self, run_id: str) -> Mapping[str, Sequence[Json]]:
        """The payloads of the signals that wait, by node, the oldest first."""
        ...

    def take_signal(self, run_id: str, node_id: str) -> Signal | None:
        """The signal that has waited longest for a node, which waits no longer; None when there is none."""
        ...

    def note(self, run_id: str, name: str, value: Json) -> None:
        """Keep a small fact of a run that is no event; the newest of a name counts."""
        ...

    def notes(self, run_id: str) -> Mapping[str, Json]:
        """The notes of a run, by name."""
        ...

    # --- what belongs to no run ---------------------------------------------------------------------------------

    def remember_request(self, session_id: str, request_id: str, answered: Answered) -> None:
        """Keep the answer to a request as long as the run it is about; of a run that is gone, none."""
        ...

    def find_request(self, session_id: str, request_id: str) -> Answered | None:
        """The first answer to this request; None when it was not made."""
        ...

    def keep_cached(self, fingerprint: bytes, outputs: JsonObject, now: float, ttl: float | None = None) -> None:
        """Keep outputs under their fingerprint; those that were not used for the longest time give way.

        Args:
            fingerprint: what they were made of.
            outputs: the outputs.
            now: wall time, in seconds since 1970.
            ttl: for how many seconds they are good; None: without end.
        """
        ...

    def cached(self, fingerprint: bytes, now: float) -> JsonObject | None:
        """The outputs that are kept under a fingerprint and still good; `now` in seconds since 1970."""
        ...

    def put_document(self, family: str, name: str, body: JsonObject) -> None:
        """Keep a document under its name, in place of the one that has it."""
        ...

    def document(self, family: str, name: str) -> JsonObject | None:
        """The document of this name, or None."""
        ...

    def documents(self, family: str) -> Mapping[str, JsonObject]:
        """All documents of a family, in the order of their names."""
        ...

    def drop_document(self, family: str, name: str) -> bool:
        """Drop a document; says whether there was one."""
        ...
