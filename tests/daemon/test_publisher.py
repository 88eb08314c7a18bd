"""Telling those who want to know."""

# What is hidden is looked at where nothing shown would tell of a leak or a bug.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
import trio.testing

from bluev_actors.actors import ActorCrashed, ActorEvent, ActorRestarted, ActorStarted, ActorStopped
from bluev_actors.daemon.publisher import CHANGES, Publisher, status_update
from bluev_actors.engine.node_types import node
from bluev_actors.testing import EmbeddedSocket, FaultPlan, chain, open_daemon, step, workflow
from bluev_actors.workflows.options import RunOptions

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext

VIRTUAL_TIME = True

QUICK = workflow("quick", step("a", "constant", value=1))
SLOW = chain("slow", step("a", "delay", seconds=1), step("b", "delay", seconds=1))


async def run(socket: EmbeddedSocket) -> None:
    """Run something short."""
    await socket.ask({"type": "execute_workflow", "workflow": QUICK})
    await socket.receive_until("workflow_completed")


async def test_everybody_hears_the_same_bytes() -> None:
    """Connections of one session get every event, each once, and the text is the same."""
    async with open_daemon() as daemon:
        sockets = [await daemon.connect("s") for _ in range(5)]
        await daemon.request("POST", "/api/runs", {"workflow": QUICK, "session_id": "s"})
        heard = [await socket.receive_until("workflow_completed") for socket in sockets]
        assert heard == [heard[0]] * 5
        assert [frame["seq"] for frame in heard[0]] == [1, 2, 3, 4]


async def test_the_tree_is_told_to_who_named_it() -> None:
    """A run's actor comes and goes; a client that asked for `actor_status` sees it, another does not."""
    async with open_daemon() as daemon:
        curious, other = await daemon.connect("curious"), await daemon.connect("other")
        await curious.ask({"type": "subscribe", "event_types": ["actor_status"]})
        await other.ask({"type": "subscribe", "event_types": ["*"], "run_id": "*"})
        await run(await daemon.connect("owner"))
        await trio.testing.wait_all_tasks_blocked()
        changes = await curious.receive_what_is_there()
        assert {frame["type"] for frame in changes} == {"actor_status_update"}
        assert {"started", "stopped"} <= {frame["state"] for frame in changes if frame["kind"] == "run"}
        assert "actor_status_update" not in {frame["type"] for frame in await other.receive_what_is_there()}


async def test_a_run_that_crashes_goes_on_and_the_tree_shows_it() -> None:
    """The run's actor is restarted from its journal; its client sees every event once, and one end."""
    plan = FaultPlan()
    with plan.armed():
        async with open_daemon() as daemon:
            owner, curious = await daemon.connect("owner"), await daemon.connect("curious")
            await curious.ask({"type": "subscribe", "event_types": ["actor_status"]})
            reply = await owner.ask({"type": "execute_workflow", "workflow": SLOW})
            crash = plan.crash_at("actor.receive", key=f"/runs/{reply['run_id']}")
            frames = await owner.receive_until("workflow_completed", "workflow_failed", "workflow_stopped")
            assert crash.happened
            assert (frames[-1]["type"], frames[-1]["seq"]) == ("workflow_completed", len(frames) + 1)
            assert [frame["seq"] for frame in frames] == list(range(2, len(frames) + 2))
            changes = [
                (frame["state"], frame["incarnation"])
                for frame in await curious.receive_what_is_there()
                if frame["actor"] == f"/runs/{reply['run_id']}"
            ]
            assert ("crashed", 1) in changes
            assert ("restarted", 2) in changes


async def test_one_that_cannot_be_told_is_closed_and_the_others_hear_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A bug met while telling one connection is that one's alone."""
    async with open_daemon() as daemon:
        broken, whole = await daemon.connect("s"), await daemon.connect("s")
        for socket in (broken, whole):
            await socket.ask({"type": "subscribe"})
        (first, _) = daemon.hub.sessions
        cast("Any", first.feed)._reader = None
        await run(whole)
        assert (await broken.closed())[0] == 1011
        assert "connection-1 could not be told" in caplog.text


async def test_nobody_listens_after_the_end() -> None:
    """What was subscribed is taken back, all of it."""
    async with open_daemon() as daemon:
        publisher, heard = Publisher(daemon.hub), list[object]()
        cast("Any", daemon.hub).audience = None
        with publisher.listening():
            pass
        daemon.runtime.journal.subscribe(heard.extend)
        await daemon.runtime.start(QUICK)
        assert heard


@node
async def crawl(ctx: NodeContext) -> str:
    """Show how far it is."""
    for done in (1, 2):
        ctx.progress(done=done, total=2)
        await trio.sleep(1)
    return "done"


async def test_progress_is_told_and_not_stored() -> None:
    """The owner hears of it, in between the events; a run of nobody is told to nobody."""
    async with open_daemon([crawl]) as daemon:
        owner = await daemon.connect("owner")
        document = workflow("w", step("c", "crawl"))
        await daemon.runtime.start(document, options=RunOptions(concurrent=True))
        await owner.ask({"type": "execute_workflow", "workflow": document, "options": {"concurrent": True}})
        frames = await owner.receive_until("workflow_completed")
        assert [frame["done"] for frame in frames if frame["type"] == "node_progress"] == [1, 2]
        assert [frame["seq"] for frame in frames if "seq" in frame] == [2, 3, 4]


async def test_progress_that_nobody_wants_is_told_to_nobody() -> None:
    """A session whose connection asked for something else hears nothing of it."""
    async with open_daemon([crawl]) as daemon:
        owner = await daemon.connect("owner")
        await owner.ask({"type": "subscribe", "event_types": ["node_log"]})
        await owner.ask({"type": "execute_workflow", "workflow": workflow("w", step("c", "crawl"))})
        assert [frame["type"] for frame in await owner.receive_until("workflow_completed")] == ["workflow_completed"]


async def test_a_broadcast_goes_as_it_is() -> None:
    """Every connection gets the very text, those that never said a word included."""
    async with open_daemon() as daemon:
        sockets = [await daemon.connect(f"s{number}") for number in range(3)]
        count = Publisher(daemon.hub).broadcast(b'{"type": "news",  "n": 1}')
        assert count == 3
        for socket in sockets:
            assert await socket._connection.get_message() == '{"type": "news",  "n": 1}'


async def test_a_broadcast_of_a_kind_goes_to_its_subscribers() -> None:
    """Names of no event of ours may be subscribed to for this."""
    async with open_daemon() as daemon:
        named, star, none = [await daemon.connect(name) for name in ("named", "star", "none")]
        await named.ask({"type": "subscribe", "event_types": ["news"]})
        await star.ask({"type": "subscribe", "event_types": ["*"]})
        assert Publisher(daemon.hub).broadcast(b'{"type":"news"}', "news") == 2
        assert await named.receive() == await star.receive() == {"type": "news"}
        assert await none.receive_what_is_there() == []


def test_every_change_of_the_tree_has_its_word() -> None:
    """No event of the actors' floor is without a name on the wire."""
    assert set(CHANGES) == set(ActorEvent.__subclasses__())


@pytest.mark.parametrize(
    ("event", "state", "reason"),
    [
        (ActorStarted("/a", "k", 1, 0.0), "started", None),
        (ActorRestarted("/a", "k", 2, 0.0), "restarted", None),
        (ActorCrashed("/a", "k", 1, 0.0, "ValueError: \ud800", ValueError()), "crashed", "ValueError: ?"),
        (ActorStopped("/a", "k", 1, 0.0, "x" * 9_999), "stopped", "x" * 1024),
    ],
)
def test_a_change_as_clients_see_it(event: ActorEvent, state: str, reason: str | None) -> None:
    """The text of an exception is cut and made fit for the wire."""
    update = status_update(event, "2026-01-01T00:00:00Z")
    assert (update.actor, update.kind, update.state, update.reason) == ("/a", "k", state, reason)
