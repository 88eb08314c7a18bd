from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from bluev_actors.engine.store.json_bytes import from_bytes, to_bytes
from bluev_actors.engine.store.record_codec import document_body, read_record, record_body
from bluev_actors.engine.store.records import RunLine, line_of
from bluev_actors.workflows.options import Rerun, RunOptions

if TYPE_CHECKING:
    from tests.engine.store.conftest import MakeRecord


def test_a_record_comes_back(record_of: MakeRecord) -> None:
    """With its workflow, under the id that the run knows it by, and all its options."""
    for options in (RunOptions(), RunOptions(timeout=3.0, rerun=Rerun(from_run="s", nodes=("a", "b")))):
        record = evolve(record_of("r", nodes=3), inputs={"x": [1]}, options=options, warnings=({"code": "c"},))
        _, document = document_body(record)
        assert read_record(line_of(record), record_body(record), document) == record
        renamed = read_record(RunLine("r", "another", "", "", 1.0), record_body(record), document)
        assert renamed.workflow_id == "another"


def test_what_a_newer_version_wrote_is_left_out(record_of: MakeRecord) -> None:
    """And what an older one did not write has its default."""
    record = record_of("r")
    stored = from_bytes(record_body(record))
    stored["mood"] = "good"
    stored["options"] = {"priority": 3, "colour": "red", "rerun": {"from_run": "s", "nodes": [], "speed": 9}}
    read = read_record(line_of(record), to_bytes(stored), document_body(record)[1])
    assert read.options == RunOptions(priority=3, rerun=Rerun(from_run="s"))


def test_the_same_workflow_has_the_same_digest(record_of: MakeRecord) -> None:
    """So it is stored once."""
    assert document_body(record_of("r"))[0] == document_body(record_of("s"))[0]
    assert document_body(record_of("r"))[0] != document_body(record_of("r", nodes=2))[0]
