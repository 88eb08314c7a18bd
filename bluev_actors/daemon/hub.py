"""What the daemon's actors share: the runtime, who is connected, and whether the daemon is on its way out.

It is read and changed by plain calls on the one event loop, so nothing in it needs a lock.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

from attrs import define, field

from bluev_actors.daemon.audience import Audience
from bluev_actors.daemon.event_frames import EventFrames
from bluev_actors.daemon.once import Once
from bluev_actors.daemon.sessions import Sessions
from bluev_actors.errors import RunNotFoundError
from bluev_actors.workflows.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from bluev_actors.daemon.config import Settings
    from bluev_actors.daemon.conversation import Conversation
    from bluev_actors.daemon.guard import Guard
    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.workflows.graph import WorkflowOutput


@define(eq=False)
class Hub:
    """The daemon's common ground.

    Attributes:
        runtime: where workflows run.
        settings: how the daemon was started.
        guard: who may talk to it at all.
        sessions: who is connected.
        audience: who may want what.
        frames: events as bytes.
        once: lets a repeated request act a single time.
        draining: set once, when nothing new is taken any more.
        open_streams: accepted streams that have not ended, sockets or not.
    """

    runtime: Runtime
    settings: Settings
    guard: Guard = field(init=False)
    sessions: Sessions = field(factory=Sessions, init=False)
    audience: Audience[Conversation] = field(init=False)
    frames: EventFrames = field(init=False)
    once: Once = field(init=False)
    draining: bool = field(default=False, init=False)
    open_streams: int = field(default=0, init=False)
    _numbers: Iterator[int] = field(factory=lambda: count(1), init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.guard = self.settings.guard()
        self.audience = Audience()
        self.frames = EventFrames(self._declared_outputs)
        self.once = Once(self.runtime.journal)

    def next_number(self) -> int:
        """A number that no other connection of this process has."""
        return next(self._numbers)

    def timestamp(self) -> str:
        """The time, as messages carry it."""
        return rfc3339(self.runtime.now())

    def session_of(self, run_id: str) -> str | None:
        """The session that started a run; None for a run that is no longer held."""
        try:
            return self.runtime.find(run_id=run_id).session_id
        except RunNotFoundError:
            return None

    def _declared_outputs(self, run_id: str) -> Mapping[str, WorkflowOutput]:
        try:
            return self.runtime.find(run_id=run_id).workflow.outputs
        except RunNotFoundError:
            return {}

    @contextmanager
    def present(self, conversation: Conversation, *, takeover: bool = False) -> Generator[None]:
        """Have a connection among those that are told things, for the block.

        Its leaving touches neither its session's runs nor its neighbours.
        """
        self.sessions.enter(conversation, takeover=takeover)
        self.audience.enter(conversation)
        try:
            yield
        finally:
            self.audience.leave(conversation)
            self.sessions.leave(conversation)
