"""Faults at named points."""

from __future__ import annotations

import pytest

from bluev_actors.faultpoints import fault
from bluev_actors.testing.faults import FaultPlan, InjectedError, crash_at


def test_nothing_happens_without_a_plan() -> None:
    """A shipped process passes its fault points."""
    fault("a.point", "key")


def test_a_fault_happens_once_at_its_place() -> None:
    """At the nth passing, and neither before nor after it nor elsewhere."""
    with crash_at("a.point", nth=2) as planned:
        fault("a.point", "x")
        fault("other", "x")
        with pytest.raises(InjectedError):
            fault("a.point", "y")
        assert planned.happened
        fault("a.point", "x")
    assert planned.passed == 3


def test_a_fault_is_for_whom_it_is_meant() -> None:
    """Others pass, and their passing does not count."""
    with crash_at("a.point", key="me") as planned:
        fault("a.point", "you")
        assert not planned.happened
        with pytest.raises(InjectedError):
            fault("a.point", "me")


def test_any_error_may_be_raised() -> None:
    """A class, or whatever makes one."""
    with crash_at("a.point", error=KeyError), pytest.raises(KeyError):
        fault("a.point")
    with crash_at("a.point", error=lambda: OSError("no disk")), pytest.raises(OSError, match="no disk"):
        fault("a.point")


def test_a_plan_may_grow_while_it_is_armed() -> None:
    """The key of who shall fail is often known only later."""
    plan = FaultPlan()
    with plan.armed() as armed:
        fault("a.point", "later")
        assert armed.passed["a.point", "later"] == 1
        plan.crash_at("a.point", key="later")
        with pytest.raises(InjectedError):
            fault("a.point", "later")
    fault("a.point", "later")


def test_several_faults_at_one_place() -> None:
    """Each counts its own passings."""
    plan = FaultPlan()
    plan.crash_at("a.point", error=KeyError)
    plan.crash_at("a.point", nth=2, error=TimeoutError)
    with plan.armed():
        with pytest.raises(KeyError):
            fault("a.point")
        with pytest.raises(TimeoutError):
            fault("a.point")
        fault("a.point")
