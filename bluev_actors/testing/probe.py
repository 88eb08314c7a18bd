"""An actor that stands in for another in a test: it records what it is told, and answers as it was taught.

bank = await start_probe(system, "bank")
bank.answers(Balance, 100, 80)
...
await bank.expect(Transfer, amount=20)
await bank.expect_nothing()
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import define

from bluev_actors.actors import Actor, ChildSpec, Rejected
from bluev_actors.errors import BluevError
from bluev_actors.testing.recorder import Recorder

if TYPE_CHECKING:
    from bluev_actors.actors.call import Request
    from bluev_actors.actors.ref import Ref
    from bluev_actors.actors.system import System

M = TypeVar("M")
K = TypeVar("K")
R = TypeVar("R")


class Probe(Generic[M]):
    """A stand-in and what it has seen; made by `start_probe`."""

    ref: Ref[M]
    """Its address, for those who shall think it is the real one."""

    def __init__(self, name: str) -> None:
        self._recorder = Recorder[M](f"probe {name}")
        self._script: dict[type, _Answers] = {}

    @property
    def messages(self) -> list[M]:
        """All that it was told or asked, in order."""
        return self._recorder.seen

    @property
    def unread(self) -> list[M]:
        """What was not expected yet."""
        return self._recorder.unread

    async def expect(self, kind: type[K], /, *, within: float = 1.0, **attributes: object) -> K:
        """Wait for the first unread message of a class; the arguments are those of `Recorder.wait_for`."""
        return await self._recorder.wait_for(kind, within=within, **attributes)

    async def expect_nothing(self, seconds: float = 0.0) -> None:
        """Check that no message is unread, now and for some seconds; as `Recorder.expect_nothing`."""
        await self._recorder.expect_nothing(seconds)

    def answers(self, request: type[Request[R]], *answers: R | BluevError) -> None:
        """Teach it what to answer; a request that it was not taught is left unanswered until its asker gives up.

        Args:
            request: the class of the request.
            *answers: one for each time it is asked, the last of them for ever; an error of ours is raised in the asker.
        """
        self._script[request] = _Answers(list(answers))

    def take(self, message: M) -> _Answers | None:
        """Note a message, and look up what is answered to its class."""
        self._recorder.note(message)
        return self._script.get(type(message))


@define
class _Answers:
    """What is still to be answered to requests of one class."""

    left: list[Any]

    def next(self) -> object:
        """The next answer.

        Raises:
            Rejected: it is an error.
        """
        answer = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if isinstance(answer, BluevError):
            raise Rejected(answer)
        return answer


class _StandIn(Actor[M]):
    """The actor behind a probe."""

    def __init__(self, probe: Probe[M]) -> None:
        self._probe = probe

    async def receive(self, message: M) -> object:
        answers = self._probe.take(message)
        if answers is not None and answers.left:
            return answers.next()
        with suppress(RuntimeError):  # it was told and not asked, so nobody waits
            self.defer()
        return None


async def start_probe(system: System, name: str = "probe") -> Probe[Any]:
    """Start a probe under the root of a system.

    Args:
        system: where it lives.
        name: its id, which is in its path and in the texts of its errors.

    Raises:
        ChildIdTakenError: there is an actor of this id under the root.
    """
    probe = Probe[Any](name)
    probe.ref = await system.start(ChildSpec(name, lambda: _StandIn(probe)))
    return probe
