"""The addresses under `/api/runs`: starting runs, looking at them, steering them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, get_args

from attrs import frozen
from starlette.routing import Route

from bluev_actors.daemon import commands
from bluev_actors.daemon.rest_answers import JsonAnswer, message_answer, refusal
from bluev_actors.daemon.rest_events import event_stream, events_as_array, wants_stream
from bluev_actors.daemon.rest_requests import caller_of, name_in_path, number_in_query, read_body, structure
from bluev_actors.errors import HistoryExpiredError, ProtocolError, RunNotFoundError
from bluev_actors.protocol.messages import (
    ControlWorkflow,
    ExecuteWorkflow,
    Signal,
    ValidateWorkflow,
    WorkflowExecutionStarted,
    WorkflowValidationError,
)
from bluev_actors.protocol.references import shorten_results
from bluev_actors.protocol.wire_events import RESULTS_LIMIT
from bluev_actors.workflows.run_events import NodeStatus, RunStatus
from bluev_actors.workflows.snapshot import snapshot
from bluev_actors.workflows.times import rfc3339

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from bluev_actors.daemon.hub import Hub
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.protocol.messages import SignalResponse, WorkflowControlResponse
    from bluev_actors.workflows.values import JsonObject

PAGE: Final = 50
LARGEST_PAGE: Final = 500
RUN_STATES: Final = get_args(RunStatus)
NODE_STATES: Final = frozenset(get_args(NodeStatus))


@frozen
class RunEndpoints:
    """The endpoints, for the runs of one hub."""

    hub: Hub

    def routes(self) -> list[Route]:
        """Where they are."""
        run = "/api/runs/{run_id}"
        return [
            Route("/api/runs", self.start, methods=["POST"]),
            Route("/api/runs", self.list_runs),
            Route("/api/validate", self.validate, methods=["POST"]),
            Route(run, self.show),
            Route(run, self.forget, methods=["DELETE"]),
            Route(f"{run}/signal", self.signal, methods=["POST"]),
            Route(f"{run}/events", self.events),
            Route(f"{run}/nodes/{{node_id}}/outputs/{{name}}", self.output),
            Route(f"{run}/pause", self.pause, methods=["POST"]),
            Route(f"{run}/resume", self.resume, methods=["POST"]),
            Route(f"{run}/stop", self.stop, methods=["POST"]),
        ]

    # --- starting ---------------------------------------------------------------------------------------------

    async def start(self, request: Request) -> Response:
        """Start a run; the connections of the session that the body names get its events."""
        body = await read_body(request)
        caller, message = caller_of(body), structure(body, ExecuteWorkflow)
        reply = await commands.execute(self.hub, caller, message, commands.run_id_for(self.hub, caller, message))
        if isinstance(reply, WorkflowExecutionStarted):
            return message_answer(reply, 201)
        if isinstance(reply, WorkflowValidationError):
            return refusal("validation_failed", "The workflow has problems.", errors=reply.errors)
        return refusal(reply.code, reply.error)

    async def validate(self, request: Request) -> Response:
        """Check a workflow without running it."""
        message = structure(await read_body(request), ValidateWorkflow)
        return message_answer(await commands.validate(self.hub, message))

    # --- looking ----------------------------------------------------------------------------------------------

    async def list_runs(self, request: Request) -> Response:
        """The runs, newest first, a page at a time."""
        limit = number_in_query(request, "limit", PAGE, 1, LARGEST_PAGE)
        runs = _after(self._chosen(request), request.query_params.get("next"))
        page = runs[:limit]
        body: JsonObject = {"runs": [_line(run) for run in page]}
        if len(runs) > limit:
            body["next"] = page[-1].run_id
        return JsonAnswer(body)

    def _chosen(self, request: Request) -> list[RunHandle]:
        state, workflow_id = request.query_params.get("state"), request.query_params.get("workflow_id")
        if state is not None and state not in RUN_STATES:
            raise ProtocolError("bad_message", f"`state` must be one of {', '.join(RUN_STATES)}.", "state")
        return [
            run
            for run in self.hub.runtime.list_runs()
            if state in (None, run.status) and workflow_id in (None, run.workflow_id)
        ]

    async def show(self, request: Request) -> Response:
        """One run: how it stands, what its nodes gave out, what it runs and who watches."""
        run = self._run(request)
        given_out = {node_id: node.outputs for node_id, node in run.state.nodes.items() if node.outputs is not None}
        outputs, by_ref = shorten_results(given_out, RESULTS_LIMIT, run.run_id)
        watchers = self.hub.audience.watchers(run.run_id)
        return JsonAnswer(
            {
                **snapshot(run.state),
                "session_id": run.session_id,
                "outputs": outputs,
                **({"by_ref": by_ref} if by_ref else {}),
                "workflow": run.workflow.document,
                "watchers": [watcher.session_id for watcher in watchers],
            }
        )

    async def events(self, request: Request) -> Response:
        """The run's events as an array, or followed live as server-sent events."""
        run = self._run(request)
        if wants_stream(request):
            return event_stream(self.hub, run, request)
        return events_as_array(self.hub, run, request)

    async def output(self, request: Request) -> Response:
        """One output value in full."""
        run, node_id, name = self._run(request), name_in_path(request, "node_id"), name_in_path(request, "name")
        outputs = run.state.node(node_id).outputs or {}
        if name not in outputs:
            raise RunNotFoundError(f"node {node_id!r} of run {run.run_id} has given out no {name!r}")
        return JsonAnswer(outputs[name])

    async def forget(self, request: Request) -> Response:
        """Forget a run that has ended."""
        run = self._run(request)
        self.hub.runtime.forget(run.run_id)
        return JsonAnswer({"run_id": run.run_id, "status": "forgotten"})

    # --- steering ---------------------------------------------------------------------------------------------

    async def pause(self, request: Request) -> Response:
        """Pause a run."""
        return await self._control(request, "pause")

    async def resume(self, request: Request) -> Response:
        """Resume a run."""
        return await self._control(request, "resume")

    async def stop(self, request: Request) -> Response:
        """Stop a run."""
        return await self._control(request, "stop")

    async def _control(self, request: Request, action: str) -> Response:
        body = await read_body(request)
        run_id = self._run(request).run_id
        message = structure(body, ControlWorkflow, run_id=run_id, action=action)
        return _verdict(await commands.control(self.hub, caller_of(body), message))

    async def signal(self, request: Request) -> Response:
        """Answer a node that waits."""
        body = await read_body(request)
        message = structure(body, Signal, run_id=self._run(request).run_id)
        return _verdict(await commands.signal(self.hub, caller_of(body), message))

    def _run(self, request: Request) -> RunHandle:
        """The run that the address names.

        Raises:
            RunNotFoundError: there is none.
        """
        return self.hub.runtime.find(run_id=name_in_path(request, "run_id"))


def _verdict(reply: WorkflowControlResponse | SignalResponse) -> Response:
    """The reply of the socket, or, where it is a refusal, an error."""
    if reply.status == "acknowledged":
        return message_answer(reply)
    return refusal(reply.code or reply.status, reply.message or "")


def _after(runs: list[RunHandle], place: str | None) -> list[RunHandle]:
    """The runs behind the last one of the page before.

    Raises:
        HistoryExpiredError: that one has been forgotten.
    """
    if place is None:
        return runs
    for index, run in enumerate(runs):
        if run.run_id == place:
            return runs[index + 1 :]
    raise HistoryExpiredError("the place that `next` names is gone; begin again without it")


def _line(run: RunHandle) -> JsonObject:
    """A run in one line. Of one that ended long ago its last event says enough; there may be thousands of them."""
    names = {"run_id": run.run_id, "workflow_id": run.workflow_id, "session_id": run.session_id}
    summary = run.last_summary()
    if summary is not None:
        counts = {status: number for status, number in summary["nodes"].items() if status in NODE_STATES and number}
        return {
            **names,
            "state": summary["state"],
            "seq": summary["events_emitted"],
            "started_at": summary["started_at"],
            "finished_at": summary["finished_at"],
            "nodes": {"total": summary["nodes"]["total"], **counts},
        }
    state = run.state
    return {
        **names,
        "state": state.status,
        "seq": state.seq,
        "started_at": rfc3339(state.started_at) if state.seq else None,
        "finished_at": None if state.finished_at is None else rfc3339(state.finished_at),
        "nodes": {"total": len(run.workflow.nodes), **Counter(node.status for node in state.nodes.values())},
    }
