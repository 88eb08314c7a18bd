from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, sampled_from

from bluev_actors.engine.outside.body import Body

if TYPE_CHECKING:
    from collections.abc import Callable

PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress, "": bytes}


def taken(body: Body, data: bytes, size: int) -> Body:
    """Give a body its data in pieces."""
    for start in range(0, len(data), size):
        body.take(data[start : start + size])
    return body


@given(binary(max_size=5000), sampled_from(sorted(PACK)), integers(1, 700))
def test_it_comes_out_as_it_was(data: bytes, encoding: str, size: int) -> None:
    """Whatever the packing and wherever the pieces are cut."""
    body = taken(Body(encoding, 5000), PACK[encoding](data), size)
    assert body.wants_more
    assert body.whole() == data


@given(binary(min_size=101, max_size=5000), sampled_from(sorted(PACK)), integers(1, 700))
def test_the_limit_holds(data: bytes, encoding: str, size: int) -> None:
    """One byte more than the limit is noticed, and what follows is not taken."""
    body = taken(Body(encoding, 100), PACK[encoding](data), size)
    assert body.overflowed
    assert not body.wants_more


def test_a_bomb_does_not_go_off() -> None:
    """A gigabyte of nothing in a megabyte is unpacked no further than the limit."""
    body = Body("gzip", 100_000)
    body.take(gzip.compress(bytes(50_000_000)))
    assert body.overflowed
    assert body.kept < 200_000


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("data", "flaw"),
    [
        (b"nonsense", "not packed as it says"),
        (gzip.compress(b"hello")[:-3], "ends too early"),
        (b"\x1f", "too early"),
        (gzip.compress(b"a") + gzip.compress(b"b"), "something follows"),
        (gzip.compress(b"a") + b"x", "something follows"),
    ],
)
def test_a_flaw(data: bytes, flaw: str, size: int) -> None:
    """It is told at the end, and nothing more is wanted once it shows."""
    body = taken(Body("gzip", 100), data, size)
    body.take(b"")
    with pytest.raises(ValueError, match=flaw):
        body.whole()


def test_nothing_is_taken_after_a_flaw() -> None:
    """A reader may stop at once."""
    body = Body("gzip", 100)
    body.take(b"nonsense")
    assert not body.wants_more
    body.take(gzip.compress(b"hello"))
    with pytest.raises(ValueError, match="not packed"):
        body.whole()


def test_nothing_packed_is_nothing() -> None:
    """An answer without a body may still name a packing."""
    assert Body("gzip", 100).whole() == b""
