"""Faults at named points: make the code fail where a bug might, and see who notices.

    with crash_at("connection.dispatch", nth=3):
        async with open_daemon() as daemon:
            ...

A plan can be added to while it is armed, when the key of who shall fail is known only later. The points are those
where the package calls `bluev_actors.faultpoints.fault`:

    actor.start, actor.receive, actor.stop   in the life of any actor; the key is its path, such as `/runs/run-1`
    connection.dispatch                      a connection is about to do what it was asked; the key is its session
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import define, field

from bluev_actors import faultpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class InjectedError(Exception):
    """What a fault raises, unless the plan says otherwise."""


@define
class Fault:
    """One failure to come.

    Attributes:
        point: where.
        key: who; None for anybody.
        nth: at which passing, counted from 1 and from the moment the fault was planned.
        error: makes what is raised.
        passed: how often the place was passed by whom it is meant for.
    """

    point: str
    key: str | None = None
    nth: int = 1
    error: Callable[[], BaseException] = InjectedError
    passed: int = field(default=0, init=False)

    @property
    def happened(self) -> bool:
        """Whether it has been raised."""
        return self.passed >= self.nth

    def at(self, point: str, key: str) -> BaseException | None:
        """What to raise when somebody passes a point; None to let them pass."""
        if point != self.point or self.key not in (None, key):
            return None
        self.passed += 1
        return self.error() if self.passed == self.nth else None


@define
class FaultPlan:
    """Any number of faults, and a record of every point that was passed."""

    passed: Counter[tuple[str, str]] = field(factory=Counter[tuple[str, str]], init=False)
    """How often each point was passed by each key while the plan was armed."""
    _faults: list[Fault] = field(factory=list[Fault], init=False)

    def crash_at(
        self,
        point: str,
        *,
        key: str | None = None,
        nth: int = 1,
        error: Callable[[], BaseException] = InjectedError,
    ) -> Fault:
        """Plan a failure; it may be planned while the plan is armed.

        Args:
            point: the name of the place.
            key: who shall fail; None for whoever comes.
            nth: at which passing from now on.
            error: makes what is raised, such as an exception class.
        """
        fault = Fault(point, key, nth, error)
        self._faults.append(fault)
        return fault

    @contextmanager
    def armed(self) -> Generator[FaultPlan]:
        """Have the faults happen in this task and in every task that is started inside the block."""
        with faultpoints.armed(self._pass):
            yield self

    def _pass(self, point: str, key: str) -> None:
        self.passed[point, key] += 1
        errors = [error for fault in self._faults if (error := fault.at(point, key)) is not None]
        if errors:
            raise errors[0]


@contextmanager
def crash_at(
    point: str, *, key: str | None = None, nth: int = 1, error: Callable[[], BaseException] = InjectedError
) -> Generator[Fault]:
    """Have a single fault happen inside the block; the arguments are those of `FaultPlan.crash_at`."""
    plan = FaultPlan()
    fault = plan.crash_at(point, key=key, nth=nth, error=error)
    with plan.armed():
        yield fault
