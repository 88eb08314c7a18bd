"""The version is said once."""

from __future__ import annotations

import tomllib
from pathlib import Path

import bluev_actors
from bluev_actors.version import VERSION


def test_everybody_says_the_same() -> None:
    """The package, what it is built as, and the summaries of its runs."""
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    assert bluev_actors.__version__ == VERSION == project["version"]
