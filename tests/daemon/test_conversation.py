"""One client on one socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
import trio.testing

from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.limits import Limits
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.node_types import node
from bluev_actors.errors import ProtocolError
from bluev_actors.testing import EmbeddedSocket, open_daemon, step, workflow

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext

VIRTUAL_TIME = True

SLOW_READER = Limits(outbox_soft=2_000, outbox_hard=1_000_000)


@node
async def talk(ctx: NodeContext) -> str:
    """Write many lines."""
    for number in range(200):
        ctx.log(f"line {number}")
    return "done"


@node
async def crawl(ctx: NodeContext) -> str:
    """Show how far it is, slowly."""
    for number in range(1, 5):
        ctx.progress(done=number, total=4)
        await trio.sleep(1)
    return "done"


async def go(socket: EmbeddedSocket, type_: str) -> str:
    """Run a workflow of one node."""
    reply = await socket.ask({"type": "execute_workflow", "workflow": workflow(type_, step("n", type_))})
    return str(reply["run_id"])


async def test_a_slow_reader_gets_everything_late() -> None:
    """More than the soft limit waits in the journal, and comes as the client reads; no seq is left out."""
    async with open_daemon([talk], settings=Settings(limits=SLOW_READER)) as daemon:
        socket = await daemon.connect(streams=trio.testing.lockstep_stream_pair)
        await go(socket, "talk")
        await trio.testing.wait_all_tasks_blocked()
        (conversation,) = daemon.hub.sessions
        assert conversation.feed.state == "behind"
        assert conversation.socket.statistics().outbox.high_water < 10_000
        frames = await socket.receive_until("workflow_completed")
        assert [frame["seq"] for frame in frames] == list(range(2, 205))


HANDSHAKE = (
    b"GET /ws/s HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def test_a_reader_that_stops_is_closed_and_nobody_waits_for_it() -> None:
    """Ten seconds without a byte taken end it; the run and the other client are long done."""
    async with open_daemon([talk], settings=Settings(limits=SLOW_READER)) as daemon:
        quick, raw = await daemon.connect("s"), daemon.plug(trio.testing.lockstep_stream_pair)
        await raw.send_all(HANDSHAKE)
        heard = b""
        while b"output_bytes" not in heard:
            heard += await raw.receive_some()
        await trio.sleep(1)
        began = trio.current_time()
        await go(quick, "talk")
        await quick.receive_until("workflow_completed")
        assert trio.current_time() == began
        assert len(daemon.hub.sessions) == 2
        await trio.sleep(15)
        assert [it.id for it in daemon.hub.sessions] == ["connection-1"]


async def test_progress_goes_to_who_is_up_to_date() -> None:
    """The newest wins and nothing is stored, so a client that comes later gets what comes later."""
    async with open_daemon([crawl]) as daemon:
        socket = await daemon.connect()
        run_id = await go(socket, "crawl")
        frames = await socket.receive_until("workflow_completed")
        progress = [frame for frame in frames if frame["type"] == "node_progress"]
        assert [frame["done"] for frame in progress] == [1, 2, 3, 4]
        assert progress[0]["run_id"] == run_id
        assert "seq" not in progress[0]


async def test_progress_is_filtered_and_not_for_strangers() -> None:
    """Who subscribed to something else, or owns nothing, hears none of it."""
    async with open_daemon([crawl]) as daemon:
        owner, stranger = await daemon.connect("owner"), await daemon.connect("stranger")
        await owner.ask({"type": "subscribe", "event_types": ["node_log"]})
        await go(owner, "crawl")
        assert [frame["type"] for frame in await owner.receive_until("workflow_completed")] == ["workflow_completed"]
        assert await stranger.receive_what_is_there() == []


async def test_a_connection_not_yet_begun_gets_no_progress() -> None:
    """It would come before the events it belongs to."""
    async with open_daemon([crawl]) as daemon:
        owner, new = await daemon.connect("s"), await daemon.connect("s")
        await go(owner, "crawl")
        first = await new.receive()
        assert (first["type"], first["seq"]) == ("workflow_execution_started", 1)


async def test_who_fell_off_the_history_is_told() -> None:
    """A connection that is too far behind gets a gap with how things stand, and goes on from there."""
    settings = Settings(limits=SLOW_READER, runs=RuntimeLimits(history=20))
    async with open_daemon([talk], settings=settings) as daemon:
        socket = await daemon.connect(streams=trio.testing.lockstep_stream_pair)
        await go(socket, "talk")
        await trio.testing.wait_all_tasks_blocked()
        frames = await socket.receive_until("gap")
        assert (frames[-1]["reason"], frames[-1]["snapshots"]) == ("expired", [])
        assert frames[-1]["cursor"] == str(daemon.runtime.journal.cursor)
        await go(socket, "talk")
        assert (await socket.receive())["seq"] == 2


async def test_no_reply_is_lost_in_a_gap() -> None:
    """A start whose event 1 the connection never came to is answered before the gap is told."""
    settings = Settings(limits=SLOW_READER, runs=RuntimeLimits(history=20))
    async with open_daemon([talk], settings=settings) as daemon:
        socket = await daemon.connect(streams=trio.testing.lockstep_stream_pair)
        for number in range(2):
            document = workflow(f"w{number}", step("n", "talk"))
            await socket.send({"type": "execute_workflow", "workflow": document, "request_id": f"go-{number}"})
            await trio.testing.wait_all_tasks_blocked()
        frames = await socket.receive_until("gap") + await socket.receive_until("gap")
        told = [frame.get("request_id", "gap") for frame in frames if "seq" not in frame or frame["seq"] == 1]
        assert told == ["go-0", "gap", "go-1", "gap"]


async def test_what_is_owed_is_given_before_a_gap_is_told() -> None:
    """The reply to a request is no event among others that may be lost."""
    async with open_daemon([talk]) as daemon:
        socket = await daemon.connect()
        run = await daemon.runtime.start(workflow("w", step("n", "talk")))
        (conversation,) = daemon.hub.sessions
        conversation.owed[run.run_id] = "late"
        conversation.tell_gap()
        told = await socket.receive_until("gap")
        assert [frame.get("request_id") for frame in told] == ["late", None]
        assert conversation.owed == {}


async def test_a_watch_of_a_run_that_is_behind_does_not_repeat_the_snapshot() -> None:
    """What the snapshot has shown is not shown again, though the connection had not come to it yet."""
    async with open_daemon([talk], settings=Settings(limits=SLOW_READER)) as daemon:
        owner = await daemon.connect("owner")
        watcher = await daemon.connect("watcher", streams=trio.testing.lockstep_stream_pair)
        run_id = await go(owner, "talk")
        await owner.receive_until("workflow_completed")
        await watcher.ask({"type": "watch", "run_id": run_id})
        (_, conversation) = daemon.hub.sessions
        conversation.feed.move_to(0)
        await trio.testing.wait_all_tasks_blocked()
        assert await watcher.receive_what_is_there() == []
        conversation.unwatch(run_id)
        conversation.watch_again([run_id])
        conversation.feed.move_to(0)
        assert [frame["seq"] for frame in await watcher.receive_until("workflow_completed")] == list(range(1, 205))


async def test_an_error_of_a_frame_says_where() -> None:
    """Code, sentence, path and request_id, each where there is one."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        (conversation,) = daemon.hub.sessions
        conversation.send_error(ProtocolError("bad_message", "no", "here", "mine"))
        conversation.send_error(ProtocolError("bad_json", "no"))
        with_path, without = await socket.receive(), await socket.receive()
        assert (with_path["code"], with_path["path"], with_path["request_id"]) == ("bad_message", "here", "mine")
        assert without.keys() == {"type", "timestamp", "code", "message"}


async def test_events_again_have_no_cursor() -> None:
    """What `watch` sends again is no new place, and what the session owns is not kept back by a watch."""
    async with open_daemon([talk]) as daemon:
        socket = await daemon.connect("s")
        run_id = await go(socket, "talk")
        await socket.receive_until("workflow_completed")
        await socket.ask({"type": "watch", "run_id": run_id, "after": 202})
        again = await socket.receive_what_is_there()
        assert [(frame["seq"], "cursor" in frame) for frame in again] == [(203, False), (204, False)]
        (conversation,) = daemon.hub.sessions
        conversation.feed.move_to(daemon.runtime.journal.cursor - 1)
        assert [frame["seq"] for frame in await socket.receive_what_is_there()] == [204]


async def test_snapshots_are_of_what_it_follows() -> None:
    """Live runs of its session and the runs it watches; not the ended ones, nor a stranger's."""
    async with open_daemon([talk, crawl]) as daemon:
        mine, stranger = await daemon.connect("mine"), await daemon.connect("stranger")
        live, ended = await go(mine, "crawl"), await go(mine, "talk")
        await mine.receive_until("workflow_completed")
        watched = await go(stranger, "talk")
        await stranger.receive_until("workflow_completed")
        await mine.ask({"type": "watch", "run_id": watched})
        (conversation, _) = daemon.hub.sessions
        assert {shown["run_id"] for shown in conversation.snapshots()} == {live, watched}
        conversation.watch_again(["gone", ended])
        assert {shown["run_id"] for shown in conversation.snapshots()} == {live, watched, ended}


async def test_a_bug_in_telling_costs_the_socket() -> None:
    """`break_off` closes with the code for it."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        (conversation,) = daemon.hub.sessions
        conversation.break_off()
        assert (await socket.closed())[0] == 1011
