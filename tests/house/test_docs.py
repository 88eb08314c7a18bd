"""The docs tell the truth: examples run, output is what is printed, links lead somewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import floor_plan
from house import ROOT
from pages import Command, commands, links, matches, program, reasons
from terminal import PATIENCE, Terminal, play

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name(page: Path) -> str:
    """A page's name as people say it."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [page for page in PAGES if program(page)], ids=name)
def test_python_examples_run(page: Path, tmp_path: Path) -> None:
    """A page's Python blocks, one after the other, are a program that ends well."""
    copy = tmp_path / f"{page.stem}.py"
    copy.write_text(program(page), "utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", copy],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=name)
def test_console_examples_print_what_is_shown(page: Path, tmp_path: Path) -> None:
    """A page's commands, typed one after the other, print what the page shows."""
    play(Terminal(tmp_path), commands(page))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_run_has_a_reason(page: Path) -> None:
    """An example that is not run says why."""
    assert all(reasons(page))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to a file of ours finds it."""
    assert [link for link in links(page) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == ROOT / "docs"], ids=name)
def test_the_index_knows_every_page(page: Path) -> None:
    """Whoever starts at `docs/index.md` finds all pages."""
    assert page.name == "index.md" or f"({page.name}" in (ROOT / "docs/index.md").read_text("utf-8")


def test_the_floor_plan_is_up_to_date() -> None:
    """`docs/floor-plan.md` has a sentence for each file; `scripts/generate` writes it."""
    assert (ROOT / "docs/floor-plan.md").read_text("utf-8") == floor_plan.page()


@pytest.mark.parametrize(
    ("shown", "printed", "verdict"),
    [
        ("a ... c", "a b\nb c\n", True),
        ("a", "a b", False),
        ("", "", True),
        ("", "a", False),
        ("(1)", "(1)  \n", True),
    ],
)
def test_matching(shown: str, printed: str, verdict: bool) -> None:
    """`...` stands for anything, all else for itself, and space at the ends is nobody's business."""
    assert matches(shown, printed) is verdict


def test_reading_a_page(tmp_path: Path) -> None:
    """Blocks keep their lines, commands their output, and what is marked stays out."""
    page = tmp_path / "page.md"
    page.write_text(
        "Text\n\n```python\na = 1\n```\n<!-- no-run: needs a printer -->\n```python\nboom\n```\n"
        "```console\n$ ls\nx\n$ bluev-actors ps\nnothing\n```\n\n```python\nb = a\n```\n"
    )
    lines = enumerate(program(page).splitlines(), 1)
    assert {line: text for line, text in lines if text} == {4: "a = 1", 18: "b = a"}
    assert "boom" not in program(page)
    assert commands(page) == [Command("ls", "x\n"), Command("bluev-actors ps", "nothing\n")]
