from __future__ import annotations

import pytest

from bluev_actors.engine.outside.answer import QUOTED, Answer

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


def answer(body: bytes = b"", **headers: str) -> Answer:
    """An answer with these headers, underscores for hyphens."""
    return Answer(200, {name.replace("_", "-"): text for name, text in headers.items()}, body, "https://it")


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("", "é".encode(), "é"),
        ("text/plain; charset=latin-1", b"\xe9", "é"),
        ('text/plain; charset="UTF-16"', "é".encode("utf-16"), "é"),
        ("text/plain; charset=nonsense", "é".encode(), "é"),
        ("text/plain", b"\xff", "\N{REPLACEMENT CHARACTER}"),
        ("text/plain; charset=base64", b"x", "x"),
        ("nonsense;;;=", b"x", "x"),
    ],
)
def test_text(content_type: str, body: bytes, text: str) -> None:
    """The character set is the one that is named, UTF-8 if there is no such; what is no text does not fail."""
    assert answer(body, content_type=content_type).text == text


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", True),
        ("application/JSON; charset=utf-8", True),
        ("application/problem+json", True),
        ("text/html", False),
        ("", False),
    ],
)
def test_says_json(content_type: str, *, expected: bool) -> None:
    """The type of the content says it, its suffix does too."""
    assert answer(content_type=content_type).says_json is expected


@pytest.mark.parametrize(
    ("body", "quote"),
    [
        (b"", ""),
        (b"  no such\n\n city ", "no such city"),
        (b"\x00\x01\x02", ""),
        (b"\x1b[31mred", ""),
        (b"x" * (QUOTED + 1), "x" * QUOTED + "..."),
        (b"x" * QUOTED, "x" * QUOTED),
    ],
)
def test_quote(body: bytes, quote: str) -> None:
    """One line that can be shown, or nothing."""
    assert answer(body).quote == quote


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("Fri, 15 Jan 2027 08:00:20 GMT", 20.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("Fri, 99 Jan 2027 08:00:20 GMT", None),
    ],
)
def test_asked_wait(asked: str, seconds: float | None) -> None:
    """Seconds or a time; anything else asks for nothing."""
    assert answer(retry_after=asked).asked_wait(NOW) == seconds


def test_asks_for_no_wait() -> None:
    """Most answers say nothing about it."""
    assert answer().asked_wait(NOW) is None
