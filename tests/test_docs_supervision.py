"""The pages on supervision show what their examples print, their program is the one in `docs/examples`, figures hold.

That the examples run at all is tested with those of all other pages, in `tests/house/test_docs.py`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from inspect import Parameter, signature
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from bluev_actors.actors import Backoff, DynamicSupervisor, Ref, RestartBudget, Supervisor, child, open_system
from bluev_actors.actors.deltas import watch_tree
from bluev_actors.actors.mailbox import BATCH
from bluev_actors.actors.partitions import start_partitions
from bluev_actors.actors.pool import start_pool
from house import ROOT
from pages import blocks
from terminal import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GUIDE = ROOT / "docs/supervision.md"
PAGES = [GUIDE, ROOT / "docs/coming-from.md"]
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.py"))
UNTOLD: tuple[object, ...] = (Parameter.empty, "", ())
ANCHOR = re.compile(r"\]\(([\w./-]*)#([\w-]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
DEFAULT = re.compile(r"^\| `([\w.]+)\((\w+)=\)` \| `(.+)` \|$", re.MULTILINE)


def lines(text: str) -> list[str]:
    """A text as lines without the space at their ends."""
    return [line.rstrip() for line in text.strip().splitlines()]


def slug(heading: str) -> str:
    """How a heading is linked to."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def shown_after(page: Path, start: str) -> str:
    """The block of output that follows the block of code that starts like this."""
    for code, output in pairwise(blocks(page)):
        if code.body.startswith(start):
            return output.body
    raise LookupError(start)


def printed_by(program: Path) -> str:
    """What a program of ours prints."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, program], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_print_what_is_shown(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A block of Python prints the block of text behind it, or nothing."""
    world: dict[str, Any] = {"__name__": page.stem}
    found = [block for block in blocks(page) if block.runs]
    for block, following in pairwise([*found, found[0]]):
        if block.language != "python":
            continue
        exec(compile(block.body, f"{page.name}, line {block.line}", "exec"), world)  # noqa: S102 - the page's own program
        expected = following.body if following.language == "text" else ""
        assert lines(capsys.readouterr().out) == lines(expected), f"{page.name}, line {block.line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_a_page_lead_somewhere(page: Path) -> None:
    """What is linked by `#` is a heading of the page, or of the other one."""
    for file, anchor in ANCHOR.findall(page.read_text("utf-8")):
        target = page.parent / file if file else page
        assert anchor in {slug(heading) for heading in HEADING.findall(target.read_text("utf-8"))}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_guide_shows_the_examples(example: Path) -> None:
    """The files in `docs/examples` are on the page, word for word."""
    assert example.read_text("utf-8") in [block.body for block in blocks(GUIDE)]


def test_the_program_is_short_and_prints_what_is_shown() -> None:
    """It has forty lines; which of two actors speaks first is up to Trio."""
    program = ROOT / "docs/examples/supervised.py"
    text = program.read_text("utf-8")
    assert len(text.splitlines()) <= 40
    assert sorted(lines(printed_by(program))) == sorted(lines(shown_after(GUIDE, text)))


def test_the_test_of_the_program_passes(tmp_path: Path) -> None:
    """In a directory of its own, as that of a user, who needs no configuration."""
    for example in EXAMPLES:
        shutil.copy(example, tmp_path)
    plugin = ["-p", "no:bluev_actors", "-p", "bluev_actors.testing.plugin"]  # installed with its plug-in or without
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *plugin],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def defaults() -> list[tuple[str, str, str]]:
    """The rows of the table of defaults: callable, parameter, value."""
    return DEFAULT.findall(GUIDE.read_text("utf-8"))


@pytest.mark.parametrize(("name", "parameter", "value"), defaults())
def test_defaults_are_those_of_the_code(name: str, parameter: str, value: str) -> None:
    """A row of the table says what the code does."""
    called: dict[str, Callable[..., Any]] = {
        "Backoff": Backoff,
        "DynamicSupervisor": DynamicSupervisor,
        "Ref.ask": Ref[Any].ask,
        "Ref.drain": Ref[Any].drain,
        "RestartBudget": RestartBudget,
        "Supervisor": Supervisor,
        "child": child,
        "open_system": open_system,
        "start_partitions": start_partitions,
        "start_pool": start_pool,
        "watch_tree": watch_tree,
    }
    default = repr(signature(called[name]).parameters[parameter].default)
    assert default.replace("'", '"') == value


def test_the_table_of_defaults_is_whole() -> None:
    """No option that has a default is left out, but for what is empty by default."""
    told = {(name, parameter) for name, parameter, _ in defaults()}
    named: dict[str, Callable[..., Any]] = {"child": child, "Supervisor": Supervisor, "Backoff": Backoff}
    for name, called in named.items():
        optional = {each.name for each in signature(called).parameters.values() if each.default not in UNTOLD}
        assert {(name, option) for option in optional} - told == set()


def test_the_batch_is_as_long_as_told() -> None:
    """The one figure in the text that is no default of anything."""
    assert f"up to {BATCH} messages are handled between two checkpoints" in GUIDE.read_text("utf-8").replace(
        "\n  ", " "
    )
