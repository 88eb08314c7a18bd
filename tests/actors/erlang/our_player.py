"""Our side: plays scripts on our supervisors, in virtual time; the counterpart of `player.erl`."""

from __future__ import annotations

import math
from typing import Any, TypeAlias, cast

import trio
from attrs import evolve
from trio.testing import MockClock

from bluev_actors.actors import (
    ChildCounts,
    ChildInfo,
    ChildSpec,
    CountChildren,
    DeleteChild,
    GetChildSpec,
    Ref,
    RestartChild,
    SpawnChild,
    StartChild,
    State,
    StopChild,
    System,
    WhichChildren,
    open_system,
)
from bluev_actors.errors import (
    ActorError,
    ActorRestartingError,
    ActorStoppedError,
    BadChildSpecError,
    ChildIdTakenError,
    ChildNotFoundError,
    ChildRestartingError,
    ChildRunningError,
    ChildStartError,
)
from otp_script import Call, Crash, Held, Script, Step, Super, TreePath, Worker
from our_journal import Gate, Journal
from our_scripted import End, spec

Record: TypeAlias = list[Any]
"""What a step did: the answer, the events, and the tree after it; made of lists, texts and numbers."""

_ANSWERS: dict[type[Exception], str] = {
    ActorRestartingError: "gone",
    ActorStoppedError: "gone",
    BadChildSpecError: "bad_spec",
    ValueError: "bad_spec",
    ChildIdTakenError: "taken",
    ChildNotFoundError: "not_found",
    ChildRestartingError: "restarting",
    ChildRunningError: "running",
    ChildStartError: "error",
    ActorError: "refused",
}
_STATES = {State.STOPPED: "stopped", State.EXITED: "restarting"}
_QUIET = 100.0
"""Virtual seconds after which everything that a step began is over."""


def play(script: Script) -> list[Record]:
    """Play a script; returns a record of each step, the first of them for the start."""
    return trio.run(_play, script, clock=MockClock(autojump_threshold=0))


async def _play(script: Script) -> list[Record]:
    async with open_system() as system:
        player = _Player(system)
        records = [await player.record(player.start(script.top))]
        end = Crash(("top",), "shutdown")
        return [*records, *[await player.record(player.step(step)) for step in (*script.steps, end)]]


def _milliseconds(shutdown: float | None) -> int | str:
    if not shutdown:
        return "brutal_kill"
    return "infinity" if shutdown == math.inf else round(shutdown * 1000)


class _Player:
    """Carries out the steps of one script in a system."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._journal = Journal()
        self._names: dict[tuple[TreePath, str], str] = {}
        system.subscribe(self._journal.hear)
        system.reports.subscribe(self._journal.hear_report)

    async def record(self, answer: Any) -> Record:  # noqa: ANN401 - a coroutine for whatever the step answers
        """Carry out a step, wait until all is quiet, and say what happened."""
        given = await answer
        if self._journal.living:
            await trio.sleep(_QUIET)
        events, self._journal.events = self._journal.events, []
        return [given, events, await self._tree(("top",))]

    async def start(self, top: Super) -> str:
        """Start the top supervisor; nobody restarts it."""
        try:
            ref = await self._system.start(spec(self._journal, (), evolve(top, restart="temporary", significant=False)))
        except ChildStartError:
            return "error"
        return "ignored" if ref.state is State.STOPPED else "ok"

    async def step(self, step: Step) -> Any:  # noqa: ANN401 - answers are of many kinds
        """Carry out a step; returns its answer."""
        match step:
            case Crash():
                return self._crash(step)
            case Call():
                return await self._call(step)
            case Held():
                return await self._held(step)

    # --- crashes ---

    def _crash(self, crash: Crash) -> str:
        ref = self._running(crash.path)
        if ref is None:
            return "gone"
        if crash.reason == "kill":
            ref._cell.kill("the script says so")  # pyright: ignore[reportPrivateUsage] - what only supervisors may do
        else:
            ref.tell(End(crash.reason))
        return "ok"

    async def _held(self, held: Held) -> list[Any]:
        gate = self._journal.gate = Gate(held.crash.path)
        first = self._crash(held.crash)
        await trio.sleep(_QUIET)
        if not gate.reached:
            self._journal.gate = None
        crashed: list[str] = []
        for crash in held.crashes:
            crashed.append("gone" if self._running(crash.path[:-1]) is None else self._crash(crash))
            await trio.sleep(_QUIET)
        answers: list[Any] = [None] * len(held.calls)

        async def note(index: int, call: Call) -> None:
            answers[index] = await self._call(call)

        async with trio.open_nursery() as nursery:
            for index, call in enumerate(held.calls):
                nursery.start_soon(note, index, call)
                await trio.sleep(_QUIET)
            gate.outcome = held.outcome
            gate.opened.set()
        return [first, crashed, answers]

    def _running(self, path: TreePath) -> Ref[Any] | None:
        ref = self._journal.refs.get(path)
        return ref if ref is not None and ref.state is State.RUNNING else None

    # --- calls ---

    async def _call(self, call: Call) -> Any:  # noqa: ANN401 - answers are of many kinds
        ref = self._running(call.path)
        if ref is None or call.path not in self._journal.supervisors:
            return "gone"
        try:
            answer = await ref.ask(self._request(call), timeout=math.inf)
        except (ActorError, ValueError) as error:
            return _ANSWERS[type(error)]
        if call.verb == "spawn":
            self._names[call.path, answer.id] = str(call.argument)
        return self._answer(call.path, answer)

    def _request(self, call: Call) -> Any:  # noqa: ANN401 - one of the commands
        argument = call.argument
        if isinstance(argument, (Worker, Super)):
            return StartChild(spec(self._journal, call.path, argument))
        match call.verb:
            case "spawn":
                return SpawnChild((argument,))
            case "end_dynamic":
                ref = self._running((*call.path, str(argument)))
                return StopChild("nobody" if ref is None else ref.id)
            case "which":
                return WhichChildren()
            case "count":
                return CountChildren()
            case verb:
                commands = {
                    "terminate": StopChild,
                    "restart": RestartChild,
                    "delete": DeleteChild,
                    "spec": GetChildSpec,
                }
                return commands[verb](str(argument))

    def _answer(self, path: TreePath, answer: object) -> Any:  # noqa: ANN401 - answers are of many kinds
        match answer:
            case Ref():
                return "ignored" if answer.state is State.STOPPED else "ok"
            case ChildSpec(restart=restart, shutdown=shutdown, significant=significant):
                return [restart, _milliseconds(shutdown), significant]
            case ChildCounts(specs=specs, active=active, supervisors=supervisors, workers=workers):
                return [specs, active, supervisors, workers]
            case tuple():
                children = cast("tuple[ChildInfo, ...]", answer)
                return [[self._name(path, child), _STATES.get(child.state, "alive")] for child in children]
            case _:
                return "ok"

    def _name(self, path: TreePath, child: ChildInfo) -> str:
        return self._names.get((path, child.id), child.id)

    # --- the tree ---

    async def _tree(self, path: TreePath) -> list[Any]:
        ref = self._running(path)
        if ref is None:
            return []
        counts = await ref.ask(CountChildren())
        children: tuple[ChildInfo, ...] = await ref.ask(WhichChildren())
        return [self._answer(path, counts), [await self._branch(path, child) for child in children]]

    async def _branch(self, path: TreePath, child: ChildInfo) -> list[Any]:
        name = self._name(path, child)
        below = (*path, name)
        tree = await self._tree(below) if below in self._journal.supervisors else []
        return [name, _STATES.get(child.state, "alive"), tree]
