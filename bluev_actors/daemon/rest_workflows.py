"""The addresses under `/api/workflows`: documents that are stored, to be started by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from starlette.routing import Route

from bluev_actors.daemon.rest_answers import JsonAnswer
from bluev_actors.daemon.rest_requests import name_in_path, read_body
from bluev_actors.workflows.times import rfc3339

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from bluev_actors.engine.documents import Documents, StoredWorkflow
    from bluev_actors.workflows.values import JsonObject


@frozen
class WorkflowEndpoints:
    """The endpoints, for the stored workflows of one runtime."""

    documents: Documents

    def routes(self) -> list[Route]:
        """Where they are."""
        workflow = "/api/workflows/{workflow_id}"
        return [
            Route("/api/workflows", self.list_all),
            Route(workflow, self.show),
            Route(workflow, self.put, methods=["PUT"]),
            Route(workflow, self.drop, methods=["DELETE"]),
        ]

    async def list_all(self, _request: Request) -> Response:
        """All of them, by their ids, without the documents."""
        return JsonAnswer({"workflows": [_line(stored) for stored in self.documents.list_all()]})

    async def show(self, request: Request) -> Response:
        """One of them, and the document as it was written."""
        stored = self.documents.find(name_in_path(request, "workflow_id"))
        return JsonAnswer({**_line(stored), "workflow": stored.document})

    async def put(self, request: Request) -> Response:
        """Store the workflow in the body, if there is nothing wrong with it."""
        workflow_id, document = name_in_path(request, "workflow_id"), await read_body(request, required=True)
        is_new = workflow_id not in self.documents
        stored, warnings = await self.documents.put(workflow_id, document)
        answer = {**_line(stored), "warnings": [warning.as_json() for warning in warnings]}
        return JsonAnswer(answer, 201 if is_new else 200)

    async def drop(self, request: Request) -> Response:
        """Forget one."""
        workflow_id = name_in_path(request, "workflow_id")
        await self.documents.drop(workflow_id)
        return JsonAnswer({"workflow_id": workflow_id, "status": "forgotten"})


def _line(stored: StoredWorkflow) -> JsonObject:
    return {
        "workflow_id": stored.workflow_id,
        "name": stored.name,
        "created_at": rfc3339(stored.created_at),
        "updated_at": rfc3339(stored.updated_at),
        "nodes": len(stored.document["nodes"]),
    }
