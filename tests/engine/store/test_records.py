from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.engine.store.records import RunLine, line_of

if TYPE_CHECKING:
    from tests.engine.store.conftest import MakeRecord


def test_a_record_has_its_line(record_of: MakeRecord) -> None:
    """A run that was just accepted has not begun."""
    record = record_of("r")
    assert line_of(record) == RunLine("r", "w", "", "", 1.0, "queued")
    assert record.workflow_id == "w"
