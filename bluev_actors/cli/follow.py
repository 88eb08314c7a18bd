"""Following a run to its end, and what Ctrl-C means meanwhile."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from bluev_actors.client.helpers import open_helpers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bluev_actors.cli.display import Display
    from bluev_actors.cli.source import Source
    from bluev_actors.workflows.run_state import RunState

Work: TypeAlias = "Callable[[trio.Nursery, Interrupts], Awaitable[int]]"
"""What a process is there for: it says what the process ends with."""

EXIT_BY_STATUS: Final = {"completed": 0, "failed": 1, "stopped": 3}
"""What a process that followed a run ends with."""
INVALID: Final = 2
LEFT: Final = 130
"""Somebody pressed Ctrl-C."""


async def follow(source: Source, display: Display) -> RunState:
    """Show a run until it has ended. The display is closed whatever happens."""
    try:
        while not source.exhausted:
            display.show(await source.take(display.pace), source.state)
    finally:
        display.close(source.state)
    return source.state


class Interrupts:
    """What Ctrl-C, or SIGTERM, does: by default it ends the work.

    Attributes:
        came: whether one has come.
        react: called with the first one instead of ending the work.
        scope: what the work is done in.
    """

    def __init__(self, scope: trio.CancelScope) -> None:
        self.came = False
        self.react: Callable[[], Awaitable[object]] | None = None
        self.scope = scope

    async def listen(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Wait for signals. A task of its own."""
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                self.came = True
                await self._act()

    async def _act(self) -> None:
        react, self.react = self.react, None
        if react is None:
            self.scope.cancel()
        else:
            await react()


async def until_interrupted(work: Work) -> int:
    """Do `work`, which says what the process ends with.

    Ctrl-C ends it, unless it says what else Ctrl-C is to do. The tasks it starts in its nursery end with it.
    """
    code, failure = LEFT, None
    interrupts = Interrupts(trio.CancelScope())
    try:
        async with trio.open_nursery() as listening:
            await listening.start(interrupts.listen)
            try:
                with interrupts.scope:
                    code = await _with_helpers(work, interrupts)
            except Exception as error:  # noqa: BLE001 - raised again below, bare and not in the nursery's group
                failure = error
            listening.cancel_scope.cancel()
    except* KeyboardInterrupt:
        # A Ctrl-C that comes while all this ends is handed back by the listener. It asks for what is happening.
        interrupts.came = True
    if failure is not None:
        raise failure
    return LEFT if interrupts.came else code


async def _with_helpers(work: Work, interrupts: Interrupts) -> int:
    async with open_helpers() as nursery:
        return await work(nursery, interrupts)
