"""The daemon's common ground."""

# What is hidden is looked at where nothing shown would tell of a leak or a bug.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from contextlib import suppress

from bluev_actors.daemon.guard import Guard
from bluev_actors.testing import open_daemon, step, workflow
from bluev_actors.workflows.graph import WorkflowOutput

VIRTUAL_TIME = True

REPORT = workflow("w", step("a", "constant", value=1), outputs={"report": {"node": "a", "output": "value"}})


async def test_whose_run_it_is() -> None:
    """A run is its session's, until it is forgotten."""
    async with open_daemon() as daemon:
        run = await daemon.runtime.start(REPORT, session_id="s")
        await run.result()
        assert daemon.hub.session_of(run.run_id) == "s"
        assert daemon.hub._declared_outputs(run.run_id) == {"report": WorkflowOutput("a", "value")}
        daemon.runtime.forget(run.run_id)
        assert daemon.hub.session_of(run.run_id) is None
        assert daemon.hub._declared_outputs(run.run_id) == {}


async def test_numbers_are_never_given_twice() -> None:
    """A connection's name tells it from all before it."""
    async with open_daemon() as daemon:
        numbers = [daemon.hub.next_number() for _ in range(100)]
        assert len(set(numbers)) == 100


async def test_time_is_the_runtimes() -> None:
    """Messages carry the wall clock that runs have too."""
    async with open_daemon() as daemon:
        assert daemon.hub.timestamp() == "2026-01-01T00:00:00.000000Z"


async def test_who_is_present_is_so_for_the_block_alone() -> None:
    """Even if the block ends badly, a connection is in no table afterwards."""
    async with open_daemon() as daemon:
        await daemon.connect()
        (conversation,) = daemon.hub.sessions
        daemon.hub.sessions.leave(conversation)
        daemon.hub.audience.leave(conversation)
        with suppress(ZeroDivisionError), daemon.hub.present(conversation):
            assert list(daemon.hub.sessions) == [conversation]
            _ = 1 / 0
        assert list(daemon.hub.sessions) == []
        assert daemon.hub.audience.of_run("r", "w", conversation.session_id) == ()
        daemon.hub.sessions.enter(conversation)
        daemon.hub.audience.enter(conversation)


async def test_the_guard_follows_the_settings() -> None:
    """Who may talk to the daemon is said once, in its settings."""
    async with open_daemon() as daemon:
        assert daemon.hub.guard == daemon.hub.settings.guard()
        assert isinstance(daemon.hub.guard, Guard)
