"""A request on its way, and its answer."""

from __future__ import annotations

import pytest
import trio
from attrs import frozen
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors.call import Call, Envelope, Request, is_call


@frozen
class Double(Request[int]):
    """Asks for twice a number."""

    number: int


async def test_an_answer_that_is_there() -> None:
    """Whoever waits after the answer gets it, and passes a checkpoint all the same."""
    call = Call(Double(2))
    call.answer(4)
    with trio.testing.assert_checkpoints():
        assert await call.wait() == 4


async def test_an_answer_that_comes(nursery: trio.Nursery) -> None:
    """Whoever waits before the answer is woken by it."""
    call = Call(Double(2))
    answers: list[int] = []

    async def ask() -> None:
        answers.append(await call.wait())

    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    assert answers == []
    call.answer(4)
    await wait_all_tasks_blocked()
    assert answers == [4]


async def test_a_failure_is_raised() -> None:
    """A call can fail instead."""
    call = Call(Double(2))
    call.fail(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await call.wait()


async def test_only_the_first_answer_counts() -> None:
    """What comes later changes nothing, whichever way it comes."""
    call = Call(Double(2))
    call.answer(4)
    call.answer(5)
    call.fail(ValueError("late"))
    call.lose(lambda _: ValueError("lost"))
    assert await call.wait() == 4


async def test_a_lost_call_names_its_message() -> None:
    """Whoever loses a call makes the error from the message inside."""
    call = Call(Double(7))
    call.lose(lambda message: ValueError(repr(message)))
    with pytest.raises(ValueError, match="number=7"):
        await call.wait()


def test_losing_another_envelope_harms_nobody() -> None:
    """Nobody waits for what the runtime tells itself."""
    Envelope().lose(lambda _: ValueError("nobody reads this"))


def test_what_is_a_call() -> None:
    """A message that looks like a request is no call until somebody asks it."""
    assert is_call(Call(Double(1)))
    assert not is_call(Double(1))
    assert not is_call(Envelope())


def test_a_request_has_no_dict() -> None:
    """The base class adds nothing to a frozen class with slots."""
    assert not hasattr(Double(1), "__dict__")
