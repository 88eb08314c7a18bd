"""Partitions: one key, one actor."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import Actor, Request, StopChild, Supervisor, child, handles
from bluev_actors.actors.partitions import Partitions, partition_of, start_partitions
from bluev_actors.errors import ActorRestartingError, ActorStoppedError

if TYPE_CHECKING:
    from bluev_actors.actors import System

KEYS = st.text() | st.binary() | st.integers()


@frozen
class Add(Request[int]):
    """Adds to a key's sum, and asks for that."""

    key: str
    amount: int


class Sums(Actor[Add]):
    """Keeps the sums of the keys of one partition."""

    def __init__(self, number: int, slow: float = 0) -> None:
        self.number = number
        self.slow = slow
        self.sums: Counter[str] = Counter()

    async def on_start(self) -> None:
        """Take its time."""
        await trio.sleep(self.slow)

    @handles
    def add(self, message: Add) -> int:
        """Add, or crash on what is nothing."""
        if not message.amount:
            raise ValueError(message.key)
        self.sums[message.key] += message.amount
        return self.sums[message.key]


async def test_a_key_has_its_actor(system: System) -> None:
    """Whatever is said about a key is said to the same actor, so its state can live there."""
    sums = await start_partitions(system, "sums", Sums, partitions=4)
    answers = [await sums.of(key).ask(Add(key, 1)) for key in ("a", "b", "a", "c", "a")]
    assert answers == [1, 1, 2, 1, 3]
    assert sums.of("a") == sums.of("a")
    assert repr(sums) == "<Partitions /sums of 4>"


async def test_all_can_be_reached(system: System) -> None:
    """In the order of their numbers, which their factories get."""
    made: list[int] = []

    def make(number: int) -> Sums:
        made.append(number)
        return Sums(number)

    sums = await start_partitions(system, "sums", make, partitions=3, mailbox=5)
    assert made == [0, 1, 2]
    assert [ref.path for ref in sums] == ["/sums/0", "/sums/1", "/sums/2"]
    assert {ref.mailbox.capacity for ref in sums} == {5}
    assert len(sums) == 3
    assert [actor.kind for actor in system.tree().walk()] == ["Supervisor", "Partitions", "Sums", "Sums", "Sums"]


async def test_under_any_supervisor(system: System) -> None:
    """Their place in the tree is that of any child."""
    parent = await system.start(child("inner", Supervisor[Any]))
    sums = await start_partitions(parent, "sums", Sums, partitions=1)
    assert sums.ref.path == "/inner/sums"


@given(KEYS, st.integers(1, 64))
def test_every_key_has_a_partition(key: str | bytes | int, partitions: int) -> None:
    """The same one each time, and one that exists."""
    assert partition_of(key, partitions) == partition_of(key, partitions)
    assert 0 <= partition_of(key, partitions) < partitions


@pytest.mark.parametrize(
    ("key", "number"), [("", 0), ("run-1", 3), (b"run-1", 3), ("Zürich", 6), (42, 0), ("42", 0), (-1, 2), ("\ud800", 0)]
)
def test_the_division_never_changes(key: str | bytes | int, number: int) -> None:
    """These are promised for good: other programs, and stored data, may depend on them."""
    assert partition_of(key, 8) == number


def test_it_is_the_usual_crc() -> None:
    """The sum that every catalogue of checksums gives for these digits."""
    assert partition_of("123456789", 2**32) == 0xCBF43926


def test_every_process_divides_alike() -> None:
    """Python's own hash of a text differs from process to process; this one does not."""
    program = "from bluev_actors.actors.partitions import partition_of; print(partition_of('run-1', 1000))"
    answers = {
        subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert answers == {str(partition_of("run-1", 1000))}


@pytest.mark.parametrize("key", ["run-{}", "{}", "user:{}@example.org", "{:032x}"])
def test_the_division_is_even(key: str) -> None:
    """Of keys as programs make them each partition gets its share, give or take a fifth."""
    shares = Counter(partition_of(key.format(n), 8) for n in range(8000))
    assert len(shares) == 8
    assert all(800 <= share <= 1200 for share in shares.values())


async def test_a_crash_concerns_one_partition(system: System) -> None:
    """The keys of the others keep what they have."""
    sums = await start_partitions(system, "sums", Sums, partitions=2)
    keys = [next(key for key in "abcdefgh" if partition_of(key, 2) == number) for number in range(2)]
    for key in keys:
        await sums.of(key).ask(Add(key, 5))
    sums.of(keys[0]).tell(Add(keys[0], 0))
    await wait_all_tasks_blocked()
    assert [await sums.of(key).ask(Add(key, 1)) for key in keys] == [1, 6]
    assert [ref.incarnation for ref in sums] == [2, 1]


async def test_the_handle_outlives_the_supervisor(system: System) -> None:
    """Meanwhile, to ask for a key says that it is coming back; afterwards the key leads to the successor."""
    sums = await start_partitions(system, "sums", lambda number: Sums(number, slow=1), partitions=2, intensity=0)
    old = list(sums)
    old[1].tell(Add("x", 0))
    await wait_all_tasks_blocked()
    with pytest.raises(ActorRestartingError, match="/sums: is being restarted and has no partition 1 yet"):
        list(sums)
    await trio.sleep(2)
    assert not set(sums) & set(old)
    assert await sums.of("x").ask(Add("x", 1)) == 1


async def test_the_end_of_all(system: System) -> None:
    """A single one that was stopped says so itself; when all are gone, the handle does."""
    sums = await start_partitions(system, "sums", Sums, partitions=2)
    await sums.ref.ask(StopChild(str(partition_of("x", 2))))
    with pytest.raises(ActorStoppedError) as refused:
        sums.of("x").tell(Add("x", 1))
    assert refused.value.undelivered == Add("x", 1)
    sums.ref.stop("enough")
    await sums.ref.stopped()
    with pytest.raises(ActorStoppedError, match=r"/sums: stopped: shutdown \(enough\)"):
        sums.of("x")


async def test_they_drain(system: System) -> None:
    """To drain the supervisor drains them all."""
    sums = await start_partitions(system, "sums", Sums, partitions=2)
    partitions = list(sums)
    for ref in partitions:
        ref.tell(Add("x", 1))
    sums.ref.drain()
    await sums.ref.stopped()
    assert [ref.mailbox.received for ref in partitions] == [2, 2]


async def test_there_is_at_least_one(system: System) -> None:
    """None at all is a mistake."""
    with pytest.raises(ValueError, match="at least one partition, not 0"):
        await start_partitions(system, "sums", Sums, partitions=0)


async def test_types_are_kept(system: System) -> None:
    """What a partition takes and answers is known: type checkers read this test."""
    sums: Partitions[Add] = await start_partitions(system, "sums", Sums)
    answer: int = await sums.of("a").ask(Add("a", 2))
    assert answer == 2
    sums.of("a").tell("nonsense")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - is what is tested
