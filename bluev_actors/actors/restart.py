"""What to do about a child that exited: the contract of a child, and the decision its supervisor takes.

Nothing here waits, reads a clock or starts anything: an exit, a contract and a time go in, a `Decision` comes out.
The meaning of each policy is OTP's, so what an Erlang or Elixir engineer knows of supervisors holds here.
"""

from __future__ import annotations

import math
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Restart: TypeAlias = Literal["permanent", "transient", "temporary"]
"""When a child is started again: always, after a crash or a kill, or never."""

Strategy: TypeAlias = Literal["one_for_one", "one_for_all", "rest_for_one"]
"""Who is started again with it: nobody, all its siblings, or those that were started after it."""


class ExitKind(Enum):
    """How an incarnation ended."""

    NORMAL = "normal"
    """Its work was done."""
    SHUTDOWN = "shutdown"
    """It was asked to stop and did, or it gave up in good order."""
    KILLED = "killed"
    """It was cancelled."""
    CRASHED = "crashed"
    """An exception ended it."""


@frozen(eq=False)
class Exit:
    """How an incarnation ended, and with what."""

    kind: ExitKind
    error: BaseException | None = None
    result: object = None
    reason: str = ""

    @property
    def expected(self) -> bool:
        """Whether nothing went wrong: a transient child is not restarted after it."""
        return self.kind is ExitKind.NORMAL or self.kind is ExitKind.SHUTDOWN

    def __str__(self) -> str:
        detail = self.reason or ("" if self.error is None else describe(self.error))
        return f"{self.kind.value} ({detail})" if detail else self.kind.value


def describe(error: BaseException | None) -> str:
    """An exception as a line of text, which must not fail however broken the exception's own text is."""
    name = type(error).__name__
    try:
        return f"{name}: {error}"
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide that the actor crashed
        return name


def _not_negative(_: object, attribute: Any, value: float) -> None:  # noqa: ANN401 - attrs' own Attribute[T]
    if math.isnan(value) or value < 0:
        raise ValueError(f"{attribute.name} must not be negative, not {value}")


def _seconds(instance: object, attribute: Any, value: float | None) -> None:  # noqa: ANN401 - attrs' own Attribute[T]
    if value is not None:
        _not_negative(instance, attribute, value)


def _positive(_: object, attribute: Any, value: float) -> None:  # noqa: ANN401 - attrs' own Attribute[T]
    if not value > 0:
        raise ValueError(f"{attribute.name} must be more than zero, not {value}")


@frozen
class RestartBudget:
    """More than `intensity` restarts within `period` seconds are too many; both ends of the window count."""

    intensity: int = field(default=1, validator=_not_negative)
    period: float = field(default=5.0, validator=_positive)


@frozen
class ChildSpec:
    """The contract between a child and its supervisor.

    Args:
        id: the child's name among its siblings; part of its path.
        factory: makes the actor, once for each incarnation.
        restart: when it is started again.
        shutdown: seconds it has to end when it is asked to, and again for its `on_stop`; inf waits for ever, 0 cancels
            it at once, None means inf.
        mailbox: how many messages may wait for it.
        kind: what it is, for the tree; by default the name of its class.
        budget: its own restart budget. When it is exceeded this child alone is given up, as if it had a supervisor of
            its own in between; without one its restarts count against its supervisor's.
    """

    id: str
    factory: Callable[[], Any]
    restart: Restart = "permanent"
    shutdown: float | None = field(default=5.0, validator=_seconds)
    mailbox: int = field(default=1024, validator=_positive)
    kind: str = ""
    budget: RestartBudget | None = None

    @property
    def grace(self) -> float:
        """Seconds it has to end, as a number."""
        return math.inf if self.shutdown is None else self.shutdown


def child(
    id: str,
    factory: Callable[[], Any],
    *,
    restart: Restart = "permanent",
    shutdown: float | None = 5.0,
    mailbox: int = 1024,
    kind: str = "",
    budget: RestartBudget | None = None,
) -> ChildSpec:
    """Describe a child; the options are those of `ChildSpec`."""
    return ChildSpec(id, factory, restart, shutdown, mailbox, kind, budget)


class RestartWindow:
    """Remembers as many restarts as its budget allows, and so needs no more memory than that."""

    __slots__ = ("_restarts", "budget")

    def __init__(self, budget: RestartBudget) -> None:
        self.budget = budget
        self._restarts: deque[float] = deque(maxlen=budget.intensity + 1)

    def allows(self, now: float) -> bool:
        """Count a restart at `now`, in seconds, and say whether the budget still holds."""
        self._restarts.append(now)
        return self.count(now) <= self.budget.intensity

    def count(self, now: float) -> int:
        """How many restarts lie in the window that ends at `now`; never more than one over the budget."""
        while self._restarts and now - self._restarts[0] > self.budget.period:
            self._restarts.popleft()
        return len(self._restarts)

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


def decide(
    spec: ChildSpec,
    exit: Exit,
    strategy: Strategy,
    siblings: Sequence[ChildSpec],
    window: RestartWindow,
    now: float,
) -> Decision:
    """Decide what follows from an exit.

    Args:
        spec: the contract of the child that exited.
        exit: how it ended.
        strategy: the supervisor's.
        siblings: all contracts of the supervisor in start order, the child's among them.
        window: where its restarts are counted, the supervisor's or the child's own; counts this one.
        now: the time, in seconds, on the clock that `window` knows.
    """
    if not is_restarted(spec.restart, exit):
        return retire(spec)
    if not window.allows(now):
        return GIVE_UP if spec.budget is None else KEEP_PLACE
    group = restart_group(spec.id, strategy, siblings)
    return Decision(Verdict.RESTART, tuple(s.id for s in group), tuple(s.id for s in group if s.restart != "temporary"))


def is_restarted(restart: Restart, exit: Exit) -> bool:
    """Whether a child of this policy is started again after this exit."""
    return restart == "permanent" or (restart == "transient" and not exit.expected)


def retire(spec: ChildSpec) -> Decision:
    """The decision about a child that is not started again: only a temporary one loses its place."""
    return FORGET if spec.restart == "temporary" else KEEP_PLACE


def restart_group(id: str, strategy: Strategy, siblings: Sequence[ChildSpec]) -> Sequence[ChildSpec]:
    """The contracts of all who are started again together with the child `id`, itself among them, in start order."""
    if strategy == "one_for_all":
        return siblings
    first = next(i for i, spec in enumerate(siblings) if spec.id == id)
    return siblings[first:] if strategy == "rest_for_one" else siblings[first : first + 1]
