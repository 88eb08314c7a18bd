"""What a run's actor is told to do."""

from __future__ import annotations

from bluev_actors.engine.effects import Effects
from bluev_actors.workflows.run_events import NodeProgress


def test_at_first_there_is_nothing_to_do() -> None:
    """Every list is there, empty, and nobody else's."""
    effects, others = Effects(), Effects()
    effects.cancels.append("a")
    for it in (others.launches, others.rounds, others.cancels, others.backoffs, others.delays, others.closed):
        assert it == []
    assert list(others.progress) == []


def test_of_each_node_the_newest_progress_is_shown() -> None:
    """A thousand items that end in one step are one message."""
    effects = Effects()
    for done in range(1000):
        effects.show(NodeProgress("each", 1, done=done, total=1000))
    effects.show(NodeProgress("other", 1, done=1))
    assert [(it.node_id, it.done) for it in effects.progress] == [("each", 999), ("other", 1)]
