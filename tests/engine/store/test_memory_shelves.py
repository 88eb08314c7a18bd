from __future__ import annotations

from bluev_actors.engine.requests import Answered
from bluev_actors.engine.store.cache_index import CacheIndex
from bluev_actors.engine.store.memory_shelves import CacheShelf, DocumentShelf, RequestShelf


def test_requests_go_with_their_run() -> None:
    """All of one run at once; the others stay."""
    shelf = RequestShelf()
    for number, run_id in enumerate("rsr"):
        shelf.remember(("me", str(number)), Answered(b"", {"n": number}, run_id))
    shelf.forget_run("r")
    shelf.forget_run("r")
    assert [shelf.find(("me", str(number))) for number in range(3)] == [None, Answered(b"", {"n": 1}, "s"), None]


def test_what_gives_way_is_gone() -> None:
    """With its outputs."""
    shelf = CacheShelf(CacheIndex(entries=2))
    for name in (b"a", b"b", b"c"):
        shelf.keep(name, {"name": name.decode()}, None)
    assert [shelf.find(name, 0.0) for name in (b"a", b"b", b"c")] == [None, {"name": "b"}, {"name": "c"}]


def test_cached_outputs_cannot_be_changed() -> None:
    """Neither by who put them there nor by who was given them."""
    shelf, outputs = CacheShelf(), {"out": [1]}
    shelf.keep(b"a", outputs, None)
    outputs["out"].append(2)
    for _ in range(2):
        found = shelf.find(b"a", 0.0) or {}
        assert found == {"out": [1]}
        found["out"].append(3)


def test_documents_have_families() -> None:
    """The same name in another one is another document."""
    shelf = DocumentShelf()
    shelf.put("f", "b", {"n": 1})
    shelf.put("f", "a", {"n": 2})
    shelf.put("g", "a", {"n": 3})
    assert list(shelf.all_of("f")) == ["a", "b"]
    assert [shelf.drop("g", "a"), shelf.drop("g", "a"), shelf.drop("h", "a")] == [True, False, False]
    assert (shelf.find("g", "a"), shelf.find("f", "a"), shelf.all_of("h")) == (None, {"n": 2}, {})
