from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.errors import HistoryExpiredError, RunNotFoundError
from bluev_actors.workflows.graph import Node, Workflow
from bluev_actors.workflows.run_events import NodeStarted, Recorded, RunStarted, RunStopped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bluev_actors.engine.journal import Entry

WORKFLOW = Workflow("w", (Node("a", "noop"),))
STARTED: Entry = (RunStarted(), 1.0)
NODE: Entry = (NodeStarted("a"), 2.0)
STOPPED: Entry = (RunStopped({}, {}), 3.0)


def journal_of(*run_ids: str, capacity: int = 1000) -> MemoryJournal:
    """A journal in which these runs are open."""
    journal = MemoryJournal(capacity)
    for run_id in run_ids:
        journal.open_run(RunRecord(run_id, WORKFLOW, {}, 0.0))
    return journal


def test_a_run_is_named_by_its_workflow() -> None:
    """The record of a run knows what it runs."""
    assert RunRecord("r", WORKFLOW, {}, 0.0).workflow_id == "w"


def test_events_get_their_places() -> None:
    """`seq` counts within a run, `cursor` over all of them."""
    journal = journal_of("r", "s")
    assert journal.cursor == 0
    assert journal.append("r", [STARTED, NODE]) == 2
    assert journal.append("s", [STARTED]) == 3
    assert journal.append("r", [STOPPED]) == 4
    assert journal.cursor == 4
    assert [(it.seq, it.cursor) for it in journal.history("r")] == [(1, 1), (2, 2), (3, 4)]
    assert journal.history("r")[1] == Recorded("r", "w", 2, 2, 2.0, NodeStarted("a"))
    assert [it.cursor for it in journal.history("r", 2)] == [4]
    assert [(it.run_id, it.cursor) for it in journal.read_all(2)] == [("s", 3), ("r", 4)]


def test_each_journal_has_an_epoch_of_its_own() -> None:
    """A cursor of one means nothing in another."""
    assert MemoryJournal().epoch != MemoryJournal().epoch


def test_effects_follow_the_publication() -> None:
    """Subscribers hear of a batch as a whole, and `then` is called after the last of them."""
    journal, heard = journal_of("r"), list[object]()

    def subscriber(batch: Sequence[Recorded]) -> None:
        heard.append([it.seq for it in batch])

    unsubscribe = journal.subscribe(subscriber)
    journal.append("r", [STARTED, NODE], lambda: heard.append("then"))
    journal.append("r", [], lambda: heard.append("nothing to publish"))
    unsubscribe()
    unsubscribe()
    journal.append("r", [STOPPED])
    assert heard == [[1, 2], "then", "nothing to publish"]


def test_a_subscriber_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged; the others hear, and the effects follow."""
    journal, heard = journal_of("r"), list[str]()

    def broken(_batch: Sequence[Recorded]) -> None:
        raise RuntimeError("nobody home")

    journal.subscribe(broken)
    journal.subscribe(lambda _batch: heard.append("heard"))
    journal.append("r", [STARTED], lambda: heard.append("then"))
    assert heard == ["heard", "then"]
    assert "nobody home" in caplog.text


def test_one_may_unsubscribe_while_one_hears() -> None:
    """A subscriber may take itself off the list."""
    journal, heard = journal_of("r"), list[int]()

    def once(batch: Sequence[Recorded]) -> None:
        heard.append(len(batch))
        unsubscribe()

    unsubscribe = journal.subscribe(once)
    journal.append("r", [STARTED])
    journal.append("r", [NODE])
    assert heard == [1]


def test_the_end_of_a_run_is_known() -> None:
    """A run has ended with its terminal event, and not before."""
    journal = journal_of("r")
    journal.append("r", [STARTED])
    assert not journal.has_ended("r")
    journal.append("r", [STOPPED])
    assert journal.has_ended("r")
    journal.append("r", [])
    assert journal.has_ended("r")


def test_checkpoints_are_kept_by_node() -> None:
    """The newest wins; of a run that is gone none is kept."""
    journal = journal_of("r")
    assert journal.checkpoint("r", "a") is None
    journal.save_checkpoint("r", "a", 1)
    journal.save_checkpoint("r", "a", 2)
    journal.save_checkpoint("r", "b", 3)
    assert (journal.checkpoint("r", "a"), journal.checkpoint("r", "b")) == (2, 3)
    journal.forget_run("r")
    journal.save_checkpoint("r", "a", 4)
    with pytest.raises(RunNotFoundError):
        journal.checkpoint("r", "a")


def test_a_forgotten_run_is_not_found() -> None:
    """Nothing can be asked of it, and nothing written; to forget it again is no error."""
    journal = journal_of("r")
    journal.forget_run("r")
    journal.forget_run("r")
    for ask in (journal.history, journal.has_ended):
        with pytest.raises(RunNotFoundError):
            ask("r")
    with pytest.raises(RunNotFoundError):
        journal.append("r", [STARTED])


def test_the_events_of_a_live_run_are_all_kept() -> None:
    """A run has to be rebuilt from them, however long it is; once it has ended, the oldest go."""
    journal = journal_of("r", capacity=10)
    journal.append("r", [STARTED])
    for _ in range(50):
        journal.append("r", [NODE])
    assert len(journal.history("r")) == 51
    with pytest.raises(HistoryExpiredError, match="up to 41 "):
        journal.read_all(40)
    assert len(journal.read_all(41)) == 10
    journal.append("r", [STOPPED])
    assert [it.seq for it in journal.history("r", 42)] == list(range(43, 53))
    with pytest.raises(HistoryExpiredError, match="run r up to 42"):
        journal.history("r", 41)


def test_a_run_may_be_forgotten_before_its_events_expire() -> None:
    """The global order still has them, until others push them out."""
    journal = journal_of("r", "s", capacity=2)
    journal.append("r", [STARTED, STOPPED])
    journal.forget_run("r")
    assert len(journal.read_all(0)) == 2
    journal.append("s", [STARTED, NODE])
    assert [it.run_id for it in journal.read_all(2)] == ["s", "s"]


@given(
    st.integers(1, 20),
    st.lists(st.tuples(st.sampled_from("rst"), st.integers(1, 9), st.sampled_from([False, False, True])), max_size=40),
)
def test_what_is_held_is_right(capacity: int, writes: list[tuple[str, int, bool]]) -> None:
    """Whatever is read is what was written, in order, and of live runs nothing is ever missing."""
    journal = journal_of("r", "s", "t", capacity=capacity)
    written: dict[str, list[float]] = defaultdict(list)
    everything: list[float] = []
    for run_id, count, last in writes:
        if journal.has_ended(run_id):
            continue
        times = [float(len(everything) + n) for n in range(count)]
        entries: list[Entry] = [(NodeStarted("a"), at) for at in times]
        if last:
            entries[-1] = (RunStopped({}, {}), times[-1])
        journal.append(run_id, entries)
        written[run_id] += times
        everything += times
    for run_id, times in written.items():
        _check_reading(partial(journal.history, run_id), times, whole=not journal.has_ended(run_id))
    _check_reading(journal.read_all, everything, whole=False)
    held = sum(1 for after in range(len(everything)) if _can_read(journal, after))
    assert held >= min(len(everything), capacity)


def _can_read(journal: MemoryJournal, after: int) -> bool:
    try:
        journal.read_all(after)
    except HistoryExpiredError:
        return False
    return True


def _check_reading(read: Callable[[int], Sequence[Recorded]], times: list[float], *, whole: bool) -> None:
    expired = 0
    for after in range(len(times) + 1):
        try:
            found = [it.at for it in read(after)]
        except HistoryExpiredError:
            expired += 1
        else:
            assert found == times[after:]
    assert not (whole and expired)


async def test_readers_wake_with_each_commit() -> None:
    """Who waits for more of a run hears of it, and of nothing else."""
    journal, woken = journal_of("r", "s"), list[str]()

    async def wait(run_id: str) -> None:
        await journal.changed(run_id)
        woken.append(run_id)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, "r")
        nursery.start_soon(wait, "s")
        await wait_all_tasks_blocked()
        journal.append("r", [])
        await wait_all_tasks_blocked()
        assert woken == []
        journal.append("r", [STARTED])
        await wait_all_tasks_blocked()
        assert woken == ["r"]
        journal.forget_run("s")
    assert woken == ["r", "s"]
