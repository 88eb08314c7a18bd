from __future__ import annotations

import pytest

from bluev_actors.engine.conduct import conduct_of
from bluev_actors.workflows.kinds import Body, Conduct, NodeKind


def test_what_a_kind_says_itself_counts() -> None:
    """Its own sentences come first."""
    own = Conduct("a", "b", "c", "d")
    assert conduct_of(NodeKind("it", pure=True, conduct=own)) == own


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (NodeKind("it", pure=True), ("runs again, with the same", "a retry mends nothing", "it never does", "nothing")),
        (NodeKind("it", pausable=True), ("last checkpoint", "idempotency key", "at least once", "nothing")),
        (NodeKind("it", at_most_once=True), ("lets it end first", "idempotency key", "`interrupted`", "nothing")),
        (NodeKind("it", body=Body()), ("of its body", "what did is not", "of its body", "nothing")),
        (NodeKind("it", outside=True), ("lets it end first", "idempotency key", "at least once", "`--allow it`")),
        (NodeKind("it", pure=True, pausable=False), ("lets it end first", "nothing", "the same", "nothing")),
    ],
)
def test_the_flags_say_the_rest(kind: NodeKind, words: tuple[str, str, str, str]) -> None:
    """Every kind has a whole sentence for each of the four."""
    conduct = conduct_of(kind)
    told = (conduct.pause, conduct.retry, conduct.crash, conduct.security)
    assert all(word in sentence and sentence.endswith(".") for word, sentence in zip(words, told, strict=True))
