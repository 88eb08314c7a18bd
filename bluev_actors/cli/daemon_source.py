"""A followed run of a daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from bluev_actors.errors import ClientError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluev_actors.client.event_stream import EventStream
    from bluev_actors.client.feed import RunUpdate
    from bluev_actors.client.remote_run import RemoteRun
    from bluev_actors.workflows.run_state import RunState

BUFFER: Final = 1_024


class DaemonSource:
    """A run on a daemon. Its task `pump` has to run beside whoever takes."""

    def __init__(self, run: RemoteRun) -> None:
        self._run = run
        self._stream: EventStream = run.events()
        self._to_take, self._taken = trio.open_memory_channel["RunUpdate"](BUFFER)
        self._failure: ClientError | None = None
        self._over = False

    @property
    def state(self) -> RunState:
        """What is known of the run."""
        return self._run.state

    @property
    def exhausted(self) -> bool:
        """Whether everything has been taken up to the terminal message, or the snapshot was the end already."""
        return self._over

    async def pump(self) -> None:
        """Carry the run's messages over. Its own task, since the waiting of `take` is cut short again and again."""
        async with self._to_take:
            try:
                async for update in self._stream:
                    await self._to_take.send(update)
            except ClientError as error:
                self._failure = error

    async def take(self, within: float) -> Sequence[RunUpdate]:
        """What has come; returns as soon as something has.

        Raises:
            ClientError: the connection broke, and everything that came before has been taken.
        """
        updates: list[RunUpdate] = []
        try:
            with trio.move_on_after(within):
                updates.append(await self._taken.receive())
            while len(updates) < BUFFER:
                updates.append(self._taken.receive_nowait())
        except trio.WouldBlock:
            pass
        except trio.EndOfChannel:
            self._end(updates)
        return updates

    def _end(self, updates: Sequence[RunUpdate]) -> None:
        self._over = not updates and self._failure is None
        if not updates and self._failure is not None:
            raise self._failure
