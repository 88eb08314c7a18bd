"""A supervisor of children that come and go: many of a kind, without an order and without lasting places."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import evolve

from bluev_actors.actors.commands import SpawnChild
from bluev_actors.actors.dispatch import handles
from bluev_actors.actors.ref import Rejected
from bluev_actors.actors.supervisor import Supervisor
from bluev_actors.errors import BadChildSpecError

if TYPE_CHECKING:
    from bluev_actors.actors.specs import AutoShutdown, ChildSpec

M = TypeVar("M")


class DynamicSupervisor(Supervisor[M | SpawnChild], Generic[M]):
    """Restarts each child alone, forgets whom it does not restart, and stops all of them at once.

    What OTP calls `simple_one_for_one` and Elixir `DynamicSupervisor`. `StartChild` works as everywhere; `RestartChild`
    and `DeleteChild` are rejected, because there are no places to be kept.

    Args:
        template: the contract of the children that `SpawnChild` starts: its factory is called with the arguments of the
            command, and their ids are the template's with a number.
        intensity: how many restarts it allows within `period`.
        period: in seconds.
        auto_shutdown: whether it ends when a significant child has ended by itself.
        max_children: how many it may have; None: as many as you like.
    """

    def __init__(
        self,
        template: ChildSpec | None = None,
        *,
        intensity: int = 1,
        period: float = 5.0,
        auto_shutdown: AutoShutdown = "never",
        max_children: int | None = None,
    ) -> None:
        super().__init__(
            strategy="dynamic",
            intensity=intensity,
            period=period,
            auto_shutdown=auto_shutdown,
            max_children=max_children,
        )
        self._template = template
        self._numbers = count(1)

    async def _start_children(self) -> None:
        if self._template is not None:
            self._children.check([self._template])

    @handles
    def _on_spawn_child(self, command: SpawnChild) -> None:
        template = self._template
        if template is None:
            raise Rejected(BadChildSpecError(f"{self.ref.path}: has no template to start children by"))
        factory = partial(template.factory, *command.args)
        self.start_for_asker(evolve(template, id=f"{template.id}-{next(self._numbers)}", factory=factory))
