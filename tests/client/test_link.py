"""The two tasks of a connection, and what waits on them, under a clock that only moves when all wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.client.feed import FEED_LIMIT, Feed
from bluev_actors.client.link import MISSED_HEARTBEATS, PATIENCE, Link
from bluev_actors.errors import ConnectionLostError, RequestTimeoutError, ServerRefusedError
from bluev_actors.protocol.messages import Error, Heartbeat, Subscribe, SubscriptionConfirmed

if TYPE_CHECKING:
    from trio.testing import MockClock

    from bluev_actors.client.run_view import RunView
    from tests.client.conftest import Say, Wire

NOW = "2026-11-22T12:00:00.000000Z"


async def linked(wire: Wire, nursery: trio.Nursery) -> Link:
    """A greeted connection with its tasks running."""
    link = Link(wire, timeout=30)
    wire.say(wire.greeting)
    await link.greet()
    nursery.start_soon(link.read)
    nursery.start_soon(link.write)
    return link


async def confirm(wire: Wire) -> None:
    """Answer the next request as a subscribe."""
    said = await wire.hear()
    wire.say(SubscriptionConfirmed(timestamp=NOW, request_id=said["request_id"], subscriptions=("*",), unknown=()))


async def test_an_answer_comes_back(wire: Wire, nursery: trio.Nursery) -> None:
    """The reply to this very request is what `ask` returns."""
    link = await linked(wire, nursery)
    nursery.start_soon(confirm, wire)
    reply = await link.ask(Subscribe(event_types=("*",)))
    assert isinstance(reply, SubscriptionConfirmed)
    assert reply.subscriptions == ("*",)


async def test_an_error_is_raised(wire: Wire, nursery: trio.Nursery) -> None:
    """With the daemon's code and the place it names."""
    link = await linked(wire, nursery)

    async def refuse() -> None:
        said = await wire.hear()
        error = Error(timestamp=NOW, request_id=said["request_id"], message="no", code="forbidden", path="event_types")
        wire.say(error)

    nursery.start_soon(refuse)
    with pytest.raises(ServerRefusedError, match="no") as caught:
        await link.ask(Subscribe())
    assert (caught.value.code, caught.value.path) == ("forbidden", "event_types")


async def test_no_answer_in_time(wire: Wire, nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """The waiting is bounded, and a late answer then bothers nobody."""
    link = await linked(wire, nursery)
    nursery.start_soon(wire.hear)
    with pytest.raises(RequestTimeoutError, match="subscribe within 30 s"):
        await link.ask(Subscribe(request_id="late"))
    assert autojump_clock.current_time() == pytest.approx(30)
    wire.say(SubscriptionConfirmed(timestamp=NOW, request_id="late", subscriptions=(), unknown=()))
    await trio.testing.wait_all_tasks_blocked()
    assert not link.conversation.asking


async def test_a_full_socket_is_no_answer_either(wire: Wire, nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Even the sending is bounded: a daemon that reads nothing keeps nobody for ever."""
    link = await linked(wire, nursery)
    async with trio.open_nursery() as askers:

        async def ask() -> None:
            with pytest.raises(RequestTimeoutError):
                await link.ask(Subscribe())

        for _ in range(100):
            askers.start_soon(ask)
    assert autojump_clock.current_time() == pytest.approx(30)


async def test_an_asker_who_is_cancelled_tears_no_text(
    wire: Wire, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """What it asked still goes out whole; the next request and its answer are as ever."""
    link = await linked(wire, nursery)
    with trio.move_on_after(1):
        await link.ask(Subscribe(request_id="given-up"))
    assert autojump_clock.current_time() == pytest.approx(1)
    assert (await wire.hear())["request_id"] == "given-up"
    nursery.start_soon(confirm, wire)
    assert isinstance(await link.ask(Subscribe()), SubscriptionConfirmed)


async def test_heartbeats_are_answered(wire: Wire, nursery: trio.Nursery) -> None:
    """Without anybody's help."""
    await linked(wire, nursery)
    wire.say(Heartbeat(timestamp=NOW))
    assert await wire.hear() == {"type": "heartbeat_response"}


async def test_a_broken_wire_answers_whoever_waits(wire: Wire, nursery: trio.Nursery) -> None:
    """At once, with the close code, and everybody who asks later too."""
    link = await linked(wire, nursery)

    async def cut() -> None:
        await wire.hear()
        wire.hang_up(1012)

    nursery.start_soon(cut)
    with pytest.raises(ConnectionLostError) as caught:
        await link.ask(Subscribe())
    assert caught.value.close_code == 1012
    with pytest.raises(ConnectionLostError):
        await link.ask(Subscribe())
    with pytest.raises(ConnectionLostError):
        link.check()


async def test_a_wire_that_breaks_while_sending(wire: Wire, nursery: trio.Nursery) -> None:
    """The writer notices before the reader does, and tells."""
    link = await linked(wire, nursery)
    wire.broken = ConnectionLostError("broken pipe", 1006)
    with pytest.raises(ConnectionLostError, match="broken pipe"):
        await link.ask(Subscribe())


async def test_a_heartbeat_after_the_writer_is_gone(wire: Wire, nursery: trio.Nursery) -> None:
    """There is nobody to answer through any more; that is no second failure."""
    link = await linked(wire, nursery)
    link.lose(ConnectionLostError("gone"))
    wire.say(Heartbeat(timestamp=NOW))
    await trio.testing.wait_all_tasks_blocked()
    assert wire.unheard == 0


async def test_silence_is_a_loss(wire: Wire, nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A peer that vanished without a word is noticed by its missing heartbeats."""
    link = await linked(wire, nursery)
    await trio.sleep(wire.greeting.heartbeat_interval * MISSED_HEARTBEATS - 1)
    assert link.conversation.lost is None
    await trio.sleep(2)
    assert autojump_clock.current_time() == pytest.approx(91)
    with pytest.raises(ConnectionLostError, match="sign of life"):
        link.check()


async def test_nonsense_is_a_loss(wire: Wire, nursery: trio.Nursery) -> None:
    """Whoever sends what is no message is no daemon."""
    link = await linked(wire, nursery)
    wire.say("nonsense")
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(ConnectionLostError, match="no message"):
        link.check()


async def test_a_greeting_comes_first(wire: Wire) -> None:
    """Something else in its place is somebody else."""
    wire.say(Heartbeat(timestamp=NOW))
    with pytest.raises(ConnectionLostError, match="greet"):
        await Link(wire, timeout=1).greet()


async def test_no_greeting_at_all(wire: Wire, autojump_clock: MockClock) -> None:
    """The waiting for it is bounded."""
    with pytest.raises(ConnectionLostError, match="greet"):
        await Link(wire, timeout=3).greet()
    assert autojump_clock.current_time() == pytest.approx(3)


def crowd(link: Link, wire: Wire, say: Say) -> tuple[RunView, Feed]:
    """Somebody who reads run `r` and has more to read than there is room for; holding the view is following it."""
    feed = Feed(attended=True)
    view = link.conversation.view("r")
    view.attach(feed)
    wire.say(say.started())
    for seq in range(2, FEED_LIMIT + 11):
        wire.say(say.node(seq))
    return view, feed


async def test_a_slow_reader_holds_the_socket(
    wire: Wire, nursery: trio.Nursery, say: Say, autojump_clock: MockClock
) -> None:
    """What does not fit stays on the wire, and goes on as soon as there is room."""
    link = await linked(wire, nursery)
    _view, feed = crowd(link, wire, say)
    await trio.testing.wait_all_tasks_blocked()
    assert (feed.full, wire.unheard) == (True, 10)
    for _ in range(5):
        feed.take()
        link.make_room()
        await trio.testing.wait_all_tasks_blocked()
    assert (feed.attached, wire.unheard, autojump_clock.current_time()) == (True, 5, 0)


async def test_patience_has_an_end(wire: Wire, nursery: trio.Nursery, say: Say, autojump_clock: MockClock) -> None:
    """Heartbeats behind the crowd are answered after a moment; the slow one lets go of the stream."""
    link = await linked(wire, nursery)
    _view, feed = crowd(link, wire, say)
    wire.say(Heartbeat(timestamp=NOW))
    assert await wire.hear() == {"type": "heartbeat_response"}
    assert autojump_clock.current_time() == pytest.approx(PATIENCE)
    assert (feed.attached, feed.after, len(feed)) == (False, FEED_LIMIT, FEED_LIMIT)


async def test_whoever_asks_does_not_wait_behind_a_crowd(
    wire: Wire, nursery: trio.Nursery, say: Say, autojump_clock: MockClock
) -> None:
    """A control of a busy run is answered at once even from within the loop that is behind."""
    link = await linked(wire, nursery)
    _view, _ = crowd(link, wire, say)
    await trio.testing.wait_all_tasks_blocked()
    nursery.start_soon(confirm, wire)
    await link.ask(Subscribe())
    assert autojump_clock.current_time() == 0
