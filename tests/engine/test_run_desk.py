from __future__ import annotations

from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.node_types import Catalogue
from bluev_actors.engine.run_desk import RunDesk
from bluev_actors.workflows.graph import Workflow


def test_a_fresh_desk_is_empty() -> None:
    """Nothing was written, raised or paused before the first incarnation; and no two desks share anything."""

    def fresh() -> RunDesk:
        return RunDesk(
            record=RunRecord("r", Workflow("w", ()), {}, 0.0),
            journal=MemoryJournal(),
            catalogue=Catalogue(),
            kinds={},
            limits=RuntimeLimits(),
            now=lambda: 0.0,
            show_progress=lambda _progress: None,
            want_turn=lambda: None,
            params={},
        )

    one, other = fresh(), fresh()
    one.exceptions["a"] = ValueError()
    one.pause_ends["pause-until"] = 1.0
    assert (other.writer, other.exceptions, other.pause_ends) == (None, {}, {})
