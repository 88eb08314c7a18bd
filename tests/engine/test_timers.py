from __future__ import annotations

from typing import TYPE_CHECKING, Never

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from bluev_actors.actors import Supervisor, open_system
from bluev_actors.engine.timers import KIND, Timers

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.actors import ChildSpec, Exit


class Alarmed(Supervisor[Never]):
    """Has timers, and notes which went off when."""

    def __init__(self, plan: Callable[[Timers], None]) -> None:
        super().__init__()
        self.timers = Timers(self.start_child, self.cancel_child)
        self.heard: list[tuple[str, float]] = []
        self._plan = plan

    async def on_start(self) -> None:
        """Set the timers."""
        self._plan(self.timers)

    async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
        """Note an alarm; at the alarm `again` set others."""
        assert spec.kind == KIND
        if name := self.timers.gone_off(spec, exit):
            self.heard.append((name, trio.current_time()))
            if name == "again":
                self.timers.arm("again", 2)
                self.timers.disarm("late")
                self.timers.arm("late", 1.5)


class Conducted(Alarmed):
    """Does something at certain times, which are timers that never stand still."""

    def __init__(self, plan: Callable[[Timers], None], at: Callable[[Timers, str], None], **times: float) -> None:
        super().__init__(plan)
        self._at = at
        self._times = times

    async def on_start(self) -> None:
        """Set the timers, those of the times first."""
        for name, seconds in self._times.items():
            self.timers.arm(name, seconds)
        await super().on_start()

    async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
        """Note an alarm, and do what is to be done then."""
        before = len(self.heard)
        await super().on_child_exit(spec, exit)
        for name, _ in self.heard[before:]:
            self._at(self.timers, name)


class Late(Alarmed):
    """Sets a timer when it is over."""

    async def on_stop(self, exit: Exit) -> None:  # noqa: ARG002 - the hook's own signature
        """Set one, and take it back."""
        self.timers.arm("late", 1)
        self.timers.disarm("late")
        self.heard.append(("set none", trio.current_time()))


async def heard(plan: Callable[[Timers], None], seconds: float = 100) -> list[tuple[str, float]]:
    """What went off within some seconds, and when."""
    actor = Alarmed(plan)
    async with open_system() as system:
        await system.start(lambda: actor)
        await trio.sleep(seconds)
    return actor.heard


async def test_a_timer_goes_off_at_its_time() -> None:
    """Each once, in the order of their times."""

    def plan(timers: Timers) -> None:
        timers.arm("retry/b", 7)
        timers.arm("retry/a", 3)

    assert await heard(plan) == [("retry/a", 3), ("retry/b", 7)]


@pytest.mark.parametrize("seconds", [0, -5])
async def test_a_time_that_is_past_is_now(seconds: float) -> None:
    """A timer whose time is over goes off at once."""
    assert await heard(lambda timers: timers.arm("a", seconds)) == [("a", 0)]


async def test_a_timer_that_is_set_stays_as_it_is() -> None:
    """To set it again changes nothing."""

    def plan(timers: Timers) -> None:
        timers.arm("a", 3)
        timers.arm("a", 1)

    assert await heard(plan) == [("a", 3)]


async def test_a_timer_can_be_taken_back() -> None:
    """All whose names begin alike, and no others; and it can be set anew, also before the old one is gone."""

    def plan(timers: Timers) -> None:
        for name in ("retry/a", "retry/b", "run-timeout"):
            timers.arm(name, 3)
        timers.disarm("retry/")
        timers.disarm("nothing/")
        timers.arm("retry/a", 5)

    assert await heard(plan) == [("run-timeout", 3), ("retry/a", 5)]


async def test_a_name_may_hold_anything() -> None:
    """Names of nodes are part of it, and nodes are named by users."""

    def plan(timers: Timers) -> None:
        timers.arm("retry/0/timer", 1)
        timers.arm("retry/", 2)

    assert await heard(plan) == [("retry/0/timer", 1), ("retry/", 2)]


async def test_an_alarm_may_set_timers() -> None:
    """One that was taken back on the way out does not count; the new one of its name does."""

    def plan(timers: Timers) -> None:
        timers.arm("again", 1)
        timers.arm("late", 1)

    alarms = await heard(plan, 4)
    assert [it for it in alarms if it[0] == "again"] == [("again", 1), ("again", 3)]
    assert [it for it in alarms if it[0] == "late"][-1] in {("late", 2.5), ("late", 1)}


async def test_one_timer_is_taken_back() -> None:
    """And none whose name only begins like it; one that is not set is no mistake."""

    def plan(timers: Timers) -> None:
        timers.arm("wait/a", 3)
        timers.arm("wait/ab", 4)
        timers.disarm_one("wait/a")
        timers.disarm_one("nobody")

    assert await heard(plan) == [("wait/ab", 4)]


# --- standing still ---------------------------------------------------------------------------------------


async def test_those_that_stand_still_wait_while_they_are_held() -> None:
    """They go on with what each has left; the others take no notice."""

    def plan(timers: Timers) -> None:
        timers.arm("retry/a", 10, stands_still=True)
        timers.arm("pause-until", 5)

    def at(timers: Timers, name: str) -> None:
        if name == "hold":
            timers.hold()
            timers.hold()
        if name == "release":
            timers.release()
            timers.release()

    actor = Conducted(plan, at, hold=4, release=50)
    async with open_system() as system:
        await system.start(lambda: actor)
        await trio.sleep(100)
    assert actor.heard == [("hold", 4), ("pause-until", 5), ("release", 50), ("retry/a", 56)]


async def test_what_is_set_while_held_begins_with_the_release() -> None:
    """Once, as it was set first; and it can be taken back before it ever ran."""

    def at(timers: Timers, name: str) -> None:
        if name == "hold":
            timers.hold()
            for seconds in (3, 30):
                timers.arm("retry/a", seconds, stands_still=True)
            timers.arm("retry/b", 1, stands_still=True)
            timers.arm("wait/c", 1, stands_still=True)
            timers.disarm("retry/b")
            timers.disarm_one("wait/c")
            timers.disarm("nothing/")
            timers.arm("past", -7, stands_still=True)
        if name == "release":
            timers.release()

    actor = Conducted(lambda _timers: None, at, hold=1, release=9)
    async with open_system() as system:
        await system.start(lambda: actor)
        await trio.sleep(100)
    assert actor.heard == [("hold", 1), ("release", 9), ("past", 9), ("retry/a", 12)]


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 1000)), min_size=1, max_size=6), st.integers(0, 200))
def test_a_hold_takes_nothing_and_gives_nothing(stretches: list[tuple[int, int]], whole: int) -> None:
    """However often it is held, a timer goes off when it has run for its time."""
    seconds = whole + 0.5  # never at the moment of a hold
    ran, at, due = 0.0, 0.0, None
    names: dict[str, float] = {}
    for number, (running, held) in enumerate(stretches):
        if due is None and ran + running >= seconds:
            due = at + seconds - ran
        names[f"hold{number}"] = at + running
        names[f"release{number}"] = at + running + held
        ran, at = ran + running, at + running + held
    expected = at + seconds - ran if due is None else due

    def turn(timers: Timers, name: str) -> None:
        if name.startswith("hold"):
            timers.hold()
        elif name.startswith("release"):
            timers.release()

    actor = Conducted(lambda timers: timers.arm("it", seconds, stands_still=True), turn, **names)

    async def play() -> None:
        async with open_system() as system:
            await system.start(lambda: actor)
            await trio.sleep(10_000)

    trio.run(play, clock=MockClock(autojump_threshold=0))
    (went_off,) = [when for name, when in actor.heard if name == "it"]
    assert went_off == pytest.approx(expected, abs=1e-6)


async def test_nothing_is_left_of_a_timer() -> None:
    """Gone off or taken back, its child is forgotten."""

    def plan(timers: Timers) -> None:
        timers.arm("a", 1)
        timers.arm("b", 9)
        timers.disarm("b")

    actor = Alarmed(plan)
    async with open_system() as system:
        await system.start(lambda: actor)
        await trio.sleep(3)
        assert actor.heard == [("a", 1)]
        assert actor.children == ()


async def test_who_is_on_the_way_out_sets_none() -> None:
    """Whoever asks for one then is not to blame."""
    actor = Late(lambda _timers: None)
    async with open_system() as system:
        await system.start(lambda: actor)
    assert actor.heard == [("set none", 0)]
    assert actor.children == ()
