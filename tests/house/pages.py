"""Reading a page of the docs: its blocks, its program, its commands and the output it shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

FENCE = re.compile(
    r"(?P<marker><!-- no-run(?P<reason>[^>]*)-->\s*\n)?^```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
LINK = re.compile(r"\[[^\]]*\]\((?!\w+:|#)([^)#\s]+)")


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    body: str
    line: int  # of the body's first line, counted from 1
    runs: bool


class Command(NamedTuple):
    """A line after `$ ` and what the page shows below it."""

    line: str
    shown: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text("utf-8")
    return [
        Block(m["language"], m["body"], text.count("\n", 0, m.start("body")) + 1, m["marker"] is None)
        for m in FENCE.finditer(text)
    ]


def program(page: Path) -> str:
    """The page's Python blocks as one program, whose line numbers are those of the page."""
    lines: list[str] = []
    for block in blocks(page):
        if block.language == "python" and block.runs:
            lines += [""] * (block.line - 1 - len(lines)) + block.body.splitlines()
    return "\n".join(lines)


def commands(page: Path) -> list[Command]:
    """The page's commands with the output shown, in order."""
    bodies = [block.body for block in blocks(page) if block.language == "console" and block.runs]
    parts = [part for body in bodies for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]]
    pairs = [part.partition("\n") for part in parts]
    return [Command(line, shown) for line, _, shown in pairs]


def matches(shown: str, printed: str) -> bool:
    """Whether `printed` is what the page shows, in which `...` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in _tidy(shown).split("..."))
    return re.fullmatch(pattern, _tidy(printed), re.DOTALL) is not None


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def reasons(page: Path) -> list[str]:
    """Why the blocks of a page that are not run are not."""
    return [m["reason"].strip(" :") for m in FENCE.finditer(page.read_text("utf-8")) if m["marker"]]


def links(page: Path) -> list[str]:
    """The files that a page links to, as written there."""
    return LINK.findall(page.read_text("utf-8"))
