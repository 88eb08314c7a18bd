"""How an incarnation ended, in kinds, in text, and as the exceptions by which an actor says so itself."""

from __future__ import annotations

import gc
from weakref import WeakSet

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.actors.exits import (
    Exit,
    ExitAs,
    ExitKind,
    Ignore,
    Remains,
    Shutdown,
    describe,
    describe_remains,
    remains_of,
)

EXITS = st.builds(
    Exit,
    st.sampled_from(ExitKind),
    error=st.none() | st.builds(ValueError, st.text(max_size=5)),
    reason=st.text(max_size=5),
)


class Mute(Exception):  # noqa: N818 - a broken class with a fitting name
    """An exception whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("mute")


@pytest.mark.parametrize(
    ("exit_", "text"),
    [
        (Exit(ExitKind.NORMAL), "normal"),
        (Exit(ExitKind.NORMAL, result=7), "normal"),
        (Exit(ExitKind.SHUTDOWN, reason="bye"), "shutdown (bye)"),
        (Exit(ExitKind.CRASHED, ValueError("oh")), "crashed (ValueError: oh)"),
        (Exit(ExitKind.CRASHED, ValueError("oh"), reason="because"), "crashed (because)"),
        (Exit(ExitKind.CRASHED, Mute()), "crashed (Mute)"),
        (Exit(ExitKind.IGNORED, reason="not on Sundays"), "ignored (not on Sundays)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_exit_as_text(exit_: Exit, text: str) -> None:
    """Logs and errors say how it ended in a few words, the reason before the error."""
    assert str(exit_) == text


@given(EXITS)
def test_every_exit_has_a_text(exit_: Exit) -> None:
    """It begins with its kind, whatever went wrong."""
    assert str(exit_).startswith(exit_.kind.value)


def test_what_was_expected() -> None:
    """A normal end, an orderly one, and finding that there is nothing to do are as they should be."""
    expected = [kind for kind in ExitKind if Exit(kind).expected]
    assert expected == [ExitKind.NORMAL, ExitKind.SHUTDOWN, ExitKind.IGNORED]


def test_an_exit_is_this_one() -> None:
    """Two actors that end alike have not ended together."""
    one, other = Exit(ExitKind.NORMAL), Exit(ExitKind.NORMAL)
    assert one != other
    assert len({one, other, one}) == 2


@pytest.mark.parametrize(("exception", "kind"), [(Shutdown, ExitKind.SHUTDOWN), (Ignore, ExitKind.IGNORED)])
def test_an_actor_says_how_it_ends(exception: type[Shutdown | Ignore], kind: ExitKind) -> None:
    """The exception carries the exit, with a reason if there is one, and reads like it."""
    raised = exception("enough")
    assert isinstance(raised, ExitAs)
    assert (raised.exit.kind, raised.exit.reason, raised.exit.error) == (kind, "enough", None)
    assert str(raised) == f"{kind.value} (enough)"
    assert str(exception()) == kind.value


@pytest.mark.parametrize("kind", list(ExitKind))
def test_any_exit_can_be_wanted(kind: ExitKind) -> None:
    """The runtime itself may end an actor in just one way, whichever that is."""
    exit_ = Exit(kind, reason="so it is")
    assert ExitAs(exit_).exit is exit_


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("oh"), "ValueError: oh"),
        (ValueError(), "ValueError: "),
        (Mute(), "Mute"),
        (None, "NoneType: None"),
    ],
    ids=["text", "empty", "mute", "none"],
)
def test_an_error_as_a_line(error: BaseException | None, text: str) -> None:
    """It never fails, so nothing can hide that an actor crashed."""
    assert describe(error) == text


class Own(Exception):  # noqa: N818 - it only has to have a text of its own
    """An exception that makes its own text."""

    def __str__(self) -> str:
        return "my own words"


@pytest.mark.parametrize(
    "error",
    [ValueError("oh"), ValueError(), ValueError("a", 1), KeyError("k"), OSError(2, "gone"), Own("x"), Mute(), None],
    ids=["text", "empty", "two", "key", "os", "own", "mute", "none"],
)
def test_what_is_kept_of_an_error_tells_the_same(error: BaseException | None) -> None:
    """Its text can be made later, from what was kept of it, and is the same as at once."""
    assert describe_remains(remains_of(error)) == describe(error)


@given(args=st.lists(st.text(max_size=5) | st.integers() | st.none(), max_size=3))
def test_any_plain_error_tells_the_same_later(args: list[object]) -> None:
    """Whatever it was raised with."""
    assert describe_remains(remains_of(RuntimeError(*args))) == describe(RuntimeError(*args))


def test_no_frame_is_kept() -> None:
    """What is kept of a crash does not keep the actor that crashed alive."""

    class Heavy:
        """Lives in a frame that an exception comes through."""

    alive = WeakSet[Heavy]()

    def crash() -> Remains:
        heavy = Heavy()
        alive.add(heavy)
        try:
            raise ValueError("oh")  # noqa: TRY301 - the frame is what it is about
        except ValueError as error:
            return remains_of(error)

    kept = crash()
    gc.collect()
    assert len(alive) == 0
    assert describe_remains(kept) == "ValueError: oh"


def test_nothing_that_it_was_raised_with_is_kept() -> None:
    """What an exception carries may be anything, such as the actor itself."""

    class Cargo:
        """What an exception carries."""

    alive, cargo = WeakSet[Cargo](), Cargo()
    alive.add(cargo)
    kept = remains_of(ValueError("oh", cargo))
    del cargo
    gc.collect()
    assert len(alive) == 0
    assert describe_remains(kept).startswith("ValueError: ('oh', ")


def test_a_text_that_cannot_be_made_later() -> None:
    """Arguments may be broken too; then the name of the class is all there is to tell."""
    assert describe_remains(remains_of(ValueError(Mute()))) == "ValueError"
