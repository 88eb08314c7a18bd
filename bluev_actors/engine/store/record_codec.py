"""The record of a run as bytes and back; its workflow is stored apart, for many runs have the same."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attrs import fields_dict

from bluev_actors.engine.store.json_bytes import from_bytes, to_bytes
from bluev_actors.engine.store.records import RunLine, RunRecord
from bluev_actors.workflows.options import Rerun, RunOptions
from bluev_actors.workflows.trusted import trusted_workflow

if TYPE_CHECKING:
    from attrs import AttrsInstance

    from bluev_actors.workflows.values import Json, JsonObject

DIGEST_SIZE: Final = 16

T = TypeVar("T", bound="AttrsInstance")


def record_body(record: RunRecord) -> bytes:
    """What is stored of a record beside its line and its workflow."""
    return to_bytes({"inputs": record.inputs, "options": record.options, "warnings": record.warnings})


def document_body(record: RunRecord) -> tuple[bytes, bytes]:
    """The workflow's document, and the digest that names it."""
    body = to_bytes(record.workflow.document)
    return hashlib.blake2b(body, digest_size=DIGEST_SIZE).digest(), body


def read_record(line: RunLine, body: bytes, document: bytes) -> RunRecord:
    """The record that was stored."""
    stored: JsonObject = from_bytes(body)
    return RunRecord(
        run_id=line.run_id,
        workflow=trusted_workflow(from_bytes(document), line.workflow_id),
        inputs=stored["inputs"],
        accepted_at=line.accepted_at,
        session_id=line.session_id,
        principal=line.principal,
        options=_options(stored["options"]),
        warnings=tuple(stored["warnings"]),
    )


def _options(stored: JsonObject) -> RunOptions:
    rerun: Json = stored.get("rerun")
    if rerun is not None:
        rerun = _made(Rerun, {**rerun, "nodes": tuple(rerun["nodes"])})
    return _made(RunOptions, {**stored, "rerun": rerun})


def _made(cls: type[T], values: dict[str, Any]) -> T:
    """An instance of an attrs class, made of what it knows of these values."""
    known = fields_dict(cls)
    return cls(**{name: value for name, value in values.items() if name in known})
