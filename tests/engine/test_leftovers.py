"""What a crash left in flight."""

from __future__ import annotations

from bluev_actors.engine.leftovers import Leftovers

NODES = ("x", "each[0]/x", "each[1]/x", "each[1]/sub/y", "each/")


def found(*, one_at_a_time: bool = False) -> Leftovers:
    """Some nodes, in flight at a crash."""
    left = Leftovers()
    left.find(NODES, one_at_a_time=one_at_a_time)
    return left


def test_they_are_dropped_one_by_one_or_with_what_is_around_them() -> None:
    """An id that begins alike is not inside."""
    left = found()
    left.drop("each/")
    left.drop("who?")
    assert len(left) == len(NODES) - 1
    assert left.drop_within("eac") == []
    assert left.drop_within("each") == ["each[0]/x", "each[1]/x", "each[1]/sub/y"]
    assert left.drop_within("x") == ["x"]
    assert len(left) == 0


def test_all_of_them_may_be_dropped() -> None:
    """There is nothing left then."""
    left = found()
    assert left.drop_within("") == list(NODES)
    assert not left


def test_suspects_come_one_by_one() -> None:
    """Those that were ended meanwhile are passed over."""
    left = found(one_at_a_time=True)
    assert (left.suspects, left.suspect, left.next_suspect()) == ([], None, None)
    left.suspects = ["x", "each[0]/x"]
    left.drop("x")
    assert left.next_suspect() is None
    assert left.next_suspect() == left.suspect == "each[0]/x"
    assert left.suspects == []
