from __future__ import annotations

from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.node_types import Catalogue
from bluev_actors.engine.run_desk import RunDesk
from bluev_actors.workflows.graph import Workflow


def fresh() -> RunDesk:
    """A desk with what every run has to have."""
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


def test_a_fresh_desk_is_empty() -> None:
    """Nothing was written, raised, reused or told in confidence before the first incarnation; no two desks share."""
    one, other = fresh(), fresh()
    one.exceptions["a"] = ValueError()
    one.secrets.mask.cover("hush-hush")
    assert (other.writer, other.exceptions, other.reused, other.found) == (None, {}, {}, False)
    assert other.secrets.mask.text("hush-hush") == "hush-hush"


def test_a_run_is_limited_by_nobody_unless_it_is_said() -> None:
    """Without an admission and a cache its nodes start when they can, and work each time."""
    assert (fresh().admission, fresh().cache) == (None, None)
