"""A check that no task is left behind: what a block starts must be over when it ends."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def no_task_left() -> Generator[None]:
    """Check that at the end of the block the task has no child and Trio no system task that it had not before.

    Raises:
        AssertionError: there is one; the text names it. Not raised if the block itself fails.
    """
    before = _strays()
    yield
    left = sorted(task.name for task in _strays() - before)
    if left:
        raise AssertionError(f"left running: {', '.join(left)}")


def _strays() -> set[trio.lowlevel.Task]:
    """The tasks that may have been started from here: those below this one, and those that belong to nobody."""
    root = trio.lowlevel.current_root_task()
    nobodys = set[trio.lowlevel.Task]() if root is None else _children(root)
    return nobodys | _children(trio.lowlevel.current_task())


def _children(task: trio.lowlevel.Task) -> set[trio.lowlevel.Task]:
    return {child for nursery in task.child_nurseries for child in nursery.child_tasks}
