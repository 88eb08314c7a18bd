"""Wall time as text and back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.workflows.times import from_rfc3339, rfc3339

YEAR_9999 = 253_402_300_799
MOMENTS = st.integers(-62_135_596_800_000_000, YEAR_9999 * 1_000_000)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000000Z"),
        (-1.0, "1969-12-31T23:59:59.000000Z"),
        (1_785_499_200.25, "2026-07-31T12:00:00.250000Z"),
        (951_782_400.0, "2000-02-29T00:00:00.000000Z"),
        (YEAR_9999, "9999-12-31T23:59:59.000000Z"),
        (-62_135_596_800.0, "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_a_time_has_one_text(seconds: float, text: str) -> None:
    """Four digits of a year, six of a second, a Z, and the same number back."""
    assert rfc3339(seconds) == text
    assert from_rfc3339(text) == seconds


@given(MOMENTS)
def test_microseconds_survive(microseconds: int) -> None:
    """Within a thousandth of a millisecond, a time comes back as it went."""
    seconds = microseconds / 1_000_000
    assert from_rfc3339(rfc3339(seconds)) == pytest.approx(seconds, rel=0, abs=2e-5)


@given(MOMENTS)
def test_every_text_has_the_same_form(microseconds: int) -> None:
    """Texts of the same length, so that they sort as the times do."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", rfc3339(microseconds / 1_000_000))


@given(st.lists(st.integers(0, 4_000_000_000), min_size=2))
def test_texts_sort_as_times(moments: list[int]) -> None:
    """Whoever sorts texts sorts times."""
    assert sorted(map(rfc3339, moments)) == [rfc3339(moment) for moment in sorted(moments)]


def test_other_offsets_are_read() -> None:
    """A client may write its own time zone."""
    assert from_rfc3339("1970-01-01T02:00:00+02:00") == 0.0


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00", "yesterday", "", "1970-13-01T00:00:00Z"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    """A time without an offset may be any of two dozen, so it is none."""
    with pytest.raises(ValueError, match=r"offset|isoformat|month"):
        from_rfc3339(text)
