from __future__ import annotations

from typing import TYPE_CHECKING, Never

import pytest
import trio

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
