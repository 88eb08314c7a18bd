"""What a run's actor is told to do."""

from __future__ import annotations

from bluev_actors.engine.effects import Effects
from bluev_actors.workflows.run_events import NodeProgress


def test_of_each_node_the_newest_progress_is_shown() -> None:
    """In the order in which they first had something to show."""
    effects = Effects()
    for node_id, done in (("a", 1), ("b", 1), ("a", 2)):
        effects.show(NodeProgress(node_id, 1, done=done))
    assert [(it.node_id, it.done) for it in effects.progress] == [("a", 2), ("b", 1)]


def test_there_is_nothing_to_do_at_first() -> None:
    """Each has lists of its own."""
    effects, other = Effects(), Effects()
    effects.cancels.append("a")
    assert other.cancels == []
    told = (other.launches, other.rounds, other.backoffs, other.delays, other.closed, list(other.progress))
    assert not any(told)
