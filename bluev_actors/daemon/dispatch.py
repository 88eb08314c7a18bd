"""What the daemon does with each thing a client may say: one short function per message.

A handler answers through the conversation it is given. It raises `ProtocolError` for what it does not accept, which
becomes the one `error` that the frame gets; any other exception is a bug, which ends this connection and no other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from bluev_actors.daemon import comeback, commands
from bluev_actors.errors import HistoryExpiredError, ProtocolError, RefusedError, RunNotFoundError
from bluev_actors.protocol.messages import (
    ClientMessage,
    ControlWorkflow,
    ExecuteWorkflow,
    GapReason,
    HeartbeatResponse,
    Resume,
    Signal,
    Subscribe,
    SubscriptionConfirmed,
    SubscriptionUpdated,
    Unsubscribe,
    Unwatch,
    Unwatched,
    ValidateWorkflow,
    Watch,
    Watching,
    WorkflowExecutionStarted,
)
from bluev_actors.workflows.snapshot import snapshot

if TYPE_CHECKING:
    from bluev_actors.daemon.conversation import Conversation
    from bluev_actors.engine.run_handle import RunHandle

Handler: TypeAlias = Callable[["Conversation", Any], Awaitable[None]]


async def dispatch(conversation: Conversation, message: ClientMessage) -> None:
    """Do what a client asks for.

    Events of a new connection begin with its first frame; if that says which ones, or from where, it goes first.

    Raises:
        ProtocolError: it is not accepted.
    """
    if not isinstance(message, Subscribe | Resume):
        conversation.feed.begin()
    await HANDLERS[type(message)](conversation, message)
    conversation.feed.begin()


# --- runs -------------------------------------------------------------------------------------------------


async def execute_workflow(conversation: Conversation, message: ExecuteWorkflow) -> None:
    """Start a run; its event 1 is the reply, and the feed shows it."""
    hub = conversation.hub
    run_id = commands.run_id_for(hub, conversation.caller, message)
    conversation.owed[run_id] = message.request_id
    fresh = False
    try:
        reply = await commands.execute(hub, conversation.caller, message, run_id)
        fresh = isinstance(reply, WorkflowExecutionStarted) and not reply.duplicate
        if not fresh:
            conversation.send(reply)
    finally:
        if not fresh:
            conversation.owed.pop(run_id, None)


async def control_workflow(conversation: Conversation, message: ControlWorkflow) -> None:
    """Pause, resume or stop a run."""
    conversation.send(await commands.control(conversation.hub, conversation.caller, message))


async def signal(conversation: Conversation, message: Signal) -> None:
    """Answer a node that waits."""
    conversation.send(await commands.signal(conversation.hub, conversation.caller, message))


async def validate_workflow(conversation: Conversation, message: ValidateWorkflow) -> None:
    """Check a workflow without running it."""
    conversation.send(await commands.validate(conversation.hub, message))


# --- events -----------------------------------------------------------------------------------------------


async def subscribe(conversation: Conversation, message: Subscribe) -> None:
    """Ask for events by type."""
    names, unknown = conversation.subscriptions.subscribe(message.event_types, message.run_id, message.workflow_id)
    conversation.hub.audience.enter(conversation)
    conversation.send(
        SubscriptionConfirmed(
            timestamp=conversation.timestamp(),
            request_id=message.request_id,
            subscriptions=names,
            unknown=unknown,
        )
    )


async def unsubscribe(conversation: Conversation, message: Unsubscribe) -> None:
    """Take subscriptions back."""
    names = conversation.subscriptions.unsubscribe(message.event_types, message.run_id, message.workflow_id)
    conversation.hub.audience.enter(conversation)
    conversation.send(
        SubscriptionUpdated(timestamp=conversation.timestamp(), request_id=message.request_id, subscriptions=names)
    )


async def watch(conversation: Conversation, message: Watch) -> None:
    """Follow a run from its snapshot on, or from a place in it."""
    run = _run_to_watch(conversation, message)
    reason = _why_not_from(run, message.after)
    from_place = message.after is not None and reason is None
    conversation.watch(run)
    conversation.send(
        Watching(
            timestamp=conversation.timestamp(),
            request_id=message.request_id,
            run_id=run.run_id,
            snapshot=None if from_place else snapshot(run.state),
            reason=reason,
        )
    )
    if from_place:
        conversation.feed.repeat(run.run_id, message.after or 0, run.state.seq)


def _run_to_watch(conversation: Conversation, message: Watch) -> RunHandle:
    path = "workflow_id" if message.run_id is None else "run_id"
    try:
        return commands.find_run(conversation.hub, message.run_id, message.workflow_id)
    except (RunNotFoundError, RefusedError) as error:
        raise ProtocolError(error.code, str(error), path, message.request_id) from error


def _why_not_from(run: RunHandle, after: int | None) -> GapReason | None:
    """Why the events after a place cannot be shown; None when they can, or when no place was named."""
    if after is None:
        return None
    if after > run.state.seq:
        return "invalid"
    try:
        run.history(after)
    except HistoryExpiredError:
        return "expired"
    return None


async def unwatch(conversation: Conversation, message: Unwatch) -> None:
    """Follow a run no longer."""
    conversation.unwatch(message.run_id)
    conversation.send(
        Unwatched(timestamp=conversation.timestamp(), request_id=message.request_id, run_id=message.run_id)
    )


async def resume(conversation: Conversation, message: Resume) -> None:
    """Go on after a break."""
    await comeback.resume(conversation, message)


async def heartbeat_response(_conversation: Conversation, _message: HeartbeatResponse) -> None:
    """Nothing is left to do: that the client lives was seen when its bytes came."""


HANDLERS: Final[dict[type[ClientMessage], Handler]] = {
    ExecuteWorkflow: execute_workflow,
    ControlWorkflow: control_workflow,
    Subscribe: subscribe,
    Unsubscribe: unsubscribe,
    HeartbeatResponse: heartbeat_response,
    Watch: watch,
    Unwatch: unwatch,
    Resume: resume,
    ValidateWorkflow: validate_workflow,
    Signal: signal,
}
"""Everything a client may say, and who sees to it."""
