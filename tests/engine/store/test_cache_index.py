from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.store.cache_index import CacheIndex

PRINTS = [b"a", b"b", b"c", b"d", b"e"]


@given(
    st.integers(1, 4),
    st.integers(1, 20),
    st.lists(st.tuples(st.booleans(), st.sampled_from(PRINTS), st.integers(0, 12)), max_size=40),
)
def test_the_least_recently_used_gives_way(entries: int, size: int, steps: list[tuple[bool, bytes, int]]) -> None:
    """As in a list that is sorted by use; neither bound is ever passed."""
    index, model = CacheIndex(entries, size), list[tuple[bytes, int]]()
    for keeps, fingerprint, weight in steps:
        known = [it for it in model if it[0] == fingerprint]
        if keeps:
            model = [it for it in model if it not in known] + [(fingerprint, weight)]
            gone = list[bytes]()
            while len(model) > entries or sum(it[1] for it in model) > size:
                gone.append(model.pop(0)[0])
            assert index.keep(fingerprint, weight, None) == gone
        else:
            assert index.find(fingerprint, 0.0) == bool(known)
            model = [it for it in model if it not in known] + known


def test_what_has_expired_is_not_found() -> None:
    """At the very moment it is no longer good."""
    index = CacheIndex()
    index.keep(b"a", 1, 10.0)
    assert index.find(b"a", 9.9)
    assert not index.find(b"a", 10.0)
    index.drop(b"a")
    index.drop(b"a")
    assert not index.find(b"a", 0.0)
