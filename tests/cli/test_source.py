"""What every source of messages promises."""

from __future__ import annotations

from bluev_actors.cli.daemon_source import DaemonSource
from bluev_actors.cli.engine_source import EngineSource
from bluev_actors.cli.source import Source

SOURCES: list[type[Source]] = [EngineSource, DaemonSource]
"""That both are sources is what the type checkers test here."""


def test_a_source_says_what_there_is() -> None:
    """A state, whether that is all, and the next batch."""
    promised = {name for name in vars(Source) if not name.startswith("_")}
    assert promised == {"state", "exhausted", "take"}
    assert all(promised <= set(dir(source)) for source in SOURCES)
