"""Everything a run works with, in one place: its record, the journal, the catalogue, the clock and the limits.

The desk outlives the incarnations of the run's actor, so what a callback or an operator needs after a crash is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, define

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bluev_actors.engine.journal import Journal, RunRecord
    from bluev_actors.engine.limits import RuntimeLimits
    from bluev_actors.engine.node_types import Catalogue
    from bluev_actors.engine.run_writer import RunWriter
    from bluev_actors.workflows.kinds import Kinds
    from bluev_actors.workflows.params import NodeParams
    from bluev_actors.workflows.run_events import NodeProgress


@define
class RunDesk:
    """What one run works with.

    Attributes:
        record: the run as it was accepted.
        journal: where its events go.
        catalogue: the code of its nodes.
        kinds: what the nodes say of themselves.
        limits: how much it may take.
        now: wall time, in seconds since 1970.
        show_progress: shows how far a node is, to whoever watches.
        want_turn: asks for the turn of a queued run.
        params: the compiled params of its nodes.
        writer: the pen of the living incarnation; None before the first.
        exceptions: what nodes that failed for good had raised, for callbacks in process.
        pause_ends: when a pause ends by itself, by the name of its timer; wall time, in seconds since 1970.
    """

    record: RunRecord
    journal: Journal
    catalogue: Catalogue
    kinds: Kinds
    limits: RuntimeLimits
    now: Callable[[], float]
    show_progress: Callable[[NodeProgress], None]
    want_turn: Callable[[], None]
    params: Mapping[str, NodeParams]
    writer: RunWriter | None = None
    exceptions: dict[str, BaseException] = Factory(dict[str, BaseException])
    pause_ends: dict[str, float] = Factory(dict[str, float])
