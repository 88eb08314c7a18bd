"""Functions that are told of an exit: in order, one by one, and none harms another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.actors.callbacks import ExitCallbacks, nothing, tell_one
from bluev_actors.actors.exits import Exit, ExitKind

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

EXIT = Exit(ExitKind.NORMAL)


@given(taken_out=st.lists(st.booleans(), max_size=8))
def test_those_that_are_left_are_told_in_order(taken_out: list[bool]) -> None:
    """Whoever was taken out hears nothing, and the others hear it in the order in which they came."""
    callbacks, heard = ExitCallbacks("/a"), list[int]()

    def entered(number: int) -> Callable[[], None]:
        return callbacks.enter(lambda _: heard.append(number))

    undoes = [entered(number) for number in range(len(taken_out))]
    for undo, out in zip(undoes, taken_out, strict=True):
        if out:
            undo()
            undo()
    callbacks.tell(EXIT)
    assert heard == [number for number, out in enumerate(taken_out) if not out]
    assert len(callbacks) == len(heard)


def test_one_takes_another_out_in_the_middle() -> None:
    """It is not told any more, though it was there when the telling began."""
    callbacks, heard = ExitCallbacks("/a"), list[str]()
    undo: list[Callable[[], None]] = []
    callbacks.enter(lambda _: undo[0]())
    undo.append(callbacks.enter(lambda _: heard.append("second")))
    callbacks.enter(lambda _: heard.append("third"))
    callbacks.tell(EXIT)
    assert heard == ["third"]


def test_one_that_comes_in_the_middle_hears_the_next() -> None:
    """A function that is entered by another one is not told of what is being told."""
    callbacks, heard = ExitCallbacks("/a"), list[Exit]()

    def enter_another(_: Exit) -> None:
        callbacks.enter(heard.append)

    callbacks.enter(enter_another)
    callbacks.tell(EXIT)
    assert heard == []


def test_a_bad_one_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """What it raises is logged with the name of the actor, and the others are told."""

    def bad(_: Exit) -> None:
        raise RuntimeError("not my day")

    callbacks, heard = ExitCallbacks("/a"), list[Exit]()
    callbacks.enter(bad)
    callbacks.enter(heard.append)
    callbacks.tell(EXIT)
    tell_one(bad, EXIT, "/b")
    assert heard == [EXIT]
    assert [record.getMessage().split()[0] for record in caplog.records] == ["/a", "/b"]


def test_nothing_to_take_out() -> None:
    """What `when_stopped` of one that is gone returns can be called like every other."""
    nothing()
