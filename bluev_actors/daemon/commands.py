"""What clients may ask of the runtime: said once, for the socket and for REST.

Each command takes a message that the codec has accepted and gives the message that answers it. What the caller got
wrong is an answer like any other; what is raised is a bug, or a `request_id` used for something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson
from attrs import evolve, frozen

from bluev_actors.daemon.once import Answer
from bluev_actors.errors import InvalidWorkflowError, RefusedError, RunNotFoundError
from bluev_actors.protocol.codec import decode_server, encode
from bluev_actors.protocol.messages import (
    SignalResponse,
    WorkflowControlResponse,
    WorkflowExecutionError,
    WorkflowExecutionStarted,
    WorkflowValidation,
    WorkflowValidationError,
)
from bluev_actors.workflows.run_events import RUN_ENDED
from bluev_actors.workflows.times import from_rfc3339

if TYPE_CHECKING:
    from bluev_actors.daemon.hub import Hub
    from bluev_actors.engine.runtime import RunHandle
    from bluev_actors.protocol.messages import ControlWorkflow, ExecuteWorkflow, Reply, Signal, ValidateWorkflow
    from bluev_actors.workflows.control import ControlOutcome
    from bluev_actors.workflows.values import JsonObject


@frozen
class Caller:
    """For whom a command is carried out.

    Attributes:
        session_id: the session that started runs belong to; empty with REST calls that name none.
        principal: who it is; empty where nobody has to say so.
    """

    session_id: str = ""
    principal: str = ""


# --- starting a run ---------------------------------------------------------------------------------------


async def execute(hub: Hub, caller: Caller, message: ExecuteWorkflow, run_id: str) -> Reply | WorkflowExecutionStarted:
    """Start a run under a given id, or answer as before when the request is repeated.

    Raises:
        ProtocolError: with the code `request_id_conflict`.
    """
    return _reply(await hub.once.answer(caller.session_id, message, lambda: _start(hub, caller, message, run_id)))


async def _start(hub: Hub, caller: Caller, message: ExecuteWorkflow, run_id: str) -> Answer:
    reply = await _try_start(hub, caller, message, run_id)
    return Answer(_json(reply), run_id, accepted=isinstance(reply, WorkflowExecutionStarted))


async def _try_start(
    hub: Hub, caller: Caller, message: ExecuteWorkflow, run_id: str
) -> WorkflowExecutionStarted | WorkflowValidationError | WorkflowExecutionError:
    try:
        _refuse_what_is_not_here(hub, message)
        run = await hub.runtime.start(
            message.workflow,
            message.inputs,
            options=message.options,
            session_id=caller.session_id,
            principal=caller.principal,
            run_id=run_id,
        )
    except InvalidWorkflowError as error:
        problems = tuple(problem.as_json() for problem in error.problems)
        return WorkflowValidationError(
            timestamp=hub.timestamp(), request_id=message.request_id, errors=problems
        )
    except RefusedError as error:
        return WorkflowExecutionError(
            timestamp=hub.timestamp(), request_id=message.request_id, error=str(error), code=error.code
        )
    return started(hub, run, message.request_id)


def _refuse_what_is_not_here(hub: Hub, message: ExecuteWorkflow) -> None:
    if hub.draining:
        raise RefusedError("draining", "The daemon is going down and starts nothing more.")
    if message.workflow is None:
        raise RefusedError("workflow_not_found", f"No workflow is stored as {message.workflow_id!r}.")


def started(hub: Hub, run: RunHandle, request_id: str | None) -> WorkflowExecutionStarted:
    """The first event of a run as the answer to a request; what is repeated carries no cursor."""
    first = hub.frames.message(run.history()[0])
    if not isinstance(first, WorkflowExecutionStarted):
        raise TypeError(f"run {run.run_id} begins with {first.type}")
    return evolve(first, cursor=None, request_id=request_id)


# --- steering one -----------------------------------------------------------------------------------------


def find_run(hub: Hub, run_id: str | None, workflow_id: str | None) -> RunHandle:
    """The run that a message means: `run_id` counts, and then a `workflow_id` has to agree.

    Raises:
        RunNotFoundError: there is none.
        RefusedError: with the code `ambiguous_run`.
    """
    if run_id is None:
        return hub.runtime.find(workflow_id=workflow_id)
    run = hub.runtime.find(run_id=run_id)
    if workflow_id not in (None, run.workflow_id):
        raise RunNotFoundError(f"run {run_id} is not one of workflow {workflow_id!r}")
    return run


async def control(hub: Hub, caller: Caller, message: ControlWorkflow) -> Reply:
    """Pause, resume or stop a run.

    Raises:
        ProtocolError: with the code `request_id_conflict`.
    """

    async def act() -> Answer:
        reply = await _control(hub, message)
        return Answer(_json(reply), reply.run_id or "", accepted=reply.status == "acknowledged")

    return _as_reply(await hub.once.answer(caller.session_id, message, act))


async def _control(hub: Hub, message: ControlWorkflow) -> WorkflowControlResponse:
    try:
        run = find_run(hub, message.run_id, message.workflow_id)
        return _outcome(hub, message, await _steer(run, message))
    except RunNotFoundError as error:
        return _refusal(hub, message, "not_found", error.code, str(error))
    except RefusedError as error:
        return _refusal(hub, message, "rejected", error.code, str(error))


async def _steer(run: RunHandle, message: ControlWorkflow) -> ControlOutcome:
    if message.action == "pause":
        until = None if message.until is None else from_rfc3339(message.until)
        return await run.pause(_pause_mode(message), until=until, timeout=message.timeout)
    if message.action == "stop":
        return await run.stop("kill" if message.mode == "kill" else "graceful")
    return await run.resume()


def _outcome(hub: Hub, message: ControlWorkflow, outcome: ControlOutcome) -> WorkflowControlResponse:
    return WorkflowControlResponse(
        timestamp=hub.timestamp(),
        request_id=message.request_id,
        workflow_id=outcome.workflow_id,
        run_id=outcome.run_id,
        action=outcome.action,
        status="acknowledged" if outcome.accepted else "rejected",
        state=outcome.status,
        seq=outcome.seq,
        code=outcome.code,
        message=outcome.message,
    )
