"""What clients may ask of the runtime: said once, for the socket and for REST.

Each command takes a message that the codec has accepted and gives the message that answers it. What the caller got
wrong is an answer like any other; what is raised is a bug, or a `request_id` used for something else.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias, cast

from attrs import evolve, frozen

from bluev_actors.errors import (
    BluevError,
    HistoryExpiredError,
    InvalidWorkflowError,
    RefusedError,
    RunNotFoundError,
    StorageUnavailableError,
)
from bluev_actors.protocol.messages import (
    ControlStatus,
    SignalResponse,
    WorkflowControlResponse,
    WorkflowExecutionError,
    WorkflowExecutionStarted,
    WorkflowValidation,
    WorkflowValidationError,
)
from bluev_actors.workflows.run_events import Recorded, RunStarted
from bluev_actors.workflows.times import from_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bluev_actors.daemon.hub import Hub
    from bluev_actors.daemon.once import Remember
    from bluev_actors.engine.run_commands import Heard
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.protocol.messages import ControlWorkflow, ExecuteWorkflow, Signal, ValidateWorkflow
    from bluev_actors.workflows.control import ControlOutcome, SignalOutcome, StopMode
    from bluev_actors.workflows.graph import PauseMode
    from bluev_actors.workflows.problems import GraphProblem
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


Start: TypeAlias = WorkflowExecutionStarted | WorkflowValidationError | WorkflowExecutionError
"""What becomes of an `execute_workflow`."""


# --- starting a run ---------------------------------------------------------------------------------------


async def execute(hub: Hub, caller: Caller, message: ExecuteWorkflow, run_id: str) -> Start:
    """Start a run under a given id, or answer as before when the request is repeated.

    Raises:
        ProtocolError: with the code `request_id_conflict`.
    """

    async def act(remember: Remember[Start]) -> Start:
        return await _start(hub, caller, message, run_id, remember)

    try:
        return await hub.once.answer(caller.session_id, message, act)
    except StorageUnavailableError as error:
        return _not_started(hub, message, error)


def _not_started(hub: Hub, message: ExecuteWorkflow, error: BluevError) -> WorkflowExecutionError:
    return WorkflowExecutionError(
        timestamp=hub.timestamp(), request_id=message.request_id, error=str(error), code=error.code
    )


def run_id_for(hub: Hub, caller: Caller, message: ExecuteWorkflow) -> str:
    """The id that the run of a request is to have.

    It follows from the request's own id, so that a request whose answer was lost with the process finds its run.
    """
    if message.request_id is None:
        return hub.runtime.new_run_id()
    whose = f"{hub.runtime.journal.epoch}\n{caller.session_id}\n{message.request_id}"
    return f"run-{hashlib.blake2b(whose.encode(), digest_size=16).hexdigest()}"


async def _start(hub: Hub, caller: Caller, message: ExecuteWorkflow, run_id: str, remember: Remember[Start]) -> Start:
    try:
        _refuse_what_cannot_be(hub)
        if (held := _held(hub, run_id)) is not None:
            return evolve(first_event(hub, held, message.request_id), duplicate=True)
        run = await hub.runtime.start(
            _document(hub, message),
            message.inputs,
            options=message.options,
            session_id=caller.session_id,
            principal=caller.principal,
            run_id=run_id,
            heard=lambda run: remember(first_event(hub, run, message.request_id), run_id),
        )
    except InvalidWorkflowError as error:
        return WorkflowValidationError(
            timestamp=hub.timestamp(), request_id=message.request_id, errors=_as_json(error.problems)
        )
    except RefusedError as error:
        return _not_started(hub, message, error)
    return first_event(hub, run, message.request_id)


def _refuse_what_cannot_be(hub: Hub) -> None:
    if hub.draining:
        raise RefusedError("draining", "The daemon is going down and starts nothing more.")


def _document(hub: Hub, message: ExecuteWorkflow) -> JsonObject:
    """The document that comes with the message, or the stored one that it names."""
    return hub.runtime.documents.workflow(message.workflow_id or "") if message.workflow is None else message.workflow


def _held(hub: Hub, run_id: str) -> RunHandle | None:
    try:
        return hub.runtime.find(run_id=run_id)
    except RunNotFoundError:
        return None


def first_event(hub: Hub, run: RunHandle, request_id: str | None) -> WorkflowExecutionStarted:
    """Event 1 of a run as the answer to its request; it carries no cursor, for it may come late."""
    record = run.desk.record
    # A short run may have come and gone while its start was awaited, and its first event with it.
    first = Recorded(run.run_id, run.workflow_id, 1, 0, record.accepted_at, RunStarted(warnings=record.warnings))
    with suppress(HistoryExpiredError, RunNotFoundError):
        first = next((it for it in run.desk.journal.replay(run.run_id)[:1] if it.seq == 1), first)
    return evolve(cast("WorkflowExecutionStarted", hub.frames.message(first)), cursor=None, request_id=request_id)


async def validate(hub: Hub, message: ValidateWorkflow) -> WorkflowValidation:
    """Check a workflow without running it."""
    verdict = await hub.runtime.validate(message.workflow, message.inputs)
    return WorkflowValidation(
        timestamp=hub.timestamp(),
        request_id=message.request_id,
        errors=_as_json(verdict.errors),
        warnings=_as_json(verdict.warnings),
    )


def _as_json(problems: Iterable[GraphProblem]) -> tuple[JsonObject, ...]:
    return tuple(problem.as_json() for problem in problems)


# --- steering one -----------------------------------------------------------------------------------------


def find_run(hub: Hub, run_id: str | None, workflow_id: str | None) -> RunHandle:
    """The run that a message means: `run_id` counts, and a `workflow_id` beside it has to agree.

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


async def control(hub: Hub, caller: Caller, message: ControlWorkflow) -> WorkflowControlResponse:
    """Pause, resume or stop a run.

    Raises:
        ProtocolError: with the code `request_id_conflict`.
    """

    async def act(remember: Remember[WorkflowControlResponse]) -> WorkflowControlResponse:
        return await _control(hub, caller, message, remember)

    try:
        return await hub.once.answer(caller.session_id, message, act)
    except StorageUnavailableError as error:
        return _refusal(hub, message, "rejected", error)


async def _control(
    hub: Hub, caller: Caller, message: ControlWorkflow, remember: Remember[WorkflowControlResponse]
) -> WorkflowControlResponse:
    def heard(outcome: ControlOutcome) -> None:
        if outcome.accepted:
            remember(_outcome(hub, message, outcome), outcome.run_id)

    try:
        run = find_run(hub, message.run_id, message.workflow_id)
        return _outcome(hub, message, await _steer(run, message, caller.session_id, heard))
    except RunNotFoundError as error:
        return _refusal(hub, message, "not_found", error)
    except RefusedError as error:
        return _refusal(hub, message, "rejected", error)


async def _steer(run: RunHandle, message: ControlWorkflow, by: str, heard: Heard) -> ControlOutcome:
    if message.action == "resume":
        return await run.resume(by=by, heard=heard)
    if message.action == "stop":
        return await run.stop(cast("StopMode", message.mode or "graceful"), by=by, heard=heard)
    until = None if message.until is None else from_rfc3339(message.until)
    mode = cast("PauseMode | None", message.mode)
    return await run.pause(mode, until=until, timeout=message.timeout, by=by, heard=heard)


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


def _refusal(hub: Hub, message: ControlWorkflow, status: ControlStatus, error: BluevError) -> WorkflowControlResponse:
    return WorkflowControlResponse(
        timestamp=hub.timestamp(),
        request_id=message.request_id,
        workflow_id=message.workflow_id,
        run_id=message.run_id,
        action=message.action,
        status=status,
        code=error.code,
        message=str(error),
    )


async def signal(hub: Hub, caller: Caller, message: Signal) -> SignalResponse:
    """Answer a node that waits for a signal, or keep the answer for it.

    Raises:
        ProtocolError: with the code `request_id_conflict`.
    """

    async def act(remember: Remember[SignalResponse]) -> SignalResponse:
        return await _signal(hub, message, remember)

    try:
        return await hub.once.answer(caller.session_id, message, act)
    except StorageUnavailableError as error:
        return _unsignalled(hub, message, "rejected", error)


async def _signal(hub: Hub, message: Signal, remember: Remember[SignalResponse]) -> SignalResponse:
    def heard(outcome: SignalOutcome) -> None:
        remember(_signalled(hub, message, outcome), outcome.run_id)

    try:
        run = find_run(hub, message.run_id, message.workflow_id)
        return _signalled(hub, message, await run.signal(message.node_id, message.payload, heard=heard))
    except RunNotFoundError as error:
        return _unsignalled(hub, message, "not_found", error)
    except RefusedError as error:
        return _unsignalled(hub, message, "rejected", error)


def _signalled(hub: Hub, message: Signal, outcome: SignalOutcome) -> SignalResponse:
    refused: ControlStatus = "not_found" if outcome.code == "not_found" else "rejected"
    return SignalResponse(
        timestamp=hub.timestamp(),
        request_id=message.request_id,
        run_id=outcome.run_id,
        node_id=outcome.node_id,
        status="acknowledged" if outcome.accepted else refused,
        code=outcome.code,
        message=outcome.message,
    )


def _unsignalled(hub: Hub, message: Signal, status: ControlStatus, error: BluevError) -> SignalResponse:
    return SignalResponse(
        timestamp=hub.timestamp(),
        request_id=message.request_id,
        run_id=message.run_id,
        node_id=message.node_id,
        status=status,
        code=error.code,
        message=str(error),
    )
