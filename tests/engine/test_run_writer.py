from __future__ import annotations

from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.engine.run_writer import RunWriter
from bluev_actors.workflows.graph import Node, Workflow
from bluev_actors.workflows.run_events import NodeCompleted, NodeLog, NodeStarted, RunStarted

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


def test_what_is_on_its_way_is_on_record() -> None:
    """The next pen goes on from all that was handed over, whether or not it is stored."""
    journal = open_journal()
    first = writer_on(journal)
    first.add(RunStarted())
    first.commit()
    assert writer_on(journal).state.cursor == journal.cursor == 1


def test_secrets_are_covered_before_anybody_sees_them() -> None:
    """In the state too, for what is in it is shown."""
    journal = open_journal()
    writer = writer_on(journal)
    writer.mask.cover("hush-hush")
    writer.add(RunStarted())
    writer.add(NodeLog("a", 1, "info", "the word is hush-hush"))
    writer.add(NodeCompleted("a", 1, {"out": ["hush-hush"]}))
    writer.commit()
    assert "hush-hush" not in repr(journal.history("r"))
    assert "hush-hush" not in repr(writer.state)
    assert "the word is" in repr(journal.history("r"))


def test_each_event_has_its_own_time() -> None:
    """That of the moment it was added, also when many are handed over together."""
    journal, times = open_journal(), iter([1.0, 2.0, 3.0])
    writer = RunWriter(journal, RECORD, lambda: next(times))
    for event in (RunStarted(), NodeStarted("a"), NodeCompleted("a", 1, {})):
        writer.add(event)
    writer.commit()
    assert [it.at for it in journal.history("r")] == [1.0, 2.0, 3.0]
