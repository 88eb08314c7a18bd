from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis.strategies import integers, text

from bluev_actors.engine.outside.capture import LONGEST_LINE, Capture


def told(data: bytes, size: int) -> list[str]:
    """The lines of what was written in pieces of `size`."""
    lines: list[str] = []
    capture = Capture(10**6, lines.append)
    for start in range(0, len(data), size):
        capture.take(data[start : start + size])
    capture.finish()
    return lines


@given(text(), integers(1, 20))
def test_lines_are_whole(written: str, size: int) -> None:
    """Wherever the pieces are cut, in the middle of a character too, the lines are the same."""
    whole = written.encode("utf-8", "replace").decode()
    *lines, last = whole.split("\n")
    assert told(whole.encode(), size) == [line.removesuffix("\r") for line in [*lines, *([last] if last else [])]]


def test_what_is_no_text() -> None:
    """It shows as replacement characters, in the lines and in the whole."""
    capture = Capture(100)
    capture.take(b"a\xff")
    capture.finish()
    assert capture.text == "a\N{REPLACEMENT CHARACTER}"
    assert told(b"a\xc3", 1) == ["a\N{REPLACEMENT CHARACTER}"]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_long_line_comes_in_pieces(end: bytes) -> None:
    """A program that never ends its line is heard all the same."""
    for size in (1000, 10**6):
        lines = told(b"x" * (2 * LONGEST_LINE + 5) + end, size)
        assert "".join(lines) == "x" * (2 * LONGEST_LINE + 5)
        assert max(map(len, lines)) < 2 * LONGEST_LINE


def test_the_newest_is_kept() -> None:
    """Beyond the limit the oldest bytes go, and that is known."""
    capture = Capture(4)
    capture.take(b"abcd")
    assert (capture.text, capture.overflowed) == ("abcd", False)
    capture.take(b"ef")
    assert (capture.text, capture.overflowed) == ("cdef", True)


@pytest.mark.parametrize(
    ("written", "last"), [(b"", ""), (b"a\nb\n", "b"), (b"a\n \n\n", "a"), (b"a\n  b  ", "b"), (b"\n", "")]
)
def test_the_last_line(written: bytes, last: str) -> None:
    """The last one that says something, for an error."""
    capture = Capture(100)
    capture.take(written)
    assert capture.last_line == last
