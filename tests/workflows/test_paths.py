"""Ids inside bodies, taken apart and put together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.workflows import paths

NAMES = st.text(min_size=1, max_size=6).filter(lambda it: "/" not in it)
CONTAINERS = NAMES.filter(lambda it: not paths.ends_like_an_item(it))


@given(st.lists(st.tuples(CONTAINERS, st.none() | st.integers(0, 10**6)), max_size=4), NAMES)
def test_an_id_can_be_read_in_one_way_only(around: list[tuple[str, int | None]], own: str) -> None:
    """Whatever the nodes are called, as long as those with bodies do not end like an item."""
    node_id, parts = "", list[str | int]()
    for name, index in around:
        parts += [name] if index is None else [name, index]
        node_id = paths.item_prefix(node_id + name, index)
    node_id += own
    assert paths.split(node_id) == [*parts, own]
    assert paths.join([*parts, own]) == node_id
    assert paths.static(node_id) == "/".join([*(name for name, _ in around), own])
    assert (paths.prefix(node_id) + paths.own(node_id), paths.own(node_id)) == (node_id, own)


@pytest.mark.parametrize(
    ("node_id", "container"),
    [("a", None), ("a/b", "a"), ("a[1]/b", "a"), ("a[1]/b/c", "a[1]/b"), ("a/b[2]/c[3]", "a/b")],
)
def test_the_node_around(node_id: str, container: str | None) -> None:
    """By its full id."""
    assert paths.container(node_id) == container


def test_who_is_inside_whom() -> None:
    """However deep; a like name is none."""
    assert paths.is_inside("a[1]/b/c", "a")
    assert paths.is_inside("a[1]/b/c", "a[1]/b")
    assert not paths.is_inside("a[1]/b/c", "b")
    assert not paths.is_inside("a[x/c", "a")
    assert not paths.is_inside("a", "a")
