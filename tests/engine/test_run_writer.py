from __future__ import annotations

from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.engine.run_writer import RunWriter
from bluev_actors.workflows.graph import Node, Workflow
from bluev_actors.workflows.run_events import NodeCompleted, NodeStarted, RunStarted

RECORD = RunRecord("r", Workflow("w", (Node("a", "noop"),)), {}, 0.0)


def writer_on(journal: MemoryJournal) -> RunWriter:
    """A new pen for the run."""
    return RunWriter(journal, RECORD, lambda: 7.0)


def open_journal() -> MemoryJournal:
    """A journal in which the run is open."""
    journal = MemoryJournal()
    journal.open_run(RECORD)
    return journal


def test_what_is_added_is_in_the_state_and_nowhere_else() -> None:
    """Until the commit only the writer knows."""
    journal = open_journal()
    writer = writer_on(journal)
    writer.add(RunStarted())
    writer.add(NodeStarted("a"))
    assert writer.state.seq == 2
    assert writer.state.nodes["a"].started_at == 7.0
    assert journal.history("r") == []
    writer.commit()
    assert [it.event for it in journal.history("r")] == [RunStarted(), NodeStarted("a")]
    assert writer.state.cursor == 2


def test_a_commit_calls_what_follows() -> None:
    """Also one of nothing, and each event is committed once."""
    journal, called = open_journal(), list[int]()
    writer = writer_on(journal)
    writer.add(RunStarted())
    writer.commit(lambda: called.append(len(journal.history("r"))))
    writer.commit(lambda: called.append(len(journal.history("r"))))
    assert called == [1, 1]


def test_the_next_pen_writes_on() -> None:
    """Its state is the journal's, replayed, and equal to that of the one before."""
    journal = open_journal()
    first = writer_on(journal)
    first.add(RunStarted())
    first.add(NodeStarted("a"))
    first.commit()
    first.add(NodeCompleted("a", 1, {}))
    second = writer_on(journal)
    assert second.state.seq == 2
    assert second.state.nodes["a"].status == "running"
    second.add(NodeCompleted("a", 1, {}))
    second.commit()
    assert [it.seq for it in journal.history("r")] == [1, 2, 3]
    assert writer_on(journal).state == second.state


def test_a_closed_pen_writes_nothing() -> None:
    """What is left of a crashed incarnation cannot write beside the next one."""
    journal, called = open_journal(), list[int]()
    writer = writer_on(journal)
    writer.add(RunStarted())
    writer.closed = True
    writer.add(NodeStarted("a"))
    writer.commit(lambda: called.append(1))
    assert journal.history("r") == []
    assert writer.state.seq == 1
    assert called == []
