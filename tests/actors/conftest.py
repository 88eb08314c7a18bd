"""What the tests of the actors share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.actors import open_system

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from trio.testing import MockClock

    from bluev_actors.actors import System


@pytest.fixture
async def system(autojump_clock: MockClock) -> AsyncGenerator[System]:  # noqa: ARG001 - time jumps, and so starts first
    """An empty actor system in virtual time."""
    async with open_system() as system:
        yield system
