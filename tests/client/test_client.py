"""The client as a user holds it: every call, every refusal, and the way in and out."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import orjson
import pytest
import trio

import bluev_actors.client
import bluev_actors.client.client as client_module
from bluev_actors import connect
from bluev_actors.client import RemoteRun
from bluev_actors.errors import (
    ConnectionLostError,
    InvalidWorkflowError,
    RunFailedError,
    RunNotFoundError,
    ServerRefusedError,
    UnreachableError,
)
from bluev_actors.protocol.messages import (
    Error,
    ServerMessage,
    SubscriptionConfirmed,
    SubscriptionUpdated,
    Unwatch,
    Unwatched,
    Watching,
    WorkflowExecutionError,
    WorkflowExecutionStarted,
    WorkflowValidation,
    WorkflowValidationError,
)
from bluev_actors.workflows.options import RunOptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from trio.testing import MockClock

    from bluev_actors.client.address import Address
    from bluev_actors.workflows.values import Json, JsonObject
    from tests.client.conftest import Peer, Say, Wire

    Serve = Callable[[Callable[[Peer], Awaitable[None]]], Awaitable[str]]

NOW = "2026-11-22T12:00:00.000000Z"


def reply(wire: Wire, nursery: trio.Nursery, cls: Callable[..., ServerMessage], **fields: Json) -> list[JsonObject]:
    """Answer the next request with such a message; what was asked is in the list afterwards."""
    asked: list[JsonObject] = []

    async def answer() -> None:
        asked.append(await wire.hear())
        request_id = asked[0].pop("request_id")
        wire.say(cls(timestamp=NOW, request_id=request_id, **fields))

    nursery.start_soon(answer)
    return asked


# --- runs -------------------------------------------------------------------------------------------------------


async def test_execute(wire: Wire, nursery: trio.Nursery) -> None:
    """It says what it was given, and returns once the daemon has accepted the run."""
    asked = reply(wire, nursery, WorkflowExecutionStarted, workflow_id="w", run_id="r", seq=1, cursor="1")
    async with wire.client() as client:
        run = await client.execute({"id": "w"}, {"city": "Oslo"}, options=RunOptions(timeout=5))
        assert isinstance(run, RemoteRun)
        assert (run.run_id, run.workflow_id, run.state.seq) == ("r", "w", 1)
    assert asked[0]["workflow"] == {"id": "w"}
    assert (asked[0]["inputs"], asked[0]["options"]["timeout"]) == ({"city": "Oslo"}, 5)


async def test_an_invalid_workflow(wire: Wire, nursery: trio.Nursery) -> None:
    """All problems at once, as from the engine in this process."""
    errors = ({"code": "x", "message": "wrong", "path": "nodes[0]", "node_id": "a", "new": 1}, {"message": "odd"})
    reply(wire, nursery, WorkflowValidationError, errors=errors)
    async with wire.client() as client:
        with pytest.raises(InvalidWorkflowError, match=r"2 problem.*nodes\[0\]: wrong") as caught:
            await client.execute({})
    assert [(p.code, p.path, p.node_id) for p in caught.value.problems] == [("x", "nodes[0]", "a"), ("", "", None)]


async def test_a_refused_run(wire: Wire, nursery: trio.Nursery) -> None:
    """With the daemon's code."""
    reply(wire, nursery, WorkflowExecutionError, error="it runs already", code="workflow_already_running")
    async with wire.client() as client:
        with pytest.raises(ServerRefusedError, match="runs already") as caught:
            await client.execute({})
    assert caught.value.code == "workflow_already_running"


async def test_an_answer_that_fits_no_execute(wire: Wire, nursery: trio.Nursery) -> None:
    """Is not taken for a run."""
    reply(wire, nursery, Unwatched, run_id="r")
    async with wire.client() as client:
        with pytest.raises(ServerRefusedError, match="unwatched, not workflow_execution_started"):
            await client.execute({})


async def test_a_repeated_request_follows_the_first_run(wire: Wire, say: Say) -> None:
    """After a break the same `request_id` finds the run again, with everything it said."""
    async with wire.client() as client, trio.open_nursery() as nursery:

        async def daemon() -> None:
            assert (await wire.hear())["request_id"] == "mine"
            wire.say(say.started("mine", duplicate=True, cursor=None))
            watch = await wire.hear()
            assert (watch["type"], watch["run_id"], watch["after"]) == ("watch", "r", 0)
            wire.say(say.watching(watch["request_id"]))
            for message in (say.started(cursor=None), say.node(2), say.completed(3)):
                wire.say(message)

        nursery.start_soon(daemon)
        run = await client.execute({}, request_id="mine")
        assert [update.type async for update in run.events()] == [
            "workflow_execution_started",
            "node_status_update",
            "workflow_completed",
        ]


async def test_watch_from_the_present(wire: Wire, nursery: trio.Nursery, say: Say) -> None:
    """By run id or by workflow id; the picture is there at once."""
    asked = reply(wire, nursery, Watching, run_id="r", snapshot=say.snapshot(4))
    async with wire.client() as client:
        run = await client.watch(workflow_id="w")
        assert (run.run_id, run.workflow_id, run.state.seq) == ("r", "w", 4)
        wire.say(say.completed(5))
        assert [update.type async for update in run.events()] == ["workflow_completed"]
    assert asked == [{"type": "watch", "workflow_id": "w"}]


async def test_watch_from_a_place(wire: Wire, nursery: trio.Nursery, say: Say) -> None:
    """Events after it come first, then the live ones."""
    asked = reply(wire, nursery, Watching, run_id="r", snapshot=None)
    async with wire.client() as client:
        run = await client.watch("r", after=3)
        wire.say(say.node(4))
        wire.say(say.completed(5))
        assert [update.type async for update in run.events()] == ["node_status_update", "workflow_completed"]
        assert run.workflow_id == "w"
    assert asked == [{"type": "watch", "run_id": "r", "after": 3}]


async def test_watching_nothing(wire: Wire, nursery: trio.Nursery) -> None:
    """A run that is not held is no run."""
    reply(wire, nursery, Error, message="there is no run 'x'", code="not_found")
    async with wire.client() as client:
        with pytest.raises(RunNotFoundError, match="no run 'x'"):
            await client.watch("x")


async def test_watching_what_is_not_clear(wire: Wire, nursery: trio.Nursery) -> None:
    """Other refusals keep their code."""
    reply(wire, nursery, Error, message="which?", code="ambiguous_run")
    async with wire.client() as client:
        with pytest.raises(ServerRefusedError) as caught:
            await client.watch(workflow_id="w")
    assert caught.value.code == "ambiguous_run"


# --- everything else --------------------------------------------------------------------------------------------


async def test_validate(wire: Wire, nursery: trio.Nursery) -> None:
    """Errors and warnings, as the daemon says them."""
    asked = reply(wire, nursery, WorkflowValidation, errors=({"code": "x"},), warnings=())
    async with wire.client() as client:
        assert (await client.validate({"id": "w"}, {"a": 1})).errors == ({"code": "x"},)
    assert asked == [{"type": "validate_workflow", "workflow": {"id": "w"}, "inputs": {"a": 1}}]


async def test_subscriptions(wire: Wire, nursery: trio.Nursery) -> None:
    """Names and filters go out as given; the list comes back."""
    async with wire.client() as client:
        asked = reply(wire, nursery, SubscriptionConfirmed, subscriptions=("*@r",), unknown=())
        assert (await client.subscribe("*", run_id="r")).subscriptions == ("*@r",)
        assert asked == [{"type": "subscribe", "event_types": ["*"], "run_id": "r"}]
        asked = reply(wire, nursery, SubscriptionUpdated, subscriptions=())
        assert (await client.unsubscribe("*", workflow_id="w")).subscriptions == ()
        assert asked == [{"type": "unsubscribe", "event_types": ["*"], "workflow_id": "w"}]


async def test_any_message_can_be_asked(wire: Wire, nursery: trio.Nursery) -> None:
    """What has no call of its own yet is still within reach."""
    reply(wire, nursery, Unwatched, run_id="r")
    async with wire.client() as client:
        assert isinstance(await client.request(Unwatch(run_id="r")), Unwatched)
        assert client.session_id == "s"
        assert repr(client) == "<Client of session 's' on scripted>"


# --- the way in and out -----------------------------------------------------------------------------------------


async def test_an_error_of_the_block_leaves_it_bare(wire: Wire) -> None:
    """Users catch what they raised, not a group of it."""
    with pytest.raises(RunFailedError, match="mine"):
        async with wire.client():
            raise RunFailedError("mine", {})


async def test_a_group_of_the_block_stays_a_group(wire: Wire) -> None:
    """What a nursery of the user's raised is not taken apart."""
    with pytest.raises(ExceptionGroup, match="theirs") as caught:
        async with wire.client():
            raise ExceptionGroup("theirs", [ValueError("a"), ValueError("b")])
    assert len(caught.value.exceptions) == 2


async def test_a_cancelled_block(wire: Wire) -> None:
    """A time limit around the block ends it without a trace."""
    with trio.move_on_after(0) as scope:
        async with wire.client():
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_after_the_block_nothing_is_asked(wire: Wire, nursery: trio.Nursery) -> None:
    """A run that outlives its client says so instead of waiting for ever."""
    reply(wire, nursery, WorkflowExecutionStarted, workflow_id="w", run_id="r", seq=1, cursor="1")
    async with wire.client() as client:
        run = await client.execute({})
    with pytest.raises(ConnectionLostError, match="client is closed"):
        await run.result()
    with pytest.raises(ConnectionLostError, match="client is closed"):
        await run.pause()


async def test_nobody_there() -> None:
    """The error names the address."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    with pytest.raises(UnreachableError, match=f"127.0.0.1:{port}"):
        async with connect(f"127.0.0.1:{port}"):
            pass


class Reluctant:
    """A port behind which the daemon comes up only at the fourth knock."""

    def __init__(self, wire: Wire) -> None:
        self.knocks = 0
        self._wire = wire

    @asynccontextmanager
    async def open_socket(self, address: Address, path: str, *, timeout: float) -> AsyncGenerator[Wire]:
        """Stands in for the real one."""
        self.knocks += 1
        if self.knocks < 4:
            raise UnreachableError(f"nobody at {address}{path} within {timeout}")
        self._wire.say(self._wire.greeting)
        yield self._wire


async def test_a_daemon_that_is_just_starting(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """With `wait` it is tried again and again, with pauses, until it is there."""
    reluctant = Reluctant(wire)
    monkeypatch.setattr(client_module, "open_socket", reluctant.open_socket)
    async with connect("host", wait=60) as client:
        assert client.session_id == "s"
    assert reluctant.knocks == 4
    assert 0 < autojump_clock.current_time() < 1


async def test_waiting_has_an_end(wire: Wire, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock) -> None:
    """A daemon that never comes is unreachable after the time that was given."""
    reluctant = Reluctant(wire)
    reluctant.knocks = -1000
    monkeypatch.setattr(client_module, "open_socket", reluctant.open_socket)
    with pytest.raises(UnreachableError, match="nobody at http://host:8765/ws"):
        async with connect("host", wait=60):
            pytest.fail("nobody was there")
    assert 40 < autojump_clock.current_time() <= 60


def test_the_door_of_the_package() -> None:
    """An unknown name is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Cleint'"):
        _ = bluev_actors.client.Cleint  # pyright: ignore[reportAttributeAccessIssue] - that is the point


async def test_no_address() -> None:
    """What is no address is told without trying."""
    with pytest.raises(UnreachableError, match="no address"):
        async with connect("ftp://x", wait=1000):
            pass


async def test_a_conversation_over_a_real_port(scripted: Serve, say: Say) -> None:
    """From the URL to the result, over TCP."""
    paths = list[str]()

    async def script(peer: Peer) -> None:
        paths.append(peer.path)
        await peer.say(say.started((await peer.hear())["request_id"]))
        await peer.say(say.completed(2))
        await trio.sleep_forever()

    async with connect(await scripted(script), session_id="demo 1", client_info={"n": 1}) as client:
        run = await client.execute({})
        assert await run.result() == {"a": {"out": 1}}
    assert paths == [
        f"/ws/demo%201?client={orjson.dumps({'n': 1}).decode()}".replace("{", "%7B")
        .replace("}", "%7D")
        .replace('"', "%22")
        .replace(":", "%3A")
    ]


async def test_a_daemon_that_closes(scripted: Serve) -> None:
    """Its close code reaches whoever waits."""

    async def script(peer: Peer) -> None:
        await peer.hear()
        await peer.socket.aclose(1012, "going down")

    async with connect(await scripted(script)) as client:
        with pytest.raises(ConnectionLostError, match=r"1012 \(going down\)") as caught:
            await client.execute({})
    assert caught.value.close_code == 1012
