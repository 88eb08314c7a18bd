from __future__ import annotations

from attrs import asdict

from bluev_actors.engine.store.store_limits import DEFAULT_LIMITS


def test_everything_is_bounded() -> None:
    """By default, too."""
    assert all(0 < value < float("inf") for value in asdict(DEFAULT_LIMITS).values())
