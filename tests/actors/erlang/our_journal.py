"""What happened in a tree of ours, in order; the counterpart of `journal.erl`."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from bluev_actors.actors import ActorEvent, ActorRestarted, ActorStarted, Exit, Ignore, Ref, SupervisorReport
from otp_script import Worker

if TYPE_CHECKING:
    from otp_script import Node, Outcome, TreePath


class Boom(Exception):  # noqa: N818 - what the script says
    """A crash that the script asks for."""


class Journal:
    """What happens, in order, and who is where; the counterpart of `journal.erl`."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.refs: dict[TreePath, Ref[Any]] = {}
        self.supervisors: set[TreePath] = set()
        self.gate: Gate | None = None
        self._attempts: Counter[TreePath] = Counter()
        self.living: dict[TreePath, int] = {}
        self._places: dict[str, TreePath] = {}
        self._templates: dict[str, str] = {}

    def attempt(self, path: TreePath, node: Node) -> Attempt:
        """Count a start; some workers that fail to start do so in the factory, all others in `on_start`."""
        self._attempts[path] += 1
        number = self._attempts[path]
        outcome = node.starts[number - 1] if number <= len(node.starts) else "ok"
        self.events.append(["start", list(path), number])
        attempt = Attempt(self, path, number, outcome)
        if number % 2 == 0 and isinstance(node, Worker) and (self.gate is None or self.gate.path != path):
            attempt.go()
        return attempt

    def moved_in(self, path: TreePath, ref: Ref[Any]) -> None:
        """An actor at this path has its ref."""
        if self.refs.get(path) != ref:
            self.refs[path] = ref
            ref.when_exited(partial(self._exited, path))
        self._places[ref.path] = path

    def has_template(self, ref: Ref[Any], id_: str) -> None:
        """The children of this supervisor are all reported under one id, as OTP does."""
        self._templates[ref.path] = id_

    def hear(self, event: ActorEvent) -> None:
        """Note who has started; what ends before that has not."""
        if isinstance(event, (ActorStarted, ActorRestarted)) and event.path in self._places:
            path = self._places[event.path]
            self.living[path] = self._attempts[path]

    def hear_report(self, report: SupervisorReport) -> None:
        """Note what a supervisor says went wrong."""
        if report.supervisor in self._places:
            offender = self._templates.get(report.supervisor, report.offender.id)
            kind = "intensity" if report.context == "shutdown" else report.reason.kind.value
            self.events.append(["report", list(self._places[report.supervisor]), report.context, offender, kind])

    def _exited(self, path: TreePath, exit: Exit) -> None:
        number = self.living.pop(path, None)
        if number is not None:
            self.events.append(["stop", list(path), number, exit.kind.value])


class Gate:
    """Where the next start at a path waits until it is told how to go."""

    def __init__(self, path: TreePath) -> None:
        self.path = path
        self.reached = False
        self.outcome: Outcome = "ok"
        self.opened = trio.Event()

    async def wait(self) -> Outcome:
        """Wait until the player lets the start go on; returns how it goes."""
        self.reached = True
        await self.opened.wait()
        return self.outcome


class Attempt:
    """One start of an actor."""

    def __init__(self, journal: Journal, path: TreePath, number: int, outcome: Outcome) -> None:
        self.journal = journal
        self.path = path
        self._number = number
        self._outcome: Outcome = outcome

    def go(self) -> None:
        """Succeed or fail."""
        if self._outcome != "ok":
            self.journal.events.append([self._outcome, list(self.path), self._number])
            raise Ignore if self._outcome == "ignore" else Boom

    async def on_start(self, ref: Ref[Any]) -> None:
        """Go, perhaps after a wait at the gate."""
        self.journal.moved_in(self.path, ref)
        gate = self.journal.gate
        if gate is not None and gate.path == self.path and not gate.reached:
            self._outcome = await gate.wait()
            self.journal.gate = None
        self.go()
