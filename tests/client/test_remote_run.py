"""A run on a daemon, held by its client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.client.feed import Feed
from bluev_actors.client.link import Link
from bluev_actors.client.remote_run import RemoteRun
from bluev_actors.errors import (
    ConnectionLostError,
    RunFailedError,
    RunNotFoundError,
    RunStoppedError,
    ServerRefusedError,
)
from bluev_actors.protocol.messages import (
    Unwatched,
    WorkflowControlResponse,
    WorkflowFailed,
    WorkflowStatusUpdate,
    WorkflowStopped,
)
from bluev_actors.workflows.control import ControlOutcome
from bluev_actors.workflows.values import Json, JsonObject

if TYPE_CHECKING:
    from bluev_actors.client import Client
    from tests.client.conftest import Say, Wire

NOW = "2026-11-22T12:00:00.000000Z"


async def begin(client: Client, wire: Wire, say: Say) -> RemoteRun:
    """Watch run `r` of a scripted daemon, which stands at event 1."""
    runs: list[RemoteRun] = []

    async def watch() -> None:
        runs.append(await client.watch("r"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        wire.say(say.watching((await wire.hear())["request_id"], say.snapshot(1)))
    return runs[0]


async def answer(wire: Wire, heard: list[JsonObject], **fields: Json) -> None:
    """Answer the next control."""
    said = await wire.hear()
    heard.append(said)
    wire.say(WorkflowControlResponse(timestamp=NOW, request_id=said["request_id"], action=said["action"], **fields))


async def test_the_result(wire: Wire, say: Say) -> None:
    """It is what the terminal event says, also for whoever asks after the end."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        wire.say(say.completed(2))
        assert await run.result() == await run.result() == {"a": {"out": 1}}


async def test_a_failure_is_raised(wire: Wire, say: Say) -> None:
    """With the summary."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        detail = {"code": "busy", "message": "too busy", "retryable": True}
        wire.say(WorkflowFailed(**say.run, seq=2, error="too busy", error_detail=detail, summary={"attempts": 3}))
        with pytest.raises(RunFailedError, match="too busy") as caught:
            await run.result()
        assert caught.value.summary == {"attempts": 3}


async def test_a_stop_is_raised(wire: Wire, say: Say) -> None:
    """It is no result."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        wire.say(WorkflowStopped(**say.run, seq=2, results={}, summary={}))
        with pytest.raises(RunStoppedError):
            await run.result()


async def test_cancelling_the_waiting_does_not_stop_the_run(wire: Wire, say: Say) -> None:
    """The daemon is not told anything, and the result can be waited for again."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        with trio.CancelScope() as scope:
            scope.cancel()
            await run.result()
        assert scope.cancelled_caught
        with trio.move_on_after(0):
            pytest.fail(f"the client said {await wire.hear()}")
        wire.say(say.completed(2))
        assert await run.result()


async def test_a_broken_connection_ends_the_waiting(wire: Wire, say: Say) -> None:
    """The run goes on over there; the waiting here ends with the reason."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        wire.hang_up(4408)
        with pytest.raises(ConnectionLostError) as caught:
            await run.result()
        assert caught.value.close_code == 4408


async def test_a_result_that_came_before_the_break(wire: Wire, say: Say) -> None:
    """What is known is known."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        wire.say(say.completed(2))
        wire.hang_up()
        await trio.testing.wait_all_tasks_blocked()
        assert await run.result() == {"a": {"out": 1}}


Control = Callable[["RemoteRun"], Awaitable[ControlOutcome]]
CONTROLS: list[tuple[Control, JsonObject]] = [
    (lambda run: run.pause(), {"action": "pause"}),
    (lambda run: run.pause("hard", timeout=5), {"action": "pause", "mode": "hard", "timeout": 5}),
    (lambda run: run.pause(until=1e9), {"action": "pause", "until": "2001-09-09T01:46:40.000000Z"}),
    (lambda run: run.resume(), {"action": "resume"}),
    (lambda run: run.stop(), {"action": "stop"}),
    (lambda run: run.stop("kill"), {"action": "stop", "mode": "kill"}),
]


@pytest.mark.parametrize(("control", "expected"), CONTROLS)
async def test_what_a_control_says(
    control: Control, expected: JsonObject, wire: Wire, nursery: trio.Nursery, say: Say
) -> None:
    """Each call is one message that names the run, and nothing that was not asked for."""
    heard = list[JsonObject]()
    async with wire.client() as client:
        run = await begin(client, wire, say)
        nursery.start_soon(lambda: answer(wire, heard, status="acknowledged", run_id="r", workflow_id="w", seq=1))
        await control(run)
        del heard[0]["request_id"]
        assert heard == [{"type": "control_workflow", "run_id": "r", **expected}]


async def test_an_acknowledged_control(wire: Wire, nursery: trio.Nursery, say: Say) -> None:
    """The outcome has the shape of a run's in this process."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        fields: JsonObject = {"status": "acknowledged", "run_id": "r", "workflow_id": "w", "state": "pausing", "seq": 5}
        nursery.start_soon(lambda: answer(wire, [], **fields))
        outcome = await run.pause()
        assert (outcome.accepted, outcome.status, outcome.seq, outcome.code) == (True, "pausing", 5, None)


async def test_a_rejected_control(wire: Wire, nursery: trio.Nursery, say: Say) -> None:
    """Not an exception: the outcome says why, and how the run stands as far as is known here."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        fields: JsonObject = {"status": "rejected", "code": "run_finished", "message": "it has ended"}
        nursery.start_soon(lambda: answer(wire, [], **fields))
        outcome = await run.resume()
        assert (outcome.accepted, outcome.code, outcome.message) == (False, "run_finished", "it has ended")
        assert (outcome.run_id, outcome.workflow_id, outcome.status, outcome.seq) == ("r", "w", "running", 1)


async def test_a_forgotten_run(wire: Wire, nursery: trio.Nursery, say: Say) -> None:
    """A run that is no longer held cannot be steered."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        nursery.start_soon(lambda: answer(wire, [], status="not_found"))
        with pytest.raises(RunNotFoundError, match="no run r"):
            await run.stop()


async def test_another_answer_than_that_of_a_control(wire: Wire, nursery: trio.Nursery, say: Say) -> None:
    """A daemon that answers with something else is refused in words."""
    async with wire.client() as client:
        run = await begin(client, wire, say)

        async def nonsense() -> None:
            wire.say(Unwatched(timestamp=NOW, request_id=(await wire.hear())["request_id"], run_id="r"))

        nursery.start_soon(nonsense)
        with pytest.raises(ServerRefusedError, match="unwatched"):
            await run.resume()


async def test_the_state_is_live(wire: Wire, say: Say) -> None:
    """It follows what comes, without a question to the daemon."""
    async with wire.client() as client:
        run = await begin(client, wire, say)
        wire.say(say.node(2, "completed", outputs={"value": 7}))
        wire.say(WorkflowStatusUpdate(**say.run, seq=3, state="paused"))
        await trio.testing.wait_all_tasks_blocked()
        assert (run.state.status, run.state.node("a").outputs) == ("paused", {"value": 7})
        assert (run.run_id, run.workflow_id) == ("r", "w")


def test_repr_is_a_status_page(wire: Wire) -> None:
    """What one wants to know of a run in a debugger."""
    link = Link(wire, timeout=1)
    run = RemoteRun(link, link.conversation.view("r"), Feed())
    assert repr(run) == "<RemoteRun r of '': running, seq 0>"
