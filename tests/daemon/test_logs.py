"""The log: for people, for machines, and not to be forged."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.daemon.logs import configure_logging, escaped

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Give the process's logging back as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(format_: Literal["auto", "pretty", "json"], text: str, *, crash: str = "") -> str:
    """What a line of the log looks like."""
    out = io.StringIO()
    configure_logging(format_, out)
    log = logging.getLogger("bluev_actors.test")
    if crash:
        log.error("%s", text, exc_info=ValueError(crash))
    else:
        log.warning("%s", text)
    return out.getvalue()


def test_json_lines() -> None:
    """One object a line, with what a machine looks for."""
    line = json.loads(logged("json", "hello"))
    assert (line["event"], line["level"], line["logger"]) == ("hello", "warning", "bluev_actors.test")
    assert line["timestamp"].endswith("Z")


def test_pretty_lines() -> None:
    """A line for people has the words, and no colours where there is no terminal."""
    line = logged("pretty", "hello")
    assert "hello" in line
    assert "warning" in line
    assert "\x1b" not in line


def test_auto_is_json_where_there_is_no_terminal() -> None:
    """A daemon whose log goes to a file writes for machines."""
    assert json.loads(logged("auto", "hello"))["event"] == "hello"


def test_auto_is_pretty_on_a_terminal() -> None:
    """Colours included."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    configure_logging("auto", out)
    logging.getLogger("bluev_actors.test").warning("hello")
    assert "hello" in out.getvalue()
    assert "\x1b[" in out.getvalue()


def test_what_is_not_worth_a_line_has_none() -> None:
    """The log begins at `info`."""
    out = io.StringIO()
    configure_logging("json", out)
    logging.getLogger("bluev_actors.test").debug("hello")
    assert out.getvalue() == ""


@pytest.mark.parametrize("format_", ["pretty", "json"])
def test_a_line_cannot_be_forged(format_: Literal["pretty", "json"]) -> None:
    """Text from outside ends no line and says nothing to the terminal."""
    line = logged(format_, "one\n2026-01-01 [error] forged\r\x1b[2Jtwo\u2028three\x9b")
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert not set("\r\x1b\u2028\x9b") & set(line)


@pytest.mark.parametrize("format_", ["pretty", "json"])
def test_a_traceback_is_there_and_stays_apart(format_: Literal["pretty", "json"]) -> None:
    """Every line of it, the exception's own text included, is visibly part of it."""
    text = logged(format_, "it failed", crash="bad\n2026-01-01 [error] forged\x1b[2J")
    assert "ValueError: bad" in text
    assert "\x1b" not in text
    lines = text.rstrip("\n").splitlines()
    if format_ == "json":
        assert len(lines) == 1
    else:
        assert all(line.startswith("    ") for line in lines[1:])


@given(st.text())
def test_what_is_escaped_is_one_line(text: str) -> None:
    """Whatever the text, and plain words stay as they are."""
    line = escaped(text)
    assert len(line.splitlines()) <= 1
    assert line.encode().decode() == line
    assert escaped("plain \u00e4 \U0001f600") == "plain \u00e4 \U0001f600"
