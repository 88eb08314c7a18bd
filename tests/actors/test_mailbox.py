"""The mailbox: order, bounds, waiting senders, waking the receiver, and the end."""

from __future__ import annotations

from collections import deque

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import assert_checkpoints, assert_no_checkpoints, wait_all_tasks_blocked

from bluev_actors.actors.mailbox import Mailbox
from bluev_actors.errors import ActorStoppedError, MailboxFullError


def filled(*items: int, capacity: int = 8) -> Mailbox[int]:
    """A mailbox with these messages in it."""
    mailbox = Mailbox[int](capacity, "/a")
    for item in items:
        mailbox.put_nowait(item)
    return mailbox


# --- order ---


async def test_first_in_first_out() -> None:
    """Messages come out in the order in which they went in."""
    assert await filled(1, 2, 3).receive() == [1, 2, 3]


async def test_urgent_first() -> None:
    """Urgent messages go before all others, among themselves in order."""
    mailbox = filled(1, 2)
    mailbox.put_urgent(10)
    mailbox.put_urgent(11)
    assert list(mailbox) == [10, 11, 1, 2]
    assert await mailbox.receive() == [10, 11, 1, 2]


def test_urgent_overtakes_a_batch_that_is_being_handled() -> None:
    """A stop is never behind the rest of a batch."""
    mailbox = filled(1, 2, 3)
    seen = list[int]()
    for item in mailbox.drain():
        seen.append(item)
        if item == 1:
            mailbox.put_urgent(10)
    assert seen == [1, 10, 2, 3]


async def test_a_batch_has_a_limit() -> None:
    """All urgent messages and at most `limit` others."""
    mailbox = filled(1, 2, 3)
    mailbox.put_urgent(10)
    assert await mailbox.receive(limit=2) == [10, 1, 2]
    assert await mailbox.receive(limit=2) == [3]


def test_a_drain_that_breaks_off_loses_nothing() -> None:
    """Messages are taken one at a time: a handler that crashes costs its own message only."""
    mailbox = filled(1, 2, 3)
    for _ in mailbox.drain():
        break
    assert list(mailbox) == [2, 3]


def test_a_drain_has_a_limit() -> None:
    """Messages that keep coming do not keep the receiver from its checkpoint."""
    mailbox = filled(1)
    seen = list[int]()
    for item in mailbox.drain(limit=5):
        seen.append(item)
        mailbox.put_nowait(item + 1)
    assert seen == [1, 2, 3, 4, 5]


# --- bounds ---


def test_a_full_mailbox_refuses() -> None:
    """The refused message comes back inside the error, which names the actor."""
    mailbox = filled(1, 2, capacity=2)
    with pytest.raises(MailboxFullError, match=r"/a: its mailbox is full \(2 messages\)") as refused:
        mailbox.put_nowait(3)
    assert refused.value.undelivered == 3
    assert list(mailbox) == [1, 2]


def test_the_urgent_lane_is_never_full() -> None:
    """Control gets through to an actor that drowns in work."""
    mailbox = filled(1, capacity=1)
    for item in range(100):
        mailbox.put_urgent(item)
    assert len(mailbox) == 101


async def test_put_is_a_checkpoint_with_and_without_room(nursery: trio.Nursery) -> None:
    """A sender that never meets a full mailbox lets others run too."""
    mailbox = Mailbox[int](1)
    with assert_checkpoints():
        await mailbox.put(1)
    nursery.start_soon(mailbox.put, 2)
    await wait_all_tasks_blocked()
    assert mailbox.statistics().waiting == 1
    assert await mailbox.receive() == [1, 2]


async def test_senders_wait_in_order(nursery: trio.Nursery) -> None:
    """Who waited first is served first, and nobody who did not wait slips in between."""
    mailbox = filled(0, capacity=1)
    for item in (1, 2, 3):
        nursery.start_soon(mailbox.put, item)
        await wait_all_tasks_blocked()
    assert [next(mailbox.drain())] == [0]
    with pytest.raises(MailboxFullError):
        mailbox.put_nowait(99)
    await wait_all_tasks_blocked()
    assert await mailbox.receive() == [1, 2, 3]


async def test_a_cancelled_sender_has_put_nothing(nursery: trio.Nursery) -> None:
    """A sender that gives up waiting leaves the queue, and the next one moves up."""
    mailbox = filled(0, capacity=1)
    impatient = trio.CancelScope()

    async def put() -> None:
        with impatient:
            await mailbox.put(1)

    nursery.start_soon(put)
    await wait_all_tasks_blocked()
    nursery.start_soon(mailbox.put, 2)
    await wait_all_tasks_blocked()
    impatient.cancel()
    await wait_all_tasks_blocked()
    assert mailbox.statistics().waiting == 1
    assert await mailbox.receive() == [0, 2]


async def test_a_cancelled_task_puts_nothing() -> None:
    """Not even when there is room."""
    mailbox = Mailbox[int](1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await mailbox.put(1)
    assert len(mailbox) == 0


async def test_cancelled_just_as_it_was_let_in(nursery: trio.Nursery) -> None:
    """A message is either in the mailbox or its sender knows that it is not."""
    mailbox = filled(0, capacity=1)
    done = list[str]()
    scope = trio.CancelScope()

    async def put() -> None:
        with scope:
            await mailbox.put(1)
            done.append("put")

    nursery.start_soon(put)
    await wait_all_tasks_blocked()
    assert next(mailbox.drain()) == 0
    scope.cancel()
    await wait_all_tasks_blocked()
    assert done == ["put"]
    assert list(mailbox) == [1]


# --- waking ---


@pytest.mark.parametrize("lane", ["put_nowait", "put_urgent"])
async def test_a_message_wakes_the_receiver(lane: str, nursery: trio.Nursery) -> None:
    """Whichever lane it comes by."""
    mailbox = Mailbox[int]()
    got = list[int]()

    async def receive() -> None:
        got.extend(await mailbox.receive())

    nursery.start_soon(receive)
    await wait_all_tasks_blocked()
    with assert_no_checkpoints():
        getattr(mailbox, lane)(1)
    mailbox.put_nowait(2)
    await wait_all_tasks_blocked()
    assert got == [1, 2]


async def test_a_ring_ends_the_wait() -> None:
    """`ready` returns with nothing to take when somebody rings."""
    mailbox = Mailbox[int]()
    mailbox.ring()  # nobody waits: it is not remembered
    with trio.move_on_after(0) as scope:
        await mailbox.ready()
    assert scope.cancelled_caught
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mailbox.ready)
        await wait_all_tasks_blocked()
        mailbox.ring()
        mailbox.ring()


async def test_receive_waits_on_after_a_ring(nursery: trio.Nursery) -> None:
    """Nobody gets an empty batch."""
    mailbox = Mailbox[int]()
    got = list[list[int]]()

    async def receive() -> None:
        got.append(await mailbox.receive())

    nursery.start_soon(receive)
    await wait_all_tasks_blocked()
    mailbox.ring()
    await wait_all_tasks_blocked()
    mailbox.put_nowait(1)
    await wait_all_tasks_blocked()
    assert got == [[1]]


async def test_a_cancelled_receiver_loses_nothing() -> None:
    """A message that comes as the receiver is cancelled is there for the next wait."""
    mailbox = Mailbox[int]()

    async def receive(scope: trio.CancelScope) -> None:
        with scope:
            await mailbox.ready()

    for item in range(3):
        scope = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive, scope)
            await wait_all_tasks_blocked()
            if item == 1:
                mailbox.put_nowait(item)
            scope.cancel()
    assert await mailbox.receive() == [1]


async def test_one_checkpoint_for_a_batch() -> None:
    """With messages waiting it still passes one, so a flooded actor lets others run."""
    mailbox = filled(1, 2)
    with assert_checkpoints():
        await mailbox.ready()


# --- the end ---


async def test_a_closed_mailbox_refuses_everybody(nursery: trio.Nursery) -> None:
    """What was left is handed back; senders, waiting ones too, get their message back in the error."""
    mailbox = filled(1, capacity=1)
    mailbox.put_urgent(10)
    refused = list[object]()

    async def wait() -> None:
        with pytest.raises(ActorStoppedError, match="/a: gone fishing") as error:
            await mailbox.put(2)
        refused.append(error.value.undelivered)

    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    assert mailbox.close("gone fishing") == [10, 1]
    await wait_all_tasks_blocked()
    for put in (mailbox.put_nowait, mailbox.put_urgent):
        with pytest.raises(ActorStoppedError, match="gone fishing") as error:
            put(3)
        refused.append(error.value.undelivered)
    with pytest.raises(ActorStoppedError):
        await mailbox.put(4)
    assert refused == [2, 3, 3]
    assert mailbox.statistics().refused == 4


def test_the_figures() -> None:
    """Anything that can queue can report itself."""
    mailbox = filled(1, 2, 3, capacity=3)
    with pytest.raises(MailboxFullError):
        mailbox.put_nowait(4)
    mailbox.put_urgent(10)
    drained = mailbox.drain(limit=2)
    assert [next(drained), next(drained)] == [10, 1]
    figures = mailbox.statistics()
    assert (figures.depth, figures.urgent, figures.capacity) == (2, 0, 3)
    assert (figures.high_water, figures.received, figures.refused, figures.waiting) == (3, 2, 1, 0)


@given(
    capacity=st.integers(1, 4),
    steps=st.lists(st.sampled_from(["put", "urgent", "take"]), max_size=50),
)
def test_it_is_two_queues(capacity: int, steps: list[str]) -> None:
    """Whatever is put and taken, it does what two plain queues would do."""
    mailbox = Mailbox[int](capacity)
    urgent, messages = deque[int](), deque[int]()
    for number, step in enumerate(steps):
        if step == "urgent":
            urgent.append(number)
            mailbox.put_urgent(number)
        elif step == "take":
            expected = [(urgent or messages).popleft()] if urgent or messages else []
            assert list(mailbox.drain(limit=1)) == expected
        elif len(messages) < capacity:
            messages.append(number)
            mailbox.put_nowait(number)
        else:
            with pytest.raises(MailboxFullError):
                mailbox.put_nowait(number)
        assert list(mailbox) == [*urgent, *messages]
