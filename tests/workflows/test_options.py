"""How a run is started."""

from __future__ import annotations

from typing import get_args

import pytest
from attrs.exceptions import FrozenInstanceError

from bluev_actors.workflows.options import IfRunning, Rerun, RunOptions


def test_without_options_a_second_run_is_refused() -> None:
    """The default is the careful one."""
    assert RunOptions() == RunOptions(if_running="reject", concurrent=False, timeout=None, priority=0)


def test_the_policies_are_those_of_the_contract() -> None:
    """Four ways to treat a live run."""
    assert set(get_args(IfRunning)) == {"reject", "queue", "replace", "concurrent"}


def test_a_rerun_names_its_run() -> None:
    """By default it repeats what failed."""
    assert Rerun(from_run="r").mode == "failed"


def test_options_do_not_change() -> None:
    """They are stored with the run."""
    with pytest.raises(FrozenInstanceError):
        RunOptions().priority = 3  # type: ignore[misc] # that it is refused is the point
