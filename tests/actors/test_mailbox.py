"""The mailbox: order, bounds, waiting senders, waking the receiver, and the end."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, get_args

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import assert_checkpoints, assert_no_checkpoints, wait_all_tasks_blocked

from bluev_actors.actors import Overflow
from bluev_actors.actors.mailbox import Mailbox
from bluev_actors.errors import ActorStoppedError, MailboxFullError

if TYPE_CHECKING:
    from collections.abc import Callable

OVERFLOWS: tuple[Overflow, ...] = get_args(Overflow)


def filled(*items: int, capacity: int = 8, overflow: Overflow = "wait") -> Mailbox[int]:
    """A mailbox with these messages in it."""
    mailbox = Mailbox[int](capacity, "/a", overflow)
    for item in items:
        mailbox.put_nowait(item)
    return mailbox


def take(mailbox: Mailbox[int]) -> int:
    """The next message."""
    (item,) = mailbox.drain(limit=1)
    return item


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


@pytest.mark.parametrize("then", ["room", "end"])
async def test_cancelled_just_before_it_was_let_in(then: str, nursery: trio.Nursery) -> None:
    """The other way round it is out of the queue at once: neither let in nor refused, and the next one moves up."""
    mailbox = filled(0, capacity=1)
    scope = trio.CancelScope()
    refused = list[int]()

    async def put(item: int, scope: trio.CancelScope) -> None:
        with scope:
            try:
                await mailbox.put(item)
            except ActorStoppedError:
                refused.append(item)

    nursery.start_soon(put, 1, scope)
    await wait_all_tasks_blocked()
    nursery.start_soon(put, 2, trio.CancelScope())
    await wait_all_tasks_blocked()
    scope.cancel()
    if then == "room":
        assert take(mailbox) == 0
        assert list(mailbox) == [2]
    else:
        mailbox.shut(lambda: "drains")
    await wait_all_tasks_blocked()
    assert scope.cancelled_caught
    assert refused == ([] if then == "room" else [2])
    assert mailbox.statistics().waiting == 0


async def test_refused_just_before_it_was_cancelled(nursery: trio.Nursery) -> None:
    """Whoever was refused first is refused."""
    mailbox = filled(0, capacity=1)
    scope = trio.CancelScope()
    refused = list[object]()

    async def put() -> None:
        with scope:
            with pytest.raises(ActorStoppedError) as error:
                await mailbox.put(1)
            refused.append(error.value.undelivered)

    nursery.start_soon(put)
    await wait_all_tasks_blocked()
    mailbox.shut(lambda: "drains")
    scope.cancel()
    await wait_all_tasks_blocked()
    assert refused == [1]


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
    assert mailbox.close(lambda: "gone fishing") == [10, 1]
    await wait_all_tasks_blocked()
    for put in (mailbox.put_nowait, mailbox.put_urgent):
        with pytest.raises(ActorStoppedError, match="gone fishing") as error:
            put(3)
        refused.append(error.value.undelivered)
    with pytest.raises(ActorStoppedError):
        await mailbox.put(4)
    assert refused == [2, 3, 3]
    assert mailbox.statistics().refused == 4


def test_a_shut_mailbox_keeps_what_it_has() -> None:
    """It takes nothing new, but what is there can still be taken; an empty one has nothing to hand back."""
    mailbox = filled(1, 2)
    mailbox.stash(take(mailbox))
    mailbox.shut(lambda: "drains")
    with pytest.raises(ActorStoppedError, match="/a: drains"):
        mailbox.put_nowait(3)
    assert mailbox.unstash() == 1
    with pytest.raises(ActorStoppedError, match="/a: drains"):
        mailbox.put_nowait(3)
    assert list(mailbox.drain()) == [1, 2]
    assert mailbox.close(lambda: "gone") == []


@pytest.mark.parametrize("overflow", OVERFLOWS)
async def test_closed_is_closed_whatever_the_policy(overflow: Overflow) -> None:
    """A policy is about room; a message for the dead is refused and not dropped."""
    mailbox = filled(1, capacity=1, overflow=overflow)
    mailbox.close(lambda: "gone")
    with pytest.raises(ActorStoppedError) as refused:
        mailbox.put_nowait(2)
    assert refused.value.undelivered == 2
    with pytest.raises(ActorStoppedError):
        await mailbox.put(3)
    assert mailbox.statistics().dropped == 0


def test_the_reason_is_asked_for_when_it_is_needed() -> None:
    """Texts for errors are made for those who are refused, and for nobody else."""
    asked = list[str]()

    def why() -> str:
        asked.append("why")
        return "gone"

    mailbox = filled(1)
    assert mailbox.close(why) == [1]
    assert asked == []
    with pytest.raises(ActorStoppedError, match="/a: gone"):
        mailbox.put_nowait(2)
    assert asked == ["why"]


def test_the_runtime_has_the_last_word() -> None:
    """What it says itself gets into a mailbox that is shut, and in front or behind whatever the room."""
    mailbox = filled(1, capacity=1)
    mailbox.shut(lambda: "drains")
    mailbox.put_control(10)
    mailbox.put_last(2)
    assert list(mailbox.drain()) == [10, 1, 2]


async def test_what_was_put_aside_is_handed_back_at_the_end() -> None:
    """Nothing is lost in silence: the stash comes after what waits."""
    mailbox = filled(1, 2, 3)
    mailbox.stash(take(mailbox))
    mailbox.put_urgent(10)
    assert mailbox.close(lambda: "gone") == [10, 2, 3, 1]
    assert list(mailbox) == []


# --- overflow ---


def test_the_newest_is_dropped() -> None:
    """The sender does not notice; whoever keeps count does."""
    dropped = list[int]()
    mailbox = Mailbox[int](2, "/a", "drop_newest", dropped.append)
    for item in range(5):
        mailbox.put_nowait(item)
    assert (list(mailbox), dropped) == ([0, 1], [2, 3, 4])
    assert (mailbox.statistics().dropped, mailbox.statistics().refused) == (3, 0)


def test_the_oldest_is_dropped() -> None:
    """Those that wait longest make room for those that come."""
    dropped = list[int]()
    mailbox = Mailbox[int](2, "/a", "drop_oldest", dropped.append)
    for item in range(5):
        mailbox.put_nowait(item)
    assert (list(mailbox), dropped) == ([3, 4], [0, 1, 2])
    assert mailbox.statistics().dropped == 3


def test_the_oldest_is_never_one_that_was_put_aside() -> None:
    """With all room taken by the stash there is nothing to drop but the new message."""
    dropped = list[int]()
    mailbox = Mailbox[int](2, "/a", "drop_oldest", dropped.append)
    for item in (1, 2):
        mailbox.put_nowait(item)
        mailbox.stash(take(mailbox))
    mailbox.put_nowait(3)
    assert (list(mailbox), dropped) == ([1, 2], [3])


def test_urgent_messages_are_not_dropped() -> None:
    """Neither do they make others go."""
    mailbox = filled(1, capacity=1, overflow="drop_oldest")
    mailbox.put_urgent(10)
    mailbox.put_nowait(2)
    assert list(mailbox) == [10, 2]


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest"])
def test_nobody_need_listen_to_drops(overflow: Overflow) -> None:
    """They are counted all the same."""
    mailbox = filled(1, 2, capacity=1, overflow=overflow)
    assert mailbox.statistics().dropped == 1


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest", "error"])
async def test_only_the_waiting_policy_waits(overflow: Overflow) -> None:
    """An async put is as quick as a plain one: it drops or is refused, and passes its checkpoint."""
    mailbox = filled(1, capacity=1, overflow=overflow)
    assert not mailbox.must_wait
    if overflow == "error":
        with pytest.raises(MailboxFullError) as full:
            await mailbox.put(2)
        assert full.value.undelivered == 2
    else:
        with assert_checkpoints():
            await mailbox.put(2)
        assert mailbox.statistics().dropped == 1
    assert mailbox.statistics().waiting == 0


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest"])
async def test_a_drop_wakes_nobody_in_vain(overflow: Overflow, nursery: trio.Nursery) -> None:
    """A receiver that waits gets the first message, and is not woken for one that was dropped."""
    mailbox = Mailbox[int](1, "/a", overflow)
    got = list[list[int]]()

    async def receive() -> None:
        got.append(await mailbox.receive())

    nursery.start_soon(receive)
    await wait_all_tasks_blocked()
    mailbox.put_nowait(1)
    mailbox.put_nowait(2)
    await wait_all_tasks_blocked()
    assert got == [[1 if overflow == "drop_newest" else 2]]


async def test_another_bound(nursery: trio.Nursery) -> None:
    """A wider one lets waiting senders in at once; a narrower one keeps what is there until there is room."""
    mailbox = filled(1, capacity=1)
    for item in (2, 3, 4):
        nursery.start_soon(mailbox.put, item)
        await wait_all_tasks_blocked()
    mailbox.configure(2, "wait", None)
    assert list(mailbox) == [1, 2]
    mailbox.configure(1, "wait", None)
    assert take(mailbox) == 1
    assert (list(mailbox), mailbox.statistics().waiting) == ([2], 2)
    mailbox.configure(3, "wait", None)
    assert list(mailbox) == [2, 3, 4]


def test_another_policy() -> None:
    """It counts from the next message on."""
    dropped = list[int]()
    mailbox = filled(1, capacity=1)
    mailbox.configure(1, "drop_oldest", dropped.append)
    mailbox.put_nowait(2)
    mailbox.configure(1, "error", None)
    with pytest.raises(MailboxFullError):
        mailbox.put_nowait(3)
    assert (list(mailbox), dropped) == ([2], [1])


def test_another_bound_does_not_open_a_closed_mailbox() -> None:
    """The dead stay dead."""
    mailbox = filled(capacity=1)
    mailbox.close(lambda: "gone")
    mailbox.configure(8, "wait", None)
    with pytest.raises(ActorStoppedError):
        mailbox.put_nowait(1)


# --- pausing ---


async def test_the_last_of_all_wakes_the_receiver(nursery: trio.Nursery) -> None:
    """What comes by its own way is received as soon as any message, unless it is paused."""
    mailbox = Mailbox[int]()
    got = list[list[int]]()

    async def receive() -> None:
        for _ in range(2):
            got.append(await mailbox.receive())

    nursery.start_soon(receive)
    await wait_all_tasks_blocked()
    mailbox.put_last(1)
    await wait_all_tasks_blocked()
    assert got == [[1]]
    mailbox.pause()
    mailbox.put_last(2)
    await wait_all_tasks_blocked()
    assert got == [[1]]
    mailbox.resume()
    await wait_all_tasks_blocked()
    assert got == [[1], [2]]


async def test_a_pause_holds_messages_back(nursery: trio.Nursery) -> None:
    """Only urgent ones and the runtime's own come through; the others keep their order, and their room."""
    mailbox = filled(1, capacity=2)
    got = list[list[int]]()

    async def receive() -> None:
        got.append(await mailbox.receive())

    mailbox.pause()
    assert mailbox.paused
    nursery.start_soon(receive)
    await wait_all_tasks_blocked()
    mailbox.put_nowait(2)
    with pytest.raises(MailboxFullError):
        mailbox.put_nowait(3)
    mailbox.put_last(4)
    await wait_all_tasks_blocked()
    assert got == []
    mailbox.put_urgent(10)
    await wait_all_tasks_blocked()
    assert got == [[10]]
    assert mailbox.statistics().paused
    mailbox.resume()
    assert not mailbox.statistics().paused
    assert await mailbox.receive() == [1, 2, 4]


async def test_resuming_wakes_the_receiver(nursery: trio.Nursery) -> None:
    """Whether or not anything came meanwhile, and a second time too."""
    mailbox = filled(1)
    mailbox.pause()
    mailbox.pause()
    got = list[int]()

    async def receive() -> None:
        got.extend(await mailbox.receive())

    nursery.start_soon(receive)
    await wait_all_tasks_blocked()
    assert got == []
    mailbox.resume()
    mailbox.resume()
    await wait_all_tasks_blocked()
    assert got == [1]


def test_a_pause_in_the_middle_of_a_batch() -> None:
    """It counts from the next message on, not from the next batch."""
    mailbox = filled(1, 2, 3)
    seen = list[int]()
    for item in mailbox.drain():
        seen.append(item)
        if item == 2:
            mailbox.pause()
    assert seen == [1, 2]
    assert list(mailbox) == [3]


# --- putting aside ---


def test_what_was_put_aside_comes_back_in_front() -> None:
    """In the order in which it was, before all that came meanwhile, but after what is urgent."""
    mailbox = filled(1, 2, 3)
    mailbox.stash(take(mailbox))
    mailbox.stash(take(mailbox))
    mailbox.put_nowait(4)
    mailbox.put_urgent(10)
    assert (len(mailbox), mailbox.statistics().stashed) == (3, 2)
    assert list(mailbox) == [10, 3, 4, 1, 2]
    assert mailbox.unstash() == 2
    assert mailbox.statistics().stashed == 0
    assert list(mailbox.drain()) == [10, 1, 2, 3, 4]


async def test_unstashing_wakes_the_receiver(nursery: trio.Nursery) -> None:
    """A task beside the receiver may do it; what comes back is received at once."""
    mailbox = filled(1)
    mailbox.stash(take(mailbox))
    got = list[int]()

    async def receive() -> None:
        got.extend(await mailbox.receive())

    nursery.start_soon(receive)
    await wait_all_tasks_blocked()
    assert got == []
    mailbox.unstash()
    await wait_all_tasks_blocked()
    assert got == [1]


def test_nothing_was_put_aside() -> None:
    """Then nothing comes back."""
    mailbox = filled(1)
    assert mailbox.unstash() == 0
    assert list(mailbox) == [1]


def test_a_stash_takes_up_room() -> None:
    """A mailbox cannot be made larger by putting aside what is in it."""
    mailbox = filled(1, 2, capacity=2)
    mailbox.stash(take(mailbox))
    with pytest.raises(MailboxFullError, match=r"\(2 messages\)"):
        mailbox.put_nowait(3)
    mailbox.unstash()
    assert take(mailbox) == 1
    mailbox.put_nowait(3)
    assert list(mailbox) == [2, 3]


async def test_senders_wait_while_the_stash_takes_all_room(nursery: trio.Nursery) -> None:
    """They are let in when it is back and gone, in their order."""
    mailbox = filled(1, capacity=1)
    mailbox.stash(take(mailbox))
    for item in (2, 3):
        nursery.start_soon(mailbox.put, item)
        await wait_all_tasks_blocked()
    assert mailbox.statistics().waiting == 2
    mailbox.unstash()
    assert [take(mailbox), take(mailbox), take(mailbox)] == [1, 2, 3]


async def test_a_stash_that_shrinks_lets_senders_in(nursery: trio.Nursery) -> None:
    """What was urgent and put aside gives its room back when it is put in front, as far as the bound allows."""
    mailbox = filled(capacity=2)
    mailbox.put_urgent(10)
    mailbox.stash(take(mailbox))
    mailbox.put_nowait(1)
    nursery.start_soon(mailbox.put, 2)
    await wait_all_tasks_blocked()
    assert mailbox.unstash() == 1
    assert (list(mailbox), mailbox.statistics().waiting) == ([10, 1], 1)


def test_more_put_aside_than_there_is_room_for() -> None:
    """The room is none then and never less."""
    mailbox = filled(capacity=1)
    for item in (10, 11, 12):
        mailbox.put_urgent(item)
        mailbox.stash(take(mailbox))
    with pytest.raises(MailboxFullError):
        mailbox.put_nowait(1)
    assert mailbox.unstash() == 3
    assert list(mailbox.drain()) == [10, 11, 12]
    mailbox.put_nowait(1)


def test_what_was_taken_last_is_put_aside_once() -> None:
    """The mailbox knows, also after it was put back, and whatever the message is; of nothing it knows that too."""
    mailbox = filled(7, 7)
    seen = [mailbox.has_stashed_last]
    first = take(mailbox)
    seen.append(mailbox.has_stashed_last)
    mailbox.stash(first)
    seen.append(mailbox.has_stashed_last)
    mailbox.unstash()
    seen.append(mailbox.has_stashed_last)
    take(mailbox)
    seen.append(mailbox.has_stashed_last)
    assert seen == [False, False, True, True, False]


# --- figures and the whole ---


@given(
    st.lists(st.sampled_from(["put", "take", "take and stash", "unstash", "urgent", "pause", "resume"]), max_size=30)
)
def test_the_marks_change_with_the_figures(steps: list[str]) -> None:
    """Whoever looks at the marks alone misses no change of the figures, but for those who were refused or wait."""
    mailbox = Mailbox[int](2, "/a", "drop_oldest")
    for number, step in enumerate(steps):
        before, marks = mailbox.statistics(), mailbox.marks()
        match step:
            case "put":
                mailbox.put_nowait(number)
            case "urgent":
                mailbox.put_urgent(number)
            case "take":
                list(mailbox.drain(limit=1))
            case "take and stash":
                for item in mailbox.drain(limit=1):
                    mailbox.stash(item)
            case _:
                getattr(mailbox, step)()
        assert (mailbox.statistics() == before) == (mailbox.marks() == marks)


def test_the_figures() -> None:
    """Anything that can queue can report itself."""
    mailbox = filled(1, 2, 3, capacity=3)
    with pytest.raises(MailboxFullError):
        mailbox.put_nowait(4)
    mailbox.put_urgent(10)
    drained = mailbox.drain(limit=2)
    assert [next(drained), next(drained)] == [10, 1]
    mailbox.stash(1)
    figures = mailbox.statistics()
    assert (figures.depth, figures.urgent, figures.capacity) == (2, 0, 3)
    assert (figures.high_water, figures.received, figures.refused, figures.waiting) == (3, 2, 1, 0)
    assert (figures.dropped, figures.stashed, figures.paused) == (0, 1, False)


class TwoQueues:
    """What a mailbox is, without any of the ways in which it is quick."""

    def __init__(self, capacity: int, overflow: Overflow) -> None:
        self.capacity = capacity
        self.overflow = overflow
        self.paused = self.closed = False
        self.urgent, self.messages, self.aside, self.dropped = (deque[int]() for _ in range(4))

    @property
    def all(self) -> list[int]:
        """What is in it, in the order in which it is looked at."""
        return [*self.urgent, *self.messages, *self.aside]

    def put(self, item: int) -> type[Exception] | None:
        """Put one; returns what is raised, if anything is."""
        if self.closed:
            return ActorStoppedError
        if len(self.messages) + len(self.aside) < self.capacity:
            self.messages.append(item)
        elif self.overflow == "drop_newest" or (self.overflow == "drop_oldest" and not self.messages):
            self.dropped.append(item)
        elif self.overflow == "drop_oldest":
            self.messages.append(item)
            self.dropped.append(self.messages.popleft())
        else:
            return MailboxFullError
        return None

    def take(self) -> list[int]:
        """Take one, if there is one to be had."""
        lane = self.urgent or (deque[int]() if self.paused else self.messages)
        return [lane.popleft()] if lane else []


STEPS = ("put", "put", "put", "take", "take", "take and stash", "unstash", "urgent", "pause", "resume", "shut")


@given(
    capacity=st.integers(1, 4),
    overflow=st.sampled_from(OVERFLOWS),
    steps=st.lists(st.sampled_from(STEPS), max_size=60),
)
def test_it_is_two_queues(capacity: int, overflow: Overflow, steps: list[str]) -> None:
    """Whatever is put, taken, put aside and held back, it does what plain queues would do."""
    dropped = list[int]()
    mailbox, model = Mailbox[int](capacity, "/a", overflow, dropped.append), TwoQueues(capacity, overflow)
    for number, step in enumerate(steps):
        if step == "put":
            check_same_refusal(partial(mailbox.put_nowait, number), model.put(number))
        elif step == "urgent":
            check_same_refusal(partial(mailbox.put_urgent, number), ActorStoppedError if model.closed else None)
            model.urgent.extend([] if model.closed else [number])
        elif step.startswith("take"):
            taken = model.take()
            assert list(mailbox.drain(limit=1)) == taken
            if taken and step == "take and stash":
                model.aside.append(taken[0])
                mailbox.stash(taken[0])
        elif step == "unstash":
            assert mailbox.unstash() == len(model.aside)
            model.messages.extendleft(reversed(model.aside))
            model.aside.clear()
        elif step == "shut":
            model.closed = True
            mailbox.shut(lambda: "drains")
        else:
            model.paused = step == "pause"
            getattr(mailbox, step)()
        assert list(mailbox) == model.all
        assert dropped == list(model.dropped)
    figures = mailbox.statistics()
    assert (figures.depth, figures.urgent, figures.stashed) == (
        len(model.messages),
        len(model.urgent),
        len(model.aside),
    )
    assert mailbox.close(lambda: "gone") == model.all


def check_same_refusal(put: Callable[[], None], expected: type[Exception] | None) -> None:
    """Check that a message is refused as it should be, or accepted."""
    if expected is None:
        put()
    else:
        with pytest.raises(expected):
            put()


@given(items=st.lists(st.integers(0, 9), max_size=12))
def test_promoting(items: list[int]) -> None:
    """Those that are meant go before all others, and neither they nor the others change their order."""
    box = Mailbox[int](100)
    for item in items:
        box.put_nowait(item)
    box.promote(lambda item: item % 3 == 0)
    assert list(box.drain()) == sorted(items, key=lambda item: item % 3 != 0)
