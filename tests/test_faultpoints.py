from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio

from bluev_actors.faultpoints import Escort, armed, around, escorted, fault, is_armed

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Trapped(Exception):  # noqa: N818 - it is no error but a sign
    """What the traps of these tests raise."""


def spring(point: str, key: str) -> None:
    """Raise wherever a point is passed."""
    raise Trapped(f"{point} {key}".strip())


async def pass_point() -> None:
    """Pass a point, on the loop."""
    await trio.lowlevel.checkpoint()
    fault("here")


def test_nothing_happens_without_a_trap() -> None:
    """In a shipped process a point costs a look and does nothing."""
    fault("run.receive", "r1")


def test_a_trap_is_told_who_passes() -> None:
    """It gets the point's name and the key, so that it can pick its victim."""
    passed: list[tuple[str, str]] = []
    with armed(lambda point, key: passed.append((point, key))):
        fault("run.receive", "r1")
        fault("journal.commit")
    assert passed == [("run.receive", "r1"), ("journal.commit", "")]


def test_a_trap_makes_the_code_fail() -> None:
    """What the trap raises comes out at the point."""
    with armed(spring), pytest.raises(Trapped, match=r"run\.receive r1"):
        fault("run.receive", "r1")


def test_after_the_block_it_is_disarmed() -> None:
    """A trap ends with its block, also when the block fails."""
    with pytest.raises(Trapped), armed(spring):
        fault("here")
    fault("here")


def test_the_inner_trap_counts() -> None:
    """Blocks may stand in one another; the outer trap is back after the inner block."""
    passed: list[str] = []
    with armed(spring):
        with armed(lambda point, _key: passed.append(point)):
            fault("here")
        with pytest.raises(Trapped):
            fault("here")
    assert passed == ["here"]


def test_one_may_ask_whether_there_is_a_trap() -> None:
    """A loop asks once, and spares itself the points."""
    assert not is_armed()
    with armed(spring):
        assert is_armed()
    assert not is_armed()


async def test_it_reaches_the_tasks_that_are_started_under_it() -> None:
    """What the block starts is in reach, however deep."""
    with pytest.raises(ExceptionGroup) as caught, armed(spring):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pass_point)
    assert caught.group_contains(Trapped, match="here")


async def test_it_reaches_no_other_task() -> None:
    """A task that was there before goes its way, so tests do not disturb each other."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pass_point)
        with armed(spring):
            await trio.testing.wait_all_tasks_blocked()


def test_it_reaches_no_other_thread() -> None:
    """Nor is another thread disturbed, unless it runs in a copy of this context."""
    outcomes: list[str] = []

    def work() -> None:
        try:
            fault("here")
        except Trapped:
            outcomes.append("trapped")
        else:
            outcomes.append("passed")

    with armed(spring):
        context = contextvars.copy_context()
        for target in (work, lambda: context.run(work)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert outcomes == ["passed", "trapped"]


async def answer() -> str:
    """What the escorts of these tests go with."""
    return "answer"


async def shout(coroutine: Coroutine[Any, Any, str]) -> str:
    """An escort's own coroutine."""
    return (await coroutine).upper()


async def test_a_coroutine_goes_alone() -> None:
    """Without escorts it is the very same."""
    coroutine = answer()
    assert around("/a", coroutine) is coroutine
    assert await coroutine == "answer"


async def test_an_escort_may_put_another_in_its_place() -> None:
    """It is told whose the coroutine is, and what it returns is awaited instead."""
    seen: list[str] = []

    def escort(key: str, coroutine: Coroutine[Any, Any, str]) -> Coroutine[Any, Any, str]:
        seen.append(key)
        return shout(coroutine)

    with escorted(escort):
        assert await around("/a", answer()) == "ANSWER"
    assert await around("/b", answer()) == "answer"
    assert seen == ["/a"]


async def test_all_escorts_go_along() -> None:
    """Blocks may stand in one another; the inner escort is around the outer one."""

    def mark(name: str) -> Escort:
        async def marked(coroutine: Coroutine[Any, Any, str]) -> str:
            return f"{name}({await coroutine})"

        return lambda _key, coroutine: marked(coroutine)

    with escorted(mark("outer")), escorted(mark("inner")):
        assert await around("/a", answer()) == "inner(outer(answer))"
