"""The queue of one reader: bounded, in order, none twice, none lost without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.client.feed import Feed
from bluev_actors.protocol.messages import Gap, NodeStatusUpdate

if TYPE_CHECKING:
    from bluev_actors.client.feed import RunUpdate
    from tests.client.conftest import Say


def drain(feed: Feed) -> list[RunUpdate]:
    """Everything that waits."""
    taken: list[RunUpdate] = []
    while (update := feed.take()) is not None:
        taken.append(update)
    return taken


def seqs(updates: list[RunUpdate]) -> list[int]:
    """Their places in the run."""
    return [update.seq for update in updates if isinstance(update, NodeStatusUpdate)]


def a_gap(seq: int) -> Gap:
    """A gap up to a place."""
    return Gap(timestamp="", reason="expired", snapshots=(), cursor=str(seq))


def test_a_feed_begins_detached(say: Say) -> None:
    """Before the stream is let in nothing is: the daemon is asked for it all at the proper place."""
    feed = Feed()
    feed.offer(say.node(1))
    assert (drain(feed), feed.after, feed.over) == ([], 0, False)


def test_what_comes_again_is_not_let_in_twice(say: Say) -> None:
    """A replay for somebody else passes by."""
    feed = Feed(attached=True)
    for seq in (1, 2, 1, 2, 3):
        feed.offer(say.node(seq))
    assert seqs(drain(feed)) == [1, 2, 3]


def test_a_full_feed_lets_go_and_keeps_what_it_has(say: Say) -> None:
    """It never grows beyond its limit and knows where to go on."""
    feed = Feed(limit=2, attached=True)
    for seq in range(1, 6):
        feed.offer(say.node(seq))
    assert (feed.attached, feed.after, seqs(drain(feed))) == (False, 2, [1, 2])


def test_progress_never_costs_the_stream(say: Say) -> None:
    """A full feed drops progress and stays attached."""
    feed = Feed(limit=2, attached=True)
    for fraction in (0.1, 0.2, 0.3):
        feed.offer(say.progress(fraction))
    assert (feed.attached, len(feed)) == (True, 2)


def test_it_is_over_once_the_end_is_taken(say: Say) -> None:
    """Not before: the end itself is for the reader too."""
    feed = Feed(attached=True)
    feed.offer(say.completed(1))
    assert not feed.over
    assert drain(feed)
    assert feed.over


def test_a_gap_goes_on_behind_it(say: Say) -> None:
    """What the snapshot covers is not let in afterwards."""
    feed = Feed(attached=True)
    feed.skip(a_gap(5), 5)
    for seq in (4, 5, 6):
        feed.offer(say.node(seq))
    gap, *rest = drain(feed)
    assert isinstance(gap, Gap)
    assert seqs(rest) == [6]


def test_a_detached_feed_hears_of_no_gap() -> None:
    """It asks for what comes after its own place, and is told then."""
    feed = Feed(after=3)
    feed.skip(a_gap(5), 5)
    assert (feed.after, len(feed)) == (3, 0)


def test_an_ended_feed_is_over_when_it_is_empty(say: Say) -> None:
    """A snapshot may stand for the terminal message."""
    feed = Feed(attached=True)
    feed.offer(say.node(1))
    feed.end()
    assert not feed.over
    drain(feed)
    assert feed.over


def test_only_an_attended_feed_is_congested(say: Say) -> None:
    """Nobody waits for room in a queue that nobody reads."""
    feed = Feed(limit=1, attached=True)
    feed.offer(say.node(1))
    assert (feed.full, feed.congested) == (True, False)
    feed.attended = True
    assert feed.congested
    feed.offer(say.node(2))
    assert not feed.congested


@given(st.lists(st.one_of(st.just("take"), st.integers(1, 30))), st.integers(1, 5))
def test_whatever_comes_the_reader_sees_a_rising_row(steps: list[str | int], limit: int) -> None:
    """In any order of coming and taking: rising, bounded, and `after` is the last one let in."""
    feed, seen = Feed(limit=limit, attached=True), list[int]()
    for step in steps:
        if isinstance(step, int):
            feed.offer(
                NodeStatusUpdate(
                    timestamp="", workflow_id="w", run_id="r", seq=step, node_id="a", attempt=1, status="running"
                )
            )
        elif (update := feed.take()) is not None:
            seen += seqs([update])
        assert len(feed) <= limit
    seen += seqs(drain(feed))
    assert seen == sorted(set(seen))
    assert feed.after == (seen[-1] if seen else 0)
