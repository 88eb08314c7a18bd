"""The contract between a child and its supervisor, and the budgets and delays it may name.

Everything is checked when it is made, so a wrong contract is an error where it was written, not where it is used. The
meaning of each policy is OTP's; `backoff`, `budget` and `overflow` have no counterpart there and are off by default.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypeAlias, get_args

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

Restart: TypeAlias = Literal["permanent", "transient", "temporary"]
"""When a child is started again: always, after a crash or a kill, or never."""

Strategy: TypeAlias = Literal["one_for_one", "one_for_all", "rest_for_one", "dynamic"]
"""Who is started again with it: nobody, all its siblings, those that were started after it, or nobody.

The children of a `dynamic` supervisor have no order and no lasting places: who is not restarted is forgotten.
"""

AutoShutdown: TypeAlias = Literal["never", "any_significant", "all_significant"]
"""Whether a supervisor ends when a significant child has ended by itself, or when the last of them has."""

Overflow: TypeAlias = Literal["wait", "drop_newest", "drop_oldest", "error"]
"""What becomes of a message for a full mailbox.

    wait          `send` and `ask` wait for room; `tell`, which cannot wait, raises `MailboxFullError`
    drop_newest   the message is dropped and becomes a dead letter
    drop_oldest   the one that has waited longest is dropped instead, and becomes a dead letter
    error         `tell`, `send` and `ask` raise `MailboxFullError` at once
"""

RESTARTS: Final[tuple[Restart, ...]] = get_args(Restart)
STRATEGIES: Final[tuple[Strategy, ...]] = get_args(Strategy)
AUTO_SHUTDOWNS: Final[tuple[AutoShutdown, ...]] = get_args(AutoShutdown)
OVERFLOWS: Final[tuple[Overflow, ...]] = get_args(Overflow)


def _refuse(name: str, value: object, right: str) -> NoReturn:
    raise ValueError(f"{name} must be {right}, not {value!r}")


@frozen
class RestartBudget:
    """More than `intensity` restarts within `period` seconds are too many; both ends of the window count."""

    intensity: int = 1
    period: float = 5.0

    def __attrs_post_init__(self) -> None:
        if self.intensity != self.intensity // 1 or not 0 <= self.intensity < math.inf:
            _refuse("intensity", self.intensity, "a whole number of restarts")
        if not self.period > 0:
            _refuse("period", self.period, "more than 0 seconds")


@frozen
class Backoff:
    """How long a supervisor waits before each restart, longer after each failure.

    Args:
        first: seconds before the first restart.
        limit: seconds it never waits longer than, jitter included.
        factor: by how much each wait is longer than the one before.
        jitter: the share of a wait, from 0 to 1, that is left to chance, so that many who failed together do not come
            back together.
        reset_after: seconds of life after which an incarnation counts as sound, and the waits begin anew; None means
            `limit`.
    """

    first: float = 0.1
    limit: float = 5.0
    factor: float = 2.0
    jitter: float = 0.1
    reset_after: float | None = None

    def __attrs_post_init__(self) -> None:
        if not 0 < self.first < math.inf:
            _refuse("first", self.first, "more than 0 seconds")
        if not 0 < self.limit < math.inf:
            _refuse("limit", self.limit, "more than 0 seconds")
        if not 1 <= self.factor < math.inf:
            _refuse("factor", self.factor, "1 or more")
        if not 0 <= self.jitter <= 1:
            _refuse("jitter", self.jitter, "from 0 to 1")
        if self.reset_after is not None and not self.reset_after >= 0:
            _refuse("reset_after", self.reset_after, "0 seconds or more, or None")

    def delay(self, failures: int, chance: float) -> float:
        """Seconds to wait before a restart.

        Args:
            failures: how many incarnations in a row were not sound, this one included; 1 or more.
            chance: from 0 to 1, what makes the jitter.
        """
        # The waits grow until they meet the limit; a power that overflows has passed it long ago.
        try:
            exact = min(self.limit, self.first * float(self.factor) ** (failures - 1))
        except OverflowError:
            exact = self.limit
        return exact * (1 - self.jitter * chance)

    def is_sound(self, age: float) -> bool:
        """Whether an incarnation that lived for `age` seconds lets the waits begin anew."""
        return age >= (self.limit if self.reset_after is None else self.reset_after)


@frozen
class ChildSpec:
    """The contract between a child and its supervisor.

    Args:
        id: the child's name among its siblings; part of its path.
        factory: makes the actor, once for each incarnation.
        restart: when it is started again.
        shutdown: seconds it has to end when it is asked to, and again for its `on_stop`; inf waits for ever, 0 cancels
            it at once (OTP's brutal kill), None means 5, and for a supervisor as long as its children take.
        mailbox: how many messages may wait for it.
        kind: what it is, for the tree; by default the name of its class.
        budget: its own restart budget. When it is exceeded this child alone is given up, as if it had a supervisor of
            its own in between; without one its restarts count against its supervisor's.
        overflow: what becomes of a message for its full mailbox.
        backoff: how long its supervisor waits before it is started again; None: not at all, as in OTP.
        significant: whether its own end may end its supervisor, see `AutoShutdown`; not for a permanent child, which
            has no end of its own.

    Raises:
        ValueError: a value is wrong; the text says which and why.
    """

    id: str
    factory: Callable[..., Any]
    restart: Restart = "permanent"
    shutdown: float | None = None
    mailbox: int = 1024
    kind: str = ""
    budget: RestartBudget | None = None
    overflow: Overflow = "wait"
    backoff: Backoff | None = None
    significant: bool = False

    def __attrs_post_init__(self) -> None:
        # One plain function: a supervisor may be asked for thousands of children a second.
        if not self.id:
            _refuse("id", self.id, "a name, which becomes a part of the child's path")
        if not callable(self.factory):
            _refuse("factory", self.factory, "a class or a function, which makes the actor anew for each incarnation")
        if self.restart not in RESTARTS:
            _refuse("restart", self.restart, f"one of {', '.join(RESTARTS)}")
        if self.shutdown is not None and not self.shutdown >= 0:
            _refuse("shutdown", self.shutdown, "0 seconds or more, or None")
        if not self.mailbox > 0:
            _refuse("mailbox", self.mailbox, "1 message or more")
        if self.overflow not in OVERFLOWS:
            _refuse("overflow", self.overflow, f"one of {', '.join(OVERFLOWS)}")
        if self.significant and self.restart == "permanent":
            _refuse("significant", self.significant, "False for a permanent child, whose end is never the last")


def child(  # noqa: PLR0913 - as many as a contract has terms
    id: str,
    factory: Callable[..., Any],
    *,
    restart: Restart = "permanent",
    shutdown: float | None = None,
    mailbox: int = 1024,
    kind: str = "",
    budget: RestartBudget | None = None,
    overflow: Overflow = "wait",
    backoff: Backoff | None = None,
    significant: bool = False,
) -> ChildSpec:
    """Describe a child; the options are those of `ChildSpec`."""
    return ChildSpec(id, factory, restart, shutdown, mailbox, kind, budget, overflow, backoff, significant)
