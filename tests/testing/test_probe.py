"""Stand-ins for actors."""

from __future__ import annotations

from typing import assert_type

import pytest
import trio
from attrs import frozen

from bluev_actors.actors import Actor, Ref, Request, child, handles, open_system
from bluev_actors.errors import AskTimeoutError, BluevError, ChildIdTakenError
from bluev_actors.testing.probe import start_probe

VIRTUAL_TIME = True


@frozen
class Transfer:
    """Move money."""

    amount: int


@frozen
class Balance(Request[int]):
    """How much is there?"""


class BrokeError(BluevError):
    """There is nothing left."""


class Customer(Actor[Transfer]):
    """Does with its bank what a user's actor would."""

    def __init__(self, bank: Ref[Balance | Transfer]) -> None:
        self._bank = bank

    @handles
    async def _on_transfer(self, transfer: Transfer) -> None:
        if await self._bank.ask(Balance()) >= transfer.amount:
            self._bank.tell(transfer)


async def test_it_stands_in_for_another() -> None:
    """It answers as it was taught, and shows what it was told."""
    async with open_system() as system:
        bank = await start_probe(system, "bank")
        bank.answers(Balance, 50, 20)
        customer = await system.start(child("customer", lambda: Customer(bank.ref)))
        customer.tell(Transfer(30))
        customer.tell(Transfer(30))
        assert_type(await bank.expect(Transfer, amount=30), Transfer)
        await bank.expect(Balance)
        await bank.expect(Balance)
        await bank.expect_nothing(5)
        assert bank.messages == [Balance(), Transfer(30), Balance()]


async def test_the_last_answer_stays() -> None:
    """One answer is enough for all times."""
    async with open_system() as system:
        bank = await start_probe(system)
        assert bank.ref.path == "/probe"
        bank.answers(Balance, 2, 1)
        assert [await bank.ref.ask(Balance()) for _ in range(4)] == [2, 1, 1, 1]
        bank.answers(Balance, 7)
        assert await bank.ref.ask(Balance()) == 7
        assert bank.unread == [Balance()] * 5


async def test_it_may_refuse() -> None:
    """An error among the answers is raised in the asker, and the probe lives on."""
    async with open_system() as system:
        bank = await start_probe(system, "bank")
        bank.answers(Balance, BrokeError("no money"), 1)
        with pytest.raises(BrokeError, match="no money"):
            await bank.ref.ask(Balance())
        assert await bank.ref.ask(Balance()) == 1
        assert bank.ref.incarnation == 1


@pytest.mark.parametrize("taught", [False, True])
async def test_what_it_was_not_taught_it_does_not_answer(*, taught: bool) -> None:
    """Its asker waits until it gives up, as with an actor that hangs; others are served meanwhile."""
    async with open_system() as system:
        bank = await start_probe(system, "bank")
        if taught:
            bank.answers(Balance)
        began = trio.current_time()
        with pytest.raises(AskTimeoutError):
            await bank.ref.ask(Balance(), timeout=3)
        assert trio.current_time() == began + 3
        bank.ref.tell(Balance())
        bank.ref.tell(Transfer(1))
        await bank.expect(Transfer)


async def test_what_does_not_come() -> None:
    """The text says whom it did not reach."""
    async with open_system() as system:
        bank = await start_probe(system, "bank")
        bank.ref.tell(Transfer(1))
        with pytest.raises(
            AssertionError, match=r"^probe bank: no Balance within 2 s; unread: \[Transfer\(amount=1\)\]$"
        ):
            await bank.expect(Balance, within=2)
        with pytest.raises(AssertionError, match="probe bank: nothing more was expected"):
            await bank.expect_nothing()


async def test_two_of_one_name() -> None:
    """A name is an id."""
    async with open_system() as system:
        await start_probe(system, "bank")
        with pytest.raises(ChildIdTakenError):
            await start_probe(system, "bank")
