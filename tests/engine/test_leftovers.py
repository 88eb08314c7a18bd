"""What a crash left in flight."""

from __future__ import annotations

import pytest

from bluev_actors.engine.leftovers import Leftovers

FOUND = ("a", "each[0]/x", "each[0]/sub/y", "each[1]/x", "each2[0]/x")


def left(*, one_at_a_time: bool = False) -> Leftovers:
    """Some nodes in flight and in bodies."""
    leftovers = Leftovers()
    leftovers.find(FOUND, one_at_a_time=one_at_a_time)
    return leftovers


def test_before_a_crash_there_are_none() -> None:
    """A fresh run has no suspects either."""
    leftovers = Leftovers()
    assert (len(leftovers), leftovers.suspects, leftovers.suspect) == (0, None, None)
    assert leftovers.drop_within("") == []


def test_each_is_dropped_once() -> None:
    """What has started again, or was none of them, changes nothing."""
    leftovers = left()
    for node_id in ("a", "a", "unknown"):
        leftovers.drop(node_id)
    assert len(leftovers) == len(FOUND) - 1


@pytest.mark.parametrize(
    ("node_id", "dropped"),
    [
        ("", FOUND),
        ("a", ("a",)),
        ("each", ("each[0]/x", "each[0]/sub/y", "each[1]/x")),
        ("each[0]/sub", ("each[0]/sub/y",)),
        ("each[1]/x", ("each[1]/x",)),
        ("eac", ()),
    ],
)
def test_all_inside_a_node_are_dropped_together(node_id: str, dropped: tuple[str, ...]) -> None:
    """However deep; a node whose id only begins alike is another."""
    leftovers = left()
    assert tuple(leftovers.drop_within(node_id)) == dropped
    assert len(leftovers) == len(FOUND) - len(dropped)
    assert leftovers.drop_within(node_id) == []


def test_suspects_come_one_by_one() -> None:
    """In the order in which they were taken up; the turn of one that was ended meanwhile is nobody's."""
    leftovers = left(one_at_a_time=True)
    assert leftovers.suspects is not None
    leftovers.suspects.extend(["a", "each[0]/x", "each[1]/x"])
    assert (leftovers.next_suspect(), leftovers.suspect) == ("a", "a")
    leftovers.drop("each[0]/x")
    assert (leftovers.next_suspect(), leftovers.suspect) == (None, None)
    assert leftovers.next_suspect() == "each[1]/x"
    assert leftovers.suspects == []
    assert (leftovers.next_suspect(), leftovers.suspect) == (None, None)
