"""Timers: what is due when, against a model that is too simple to be wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bluev_actors.actors.timers import SHORTEST_PERIOD, Timers, next_tick

if TYPE_CHECKING:
    from collections.abc import Hashable


@define
class Entry:
    """One timer of the model."""

    at: float
    message: int
    key: Hashable
    every: float | None


@define
class Model:
    """A list in start order, searched from end to end."""

    entries: list[Entry] = field(factory=list[Entry])

    def start(self, at: float, message: int, key: Hashable, every: float | None) -> None:
        """As `Timers.start`."""
        self.cancel(key)
        self.entries.append(Entry(at, message, key, every))

    def cancel(self, key: Hashable) -> bool:
        """As `Timers.cancel`."""
        kept = [entry for entry in self.entries if key is None or entry.key != key]
        found = len(kept) < len(self.entries)
        self.entries = kept
        return found

    def due(self, now: float) -> list[int]:
        """As `Timers.due`; a periodic one is moved on tick by tick."""
        ready = sorted((entry for entry in self.entries if entry.at <= now), key=lambda entry: entry.at)
        for entry in ready:
            while entry.every is not None and entry.at <= now:
                entry.at += entry.every
        self.entries = [entry for entry in self.entries if entry.at > now]
        return [entry.message for entry in ready]

    def next_at(self) -> float:
        """As `Timers.next_at`."""
        return min((entry.at for entry in self.entries), default=math.inf)


EIGHTHS = st.integers(0, 80).map(lambda n: n / 8)
"""Times whose sums are exact, so that the model may add them up one by one."""


class TimersMachine(RuleBasedStateMachine):
    """Whatever is started, cancelled and taken, the timers and the model say the same."""

    def __init__(self) -> None:
        super().__init__()
        self.timers: Timers[int] = Timers()
        self.model = Model()
        self.now = 0.0
        self.message = 0

    @rule(delay=EIGHTHS, key=st.none() | st.integers(0, 3), every=st.none() | st.sampled_from([0.125, 0.5, 2.0]))
    def start(self, delay: float, key: int | None, every: float | None) -> None:
        """Start one, perhaps in the place of another."""
        self.message += 1
        self.timers.start(self.now + delay, self.message, key=key, every=every)
        self.model.start(self.now + delay, self.message, key, every)

    @rule(key=st.integers(0, 3))
    def cancel(self, key: int) -> None:
        """Cancel one, if there is one of that name."""
        assert self.timers.cancel(key) == self.model.cancel(key)

    @rule(seconds=EIGHTHS)
    def take(self, seconds: float) -> None:
        """Let time pass and take what is due."""
        self.now += seconds
        assert self.timers.due(self.now) == self.model.due(self.now)

    @invariant()
    def they_agree(self) -> None:
        """On how many there are and when the next is due."""
        assert len(self.timers) == len(self.model.entries)
        assert self.timers.next_at == self.model.next_at()

    @invariant()
    def the_dead_are_few(self) -> None:
        """Cancelled timers never make up more than half of the heap."""
        assert len(self.timers._heap) <= 2 * len(self.timers)  # pyright: ignore[reportPrivateUsage] - what is asserted


TestAgainstTheModel = TimersMachine.TestCase


def started(*deadlines: float) -> Timers[float]:
    """Timers without names that hand out their own deadlines."""
    timers: Timers[float] = Timers()
    for at in deadlines:
        timers.start(at, at)
    return timers


def test_none_is_due() -> None:
    """Without timers there is nothing to wait for."""
    timers: Timers[str] = Timers()
    assert (len(timers), timers.next_at, timers.due(1e9), timers.cancel("x")) == (0, math.inf, [], False)


def test_deadlines_go_first() -> None:
    """What is due earlier comes earlier, and each only once."""
    timers = started(3, 1, 2)
    assert timers.next_at == 1
    assert timers.due(0.5) == []
    assert timers.due(2) == [1, 2]
    assert timers.next_at == 3
    assert timers.due(9) == [3]
    assert len(timers) == 0


def test_equal_deadlines_go_by_start() -> None:
    """Of two that are due together, the one that was started earlier comes first."""
    timers: Timers[str] = Timers()
    for message in "cab":
        timers.start(1, message)
    assert timers.due(1) == ["c", "a", "b"]


def test_the_same_name_replaces() -> None:
    """The second timer of a name is the only one of it."""
    timers: Timers[str] = Timers()
    timers.start(1, "old", key="k")
    timers.start(2, "new", key="k")
    assert len(timers) == 1
    assert timers.due(5) == ["new"]
    assert not timers.cancel("k")


def test_no_name_is_not_a_name() -> None:
    """Timers without one do not replace each other, and None cancels none of them."""
    timers = started(1, 2)
    assert not timers.cancel(None)
    assert timers.due(2) == [1, 2]


def test_a_cancelled_one_never_comes() -> None:
    """Neither the first time nor, once it is running, ever again."""
    timers: Timers[str] = Timers()
    timers.start(1, "tick", key="k", every=1)
    assert timers.due(1) == ["tick"]
    assert timers.cancel("k")
    assert timers.due(9) == []
    assert timers.next_at == math.inf


def test_a_late_one_comes_once_and_keeps_its_phase() -> None:
    """Ticks that were missed are not made up for, and the next is where it would have been anyway."""
    timers: Timers[str] = Timers()
    timers.start(1, "tick", every=2)
    assert timers.due(8.5) == ["tick"]
    assert timers.next_at == 9
    assert timers.due(9) == ["tick"]
    assert timers.next_at == 11


@given(st.floats(0, 1e6), st.floats(1e-3, 1e4), st.integers(1, 10_000))
def test_ticks_come_one_by_one(first: float, period: float, n: int) -> None:
    """On time, the tick after the nth is the one after, whatever rounding does."""
    assert next_tick(first, period, first + n * period) == first + (n + 1) * period


@given(st.floats(0, 1e6), st.floats(SHORTEST_PERIOD, 1e4), st.floats(0, 1e6))
def test_the_next_tick_is_later_and_near(first: float, period: float, late: float) -> None:
    """It lies after now, and within a period of it."""
    now = first + late
    assert now < next_tick(first, period, now) <= now + period * (1 + 1e-3)


def test_cancelling_lets_go() -> None:
    """A thousand timers that each replace the last one leave nothing behind, nor do those that are cancelled."""
    timers = started(0.5)
    for n in range(1000):
        timers.start(n + 1, n, key="the same")
    assert len(timers._heap) <= 4  # pyright: ignore[reportPrivateUsage] - what is left behind does not show outside
    assert timers.cancel("the same")
    assert timers.due(2000) == [0.5]


@pytest.mark.parametrize("at", [math.nan, -math.inf])
def test_a_deadline_is_a_time(at: float) -> None:
    """What cannot be compared with other times would spoil the order of all; never is a time."""
    timers = started(math.inf)
    with pytest.raises(ValueError, match="cannot be due at"):
        timers.start(at, 1)
    assert (len(timers), timers.next_at, timers.due(1e300)) == (1, math.inf, [])


@pytest.mark.parametrize("every", [0, -1, 1e-9, math.nan, math.inf])
def test_a_period_is_a_time(every: float) -> None:
    """A period that could never pass, or always has, is refused, and what it would have replaced stays."""
    timers: Timers[str] = Timers()
    timers.start(1, "kept", key="k")
    with pytest.raises(ValueError, match="every must be"):
        timers.start(1, "refused", key="k", every=every)
    assert timers.due(1) == ["kept"]
