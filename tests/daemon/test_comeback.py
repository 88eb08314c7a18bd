"""Coming back after a break."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.feed import STRIDE
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.testing import EmbeddedDaemon, EmbeddedSocket, chain, open_daemon, step, workflow

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject

VIRTUAL_TIME = True

SLOW = chain("slow", *(step(f"n{number}", "delay", seconds=1) for number in range(5)))
WIDE = workflow("wide", *(step(f"n{number}", "constant", value=number) for number in range(STRIDE)))


async def run(socket: EmbeddedSocket, document: JsonObject = SLOW) -> str:
    """Start a run."""
    return str((await socket.ask({"type": "execute_workflow", "workflow": document}))["run_id"])


def resume(socket: EmbeddedSocket, cursor: str, **more: object) -> JsonObject:
    """The first message of a client that comes back."""
    return {"type": "resume", "epoch": socket.greeting["epoch"], "cursor": cursor, **more}


async def test_every_missed_event_comes_once_and_in_order() -> None:
    """A socket is cut in the midst of its run; the next one has the rest, and then the live ones."""
    async with open_daemon() as daemon:
        first = await daemon.connect("s")
        await run(first)
        await trio.sleep(1.5)
        before = await first.receive_what_is_there()
        await first.cut()
        await trio.sleep(2)
        second = await daemon.connect("s")
        reply = await second.ask(resume(second, before[-1]["cursor"]))
        missed = await second.receive_what_is_there()
        assert (reply["type"], reply["replayed"]) == ("resumed", len(missed))
        assert missed
        rest = await second.receive_until("workflow_completed")
        seqs = [frame["seq"] for frame in [*before, *missed, *rest]]
        assert seqs == list(range(2, seqs[-1] + 1))


async def test_a_place_at_the_very_beginning_is_valid() -> None:
    """A client that has seen nothing yet comes back with the greeting's cursor, which is 0."""
    async with open_daemon() as daemon:
        first = await daemon.connect("s")
        await run(first, workflow("w", step("a", "constant", value=1)))
        await first.cut()
        await trio.sleep(1)
        second = await daemon.connect("s")
        assert (await second.ask(resume(second, first.greeting["cursor"])))["replayed"] == 4
        assert [frame["seq"] for frame in await second.receive_what_is_there()] == [1, 2, 3, 4]


async def test_nothing_missed_is_nothing_replayed() -> None:
    """Who was away while nothing happened is told so."""
    async with open_daemon() as daemon:
        socket = await daemon.connect("s")
        assert (await socket.ask(resume(socket, "0")))["replayed"] == 0


async def test_subscriptions_and_watches_are_put_back() -> None:
    """They end with their connection, so the one that comes back brings them along."""
    async with open_daemon() as daemon:
        owner, first = await daemon.connect("owner"), await daemon.connect("watcher")
        run_id = await run(owner)
        await first.ask({"type": "watch", "run_id": run_id})
        confirmed = await first.ask({"type": "subscribe", "event_types": ["node_status"], "run_id": "other"})
        await first.cut()
        second = await daemon.connect("watcher")
        message = resume(second, "0", event_types=confirmed["subscriptions"], watch=[run_id, "gone"])
        await second.ask(message)
        frames = await second.receive_until("workflow_completed")
        assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
        (_, conversation) = daemon.hub.sessions
        assert conversation.subscriptions.as_list() == ("node_status@other",)
        assert conversation.subscriptions.watches == {run_id}


async def test_a_filter_put_back_filters_what_was_missed() -> None:
    """What is not asked for is neither counted nor shown."""
    async with open_daemon() as daemon:
        socket = await daemon.connect("s")
        await run(socket, workflow("w", step("a", "constant", value=1)))
        await trio.sleep(1)
        back = await daemon.connect("s")
        reply = await back.ask(resume(back, "0", event_types=["node_log"]))
        shown = [frame["type"] for frame in await back.receive_what_is_there()]
        assert (reply["replayed"], shown) == (1, ["workflow_completed"])


async def test_sent_later_it_moves_the_place_back() -> None:
    """What came before it may come again, and nothing is lost."""
    async with open_daemon() as daemon:
        socket = await daemon.connect("s")
        await run(socket, workflow("w", step("a", "constant", value=1)))
        await socket.receive_until("workflow_completed")
        assert (await socket.ask(resume(socket, "2")))["replayed"] == 2
        assert [frame["seq"] for frame in await socket.receive_what_is_there()] == [3, 4]


async def test_a_long_replay_lets_others_work() -> None:
    """Many missed events come whole, while another client is answered in between."""
    async with open_daemon() as daemon:
        first = await daemon.connect("s")
        await run(first, WIDE)
        await first.receive_until("workflow_completed")
        back = await daemon.connect("s")
        reply = await back.ask(resume(back, "0"))
        frames = await back.receive_until("workflow_completed")
        assert reply["replayed"] == len(frames) == 2 * STRIDE + 2
        assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))


async def expired(daemon: EmbeddedDaemon, owner: EmbeddedSocket) -> None:
    """Have more happen than is held."""
    await run(owner, workflow("old", step("a", "noop"), step("b", "noop")))
    await owner.receive_until("workflow_completed")
    await run(owner)
    await trio.sleep(0.1)
    assert daemon.runtime.journal.cursor > 2


@pytest.mark.parametrize(
    ("cursor", "epoch", "reason"),
    [("0", None, "expired"), ("0", "another", "epoch"), ("9999", None, "invalid"), ("x", None, "invalid")],
)
async def test_what_cannot_be_replayed_is_a_snapshot(cursor: str, epoch: str | None, reason: str) -> None:
    """The cause is named, live runs of the session are shown as they are, and events go on from there."""
    settings = Settings(runs=RuntimeLimits(history=1))
    async with open_daemon(settings=settings) as daemon:
        owner = await daemon.connect("s")
        await expired(daemon, owner)
        back = await daemon.connect("s")
        message = resume(back, cursor, **({} if epoch is None else {"epoch": epoch}))
        reply = await back.ask(message)
        assert (reply["type"], reply["reason"]) == ("resume_failed", reason)
        (shown,) = reply["snapshots"]
        assert (shown["workflow_id"], shown["state"]) == ("slow", "running")
        rest = await back.receive_until("workflow_completed")
        assert rest[0]["seq"] == shown["seq"] + 1
        assert int(rest[0]["cursor"]) > int(reply["cursor"])


async def test_watched_runs_have_a_snapshot_too() -> None:
    """A run of a stranger that the connection watched is shown, even one that has ended."""
    async with open_daemon() as daemon:
        owner, back = await daemon.connect("owner"), await daemon.connect("watcher")
        run_id = await run(owner, workflow("w", step("a", "noop")))
        await owner.receive_until("workflow_completed")
        reply = await back.ask(resume(back, "0", epoch="another", watch=[run_id]))
        assert [shown["run_id"] for shown in reply["snapshots"]] == [run_id]


async def test_more_than_one_may_have_is_an_error() -> None:
    """A resume that asks for too much is not accepted, and the connection goes on."""
    async with open_daemon() as daemon:
        socket = await daemon.connect("s")
        many = [f"name{number}" for number in range(socket.greeting["limits"]["subscriptions"] + 1)]
        error = await socket.ask(resume(socket, "0", event_types=many))
        assert (error["type"], error["code"]) == ("error", "too_many_subscriptions")
        await run(socket, workflow("w", step("a", "noop")))
        assert (await socket.receive_until("workflow_completed"))[-1]["seq"] == 4
