"""Where the messages of a followed run come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluev_actors.client.feed import RunUpdate
    from bluev_actors.workflows.run_state import RunState


class Source(Protocol):
    """A run that is being followed."""

    @property
    def state(self) -> RunState:
        """What is known of the run."""
        ...

    @property
    def exhausted(self) -> bool:
        """Whether everything has been taken that there will ever be."""
        ...

    async def take(self, within: float) -> Sequence[RunUpdate]:
        """What has come since the last call; waits at most `within` seconds for more to come."""
        ...
