"""One run on one connection: the mirror and the feeds agree, and who waits is woken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.client.feed import Feed
from bluev_actors.client.run_view import RunView
from bluev_actors.protocol.messages import Gap

if TYPE_CHECKING:
    from tests.client.conftest import Say


def test_a_message_reaches_mirror_and_feeds(say: Say) -> None:
    """Everybody who reads gets it, and the state knows."""
    view, feeds = RunView.of("r"), [Feed(), Feed()]
    for feed in feeds:
        view.attach(feed)
    view.hear(say.started())
    assert [len(feed) for feed in feeds] == [1, 1]
    assert (view.state.seq, view.state.workflow_id) == (1, "w")


def test_a_feed_that_lets_go_is_forgotten(say: Say) -> None:
    """An iterator that was dropped in the middle costs nothing once its queue is full."""
    view, feed = RunView.of("r"), Feed(limit=1)
    view.attach(feed)
    view.hear(say.started())
    assert view.feeds == [feed]
    view.hear(say.node(2))
    assert view.feeds == []


def test_a_feed_attached_again_misses_nothing(say: Say) -> None:
    """After letting go it takes up the stream where it was, from the replay."""
    view, feed = RunView.of("r"), Feed(limit=1)
    view.attach(feed)
    for message in (say.started(), say.node(2)):
        view.hear(message)
    feed.take()
    view.attach(feed, say.watching("q"))
    view.hear(say.node(2))
    again = feed.take()
    assert again is not None
    assert again == say.node(2)


def test_a_watch_begins_with_its_snapshot(say: Say) -> None:
    """Without `after` the snapshot is what was asked for, and no gap."""
    view, feed = RunView.of("r"), Feed()
    view.attach(feed, say.watching("q", say.snapshot(5)))
    view.hear(say.node(5))
    assert (len(feed), view.state.seq, view.state.node("a").status) == (0, 5, "running")
    view.hear(say.node(6, "completed", outputs={}))
    assert len(feed) == 1


def test_an_expired_watch_says_that_there_is_a_gap(say: Say) -> None:
    """The reader learns that events are missing, and goes on behind them."""
    view, feed = RunView.of("r"), Feed()
    view.attach(feed, say.watching("q", say.snapshot(5), reason="expired"))
    gap = feed.take()
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.snapshots[0]["seq"], feed.after) == ("expired", 5, 5)


def test_a_watch_of_an_ended_run_is_over_at_once(say: Say) -> None:
    """Nothing comes after a snapshot that is the end, so no reader waits for it."""
    view, feed = RunView.of("r"), Feed()
    view.attach(feed, say.watching("q", say.snapshot(9, "completed", finished_at="2026-11-22T12:00:01Z")))
    assert feed.over


def test_an_ended_run_can_be_replayed(say: Say) -> None:
    """That the state is the end's does not end a feed that has asked for the beginning."""
    view, feed = RunView.of("r"), Feed()
    for message in (say.started(), say.completed(2)):
        view.hear(message)
    view.attach(feed, say.watching("q"))
    assert not feed.over
    for message in (say.started(), say.completed(2)):
        view.hear(message)
    assert len(feed) == 2


def test_a_gap_of_the_connection(say: Say) -> None:
    """Mirror and feeds go on from the snapshot; what lies between is lost."""
    view, feed = RunView.of("r"), Feed()
    view.attach(feed)
    gap = Gap(timestamp="", reason="expired", snapshots=(say.snapshot(7),), cursor="7")
    view.skip(gap, gap.snapshots[0])
    assert (feed.take(), feed.after, view.state.seq) == (gap, 7, 7)


def test_a_gap_may_hide_the_end(say: Say) -> None:
    """A run whose terminal message fell into the gap has ended all the same."""
    view, feed = RunView.of("r"), Feed()
    view.attach(feed)
    ended = say.snapshot(7, "completed", finished_at="2026-11-22T12:00:01Z")
    view.skip(Gap(timestamp="", reason="expired", snapshots=(ended,), cursor="7"), ended)
    assert isinstance(feed.take(), Gap)
    assert feed.over


def test_congestion_is_that_of_any_reader(say: Say) -> None:
    """One reader who is full and reads is enough."""
    view, slow, quick = RunView.of("r"), Feed(limit=1, attended=True), Feed(attended=True)
    view.attach(slow)
    view.attach(quick)
    seen = [view.congested]
    view.hear(say.started())
    seen.append(view.congested)
    slow.take()
    assert [*seen, view.congested] == [False, True, False]


def test_whoever_listens_is_called_as_long_as_the_block(say: Say) -> None:
    """And no longer: a reader who went away is not kept alive."""
    view, calls = RunView.of("r"), list[str]()
    with view.heard_by(lambda: calls.append("one")), view.heard_by(lambda: calls.append("two")):
        view.hear(say.started())
    view.hear(say.node(2))
    assert calls == ["one", "two"]
