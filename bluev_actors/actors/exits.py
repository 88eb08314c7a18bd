"""How an incarnation of an actor ends, and the exceptions by which it says so itself."""

from __future__ import annotations

from enum import Enum
from typing import Final, TypeAlias

from attrs import define


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
    IGNORED = "ignored"
    """It found that it is not needed now, and never started."""


_CRASHED: Final = ExitKind.CRASHED  # plain names, because they are quicker to find
_KILLED: Final = ExitKind.KILLED


@define(eq=False)
class Exit:
    """How an incarnation ended, and with what; not to be changed.

    Not a frozen class only because one is made at every restart, and freezing it would cost as much as all the rest of
    the bookkeeping of an exit.
    """

    kind: ExitKind
    error: BaseException | None = None
    result: object = None
    reason: str = ""

    @property
    def expected(self) -> bool:
        """Whether nothing went wrong: a transient child is not restarted after it."""
        return self.kind is not _CRASHED and self.kind is not _KILLED

    def __str__(self) -> str:
        detail = self.reason or ("" if self.error is None else describe(self.error))
        return f"{self.kind.value} ({detail})" if detail else self.kind.value


class ExitAs(Exception):  # noqa: N818 - no error: it carries an exit out of the actor
    """Raised inside an actor to end its incarnation in just this way."""

    def __init__(self, exit: Exit) -> None:
        super().__init__(str(exit))
        self.exit = exit


class Shutdown(ExitAs):
    """Raised anywhere in an actor's own task: it gives up in good order, so a transient one is not restarted.

    Args:
        reason: why, for whoever asks how it ended.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(Exit(ExitKind.SHUTDOWN, reason=reason))


class Ignore(ExitAs):
    """Raised by a factory or in `on_start`: the actor is not needed now, which is no failure.

    The child keeps its place without living, so it can be started later by hand or with its group; a temporary one is
    forgotten. This is what OTP's `ignore` means.

    Args:
        reason: why, for whoever asks how it ended.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(Exit(ExitKind.IGNORED, reason=reason))


Remains: TypeAlias = tuple[type[BaseException], tuple[object, ...]] | str
"""What is kept of an exception: enough for its text, and none of the frames that it came through."""


_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


def remains_of(error: BaseException | None) -> Remains:
    """What to keep of an exception; its text is made only when somebody wants to read it, unless it makes its own."""
    if error is None or type(error).__str__ is not BaseException.__str__:
        return describe(error)
    for arg in error.args:
        if arg.__class__ not in _PLAIN:  # it may lead to anything, such as to the actor that crashed
            return describe(error)
    return type(error), error.args


def describe_remains(remains: Remains) -> str:
    """The text that the exception would have had."""
    if isinstance(remains, str):
        return remains
    kind, args = remains
    return _line(kind, BaseException(*args))


def describe(error: BaseException | None) -> str:
    """An exception as a line of text, which must not fail however broken the exception's own text is."""
    return _line(type(error), error)


def _line(kind: type, error: object) -> str:
    try:
        return f"{kind.__name__}: {error}"
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide that the actor crashed
        return kind.__name__
