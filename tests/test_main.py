"""The package's front door and its command."""

from __future__ import annotations

import subprocess
import sys

import pytest

import bluev_actors


def test_python_m_is_the_command() -> None:
    """`python -m bluev_actors` does what `bluev-actors` does."""
    shown = subprocess.run([sys.executable, "-m", "bluev_actors", "--help"], check=True, capture_output=True, text=True)
    assert shown.stdout.startswith("Usage: bluev-actors [OPTIONS] COMMAND")


@pytest.mark.parametrize("name", bluev_actors.__all__)
def test_every_name_can_be_had(name: str) -> None:
    """What the door promises is there, and `dir` shows it."""
    assert getattr(bluev_actors, name) is getattr(bluev_actors, name)
    assert name in dir(bluev_actors)


def test_the_usual_imports_work() -> None:
    """The lines of the tutorial."""
    from bluev_actors import (  # noqa: PLC0415 - that this statement works is what is tested
        Actor,
        NodeContext,
        Supervisor,
        child,
        connect,
        handles,
        node,
        open_runtime,
        open_system,
    )

    for name in (Actor, NodeContext, Supervisor, child, connect, handles, node, open_runtime, open_system):
        assert callable(name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="module 'bluev_actors' has no attribute 'Aktor'"):
        _ = bluev_actors.Aktor  # pyright: ignore[reportAttributeAccessIssue] - that is the point


def test_one_floor_does_not_load_the_others() -> None:
    """Who takes the actors alone gets neither client nor engine."""
    code = (
        "import sys; from bluev_actors import Actor; "
        "print(sorted({m.split('.')[1] for m in sys.modules if m.startswith('bluev_actors.')}))"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603 - ours
    assert shown.stdout.strip() == "['actors', 'errors', 'faultpoints', 'version']"
