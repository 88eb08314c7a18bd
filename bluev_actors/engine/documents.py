"""Stored workflows: documents by id, checked when they are put, started as often as anybody likes.

A document that names another as a body (`map`, `loop`, `sub_workflow`) is kept as it was written. What it names is
copied in when it is checked and again when it is started, so a run holds all that it needs and a later change of one
of them never reaches it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import define, frozen

from bluev_actors.errors import InvalidWorkflowError, RefusedError
from bluev_actors.workflows.library import missing_bodies
from bluev_actors.workflows.problems import GraphProblem
from bluev_actors.workflows.shapes import WORKFLOW, is_id
from bluev_actors.workflows.validation import Verdict
from bluev_actors.workflows.values import is_object

if TYPE_CHECKING:
    from bluev_actors.engine.journal import Journal
    from bluev_actors.workflows.values import Json, JsonObject

FAMILY: Final = "workflow"
"""What the journal calls documents of this kind."""
MOST: Final = 10_000
"""Workflows that may be stored."""
_LATER: Final = frozenset({"missing_workflow_input"})
"""What is only wrong when the workflow is started."""

Validate: TypeAlias = Callable[["JsonObject"], Awaitable[Verdict]]


@frozen
class StoredWorkflow:
    """A workflow that is kept. Times are seconds since 1970.

    Attributes:
        workflow_id: what it is called.
        document: as it was written.
        created_at: when it was put for the first time.
        updated_at: when it was put the last time.
    """

    workflow_id: str
    document: JsonObject
    created_at: float
    updated_at: float

    @property
    def name(self) -> str:
        """What people call it: its own name, or else its id."""
        return self.document.get("name") or self.workflow_id


@define(eq=False)
class Documents:
    """The stored workflows of a runtime.

    Args:
        journal: where they are kept.
        validate: checks a document; it gets what `complete` gives.
        now: wall time, in seconds since 1970.
    """

    _journal: Journal
    _validate: Validate
    _now: Callable[[], float]

    def __contains__(self, workflow_id: str) -> bool:
        return self._journal.document(FAMILY, workflow_id) is not None

    def workflow(self, workflow_id: str) -> JsonObject:
        """The document stored as this.

        Raises:
            RefusedError: `workflow_not_found`.
        """
        body = self._journal.document(FAMILY, workflow_id)
        if body is None:
            raise RefusedError("workflow_not_found", f"No workflow is stored as {workflow_id!r}.")
        document: JsonObject = body["document"]
        return document

    def find(self, workflow_id: str) -> StoredWorkflow:
        """The workflow stored as this.

        Raises:
            RefusedError: `workflow_not_found`.
        """
        self.workflow(workflow_id)
        return _stored(workflow_id, self._journal.document(FAMILY, workflow_id) or {})

    def list_all(self) -> list[StoredWorkflow]:
        """All of them, by their ids."""
        return [_stored(workflow_id, body) for workflow_id, body in self._journal.documents(FAMILY).items()]

    async def put(self, workflow_id: str, document: Json) -> tuple[StoredWorkflow, tuple[GraphProblem, ...]]:
        """Check a document and keep it, in place of one of this id; it is kept for good when this returns.

        Returns:
            What is stored now, and the warnings.

        Raises:
            InvalidWorkflowError: the document is wrong, or has another id.
            RefusedError: `too_many_documents`.
            StorageUnavailableError: the store does not work now.
        """
        document = _named(workflow_id, document)
        verdict = await self._validate(document)
        errors = [problem for problem in verdict.errors if problem.code not in _LATER]
        if errors:
            raise InvalidWorkflowError(errors)
        stored = self._keep(workflow_id, document)
        await self._journal.stored()
        return stored, verdict.warnings

    def _keep(self, workflow_id: str, document: JsonObject) -> StoredWorkflow:
        before = self._journal.document(FAMILY, workflow_id)
        if before is None and len(self._journal.documents(FAMILY)) >= MOST:
            raise RefusedError("too_many_documents", f"{MOST} workflows are stored, which is as many as may be.")
        now = self._now()
        created_at = now if before is None else before["created_at"]
        body = {"document": document, "created_at": created_at, "updated_at": now}
        self._journal.put_document(FAMILY, workflow_id, body)
        return _stored(workflow_id, body)

    async def drop(self, workflow_id: str) -> None:
        """Forget a workflow; its runs stay what they are.

        Raises:
            RefusedError: `workflow_not_found`.
            StorageUnavailableError: the store does not work now.
        """
        self.workflow(workflow_id)
        self._journal.drop_document(FAMILY, workflow_id)
        await self._journal.stored()

    def complete(self, document: Json) -> Json:
        """The document with the stored workflows that it names copied in, and those that these name in turn.

        What is neither in the document nor stored is left to the verdict. A document that is named by what it names
        is itself meant, whatever is stored under its id, so that a circle is found before it is closed.
        """
        if not is_object(document) or not is_object(document.get("workflows", {})):
            return document
        tried: set[str] = set()
        while names := set(missing_bodies(document)) - tried:
            tried |= names
            found = {name: body for name in sorted(names) if (body := self._body(name, document)) is not None}
            if found:
                document = {**document, "workflows": {**document.get("workflows", {}), **found}}
        return document

    def _body(self, name: str, whole: JsonObject) -> JsonObject | None:
        if name == whole.get("id"):
            return {key: value for key, value in whole.items() if key != "workflows"}
        body = self._journal.document(FAMILY, name)
        return None if body is None else body["document"]


def _named(workflow_id: str, document: Json) -> JsonObject:
    """The document under the id that it is to have."""
    if not is_object(document):
        raise InvalidWorkflowError([GraphProblem("not_an_object", "A workflow is a JSON object.", "")])
    if not is_id(workflow_id):
        right = WORKFLOW.fields["id"].right
        raise InvalidWorkflowError([GraphProblem("invalid_workflow_id", f"A workflow's id has to be {right}.", "id")])
    if document.get("id", workflow_id) != workflow_id:
        message = f"The document is called {document['id']!r} and was sent to be stored as {workflow_id!r}."
        raise InvalidWorkflowError([GraphProblem("invalid_workflow_id", message, "id")])
    return {"id": workflow_id, **document}


def _stored(workflow_id: str, body: JsonObject) -> StoredWorkflow:
    return StoredWorkflow(workflow_id, body["document"], body["created_at"], body["updated_at"])
