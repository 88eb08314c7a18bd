"""Actors that do what a script says; the counterpart of `scripted.erl`."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
from attrs import frozen

from bluev_actors.actors import (
    Actor,
    ChildSpec,
    DynamicSupervisor,
    Exit,
    ExitKind,
    Shutdown,
    Supervisor,
    handles,
)
from otp_script import Node, Reason, Super, TreePath, Worker
from our_journal import Attempt, Boom, Journal

if TYPE_CHECKING:
    from collections.abc import Callable


@frozen
class End:
    """Tells an actor to end like this."""

    reason: Reason


def _end(actor: Actor[Any], message: End) -> None:
    match message.reason:
        case "normal":
            actor.stop()
        case "boom":
            raise Boom
        case _:
            raise Shutdown(message.reason)


class _Worker(Actor[End]):
    def __init__(self, attempt: Attempt, node: Worker) -> None:
        self._attempt = attempt
        self._manner = node.manner
        self._told = False

    async def on_start(self) -> None:
        await self._attempt.on_start(self.ref)

    @handles
    def _on_end(self, message: End) -> None:
        self._told = True
        _end(self, message)

    async def on_stop(self, exit: Exit) -> None:
        if not self._told and exit.kind is ExitKind.SHUTDOWN:
            if self._manner == "clumsy":
                raise Boom
            if self._manner == "stubborn":
                await trio.sleep_forever()


class _Supervisor(Supervisor[End]):
    def __init__(self, attempt: Attempt, node: Super) -> None:
        assert node.strategy != "simple_one_for_one"
        super().__init__(
            [spec(attempt.journal, attempt.path, child) for child in node.children],
            strategy=node.strategy,
            intensity=node.intensity,
            period=math.inf,
            auto_shutdown=node.auto_shutdown,
        )
        self._attempt = attempt

    async def on_start(self) -> None:
        await self._attempt.on_start(self.ref)

    @handles
    def _on_end(self, message: End) -> None:
        _end(self, message)


class _DynamicSupervisor(DynamicSupervisor[End]):
    def __init__(self, attempt: Attempt, node: Super) -> None:
        super().__init__(
            _template(attempt.journal, attempt.path, node.children[0]),
            intensity=node.intensity,
            period=math.inf,
            auto_shutdown=node.auto_shutdown,
        )
        self._attempt = attempt
        self._template_id = node.children[0].id

    async def on_start(self) -> None:
        self._attempt.journal.has_template(self.ref, self._template_id)
        await self._attempt.on_start(self.ref)

    @handles
    def _on_end(self, message: End) -> None:
        _end(self, message)


class _Misfit(Supervisor[End]):
    """One with a wrong contract, which OTP finds when the supervisor starts, if that gets so far."""

    def __init__(self, attempt: Attempt, wrong: ValueError) -> None:
        super().__init__()
        self._attempt = attempt
        self._wrong = wrong

    async def on_start(self) -> None:
        await self._attempt.on_start(self.ref)
        raise self._wrong


def _make(journal: Journal, path: TreePath, node: Node) -> Actor[Any]:
    attempt = journal.attempt(path, node)
    if isinstance(node, Worker):
        journal.supervisors.discard(path)
        return _Worker(attempt, node)
    journal.supervisors.add(path)
    try:
        return _DynamicSupervisor(attempt, node) if node.is_dynamic else _Supervisor(attempt, node)
    except ValueError as wrong:
        return _Misfit(attempt, wrong)


def spec(journal: Journal, parent: TreePath, node: Node) -> ChildSpec:
    """The contract of a node of the script under a supervisor's path."""
    return _contract(node, partial(_make, journal, (*parent, node.id), node))


def _template(journal: Journal, parent: TreePath, node: Node) -> ChildSpec:
    def make(name: str) -> Actor[Any]:
        return _make(journal, (*parent, name), node)

    return _contract(node, make)


def _contract(node: Node, factory: Callable[..., Actor[Any]]) -> ChildSpec:
    return ChildSpec(node.id, factory, node.restart, _seconds(node), significant=node.significant)


def _seconds(node: Node) -> float:
    match node.shutdown:
        case "infinity":
            return math.inf
        case "brutal_kill":
            return 0
        case milliseconds:
            return milliseconds / 1000
