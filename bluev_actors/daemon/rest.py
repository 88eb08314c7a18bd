"""The REST half of the daemon's port: what the socket offers, as requests and answers.

Starlette finds the endpoint; what is asked for goes through the same codec and the same commands as on the socket, so
both give the same verdicts. Whoever imports this imports Starlette, so the tree does it late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse
from starlette.routing import Route

from bluev_actors.daemon.rest_answers import (
    JsonAnswer,
    answer_to_bug,
    answer_to_refusal,
    answer_without_route,
    refusal,
)
from bluev_actors.daemon.rest_requests import name_in_path, read_body
from bluev_actors.daemon.rest_runs import RunEndpoints
from bluev_actors.daemon.rest_schedules import ScheduleEndpoints
from bluev_actors.daemon.rest_workflows import WorkflowEndpoints
from bluev_actors.daemon.stats import connection_stats, tree
from bluev_actors.daemon.welcome import CONTENT_POLICY, PAGE
from bluev_actors.engine.node_types import describe
from bluev_actors.errors import (
    HistoryExpiredError,
    InvalidScheduleError,
    InvalidWorkflowError,
    ProtocolError,
    RefusedError,
    RunNotFoundError,
    StorageUnavailableError,
)
from bluev_actors.protocol.ids import is_name
from bluev_actors.protocol.schema import workflow_schema

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from bluev_actors.daemon.asgi import ASGIApp, Message, Receive, Send
    from bluev_actors.daemon.hub import Hub
    from bluev_actors.daemon.publisher import Publisher
    from bluev_actors.engine.node_types import NodeType
    from bluev_actors.engine.schedules import Schedules
    from bluev_actors.workflows.values import JsonObject

REFUSALS = (
    ProtocolError,
    InvalidWorkflowError,
    InvalidScheduleError,
    RunNotFoundError,
    RefusedError,
    HistoryExpiredError,
    StorageUnavailableError,
)
"""What says that the caller got something wrong, or that it cannot be done now; any other exception is a bug."""


def rest_app(hub: Hub, publisher: Publisher, schedules: Schedules) -> ASGIApp:
    """The application that answers every request that is not a WebSocket's."""
    starlette = Starlette(
        routes=[
            *DaemonEndpoints(hub, publisher).routes(),
            *RunEndpoints(hub).routes(),
            *WorkflowEndpoints(hub.runtime.documents).routes(),
            *ScheduleEndpoints(schedules).routes(),
        ],
        exception_handlers={
            **dict.fromkeys(REFUSALS, answer_to_refusal),
            HTTPException: answer_without_route,
            Exception: answer_to_bug,
        },
    )
    starlette.router.redirect_slashes = False

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        # Routes are found by the path as it was sent, so that an id may hold what a path must not.
        await starlette({**scope, "path": scope["raw_path"].decode("ascii")}, receive, send)

    return app


@frozen
class DaemonEndpoints:
    """The endpoints that are about the daemon and not about one run."""

    hub: Hub
    publisher: Publisher

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/", self.welcome),
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/api/connections", self.connections),
            Route("/api/broadcast", self.broadcast, methods=["POST"]),
            Route("/api/tree", self.tree),
            Route("/api/nodes", self.nodes),
            Route("/api/nodes/{name}", self.node),
            Route("/schema/workflow.json", self.schema),
        ]

    async def welcome(self, _request: Request) -> Response:
        """A page for whoever opens the address in a browser."""
        return HTMLResponse(PAGE, headers={"content-security-policy": CONTENT_POLICY})

    async def healthz(self, _request: Request) -> Response:
        """The process is alive, or it would not answer."""
        return JsonAnswer({"status": "ok"})

    async def readyz(self, _request: Request) -> Response:
        """Whether new work is taken."""
        if self.hub.draining:
            return refusal("draining", "The daemon is going down.")
        if self.hub.runtime.journal.trouble is not None:
            return refusal("storage_unavailable", self.hub.runtime.journal.trouble)
        return JsonAnswer({"status": "ready"})

    async def connections(self, _request: Request) -> Response:
        """Who is connected."""
        return JsonAnswer(connection_stats(self.hub))

    async def broadcast(self, request: Request) -> Response:
        """Send the body, as it is, to every connection or to those who subscribed to a name."""
        event_type = request.query_params.get("event_type")
        if event_type is not None and not is_name(event_type):
            raise ProtocolError("bad_message", "`event_type` must be the name of a subscription.", "event_type")
        await read_body(request, required=True)
        recipients = self.publisher.broadcast(await request.body(), event_type)
        return JsonAnswer({"status": "broadcasted", "recipients": recipients})

    async def tree(self, _request: Request) -> Response:
        """The supervision tree as it lives now."""
        return JsonAnswer(tree(self.hub.runtime.system.tree()))

    async def nodes(self, _request: Request) -> Response:
        """Every node type, with ports and params."""
        return JsonAnswer({"nodes": [self._described(it) for it in self.hub.runtime.catalogue]})

    async def node(self, request: Request) -> Response:
        """One node type."""
        catalogue, name = self.hub.runtime.catalogue, name_in_path(request, "name")
        if name not in catalogue:
            raise RunNotFoundError(f"there is no node type {name!r}")
        return JsonAnswer(self._described(catalogue[name]))

    def _described(self, node_type: NodeType) -> JsonObject:
        enabled = node_type.kind.name not in self.hub.runtime.catalogue.disabled
        return describe(node_type.kind, enabled=enabled)

    async def schema(self, _request: Request) -> Response:
        """The JSON Schema of a workflow, for editors."""
        return JsonAnswer(workflow_schema(self.hub.runtime.catalogue.kinds))
