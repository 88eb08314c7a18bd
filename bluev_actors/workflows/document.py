"""Reads the objects of a workflow document by their shapes, and notes whatever does not fit."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import Factory, define

from bluev_actors.workflows.graph import (
    Edge,
    Node,
    Rate,
    RetryPolicy,
    Settings,
    WorkflowInput,
    WorkflowOutput,
)
from bluev_actors.workflows.port_types import mismatch
from bluev_actors.workflows.problems import Findings, GraphProblem
from bluev_actors.workflows.shapes import (
    CONNECTION,
    KEY_LIMIT,
    NODE,
    RATE,
    RETRY,
    SETTINGS,
    WORKFLOW,
    WORKFLOW_INPUT,
    WORKFLOW_OUTPUT,
    Shape,
)
from bluev_actors.workflows.values import is_object
from bluev_actors.workflows.wording import listed, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.workflows.values import Json, JsonObject

T = TypeVar("T")

_SLIP: Final = 0.8
_MAX_KEY: Final = 40
_MAX_SLIPS: Final = 1000


@define
class DocumentReader:
    """Reads one document.

    Args:
        findings: takes the problems.
    """

    findings: Findings
    _slips: dict[tuple[str, str], str | None] = Factory(dict[tuple[str, str], "str | None"])

    def read_workflow(self, document: JsonObject) -> JsonObject:
        """The fields of the whole, checked one by one."""
        return self._read(document, WORKFLOW, "")

    def read_node(self, raw: Json, path: str) -> Node | None:
        """One of `nodes`; None when it cannot be told which node that is."""
        if not self._is_object(raw, path, NODE):
            return None
        node_id = raw.get("id")
        node_id = node_id if isinstance(node_id, str) else None
        found = self._read(raw, NODE, path, node_id)
        if "retry" in found:
            found["retry"] = self._read_retry(found["retry"], f"{path}.retry", node_id)
        return Node(**found) if "id" in found and "type" in found else None

    def read_settings(self, raw: JsonObject) -> Settings:
        """The `settings` of the workflow."""
        found = self._read(raw, SETTINGS, "settings")
        if "retry" in found:
            found["retry"] = self._read_retry(found["retry"], "settings.retry")
        if "concurrency" in found:
            found["concurrency"] = self._read_each(found["concurrency"], "settings.concurrency", self._read_key_limit)
        if "rates" in found:
            found["rates"] = self._read_each(found["rates"], "settings.rates", self._read_rate)
        return Settings(**found)

    def _read_each(self, raws: JsonObject, path: str, read: Callable[[Json, str], T | None]) -> dict[str, T]:
        return {key: it for key, raw in raws.items() if (it := read(raw, f"{path}.{key}")) is not None}

    def _read_key_limit(self, raw: Json, path: str) -> int | None:
        if KEY_LIMIT.accepts(raw):
            return int(raw)
        self._error(KEY_LIMIT.code, f"a limit has to be {KEY_LIMIT.right}, not {quoted(raw)}", path)
        return None

    def _read_rate(self, raw: Json, path: str) -> Rate | None:
        if not self._is_object(raw, path, RATE):
            return None
        found = self._read(raw, RATE, path)
        return Rate(**found) if len(found) == len(RATE.fields) else None

    def read_edge(self, raw: Json, path: str) -> Edge | None:
        """One of `connections`."""
        if not self._is_object(raw, path, CONNECTION):
            return None
        ends = [raw.get(name) for name in CONNECTION.fields]
        if len(raw) == len(ends) and all(isinstance(end, str) for end in ends):
            return Edge(*ends)  # most are no more than that, and there may be a million of them
        found = self._read(raw, CONNECTION, path)
        return Edge(**found) if len(found) == len(CONNECTION.fields) else None

    def read_input(self, raw: Json, path: str) -> WorkflowInput | None:
        """One of the workflow's `inputs`."""
        if not self._is_object(raw, path, WORKFLOW_INPUT):
            return None
        found = self._read(raw, WORKFLOW_INPUT, path)
        if "default" in raw:
            found.setdefault("required", False)
            found["default"] = raw["default"]
            if (flaw := mismatch(raw["default"], found.get("type", "any"))) is not None:
                self._error("invalid_field_type", f"the default does not fit: {flaw}", f"{path}.default")
        return WorkflowInput(**found)

    def read_output(self, raw: Json, path: str) -> WorkflowOutput | None:
        """One of the workflow's `outputs`."""
        if not self._is_object(raw, path, WORKFLOW_OUTPUT):
            return None
        found = self._read(raw, WORKFLOW_OUTPUT, path)
        return WorkflowOutput(**found) if len(found) == len(WORKFLOW_OUTPUT.fields) else None

    def _read_retry(self, raw: JsonObject, path: str, node_id: str | None = None) -> RetryPolicy:
        found = self._read(raw, RETRY, path, node_id)
        for name in ("retry_on", "never_on"):
            if name in found:
                found[name] = tuple(found[name])
        return RetryPolicy(**found)

    def _is_object(self, raw: Json, path: str, shape: Shape) -> bool:
        if is_object(raw):
            return True
        self._error("invalid_field_type", f"a {shape.name} has to be an object, not {quoted(raw)}", path)
        return False

    def _read(self, raw: JsonObject, shape: Shape, path: str, node_id: str | None = None) -> JsonObject:
        """The fields that are there and right. A null stands for a field that is not there."""
        found: JsonObject = {}
        for name, value in raw.items():
            field = shape.fields.get(name)
            if field is None:
                self._unknown(name, shape, path, node_id)
            elif value is not None and field.accepts(value):
                found[name] = value
            elif value is not None or field.required:
                message = f"{name!r} of a {shape.name} has to be {field.right}, not {quoted(value)}"
                details: JsonObject | None = {"choices": list(field.choices)} if field.choices else None
                self._error(field.code, message, _join(path, name), node_id, details)
        for name in shape.required:
            if name not in raw:
                message = f"a {shape.name} has to have {name!r}: {shape.fields[name].right}"
                self._error("missing_field", message, _join(path, name), node_id)
        return found

    def _unknown(self, name: str, shape: Shape, path: str, node_id: str | None) -> None:
        if shape.strict:
            message = f"a {shape.name} has no {quoted(name)}; there is: {listed(shape.fields)}"
            self._error("unknown_field", message, _join(path, name), node_id)
        elif (meant := self._slip(name, shape)) is not None:
            message = f"nothing reads {quoted(name)}; did you mean {meant!r}?"
            details = {"suggestions": [meant]}
            self.findings.warning(GraphProblem("unknown_field", message, _join(path, name), node_id, details=details))

    def _slip(self, name: str, shape: Shape) -> str | None:
        """The field that an unknown key may be a slip of. Other unknown keys are a front end's own."""
        if name in shape.kept or len(name) > _MAX_KEY:
            return None
        key = (shape.name, name)
        if key not in self._slips and len(self._slips) < _MAX_SLIPS:
            near = get_close_matches(name, shape.fields, n=1, cutoff=_SLIP)
            self._slips[key] = near[0] if near else None
        return self._slips.get(key)

    def _error(
        self,
        code: str,
        message: str,
        path: str,
        node_id: str | None = None,
        details: JsonObject | None = None,
    ) -> None:
        self.findings.error(GraphProblem(code, message, path, node_id, details=details))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
