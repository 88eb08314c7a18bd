"""The Trio client: `async with connect(url) as client` and everything a daemon can be asked for."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import trio

from bluev_actors.client.address import DEFAULT_URL, parse_address
from bluev_actors.client.feed import Feed
from bluev_actors.client.helpers import open_helpers
from bluev_actors.client.inbox import Inbox
from bluev_actors.client.link import Link
from bluev_actors.client.problems import read_problem
from bluev_actors.client.reconnect import Backoff
from bluev_actors.client.remote_run import RemoteRun
from bluev_actors.client.socket import open_socket
from bluev_actors.errors import (
    ConnectionLostError,
    InvalidWorkflowError,
    RunNotFoundError,
    ServerRefusedError,
    UnreachableError,
)
from bluev_actors.protocol.messages import (
    ExecuteWorkflow,
    ServerMessage,
    Subscribe,
    SubscriptionConfirmed,
    SubscriptionUpdated,
    Unsubscribe,
    ValidateWorkflow,
    Watch,
    Watching,
    WorkflowExecutionError,
    WorkflowExecutionStarted,
    WorkflowValidation,
    WorkflowValidationError,
)
from bluev_actors.workflows.options import RunOptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from bluev_actors.client.address import Address
    from bluev_actors.client.link import Wire
    from bluev_actors.client.socket import Socket
    from bluev_actors.protocol.messages import ClientMessage, ConnectionEstablished
    from bluev_actors.workflows.values import JsonObject

T = TypeVar("T", bound=ServerMessage)

_PLAIN = RunOptions()


class Client:
    """A connection to a daemon, in one of its sessions. Made by `connect`.

    Attributes:
        greeting: what the daemon said of itself: its version, limits, heartbeat interval.
    """

    def __init__(self, link: Link, greeting: ConnectionEstablished) -> None:
        self.greeting = greeting
        self._link = link

    @property
    def session_id(self) -> str:
        """The session that the runs started here belong to."""
        return self.greeting.session_id

    # --- runs ---------------------------------------------------------------------------------------------

    async def execute(
        self,
        workflow: JsonObject | None = None,
        inputs: JsonObject | None = None,
        *,
        workflow_id: str | None = None,
        options: RunOptions = _PLAIN,
        request_id: str | None = None,
    ) -> RemoteRun:
        """Start a run; returns once the daemon has accepted it.

        To cancel this before it returns leaves open whether the run was started. So does a broken connection,
        and who wants to be sure repeats the call with the same `request_id`, which starts nothing twice.

        Args:
            workflow: the graph.
            inputs: values for its declared inputs.
            workflow_id: a stored workflow instead of a graph.
            options: how to start it.
            request_id: a name for this very request, best a UUID; one is made if left out.

        Raises:
            InvalidWorkflowError: the workflow has problems; all of them are listed.
            ServerRefusedError: it cannot be started for another reason, such as `workflow_already_running`.
            RequestTimeoutError: there is no answer in time.
            ConnectionLostError: the connection broke before the answer came.
        """
        message = ExecuteWorkflow(
            workflow=workflow, workflow_id=workflow_id, inputs=inputs, options=options, request_id=request_id
        )
        begun: list[RemoteRun] = []
        reply = await self._link.ask(message, lambda reply: begun.extend(self._begun(reply)))
        if isinstance(reply, WorkflowValidationError):
            raise InvalidWorkflowError([read_problem(error) for error in reply.errors])
        if isinstance(reply, WorkflowExecutionError):
            raise ServerRefusedError(reply.code, reply.error)
        started = _expect(WorkflowExecutionStarted, reply)
        return await self.watch(started.run_id, after=0) if started.duplicate else begun[0]

    def _begun(self, reply: ServerMessage) -> Iterator[RemoteRun]:
        """Follow a run from its first event, which is this reply and is taken in right after this call."""
        if isinstance(reply, WorkflowExecutionStarted):
            view = self._link.conversation.view(reply.run_id)
            feed = Feed()
            view.attach(feed)
            yield RemoteRun(self._link, view, feed)

    async def watch(
        self, run_id: str | None = None, *, workflow_id: str | None = None, after: int | None = None
    ) -> RemoteRun:
        """Follow a run that is there already, whoever started it.

        Args:
            run_id: the run.
            workflow_id: instead: the workflow whose live run, else latest run, is meant.
            after: follow it from after this `seq`, 0 being the start; from its present state when left out.
                With an `after` above 0, `RemoteRun.state` knows only what came later.

        Raises:
            RunNotFoundError: no such run is held.
            ServerRefusedError: the daemon refuses, for instance with `ambiguous_run`.
            RequestTimeoutError: there is no answer in time.
            ConnectionLostError: the connection broke before the answer came.
        """
        followed: list[RemoteRun] = []
        message = Watch(run_id=run_id, workflow_id=workflow_id, after=after)
        try:
            reply = await self._link.ask(message, lambda reply: followed.extend(self._followed(reply, after or 0)))
        except ServerRefusedError as error:
            if error.code == "not_found":
                raise RunNotFoundError(str(error)) from None
            raise
        _expect(Watching, reply)
        return followed[0]

    def _followed(self, reply: ServerMessage, after: int) -> Iterator[RemoteRun]:
        """Follow a run from this reply on."""
        if isinstance(reply, Watching):
            view = self._link.conversation.view(reply.run_id)
            feed = Feed(after)
            view.attach(feed, reply)
            yield RemoteRun(self._link, view, feed)

    # --- everything else ----------------------------------------------------------------------------------

    async def validate(self, workflow: JsonObject, inputs: JsonObject | None = None) -> WorkflowValidation:
        """Check a workflow without running it: `errors` would keep it from running, `warnings` would not.

        Raises:
            ClientError: as `request` does.
        """
        return _expect(WorkflowValidation, await self.request(ValidateWorkflow(workflow=workflow, inputs=inputs)))

    async def subscribe(
        self, *event_types: str, run_id: str | None = None, workflow_id: str | None = None
    ) -> SubscriptionConfirmed:
        """Ask for events by type. Read them with `messages`.

        From the first subscription on, the events of this session's runs are filtered by the subscriptions,
        and so are those that `RemoteRun.events` of an executed run gives; a watched run stays whole.

        Args:
            event_types: subscription names, exact type names, or `*`.
            run_id: only of this run; `*` for every run.
            workflow_id: only of this workflow's runs.

        Raises:
            ClientError: as `request` does.
        """
        message = Subscribe(event_types=event_types, run_id=run_id, workflow_id=workflow_id)
        return _expect(SubscriptionConfirmed, await self.request(message))

    async def unsubscribe(
        self, *event_types: str, run_id: str | None = None, workflow_id: str | None = None
    ) -> SubscriptionUpdated:
        """Take subscriptions back; the arguments are those of `subscribe`.

        Raises:
            ClientError: as `request` does.
        """
        message = Unsubscribe(event_types=event_types, run_id=run_id, workflow_id=workflow_id)
        return _expect(SubscriptionUpdated, await self.request(message))

    def messages(self) -> Inbox:
        """Gather everything the daemon says that answers no request.

        Use it as `with client.messages() as inbox`, then `async for message in inbox`.
        """
        return Inbox(self._link)

    async def request(self, message: ClientMessage) -> ServerMessage:
        """Send any message and wait for its direct reply; a `heartbeat_response` has none, and is not needed.

        Raises:
            ServerRefusedError: the daemon answers with an error.
            RequestTimeoutError: there is no answer in time; whether the daemon has acted is not known.
            ConnectionLostError: the connection broke before the answer came.
        """
        return await self._link.ask(message)

    def __repr__(self) -> str:
        return f"<Client of session {self.session_id!r} on {self.greeting.server}>"


def _expect(cls: type[T], reply: ServerMessage) -> T:
    if not isinstance(reply, cls):
        raise ServerRefusedError("bad_message", f"the daemon answered with {reply.type}, not {cls.type}")
    return reply


@asynccontextmanager
async def connect(
    url: str = DEFAULT_URL,
    *,
    session_id: str | None = None,
    client_info: JsonObject | None = None,
    timeout: float = 30.0,
    wait: float = 0.0,
) -> AsyncGenerator[Client]:
    """Connect to a daemon; the connection lasts as long as the block.

    Args:
        url: `http://`, `https://`, `ws://` or `wss://`, or a bare `host:port`.
        session_id: the session to join; the daemon issues one if left out. Runs belong to their session,
            which outlives its connections.
        client_info: a JSON object that the daemon shows in its list of connections.
        timeout: seconds for the connecting and for each answer.
        wait: seconds to go on trying while nobody answers there, for a daemon that is just being started.

    Raises:
        UnreachableError: no daemon answers there.
        ServerRefusedError: the daemon refuses the connection.
        ConnectionLostError: the connection breaks before the greeting. Later breaks are raised by what waits.
    """
    address = parse_address(url)
    path = address.socket_path(session_id, client_info)
    async with AsyncExitStack() as stack:
        socket = await _open_patiently(stack, address, path, timeout, wait)
        yield await stack.enter_async_context(open_client(socket, timeout=timeout))


@asynccontextmanager
async def open_client(wire: Wire, *, timeout: float) -> AsyncGenerator[Client]:
    """Be a client over a wire that is open already; arguments and errors are those of `connect`."""
    link = Link(wire, timeout=timeout)
    client = Client(link, await link.greet())
    async with open_helpers() as nursery:
        nursery.start_soon(link.read)
        nursery.start_soon(link.write)
        try:
            yield client
        finally:
            link.lose(ConnectionLostError("the client is closed"))


async def _open_patiently(stack: AsyncExitStack, address: Address, path: str, timeout: float, wait: float) -> Socket:
    give_up_at = trio.current_time() + wait
    backoff = Backoff()
    while True:
        try:
            return await stack.enter_async_context(open_socket(address, path, timeout=timeout))
        except UnreachableError:
            delay = backoff.next_delay()
            if trio.current_time() + delay >= give_up_at:
                raise
            await trio.sleep(delay)
