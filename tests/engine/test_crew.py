from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from attrs import define, field

from bluev_actors.engine.crew import GRACE_MARGIN, STRIDE, Crew

if TYPE_CHECKING:
    from bluev_actors.actors import ChildSpec
    from bluev_actors.engine.node_executor import NodeExecutor


@define(eq=False)
class Attempt:
    """Stands in for the context of an attempt."""

    node_id: str
    told: list[str] = field(factory=list[str])

    def end_grace(self) -> None:
        """Note it."""
        self.told.append("no more grace")

    def end_checkpoints(self) -> None:
        """Note it."""
        self.told.append("no more checkpoints")


@define(eq=False)
class Worker:
    """Stands in for an executor."""

    context: Attempt
    can_halt: bool = False

    def suspend(self) -> bool:
        """Stand still, if it can."""
        if self.can_halt:
            self.context.told.append("halt")
        return self.can_halt

    def resume(self) -> None:
        """Go on."""
        self.context.told.append("go on")


@define
class Boss:
    """Does for a crew what a run does, and notes it."""

    started: list[str] = field(factory=list[str])
    cancelled: list[tuple[str, str]] = field(factory=list[tuple[str, str]])
    armed: dict[str, float] = field(factory=dict[str, float])
    calls: int = 0

    def start(self, spec: ChildSpec) -> None:
        """Start a child."""
        self.started.append(spec.id)
        assert (spec.kind, spec.restart) == ("node", "temporary")

    def cancel(self, node_id: str, cause: str) -> None:
        """Cancel a child."""
        self.cancelled.append((node_id, cause))

    def disarm(self, prefix: str) -> None:
        """Take timers back."""
        self.armed = {name: at for name, at in self.armed.items() if not name.startswith(prefix)}

    def call(self) -> None:
        """Count how often it is asked to have some cancelled."""
        self.calls += 1

    def crew(self) -> Crew:
        """A crew without anybody."""
        return Crew(self.start, self.cancel, self.armed.__setitem__, self.disarm, self.call, 5.0)


@pytest.fixture
def boss() -> Boss:
    """Whom the crew works for."""
    return Boss()


def hire(crew: Crew, node_id: str, *, can_halt: bool = False) -> Attempt:
    """One more at work."""
    attempt = Attempt(node_id)
    crew.put_to_work(cast("NodeExecutor", Worker(attempt, can_halt)))
    return attempt


def test_who_is_at_work(boss: Boss) -> None:
    """From the moment it is put to work until it has left."""
    crew = boss.crew()
    attempt = hire(crew, "a")
    hire(crew, "b")
    assert (len(crew), list(crew), boss.started) == (2, ["a", "b"], ["a", "b"])
    assert crew.context("a") is cast("object", attempt)
    assert crew.context("z") is None
    crew.has_left("a")
    assert list(crew) == ["b"]


def test_many_are_cancelled_in_strides(boss: Boss) -> None:
    """Who asked is called back before the first and for each further stride; each is cancelled with its cause."""
    crew = boss.crew()
    names = [f"n{number}" for number in range(2 * STRIDE + 1)]
    for name in names:
        hire(crew, name)
    crew.tell_to_end(names)
    assert (boss.calls, boss.cancelled) == (1, [])
    for stride in (STRIDE, 2 * STRIDE, len(names)):
        crew.cancel_some(dict.fromkeys(names, "stopped"))
        assert len(boss.cancelled) == stride
    assert boss.calls == 3
    assert boss.cancelled == [(name, "stopped") for name in names]
    crew.cancel_some({})
    assert len(boss.cancelled) == len(names)


def test_who_was_told_is_not_told_again(boss: Boss) -> None:
    """Nor is anybody who is not there; a new attempt of the same node is somebody new."""
    crew = boss.crew()
    hire(crew, "a")
    crew.tell_to_end(["a", "nobody"])
    crew.tell_to_end(["a"])
    crew.cancel_some({"a": "pause"})
    assert boss.cancelled == [("a", "pause")]
    crew.has_left("a")
    hire(crew, "a")
    crew.tell_to_end(["a"])
    crew.cancel_some({"a": "pause"})
    assert len(boss.cancelled) == 2


def test_who_left_before_its_turn_is_not_cancelled(boss: Boss) -> None:
    """Nor is its successor in its place."""
    crew = boss.crew()
    hire(crew, "a")
    crew.tell_to_end(["a"])
    crew.has_left("a")
    hire(crew, "a")
    crew.cancel_some({"a": "pause"})
    assert boss.cancelled == []


@pytest.mark.parametrize(
    ("causes", "told", "cause"),
    [
        ({"a": "stopped"}, ["no more checkpoints"], "stopped"),
        ({"a": "fail_fast"}, ["no more checkpoints"], "fail_fast"),
        ({"a": "pause"}, [], "pause"),
        ({"a": "drain"}, [], "drain"),
        ({}, [], "overtaken"),
    ],
)
def test_checkpoints_end_where_nothing_goes_on(boss: Boss, causes: dict[str, str], told: list[str], cause: str) -> None:
    """After a pause or a drain a node goes on from its checkpoint; after a stop nobody does."""
    crew = boss.crew()
    attempt = hire(crew, "a")
    crew.tell_to_end(["a"])
    crew.cancel_some(causes)
    assert (attempt.told, boss.cancelled) == (told, [("a", cause)])


def test_who_is_still_there_after_its_grace_is_named(boss: Boss) -> None:
    """Each with those it was told with; the timers go with the last of them."""
    crew = boss.crew()
    for name in "abc":
        hire(crew, name)
    crew.tell_to_end(["a", "b"])
    crew.tell_to_end(["b", "c"])
    assert boss.armed == {"grace/0": 5.0 + GRACE_MARGIN, "grace/1": 5.0 + GRACE_MARGIN}
    crew.has_left("a")
    assert [it.node_id for it in crew.disobedient("0")] == ["b"]
    assert [it.node_id for it in crew.disobedient("1")] == ["c"]
    hire(crew, "d")
    crew.tell_to_end(["d"])
    for name in "bcd":
        crew.has_left(name)
    assert "grace/2" not in boss.armed


def test_a_kill_is_told_to_all(boss: Boss) -> None:
    """To those that were told to end, and to those that were not."""
    crew = boss.crew()
    attempts = [hire(crew, name) for name in "ab"]
    crew.tell_to_end(["a"])
    crew.end_grace()
    assert [it.told for it in attempts] == [["no more grace"]] * 2


def test_those_that_can_stand_still_do(boss: Boss) -> None:
    """Once, and not those on their way out; they go on when they are told to."""
    crew = boss.crew()
    solid, machine, leaving = hire(crew, "a"), hire(crew, "b", can_halt=True), hire(crew, "c", can_halt=True)
    assert crew.stand_still({"c": "pause"}) == ["b"]
    assert crew.stand_still({"c": "pause"}) == []
    assert [crew.stands_still(name) for name in "abcz"] == [False, True, False, False]
    assert crew.go_on("b")
    assert not crew.go_on("nobody")
    assert not crew.stands_still("b")
    assert (solid.told, machine.told, leaving.told) == ([], ["halt", "go on"], [])
    assert crew.stand_still({}) == ["b", "c"]


def test_who_leaves_while_it_stands_still_is_forgotten(boss: Boss) -> None:
    """Whoever comes in its place runs."""
    crew = boss.crew()
    hire(crew, "a", can_halt=True)
    crew.stand_still({})
    crew.has_left("a")
    hire(crew, "a", can_halt=True)
    assert not crew.stands_still("a")
