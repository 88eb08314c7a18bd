"""Names the node that holds up the event loop: everybody waits for it, and nobody else could say why.

A thread looks at how long the loop has been busy without a pause. When that is too long, the stack of the loop's thread
says which node is at work and where; that is logged at once, for a loop that never comes back can say nothing itself.
"""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

import trio
from attrs import define, field

from bluev_actors.engine.node_executor import NodeExecutor

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import FrameType

    from bluev_actors.engine.context import NodeContext

_log = logging.getLogger(__name__)

_BODY = NodeExecutor.call_node.__code__
"""The code in whose frame a node's function runs."""


@contextmanager
def watching(seconds: float) -> Generator[None]:
    """Watch the loop inside the block.

    Args:
        seconds: how long the loop may be busy without a pause.
    """
    watchdog = _Watchdog(seconds, trio.lowlevel.current_trio_token(), threading.get_ident())
    thread = threading.Thread(target=watchdog.look_on, name="watchdog", daemon=True)
    trio.lowlevel.add_instrument(watchdog)
    thread.start()
    try:
        yield
    finally:
        watchdog.over.set()
        trio.lowlevel.remove_instrument(watchdog)
        thread.join()


@define(eq=False)
class _Watchdog(trio.abc.Instrument):
    """Knows since when the loop is busy."""

    _seconds: float
    _token: trio.lowlevel.TrioToken
    _thread: int
    over: threading.Event = field(factory=threading.Event, init=False)
    _busy_since: float | None = field(default=None, init=False)
    _barked_at: float | None = field(default=None, init=False)

    def after_io_wait(self, timeout: float) -> None:  # noqa: ARG002 - the instrument's own signature
        """The loop goes to work."""
        self._busy_since = perf_counter()

    def before_io_wait(self, timeout: float) -> None:  # noqa: ARG002 - the instrument's own signature
        """The loop looks around again."""
        self._busy_since = None

    def look_on(self) -> None:
        """Look at the loop from a thread, until it is over."""
        while not self.over.wait(self._seconds / 4):
            since = self._busy_since
            if since is None or since == self._barked_at or perf_counter() - since < self._seconds:
                continue
            self._barked_at = since
            # Documented, its name notwithstanding: the only way to see where another thread is.
            frames = sys._current_frames()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - see above
            self._bark(frames.get(self._thread), perf_counter() - since)

    def _bark(self, frame: FrameType | None, seconds: float) -> None:
        stack = list(_frames(frame))
        context = _node_on(stack)
        where = _where(stack)
        if context is None:
            _log.warning("the event loop is held up for %.1f s %s", seconds, where)
            return
        name = f"{context.run_id}/{context.node_id}"
        _log.warning("node %r holds up the event loop for %.1f s %s", name, seconds, where)
        # Its executor tells it when the node ends, if that comes before the loop has time for us.
        context.stall = f"holds up the event loop for {seconds:.1f} s {where}; let it run in a thread or a process"
        try:
            self._token.run_sync_soon(context.tell_stall)
        except trio.RunFinishedError:
            return  # the loop has ended meanwhile, and with it whoever would listen


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _node_on(stack: list[FrameType]) -> NodeContext | None:
    """The node whose function is at work, if it is one."""
    for frame in stack:
        if frame.f_code is _BODY:
            executor: NodeExecutor = frame.f_locals["self"]
            return executor.context
    return None


def _where(stack: list[FrameType]) -> str:
    if not stack:
        return "(nobody knows where)"
    code = stack[0].f_code
    return f"in {code.co_qualname} ({code.co_filename}:{stack[0].f_lineno})"
