"""The first message."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.greeting import server_name
from bluev_actors.daemon.limits import Limits
from bluev_actors.testing import open_daemon, step, workflow

if TYPE_CHECKING:
    import pytest

VIRTUAL_TIME = True


async def test_the_limits_are_those_of_the_settings() -> None:
    """What a client must not do is told before it does it."""
    settings = Settings(heartbeat=7.0, limits=Limits(message_rate=3.0))
    async with open_daemon(settings=settings) as daemon:
        greeting = (await daemon.connect()).greeting
        assert (greeting["heartbeat_interval"], greeting["limits"]["message_rate"]) == (7.0, 3.0)
        assert all(isinstance(value, int | float) for value in greeting["limits"].values())


async def test_the_cursor_is_the_present() -> None:
    """Events begin from where the journal is when the greeting is made."""
    async with open_daemon() as daemon:
        await (await daemon.runtime.start(workflow("w", step("a", "noop")))).result()
        assert (await daemon.connect()).greeting["cursor"] == str(daemon.runtime.journal.cursor) != "0"


def test_the_server_says_its_version() -> None:
    """A client's log tells which daemon it talked to."""
    assert server_name() == f"bluev-actors/{metadata.version('bluev-actors')}"


def test_without_a_version_it_still_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout that was never installed can be served from."""

    def not_found(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("bluev_actors.daemon.greeting.version", not_found)
    server_name.cache_clear()
    assert server_name() == "bluev-actors"
    server_name.cache_clear()
