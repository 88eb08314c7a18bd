"""The tap: who hears what, and what a bad listener does to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.actors.events import ActorEvent, ActorStarted, Tap

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

EVENT = ActorStarted("/a", "A", 1, 0.0)


def test_all_hear_it_in_order() -> None:
    """Subscribers are called in the order in which they came."""
    tap, heard = Tap(), list[str]()
    tap.subscribe(lambda _: heard.append("first"))
    tap.subscribe(lambda _: heard.append("second"))
    tap.emit(EVENT)
    assert heard == ["first", "second"]


def test_whoever_leaves_hears_no_more() -> None:
    """The function that `subscribe` returns takes the subscriber out; to call it twice does no harm."""
    tap, heard = Tap(), list[ActorEvent]()
    leave = tap.subscribe(heard.append)
    assert tap.watched
    tap.emit(EVENT)
    leave()
    leave()
    tap.emit(EVENT)
    assert heard == [EVENT]
    assert not tap.watched


def test_a_function_may_subscribe_twice() -> None:
    """Two subscriptions are two, and end one by one."""
    tap, heard = Tap(), list[ActorEvent]()
    leave = tap.subscribe(heard.append)
    tap.subscribe(heard.append)
    tap.emit(EVENT)
    leave()
    tap.emit(EVENT)
    assert len(heard) == 3


def test_a_bad_subscriber_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """One that raises is logged and taken out; the others hear everything."""
    tap, heard = Tap(), list[ActorEvent]()

    def bad(_event: ActorEvent) -> None:
        raise RuntimeError("not my day")

    tap.subscribe(bad)
    tap.subscribe(heard.append)
    tap.emit(EVENT)
    tap.emit(EVENT)
    assert len(heard) == 2
    assert [record.exc_text and "not my day" in record.exc_text for record in caplog.records] == [True]


def test_subscribers_may_leave_while_they_are_called() -> None:
    """A subscriber that takes itself out does not make another miss the event."""
    tap, heard = Tap(), list[ActorEvent]()
    leave: list[Callable[[], None]] = []
    leave.append(tap.subscribe(lambda _: leave[0]()))
    tap.subscribe(heard.append)
    tap.emit(EVENT)
    assert heard == [EVENT]
