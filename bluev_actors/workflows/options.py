"""How a run is started: the `options` of an `execute_workflow` message, of REST and of `Runtime.start`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import frozen

IfRunning: TypeAlias = Literal["reject", "queue", "replace", "concurrent"]
RerunMode: TypeAlias = Literal["failed", "from_nodes", "stale"]


@frozen(kw_only=True)
class Rerun:
    """Which parts of an earlier run to run again.

    Attributes:
        from_run: the earlier run's id.
        mode: `failed`, `from_nodes` or `stale`.
        nodes: with `from_nodes`: where to begin.
    """

    from_run: str
    mode: RerunMode = "failed"
    nodes: tuple[str, ...] = ()


@frozen(kw_only=True)
class RunOptions:
    """How a run is started.

    Attributes:
        if_running: what to do when the workflow has a live run.
        concurrent: short for `if_running: concurrent`.
        timeout: seconds for the whole run.
        priority: higher goes first among queued runs.
        rerun: run parts of an earlier run again.
        use_cache: whether recorded outputs of pure nodes may be used.
    """

    if_running: IfRunning = "reject"
    concurrent: bool = False
    timeout: float | None = None
    priority: int = 0
    rerun: Rerun | None = None
    use_cache: bool | None = None
