"""Equal actors among which keys are divided: the same key always leads to the same one.

What belongs to one key is then done in order, and by one actor, while different keys do not wait for each other. The
division depends on the text of the key alone, so every process, today and tomorrow, divides alike.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar
from zlib import crc32

from bluev_actors.actors.lifecycle import State
from bluev_actors.actors.pool import start_team
from bluev_actors.actors.ref import Ref, cell_behind
from bluev_actors.actors.specs import child
from bluev_actors.errors import ActorRestartingError, ActorStoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Unpack

    from bluev_actors.actors.actor import Actor
    from bluev_actors.actors.commands import StartChild, SupervisorCommand
    from bluev_actors.actors.pool import MemberOptions
    from bluev_actors.actors.system import System

M = TypeVar("M")
M_contra = TypeVar("M_contra", contravariant=True)

Key: TypeAlias = str | bytes | int
"""What is divided. A number is taken as its decimal text."""


def partition_of(key: Key, partitions: int) -> int:
    """The number of a key's partition, from 0: the CRC-32 of its text in UTF-8, modulo `partitions`."""
    text = key if isinstance(key, bytes) else str(key).encode(errors="surrogatepass")
    return crc32(text) % partitions


class Partitions(Generic[M_contra]):
    """The handle of partitions, which anybody may hold, as a ref.

    Args:
        supervisor: the supervisor whose children they are, now and after each of its own restarts.
        partitions: how many there are.
    """

    __slots__ = ("_partitions", "_supervisor", "ref")

    ref: Ref[SupervisorCommand]
    """Their supervisor; to stop or drain it is to stop or drain them all."""

    def __init__(self, supervisor: Ref[Any], partitions: int) -> None:
        self.ref = supervisor
        self._supervisor = cell_behind(supervisor)
        self._partitions = partitions

    def __repr__(self) -> str:
        return f"<Partitions {self.ref.path} of {self._partitions}>"

    def __len__(self) -> int:
        return self._partitions

    def __iter__(self) -> Iterator[Ref[M_contra]]:
        """All of them, by number; raises what `of` does."""
        return iter([self._ref(number) for number in range(self._partitions)])

    def of(self, key: Key) -> Ref[M_contra]:
        """The actor that a key belongs to.

        Call it again rather than keep what it returned: that survives the partition's crashes, but if its supervisor
        itself is restarted, the key belongs to a successor.

        Raises:
            ActorStoppedError: the partitions are gone for good.
            ActorRestartingError: their supervisor is being restarted.
        """
        return self._ref(partition_of(key, self._partitions))

    def _ref(self, number: int) -> Ref[M_contra]:
        supervisor = self._supervisor
        cell = None if supervisor.children is None else supervisor.children.find(str(number))
        if cell is not None:
            return Ref(cell)
        if supervisor.state is State.STOPPED:
            raise ActorStoppedError(supervisor.path, None, f"stopped: {supervisor.exit}")
        raise ActorRestartingError(f"{supervisor.path}: is being restarted and has no partition {number} yet")


async def start_partitions(
    parent: System | Ref[StartChild],
    id: str,
    factory: Callable[[int], Actor[M]],
    *,
    partitions: int = 8,
    intensity: int = 3,
    period: float = 5.0,
    **options: Unpack[MemberOptions],
) -> Partitions[M]:
    """Start partitions under a supervisor of their own, and wait for all of them.

    Args:
        parent: the system, or the supervisor, to start that supervisor under.
        id: its name there; the partitions are called by their numbers, "0", "1" and so on.
        factory: makes the actor of a partition from its number, once for each incarnation.
        partitions: how many there are; with another number keys are divided in another way.
        intensity: how many restarts of partitions their supervisor allows within `period`.
        period: in seconds.
        **options: the contract of each partition.

    Raises:
        ValueError: `partitions` is less than 1, or an option is wrong.
        ChildIdTakenError: the parent has a child of this id.
        ChildStartError: a partition did not start; the cause says why.
    """
    if partitions < 1:
        raise ValueError(f"there must be at least one partition, not {partitions}")
    specs = [child(str(number), partial(factory, number), **options) for number in range(partitions)]
    return Partitions(await start_team(parent, id, specs, "Partitions", intensity, period), partitions)
