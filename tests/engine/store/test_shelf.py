from __future__ import annotations

import pytest

from bluev_actors.engine.store.records import Signal
from bluev_actors.engine.store.shelf import MAX_SIGNALS, Shelf
from bluev_actors.errors import RefusedError


def test_signals_wait_in_line() -> None:
    """Each node has a line of its own, and an empty one leaves nothing behind."""
    shelf = Shelf()
    for number, node_id in enumerate("aba"):
        shelf.keep_signal(node_id, Signal(number, number))
    assert shelf.signals() == {"a": [0, 2], "b": [1]}
    assert [shelf.take_signal("a") for _ in range(3)] == [Signal(0, 0), Signal(2, 2), None]
    assert shelf.signals() == {"b": [1]}


def test_there_is_room_for_so_many() -> None:
    """A node that nobody waits for cannot fill the memory."""
    shelf = Shelf()
    for number in range(MAX_SIGNALS):
        shelf.check_room("a")
        shelf.keep_signal("a", Signal(number, None))
    with pytest.raises(RefusedError, match="1000 signals are waiting for node 'a'"):
        shelf.check_room("a")
    shelf.check_room("b")


def test_the_end_of_a_run_clears_what_served_it() -> None:
    """Notes stay."""
    shelf = Shelf({"a": 1}, {"n": 2})
    shelf.keep_signal("a", Signal(1, None))
    shelf.clear_live()
    assert shelf == Shelf({}, {"n": 2})
