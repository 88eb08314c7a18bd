from __future__ import annotations

from attrs import asdict

from bluev_actors.engine.limits import RuntimeLimits


def test_the_defaults_are_those_of_the_contract() -> None:
    """Front ends and operators read these figures in the contract."""
    assert asdict(RuntimeLimits()) == {
        "active_runs": 1_000,
        "queued_runs": 10_000,
        "kept_runs": 10_000,
        "kept_for": 30 * 24 * 3600.0,
        "cache_ttl": 7 * 24 * 3600.0,
        "history": 100_000,
        "nodes": 100_000,
        "connections": 1_000_000,
        "run_nodes": 500_000,
        "output_bytes": 16 * 1024 * 1024,
        "log_lines": 10_000,
    }
