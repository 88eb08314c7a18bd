"""The limits of the engine, each with its default."""

from __future__ import annotations

from attrs import frozen


@frozen
class RuntimeLimits:
    """How much a runtime takes.

    Attributes:
        active_runs: runs that are not queued at one time; more are queued.
        queued_runs: runs that wait for their turn; more are refused.
        kept_runs: ended runs that are held; the oldest go first.
        kept_for: seconds that an ended run is held.
        cache_ttl: seconds for which the outputs of pure nodes may be used again.
        history: events held for replay.
        nodes: nodes of one workflow.
        connections: connections of one workflow.
        run_nodes: nodes of one run, those inside bodies included.
        output_bytes: the size of one output value, as JSON.
        log_lines: lines that one node may log.
    """

    active_runs: int = 1_000
    queued_runs: int = 10_000
    kept_runs: int = 10_000
    kept_for: float = 30 * 86_400.0
    cache_ttl: float = 7 * 86_400.0
    history: int = 100_000
    nodes: int = 100_000
    connections: int = 1_000_000
    run_nodes: int = 500_000
    output_bytes: int = 16 * 1024 * 1024
    log_lines: int = 10_000
