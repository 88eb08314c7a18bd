"""Habits of the house that no linter knows."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from house import PACKAGE, ROOT, modules, texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Each word has a letter in brackets, so that this file is not found by its own search.
UNFINISHED = re.compile(r"\b([T]ODO|[F]IXME|[X]XX|[H]ACK)\b")
MACHINES = re.compile(r"/[w]ork/|/[r]oot/|/[f]arm/|/tmp/[b]ash_jobs")
REGISTRIES = re.compile(r"pypi[.]org|files[.]pythonhosted|registry[.]npmjs|deb[.]debian", re.IGNORECASE)
EM_DASH = "\N{EM DASH}"

TEST_FILES = sorted((ROOT / "tests").rglob("test_*.py"))


def relative(path: Path) -> str:
    """A file's name as people say it."""
    return path.relative_to(ROOT).as_posix()


def functions_in(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every test in a file, methods of test classes included."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
            yield node


@pytest.mark.parametrize("path", TEST_FILES, ids=relative)
def test_every_test_has_its_sentence(path: Path) -> None:
    """A test says in a sentence what would be wrong if it failed."""
    assert [node.name for node in functions_in(path) if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("path", modules().values(), ids=relative)
def test_nothing_is_left_unfinished(path: Path) -> None:
    """What is still to be done is written where plans are, not in the code."""
    assert UNFINISHED.findall(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", modules().values(), ids=relative)
def test_only_the_command_line_prints(path: Path) -> None:
    """A library speaks by values, exceptions and logs."""
    calls = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
    prints = [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]
    assert prints == [] or path.is_relative_to(PACKAGE / "cli")


@pytest.mark.parametrize("path", modules().values(), ids=relative)
def test_no_wildcard_import(path: Path) -> None:
    """Where a name comes from can be read at the top of the file."""
    froms = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ImportFrom))
    assert [node.module for node in froms if any(alias.name == "*" for alias in node.names)] == []


@pytest.mark.parametrize("path", texts(), ids=relative)
def test_no_file_knows_a_machine(path: Path) -> None:
    """No path of one machine and no address of a package registry: a checkout works wherever it lies."""
    text = path.read_text("utf-8")
    assert MACHINES.findall(text) + REGISTRIES.findall(text) == []


@pytest.mark.parametrize("path", texts(), ids=relative)
def test_plain_punctuation(path: Path) -> None:
    """Sentences end with a full stop or turn with a comma or a colon, without long dashes."""
    assert EM_DASH not in path.read_text("utf-8")
