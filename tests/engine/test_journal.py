"""What every journal keeps to, with a disk and without."""

from __future__ import annotations

import math
from collections import defaultdict
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import open_system
from bluev_actors.engine.journal import MemoryJournal, RunLine, RunRecord
from bluev_actors.engine.requests import Answered
from bluev_actors.engine.store.opening import open_journal
from bluev_actors.engine.store.shelf import MAX_SIGNALS
from bluev_actors.engine.store.store_limits import StoreLimits
from bluev_actors.errors import HistoryExpiredError, RefusedError, RunNotFoundError
from bluev_actors.workflows.graph import Node, Workflow
from bluev_actors.workflows.options import Rerun, RunOptions
from bluev_actors.workflows.run_events import (
    ErrorDetail,
    NodeCancelled,
    NodeCompleted,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    Recorded,
    RunEvent,
    RunStarted,
    RunStatusChanged,
    RunStopped,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from bluev_actors.engine.journal import Entry, Journal

DOCUMENT: Final = {"id": "w", "nodes": [{"id": "a", "type": "noop"}], "connections": []}
WORKFLOW: Final = Workflow("w", (Node("a", "noop"),), document=DOCUMENT)
STARTED: Entry = (RunStarted(), 1.0)
NODE: Entry = (NodeStarted("a"), 2.0)
STOPPED: Entry = (RunStopped({}, {}), 3.0)

QUICK: Final = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder in memory, with a name of its own
"""A folder in memory, where there is one: what is tried here is not the disk."""
FEW: Final = 10
"""How many events the small journals hold."""
INLINE: Final = StoreLimits(inline_writes=math.inf)
"""Commits on the loop, which suits a clock that does not wait for threads."""
SMALL: Final = StoreLimits(recent_events=FEW, inline_writes=math.inf)


@asynccontextmanager
async def memory(capacity: int = 1_000) -> AsyncGenerator[Journal]:
    """A journal without a disk."""
    await trio.lowlevel.checkpoint()
    yield MemoryJournal(capacity)


@asynccontextmanager
async def disk(limits: StoreLimits = INLINE) -> AsyncGenerator[Journal]:
    """A journal in a folder of its own, with the actor that commits."""
    with TemporaryDirectory(dir=QUICK) as folder:
        async with open_journal(folder, sync="normal", limits=limits) as journal, open_system() as system:
            await system.start(journal.spec())
            yield journal


KINDS: Final[dict[str, Callable[[], AbstractAsyncContextManager[Journal]]]] = {
    "memory": memory,
    "memory, small": partial(memory, FEW),
    "disk": disk,
    "disk, small": partial(disk, SMALL),
}


@pytest.fixture(params=KINDS)
async def journal(request: pytest.FixtureRequest) -> AsyncGenerator[Journal]:
    """Each kind of journal in turn, with the runs `r` and `s`."""
    async with KINDS[request.param]() as journal:
        journal.open_run(RunRecord("r", WORKFLOW, {}, 0.0))
        journal.open_run(RunRecord("s", WORKFLOW, {}, 0.0))
        yield journal


def test_a_run_is_named_by_its_workflow() -> None:
    """The record of a run knows what it runs."""
    assert RunRecord("r", WORKFLOW, {}, 0.0).workflow_id == "w"


# --- events -----------------------------------------------------------------------------------------------


async def test_events_get_their_places(journal: Journal) -> None:
    """`seq` counts within a run, `cursor` over all of them."""
    assert journal.cursor == 0
    assert journal.append("r", [STARTED, NODE]) == 2
    assert journal.append("s", [STARTED]) == 3
    assert journal.append("r", [STOPPED]) == 4
    await journal.stored()
    assert journal.cursor == 4
    assert [(it.seq, it.cursor) for it in journal.history("r")] == [(1, 1), (2, 2), (3, 4)]
    assert journal.history("r")[1] == Recorded("r", "w", 2, 2, 2.0, NodeStarted("a"))
    assert [it.cursor for it in journal.history("r", 2)] == [4]
    assert [(it.run_id, it.cursor) for it in journal.read_all(2)] == [("s", 3), ("r", 4)]


async def test_reading_may_be_limited(journal: Journal) -> None:
    """A slow reader takes what it can bear, from wherever it is."""
    journal.append("r", [STARTED, NODE, NODE, NODE])
    await journal.stored()
    assert [it.seq for it in journal.history("r", 1, 2)] == [2, 3]
    assert [it.seq for it in journal.history("r", 3, 9)] == [4]
    assert [it.cursor for it in journal.read_all(0, 3)] == [1, 2, 3]
    assert list(journal.read_all(4, 3)) == list(journal.history("r", 4)) == list(journal.history("r", 7)) == []


async def test_each_journal_has_an_epoch_of_its_own() -> None:
    """A cursor of one means nothing in another."""
    async with memory() as one, memory() as two, disk() as three, disk() as four:
        assert len({one.epoch, two.epoch, three.epoch, four.epoch}) == 4


async def test_a_journal_knows_whether_it_lasts() -> None:
    """Memory needs nobody to commit, and knows no trouble."""
    async with memory() as journal:
        assert (journal.durable, journal.spec(), journal.trouble) == (False, None, None)
        journal.on_trouble(print)()
    async with disk() as journal:
        assert (journal.durable, journal.trouble) == (True, None)
        spec = journal.spec()
        assert spec is not None
        assert (spec.kind, spec.restart) == ("journal", "permanent")


async def test_effects_follow_the_publication(journal: Journal) -> None:
    """Subscribers hear of all that is committed, and `then` is called after the last of them."""
    heard = list[object]()

    def subscriber(batch: Sequence[Recorded]) -> None:
        heard.extend(it.seq for it in batch)

    unsubscribe = journal.subscribe(subscriber)
    journal.append("r", [STARTED, NODE], lambda: heard.append("then"))
    await journal.stored()
    journal.append("r", [], lambda: heard.append("nothing to publish"))
    await journal.stored()
    unsubscribe()
    unsubscribe()
    journal.append("r", [STOPPED])
    await journal.stored()
    assert heard == [1, 2, "then", "nothing to publish"]


async def test_who_hears_may_append(journal: Journal) -> None:
    """What a subscriber or an effect appends has its turn afterwards, so all hear all in the global order."""
    heard, late = list[int](), list[int]()

    def answering(batch: Sequence[Recorded]) -> None:
        heard.extend(it.cursor for it in batch)
        if len(heard) < 4:
            journal.append("s", [NODE])

    def answer_once() -> None:
        journal.append("r", [STOPPED])

    journal.subscribe(answering)
    journal.subscribe(lambda batch: late.extend(it.cursor for it in batch))
    journal.append("r", [STARTED], answer_once)
    await journal.stored()
    while journal.pending:
        await journal.stored()
    assert heard == late == list(range(1, len(heard) + 1))
    assert len(heard) >= 4


async def test_a_subscriber_that_raises_harms_nobody(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged; the others hear, and the effects follow."""
    heard = list[str]()

    def broken(_batch: Sequence[Recorded]) -> None:
        raise RuntimeError("nobody home")

    journal.subscribe(broken)
    journal.subscribe(lambda _batch: heard.append("heard"))
    journal.append("r", [STARTED], lambda: heard.append("then"))
    await journal.stored()
    assert heard == ["heard", "then"]
    assert "nobody home" in caplog.text


async def test_one_may_unsubscribe_while_one_hears(journal: Journal) -> None:
    """A subscriber may take itself off the list."""
    heard = list[int]()

    def once(batch: Sequence[Recorded]) -> None:
        heard.append(len(batch))
        unsubscribe()

    unsubscribe = journal.subscribe(once)
    for _ in range(2):
        journal.append("r", [NODE])
        await journal.stored()
    assert heard == [1]


async def test_everything_is_replayed(journal: Journal) -> None:
    """A new incarnation of a run goes on from all that was appended, however much of it is committed or held."""
    expected = list[RunEvent]()
    for number in range(3 * FEW):
        event = NodeStarted(f"n{number}")
        expected.append(event)
        journal.append("r", [(event, 1.0)])
        if number % 7 == 0:
            await journal.stored()
    assert [it.event for it in journal.replay("r")] == expected
    assert [it.seq for it in journal.replay("r")] == list(range(1, 3 * FEW + 1))
    await journal.stored()
    assert [it.event for it in journal.replay("r")] == expected


async def test_readers_wake_with_each_commit(journal: Journal) -> None:
    """Who waits for more of a run hears of it, and of nothing else; who is cancelled leaves nothing behind."""
    woken = list[str]()

    async def wait(run_id: str) -> None:
        await journal.changed(run_id)
        woken.append(run_id)

    with trio.move_on_after(1):
        await journal.changed("r")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, "r")
        nursery.start_soon(wait, "s")
        await wait_all_tasks_blocked()
        journal.append("r", [])
        await wait_all_tasks_blocked()
        assert woken == []
        journal.append("r", [STARTED])
        await journal.stored()
        await wait_all_tasks_blocked()
        assert woken == ["r"]
        journal.forget_run("s")
    assert woken == ["r", "s"]


# --- runs -------------------------------------------------------------------------------------------------


async def test_the_end_of_a_run_is_known(journal: Journal) -> None:
    """A run has ended with its terminal event, and not before."""
    journal.append("r", [STARTED])
    await journal.stored()
    assert not journal.has_ended("r")
    journal.append("r", [STOPPED])
    await journal.stored()
    assert journal.has_ended("r")


async def test_every_held_run_has_a_line(journal: Journal) -> None:
    """The list of runs shows the status each was last committed with, the oldest run first."""
    line = RunLine("t", "w", "me", "I", 7.0)
    journal.open_run(RunRecord("t", WORKFLOW, {}, 7.0, "me", "I"))
    journal.append("r", [(RunStarted(queued=True), 1.0), (RunStatusChanged("pausing"), 1.0)])
    journal.append("s", [STARTED, NODE])
    await journal.stored()
    assert [(it.run_id, it.status) for it in journal.held()] == [("r", "pausing"), ("s", "running"), ("t", "queued")]
    assert journal.held()[2] == line


async def test_a_record_is_kept(journal: Journal) -> None:
    """A run can be rebuilt as it was accepted."""
    record = RunRecord(
        "t",
        WORKFLOW,
        {"x": [1]},
        5.0,
        "me",
        "I",
        RunOptions(priority=3, rerun=Rerun(from_run="r", mode="from_nodes", nodes=("a",))),
        ({"code": "odd"},),
    )
    journal.open_run(record)
    assert journal.record("t") == record
    await journal.stored()
    assert journal.record("t") == record
    with pytest.raises(RunNotFoundError):
        journal.record("u")


async def test_a_forgotten_run_is_not_found(journal: Journal) -> None:
    """Nothing can be asked of it, and nothing written; to forget it again is no error."""
    journal.save_checkpoint("r", "a", 1)
    journal.append("r", [STARTED])
    journal.forget_run("r")
    await journal.stored()
    journal.forget_run("r")
    asks: tuple[Callable[[str], Any], ...] = (
        journal.history,
        journal.replay,
        journal.has_ended,
        journal.record,
        journal.signals,
        journal.notes,
    )
    for ask in asks:
        with pytest.raises(RunNotFoundError):
            ask("r")
    with pytest.raises(RunNotFoundError):
        journal.append("r", [STARTED])
    assert [it.run_id for it in journal.held()] == ["s"]


async def test_an_id_may_be_used_again(journal: Journal) -> None:
    """Of the run that had it before, nothing comes back."""
    journal.append("r", [STARTED, NODE])
    journal.save_checkpoint("r", "a", 1)
    journal.note("r", "n", 1)
    await journal.stored()
    journal.forget_run("r")
    journal.open_run(RunRecord("r", WORKFLOW, {}, 9.0))
    journal.append("r", [STARTED])
    await journal.stored()
    assert [it.seq for it in journal.history("r")] == [1]
    assert (journal.checkpoint("r", "a"), journal.notes("r")) == (None, {})


async def test_old_runs_are_forgotten(journal: Journal) -> None:
    """Beyond the newest that may stay, and before a time; live runs stay whatever their age."""
    for number in range(6):
        journal.open_run(RunRecord(f"run {number}", WORKFLOW, {}, 0.0))
        journal.append(f"run {number}", [(RunStopped({}, {}), float(number))])
    await journal.stored()
    assert list(journal.retain(4, 3.0)) == ["run 0", "run 1", "run 2"]
    assert list(journal.retain(2, 0.0)) == ["run 3"]
    assert list(journal.retain(2, 0.0)) == []
    assert [it.run_id for it in journal.held()] == ["r", "s", "run 4", "run 5"]


# --- the small facts of a run -----------------------------------------------------------------------------


async def test_checkpoints_are_kept_by_node(journal: Journal) -> None:
    """The newest wins; of a run that is gone none is kept."""
    assert journal.checkpoint("r", "a") is None
    journal.save_checkpoint("r", "a", 1)
    await journal.stored()
    journal.save_checkpoint("r", "a", 2)
    journal.save_checkpoint("r", "b", {"deep": [None]})
    await journal.stored()
    assert (journal.checkpoint("r", "a"), journal.checkpoint("r", "b")) == (2, {"deep": [None]})
    journal.forget_run("r")
    journal.save_checkpoint("r", "a", 4)
    with pytest.raises(RunNotFoundError):
        journal.checkpoint("r", "a")


@pytest.mark.parametrize(
    "end",
    [
        NodeCompleted("a", 1, {}),
        NodeFailed("a", 1, ErrorDetail("x", "y")),
        NodeSkipped("a", "branch"),
        NodeCancelled("a", 1, "stopped"),
    ],
)
async def test_a_checkpoint_goes_with_its_node(journal: Journal, end: RunEvent) -> None:
    """A node that has ended will not begin again, so it needs none; another one keeps its own."""
    journal.save_checkpoint("r", "a", 1)
    journal.save_checkpoint("r", "b", 2)
    await journal.stored()
    journal.save_checkpoint("r", "a", 3)
    journal.append("r", [(end, 1.0), (NodeSkipped("c", "branch"), 1.0)])
    assert (journal.checkpoint("r", "a"), journal.checkpoint("r", "b")) == (None, 2)


async def test_what_serves_a_live_run_goes_with_its_end(journal: Journal) -> None:
    """Checkpoints and signals go with the terminal event; notes tell of the run as long as it is held."""
    journal.save_checkpoint("r", "a", 1)
    journal.keep_signal("r", "a", 1)
    journal.note("r", "crashes", 2)
    journal.append("r", [STOPPED])
    await journal.stored()
    assert (journal.checkpoint("r", "a"), journal.signals("r"), journal.notes("r")) == (None, {}, {"crashes": 2})


async def test_signals_wait_for_their_node(journal: Journal) -> None:
    """Each node takes its own, the oldest first; one that carries nothing is one all the same."""
    for payload in (None, {"ok": True}):
        journal.keep_signal("r", "a", payload)
    journal.keep_signal("r", "b", 3)
    await journal.stored()
    assert journal.signals("r") == {"a": [None, {"ok": True}], "b": [3]}
    first, second = journal.take_signal("r", "a"), journal.take_signal("r", "a")
    assert first is not None
    assert second is not None
    assert (first.payload, second.payload) == (None, {"ok": True})
    assert journal.take_signal("r", "a") is None
    assert journal.signals("r") == {"b": [3]}
    with pytest.raises(RunNotFoundError):
        journal.keep_signal("t", "a", None)


async def test_signals_that_wait_are_bounded(journal: Journal) -> None:
    """Beyond the limit of a node a signal is refused; another node has room."""
    for number in range(MAX_SIGNALS):
        journal.keep_signal("r", "a", number)
    with pytest.raises(RefusedError) as refused:
        journal.keep_signal("r", "a", "one more")
    assert refused.value.code == "too_many_signals"
    journal.keep_signal("r", "b", "welcome")
    journal.take_signal("r", "a")
    journal.keep_signal("r", "a", "in its place")
    assert journal.signals("r")["a"][-1] == "in its place"


async def test_notes_are_kept_by_name(journal: Journal) -> None:
    """The newest of a name counts; what is handed out is a copy."""
    journal.note("r", "crashes", 1)
    journal.note("r", "crashes", 2)
    journal.note("r", "suspects", ["a"])
    dict(journal.notes("r")).clear()
    await journal.stored()
    assert journal.notes("r") == {"crashes": 2, "suspects": ["a"]}
    assert journal.notes("s") == {}


# --- what belongs to no run -------------------------------------------------------------------------------


async def test_requests_are_kept_with_their_run(journal: Journal) -> None:
    """The answer is there as long as the run it is about."""
    answered = Answered(b"digest", {"type": "ack"}, "r")
    journal.remember_request("me", "1", answered)
    journal.remember_request("me", "2", Answered(b"", {}, "gone"))
    assert journal.find_request("me", "1") == answered
    await journal.stored()
    assert journal.find_request("me", "1") == answered
    for stranger in (("me", "2"), ("you", "1"), ("me", "")):
        assert journal.find_request(*stranger) is None
    journal.forget_run("r")
    assert journal.find_request("me", "1") is None
    await journal.stored()
    assert journal.find_request("me", "1") is None


async def test_a_request_is_not_inherited(journal: Journal) -> None:
    """A run that has the id of a forgotten one does not get its requests."""
    journal.remember_request("me", "1", Answered(b"", {}, "r"))
    journal.forget_run("r")
    journal.open_run(RunRecord("r", WORKFLOW, {}, 9.0))
    assert journal.find_request("me", "1") is None
    await journal.stored()
    assert journal.find_request("me", "1") is None


async def test_an_answer_belongs_to_one_run(journal: Journal) -> None:
    """The newest that is kept for a request; that the run of an older one goes does not touch it."""
    newest = Answered(b"", {"n": 2}, "s")
    journal.remember_request("me", "1", Answered(b"", {"n": 1}, "r"))
    journal.remember_request("me", "1", newest)
    journal.forget_run("r")
    assert journal.find_request("me", "1") == newest
    await journal.stored()
    assert journal.find_request("me", "1") == newest


async def test_outputs_are_cached(journal: Journal) -> None:
    """Until they expire, and as they were put there."""
    outputs = {"out": [1]}
    journal.keep_cached(b"print", outputs, 100.0, 10.0)
    journal.keep_cached(b"for ever", {"out": 2}, 100.0)
    outputs["out"].append(2)
    for _ in range(2):
        assert journal.cached(b"print", 109.9) == {"out": [1]}
        assert journal.cached(b"print", 110.0) is None
        assert journal.cached(b"for ever", 1e12) == {"out": 2}
        assert journal.cached(b"another", 100.0) is None
        await journal.stored()
    journal.keep_cached(b"print", {"out": 3}, 200.0)
    assert journal.cached(b"print", 1e12) == {"out": 3}


async def test_documents_are_kept_by_family_and_name(journal: Journal) -> None:
    """One of the same name takes the other's place; what is dropped is gone."""
    journal.put_document("workflow", "b", {"n": 1})
    journal.put_document("workflow", "a", {"n": 2})
    journal.put_document("schedule", "a", {"n": 3})
    await journal.stored()
    journal.put_document("workflow", "b", {"n": 4})
    assert list(journal.documents("workflow").items()) == [("a", {"n": 2}), ("b", {"n": 4})]
    assert journal.document("schedule", "a") == {"n": 3}
    assert journal.document("schedule", "b") is None
    assert journal.drop_document("workflow", "a")
    assert not journal.drop_document("workflow", "a")
    assert not journal.drop_document("nothing", "a")
    assert (journal.document("workflow", "a"), journal.documents("workflow")) == (None, {"b": {"n": 4}})
    await journal.stored()
    assert (journal.document("workflow", "a"), journal.documents("workflow")) == (None, {"b": {"n": 4}})


# --- everything at random ---------------------------------------------------------------------------------

_WRITES: Final = st.lists(
    st.tuples(st.sampled_from("rst"), st.integers(1, 9), st.sampled_from([False, False, True]), st.booleans()),
    max_size=40,
)


@given(st.sampled_from(["memory", "disk"]), st.integers(1, 20), _WRITES)
@settings(deadline=None)
async def test_what_is_held_is_right(kind: str, few: int, writes: list[tuple[str, int, bool, bool]]) -> None:
    """Whatever is read is what was written, in order, and of live runs nothing is ever missing."""
    limits = StoreLimits(recent_events=few, inline_writes=math.inf)
    async with memory(few) if kind == "memory" else disk(limits) as journal:
        for run_id in "rst":
            journal.open_run(RunRecord(run_id, WORKFLOW, {}, 0.0))
        await _check_writes(journal, writes, few)


async def _check_writes(journal: Journal, writes: list[tuple[str, int, bool, bool]], few: int) -> None:
    written: dict[str, list[float]] = defaultdict(list)
    everything: list[float] = []
    ended: set[str] = set()
    for run_id, count, last, wait in writes:
        if run_id in ended:
            continue
        times = [float(len(everything) + n) for n in range(count)]
        entries: list[Entry] = [(NodeStarted("a"), at) for at in times]
        if last:
            ended.add(run_id)
            entries[-1] = (RunStopped({}, {}), times[-1])
        journal.append(run_id, entries)
        written[run_id] += times
        everything += times
        if wait:
            await journal.stored()
    await journal.stored()
    for run_id, times in written.items():
        _check_reading(partial(journal.history, run_id), times, whole=journal.durable or run_id not in ended)
    _check_reading(journal.read_all, everything, whole=journal.durable)
    held = sum(1 for after in range(len(everything)) if _can_read(journal, after))
    assert held >= min(len(everything), few)


def _can_read(journal: Journal, after: int) -> bool:
    try:
        journal.read_all(after)
    except HistoryExpiredError:
        return False
    return True


def _check_reading(read: Callable[[int, int | None], Sequence[Recorded]], times: list[float], *, whole: bool) -> None:
    expired = 0
    for after in range(len(times) + 1):
        try:
            found = [it.at for it in read(after, None)]
        except HistoryExpiredError:
            expired += 1
        else:
            assert found == times[after:]
            assert [it.at for it in read(after, 3)] == times[after : after + 3]
    assert not (whole and expired)
