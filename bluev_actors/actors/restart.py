"""What to do about a child that exited: the decision its supervisor takes.

Nothing here waits, reads a clock or starts anything: an exit, a contract and a time go in, a `Decision` comes out.
The rules are those of OTP's `supervisor`, so what an Erlang or Elixir engineer knows of it holds here.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Final

from attrs import frozen

from bluev_actors.actors.exits import Exit, ExitKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bluev_actors.actors.specs import AutoShutdown, ChildSpec, Restart, RestartBudget, Strategy


ALONE: Final = frozenset({"one_for_one", "dynamic"})
"""The strategies by which a child is restarted alone."""


class RestartWindow:
    """Remembers as many restarts as its budget allows, and so needs no more memory than that."""

    __slots__ = ("_restarts", "budget")

    def __init__(self, budget: RestartBudget) -> None:
        self.budget = budget
        self._restarts: deque[float] = deque(maxlen=int(budget.intensity) + 1)

    def allows(self, now: float) -> bool:
        """Count a restart at `now`, in seconds, and say whether the budget still holds."""
        restarts = self._restarts
        restarts.append(now)
        # While there were no more in all than are allowed in the window, nobody need look how old they are.
        return len(restarts) <= self.budget.intensity or self.count(now) <= self.budget.intensity

    def count(self, now: float) -> int:
        """How many restarts lie in the window that ends at `now`; never more than one over the budget."""
        restarts = self._restarts
        oldest = now - self.budget.period
        while restarts and restarts[0] < oldest:
            restarts.popleft()
        return len(restarts)

    def left(self, now: float) -> int:
        """How many restarts the budget still allows at `now`."""
        return max(0, self.budget.intensity - self.count(now))


class Verdict(Enum):
    """What becomes of the child that exited."""

    RESTART = "restart"
    """It and its group are started again."""
    KEEP_PLACE = "keep_place"
    """It is gone, but its contract stays, so that it may be started again by hand or with its group."""
    FORGET = "forget"
    """It is gone and so is its contract."""
    GIVE_UP = "give_up"
    """The budget is spent: the supervisor stops all children and exits."""


@frozen
class Decision:
    """A verdict, and whom it concerns.

    Args:
        verdict: what becomes of the child.
        group: ids that are stopped, in reverse order, before anybody is started again.
        start: ids of the group that are started again, in order; the others are forgotten.
    """

    verdict: Verdict
    group: tuple[str, ...] = ()
    start: tuple[str, ...] = ()


KEEP_PLACE: Final = Decision(Verdict.KEEP_PLACE)
FORGET: Final = Decision(Verdict.FORGET)
GIVE_UP: Final = Decision(Verdict.GIVE_UP)
RESTART_ALONE: Final = Decision(Verdict.RESTART)
"""The child is started again, and nobody else is concerned."""


def decide(
    spec: ChildSpec,
    exit: Exit,
    strategy: Strategy,
    siblings: Sequence[ChildSpec],
    window: RestartWindow,
    now: float,
    *,
    failed_restart: bool = False,
) -> Decision:
    """Decide what follows from an exit.

    Args:
        spec: the contract of the child that exited.
        exit: how it ended.
        strategy: the supervisor's.
        siblings: all contracts of the supervisor in start order, the child's among them; not looked at where a child
            is restarted alone.
        window: where its restarts are counted, the supervisor's or the child's own; counts this one.
        now: the time, in seconds, on the clock that `window` knows.
        failed_restart: whether it ended before it had started, in a restart; that is tried again whatever the policy.
    """
    if not (is_restarted(spec.restart, exit) or failed_restart):
        return retire(spec, strategy)
    if not window.allows(now):
        return GIVE_UP if spec.budget is None else retire(spec, strategy)
    if strategy in ALONE:
        return RESTART_ALONE
    group = restart_group(spec.id, strategy, siblings)
    return Decision(Verdict.RESTART, tuple(s.id for s in group), tuple(s.id for s in group if s.restart != "temporary"))


def is_restarted(restart: Restart, exit: Exit) -> bool:
    """Whether a child of this policy is started again after this exit."""
    return restart == "permanent" or (restart == "transient" and not exit.expected)


def retire(spec: ChildSpec, strategy: Strategy) -> Decision:
    """The decision about a child that is not started again: one that is temporary or dynamic loses its place."""
    return FORGET if spec.restart == "temporary" or strategy == "dynamic" else KEEP_PLACE


def restart_group(id: str, strategy: Strategy, siblings: Sequence[ChildSpec]) -> Sequence[ChildSpec]:
    """The contracts of all who are started again together with the child `id`, itself among them, in start order."""
    if strategy == "one_for_all":
        return siblings
    first = next(i for i, spec in enumerate(siblings) if spec.id == id)
    return siblings[first:] if strategy == "rest_for_one" else siblings[first : first + 1]


def ends_supervisor(auto_shutdown: AutoShutdown, spec: ChildSpec, others: Iterable[ChildSpec]) -> bool:
    """Whether a child that ended by itself, and is not started again, ends its supervisor.

    Args:
        auto_shutdown: the supervisor's policy.
        spec: the child's contract.
        others: the contracts of the siblings that live or will be started again.
    """
    if not spec.significant or auto_shutdown == "never":
        return False
    return auto_shutdown == "any_significant" or not any(other.significant for other in others)


def ended_as_asked(spec: ChildSpec, exit: Exit) -> bool:
    """Whether a child that was asked to end did so properly; the rule is that of OTP's `supervisor:shutdown/1`."""
    if exit.kind is ExitKind.SHUTDOWN:
        return True
    if exit.kind is ExitKind.KILLED:
        return spec.shutdown == 0
    return exit.kind is not ExitKind.CRASHED and spec.restart != "permanent"
