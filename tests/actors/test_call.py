"""A request on its way, and its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import frozen
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from bluev_actors.actors.call import Call, Envelope, Request, is_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.actors import System
    from bluev_actors.actors.cell import Cell
    from bluev_actors.actors.ref import Ref


@frozen
class Double(Request[int]):
    """Asks for twice a number."""

    number: int


@pytest.fixture
def target(system: System, cell_of: Callable[[Ref[Any]], Cell[Any]]) -> Cell[Any]:
    """Somebody to be asked; a call does nothing with it but name it."""
    return cell_of(system.root)


@pytest.fixture
def call(target: Cell[Any]) -> Call[int]:
    """A call that nobody has answered."""
    return Call(Double(2), target)


async def test_an_answer_that_is_there(call: Call[int]) -> None:
    """Whoever waits after the answer gets it, and passes a checkpoint all the same."""
    call.answer(4)
    with assert_checkpoints():
        assert await call.wait() == 4


async def test_an_answer_that_comes(call: Call[int], nursery: trio.Nursery) -> None:
    """Whoever waits before the answer is woken by it."""
    answers: list[int] = []

    async def ask() -> None:
        answers.append(await call.wait())

    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    assert (answers, call.done) == ([], False)
    call.answer(4)
    assert call.done
    await wait_all_tasks_blocked()
    assert answers == [4]


async def test_a_failure_is_raised(call: Call[int], nursery: trio.Nursery) -> None:
    """A call can fail instead, whether somebody waits for it by then or will."""
    failures: list[str] = []

    async def ask() -> None:
        with pytest.raises(ValueError, match="no") as failed:
            await call.wait()
        failures.append(str(failed.value))

    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    call.fail(ValueError("no"))
    await wait_all_tasks_blocked()
    assert failures == ["no"]
    with pytest.raises(ValueError, match="no"):
        await call.wait()


async def test_no_answer_is_an_answer(call: Call[Any]) -> None:
    """A handler that returns nothing has answered with None."""
    call.answer(None)
    assert await call.wait() is None


async def test_only_the_first_answer_counts(call: Call[int]) -> None:
    """What comes later changes nothing, whichever way it comes."""
    call.answer(4)
    call.answer(5)
    call.fail(ValueError("late"))
    call.lose(lambda _: ValueError("lost"))
    assert await call.wait() == 4


async def test_only_the_first_failure_counts(call: Call[int]) -> None:
    """An answer after a failure is too late."""
    call.fail(ValueError("first"))
    call.answer(4)
    call.fail(ValueError("second"))
    with pytest.raises(ValueError, match="first"):
        await call.wait()


async def test_two_answers_in_one_tick(call: Call[int], nursery: trio.Nursery) -> None:
    """The asker is woken once, by the first, before it has run."""
    answers: list[int] = []

    async def ask() -> None:
        answers.append(await call.wait())

    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    call.answer(4)
    call.fail(ValueError("late"))
    await wait_all_tasks_blocked()
    assert answers == [4]


async def test_a_lost_call_names_its_message(target: Cell[Any]) -> None:
    """Whoever loses a call makes the error from the message inside."""
    call = Call(Double(7), target)
    call.lose(lambda message: ValueError(repr(message)))
    with pytest.raises(ValueError, match="number=7"):
        await call.wait()


async def test_losing_an_answered_call_makes_no_error(call: Call[int]) -> None:
    """Errors cost something to make, and may look at what is gone."""
    call.answer(4)
    made: list[object] = []

    def error_for(message: object) -> ValueError:
        made.append(message)
        return ValueError()

    call.lose(error_for)
    assert made == []


async def test_nobody_waits_any_more(call: Call[int]) -> None:
    """An asker that was cancelled leaves a call that is done, so no handler works for it; an answer harms nobody."""
    with trio.move_on_after(1) as limit:
        await call.wait()
    assert limit.cancelled_caught
    assert call.done
    call.answer(4)
    call.fail(ValueError("late"))


async def test_an_answer_goes_before_a_cancellation(call: Call[int], nursery: trio.Nursery) -> None:
    """An answer that came first is not lost to a cancellation in the same tick."""
    answers: list[int] = []
    scope = trio.CancelScope()

    async def ask() -> None:
        with scope:
            answers.append(await call.wait())

    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    call.answer(4)
    scope.cancel()
    await wait_all_tasks_blocked()
    assert answers == [4]


async def test_a_cancellation_goes_before_an_answer(call: Call[int], nursery: trio.Nursery) -> None:
    """The other way round the answer comes to nobody, and nobody is woken twice."""
    scope = trio.CancelScope()

    async def ask() -> None:
        with scope:
            await call.wait()

    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    scope.cancel()
    call.answer(4)
    await wait_all_tasks_blocked()
    assert scope.cancelled_caught


@pytest.mark.parametrize("end", ["answer", "fail", "cancel"])
async def test_who_left_the_answer_for_later_forgets_it(end: str, call: Call[int], target: Cell[Any]) -> None:
    """However it is done: an actor that answers late keeps the calls that are open, and no others."""
    target.defer(call)
    if end == "answer":
        call.answer(4)
    elif end == "fail":
        call.fail(ValueError("no"))
    else:
        with trio.move_on_after(1):
            await call.wait()
    assert call.done
    assert call not in (target._deferred or ())  # pyright: ignore[reportPrivateUsage] - to see what is kept


def test_losing_another_envelope_harms_nobody() -> None:
    """Nobody waits for what the runtime tells itself."""
    Envelope().lose(lambda _: ValueError("nobody reads this"))


async def test_what_is_inside(call: Call[int]) -> None:
    """Whoever looks at a mailbox sees the request, and of the runtime's own messages the messages."""
    assert call.content == Double(2)
    envelope = Envelope()
    assert envelope.content is envelope


async def test_what_is_a_call(call: Call[int]) -> None:
    """A message that looks like a request is no call until somebody asks it."""
    assert is_call(call)
    assert not is_call(Double(1))
    assert not is_call(Envelope())


def test_a_request_has_no_dict() -> None:
    """The base class adds nothing to a frozen class with slots."""
    assert not hasattr(Double(1), "__dict__")


async def test_what_type_checkers_see_is_not_called(system: System) -> None:
    """The method that says who takes a request has nothing to do at run time, and says what to do instead."""
    with pytest.raises(NotImplementedError, match=r"use <Ref / running>\.ask"):
        Double(1).asked_of(system.root)
