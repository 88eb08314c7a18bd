"""Journals in folders, with the actor that commits; in a folder that stays, so that it can be opened again."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol

import pytest

from bluev_actors.actors import open_system
from bluev_actors.engine.store.opening import open_journal
from bluev_actors.engine.store.records import RunRecord
from bluev_actors.engine.store.store_limits import StoreLimits
from bluev_actors.workflows.graph import Node, Workflow

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from bluev_actors.engine.store.connection import Sync
    from bluev_actors.engine.store.sqlite_journal import SqliteJournal

INLINE: Final = StoreLimits(inline_writes=math.inf)
"""Commits on the loop, which suits a clock that does not wait for threads."""


class OpenFolder(Protocol):
    """Opens the journal in the test's folder."""

    def __call__(
        self, *, sync: Sync = "normal", limits: StoreLimits = INLINE
    ) -> AbstractAsyncContextManager[SqliteJournal]:
        """With the actor that commits."""
        ...


@pytest.fixture
def reopen(tmp_path: Path) -> OpenFolder:
    """Open the journal in the test's folder, time and again."""

    @asynccontextmanager
    async def opened(*, sync: Sync = "normal", limits: StoreLimits = INLINE) -> AsyncGenerator[SqliteJournal]:
        async with open_journal(tmp_path, sync=sync, limits=limits) as journal, open_system() as system:
            await system.start(journal.spec())
            yield journal

    return opened


class MakeRecord(Protocol):
    """Makes the record of a small run."""

    def __call__(self, run_id: str, *, nodes: int = 1) -> RunRecord:
        """Of a workflow with so many nodes."""
        ...


@pytest.fixture(scope="session")
def record_of() -> MakeRecord:
    """Make records whose workflow can be read back from its document."""

    def make(run_id: str, *, nodes: int = 1) -> RunRecord:
        raw = [{"id": f"n{number}", "type": "noop"} for number in range(nodes)]
        workflow = Workflow(
            "w",
            tuple(Node(f"n{number}", "noop") for number in range(nodes)),
            document={"id": "w", "nodes": raw, "connections": []},
        )
        return RunRecord(run_id, workflow, {}, 1.0)

    return make
