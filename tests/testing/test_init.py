"""The front door of the test kit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import bluev_actors.testing

ROOT = Path(__file__).parents[2]


def test_every_name_is_there() -> None:
    """What is promised can be taken, and is what its module has."""
    for name in bluev_actors.testing.__all__:
        assert getattr(bluev_actors.testing, name) is not None


def test_other_names_are_not() -> None:
    """A wrong name is an error as of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Probes'"):
        getattr(bluev_actors.testing, "Probes")  # noqa: B009 - a type checker must not see this


def test_one_name_loads_no_others() -> None:
    """Whoever takes a probe does not load the daemon."""
    code = "import sys; from bluev_actors.testing import start_probe; sys.exit('bluev_actors.daemon' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)  # noqa: S603 - the code is our own
    assert done.returncode == 0
