"""One stream and its actor: what comes in, what is refused, and who notices when it breaks."""

# What is hidden is looked at where nothing shown would tell of a leak or a bug.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import logging
from typing import Any, cast

import pytest
import trio
import trio.testing
from hypothesis import given
from trio_websocket import ConnectionRejected

from bluev_actors.actors import ActorCrashed, ActorEvent
from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.limits import Limits
from bluev_actors.daemon.manners import OFFENCES
from bluev_actors.testing import EmbeddedDaemon, EmbeddedSocket, FaultPlan, chain, open_daemon, step
from bluev_actors.testing.strategies import hostile_text
from bluev_actors.testing.virtual_time import run_in_virtual_time
from bluev_actors.workflows.values import JsonObject

VIRTUAL_TIME = True

SLOW = chain("slow", step("a", "delay", seconds=1), step("b", "delay", seconds=1), step("c", "constant", value=3))


async def test_the_greeting_comes_first() -> None:
    """Every connection is told who speaks, from where events begin, and what it must not do."""
    async with open_daemon() as daemon:
        greeting = (await daemon.connect("alice")).greeting
        assert (greeting["type"], greeting["session_id"]) == ("connection_established", "alice")
        assert (greeting["protocol"], greeting["cursor"]) == ("bluev.v1", "0")
        assert greeting["epoch"] == daemon.runtime.journal.epoch
        assert greeting["limits"]["message_size"] == 16 * 1024 * 1024


async def test_the_server_issues_a_session_id() -> None:
    """`/ws` alone is enough to begin with."""
    async with open_daemon() as daemon:
        one, two = await daemon.connect(None), await daemon.connect(None)
        assert one.greeting["session_id"] != two.greeting["session_id"]


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("client=nonsense", {}, 400),
        ("", {"origin": "http://evil.example"}, 403),
        ("", {"origin": "null"}, 403),
    ],
)
async def test_what_is_refused_before_there_is_a_socket(query: str, headers: dict[str, str], status: int) -> None:
    """A handshake that must not succeed is answered over HTTP, with a reason."""
    async with open_daemon() as daemon:
        with pytest.raises(ConnectionRejected) as caught:
            await daemon.connect(query=query, headers=headers)
        assert caught.value.status_code == status
        assert json.loads(caught.value.body or b"")["code"]


async def test_a_handshake_that_is_none_ends_quietly(caplog: pytest.LogCaptureFixture) -> None:
    """A malformed upgrade costs its stream and not a word in the log."""
    async with open_daemon() as daemon:
        raw = daemon.plug()
        await raw.send_all(
            b"GET /ws/x HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
        )
        answer = b""
        while piece := await raw.receive_some():
            answer += piece
        assert b" 400 " in answer.split(b"\r\n")[0] + b" "
        assert len(daemon.hub.sessions) == 0
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_no_new_socket_while_draining() -> None:
    """Who comes while the daemon goes down is sent away, and may try the next one."""
    async with open_daemon() as daemon:
        daemon.hub.draining = True
        with pytest.raises(ConnectionRejected) as caught:
            await daemon.connect()
        assert caught.value.status_code == 503


# --- what is no message -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("nonsense", "bad_json"),
        ("[]", "bad_message"),
        ("{}", "bad_message"),
        ('{"type": 5}', "bad_message"),
        ('{"type": "execute_workflow"}', "bad_message"),
        ('{"type": "no_such_type"}', "unknown_message_type"),
        ("[" * 100_000, "bad_json"),
        ('{"type": "watch", "run_id": "\\ud800"}', "bad_json"),
        ('{"type": "watch", "run_id": NaN}', "bad_json"),
        ('{"type": "watch", "run_id": "r", "after": 18446744073709551616}', "bad_json"),
        (b"\x00\xff", "bad_json"),
    ],
)
async def test_nonsense_gets_an_error_and_the_connection_lives(frame: str | bytes, code: str) -> None:
    """Each kind of nonsense is told by its code, and the next message is taken."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        await socket.send(frame)
        error = await socket.receive()
        assert (error["type"], error["code"]) == ("error", code)
        assert (await socket.ask({"type": "subscribe"}))["type"] == "subscription_confirmed"


async def say(text: str | bytes) -> None:
    """Say something to a daemon, and check that it answers once and goes on."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        await socket.send(text)
        assert (await socket.ask({"type": "unwatch", "run_id": "none"}))["type"] == "unwatched"
        assert len(await socket.receive_what_is_there()) <= 1


@given(text=hostile_text())
def test_any_text_is_answered_once(text: str | bytes) -> None:
    """Whatever a client sends: one answer at most, for it may be a heartbeat's, and the connection lives."""
    run_in_virtual_time(say, text)


async def test_what_a_handler_does_not_accept_is_an_error_too() -> None:
    """It repeats the request_id, and does not count as nonsense."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        for _ in range(OFFENCES + 1):
            error = await socket.ask({"type": "watch", "run_id": "none", "request_id": "mine"})
            assert (error["type"], error["code"], error["request_id"]) == ("error", "not_found", "mine")


async def test_the_request_id_of_nonsense_is_repeated() -> None:
    """A client can tell which of its messages was wrong, and where."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        error = await socket.ask({"type": "watch", "run_id": 5, "request_id": "mine"})
        assert (error["code"], error["path"], error["request_id"]) == ("bad_message", "run_id", "mine")


async def test_a_persistent_offender_is_closed() -> None:
    """So many frames without sense are no accident: 1008."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        for _ in range(OFFENCES):
            await socket.send("nonsense")
            assert (await socket.receive())["code"] == "bad_json"
        await socket.send("nonsense")
        assert (await socket.closed())[0] == 1008


async def test_too_many_messages_are_told_so() -> None:
    """The burst is taken, one more is not; after a while the client may go on."""
    settings = Settings(limits=Limits(message_burst=3, message_rate=1.0))
    async with open_daemon(settings=settings) as daemon:
        socket = await daemon.connect()
        types = [(await socket.ask({"type": "subscribe"}))["type"] for _ in range(4)]
        assert types == ["subscription_confirmed"] * 3 + ["error"]
        await trio.sleep(1.0)
        assert (await socket.ask({"type": "subscribe"}))["type"] == "subscription_confirmed"


async def test_who_does_not_stop_talking_is_closed() -> None:
    """A flood is answered for a while and then ended."""
    settings = Settings(limits=Limits(message_burst=1, message_rate=0.001))
    async with open_daemon(settings=settings) as daemon:
        socket = await daemon.connect()
        for _ in range(OFFENCES + 2):
            await socket.send({"type": "subscribe"})
        assert (await socket.closed())[0] == 1008


# --- crashes stay where they are --------------------------------------------------------------------------


async def script(socket: EmbeddedSocket) -> list[JsonObject]:
    """What a well-behaved client hears while it runs a workflow."""
    await socket.send({"type": "execute_workflow", "workflow": SLOW, "request_id": "go"})
    return await socket.receive_until("workflow_completed")


def without_names(frames: list[JsonObject]) -> str:
    """The frames without what differs from run to run: run ids and cursors."""
    kept = [{key: frame[key] for key in frame if key != "cursor"} for frame in frames]
    return json.dumps(kept).replace(frames[0]["run_id"], "RUN")


async def test_a_handler_with_a_bug_ends_its_own_connection() -> None:
    """The client gets `internal_error` with an id that the log has, 1011 follows, and the tree shows a crash."""
    plan, events = FaultPlan(), list[ActorEvent]()
    with plan.armed():
        async with open_daemon() as daemon:
            daemon.runtime.system.subscribe(events.append)
            socket = await daemon.connect("unlucky")
            plan.crash_at("connection.dispatch", key="unlucky")
            error = await socket.ask({"type": "subscribe", "request_id": "mine"})
            assert (error["type"], error["code"], error["request_id"]) == ("error", "internal_error", "mine")
            assert error["detail"]["error_id"]
            assert (await socket.closed())[0] == 1011
            await trio.testing.wait_all_tasks_blocked()
            crashed = [event for event in events if isinstance(event, ActorCrashed)]
            assert [event.path for event in crashed] == ["/connections/connection-1"]


async def test_a_bug_in_what_goes_on_beside_ends_the_connection_too() -> None:
    """A task of a connection that fails takes its connection down, with the code for it, and no other."""
    async with open_daemon() as daemon:
        broken, whole = await daemon.connect("broken"), await daemon.connect("whole")
        (conversation, _) = daemon.hub.sessions
        cast("Any", conversation.feed)._reader = None
        assert (await broken.closed())[0] == 1011
        assert (await whole.ask({"type": "subscribe"}))["type"] == "subscription_confirmed"


async def test_the_log_has_what_the_client_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    """The traceback stays with the operator, under the id that the client got."""
    plan = FaultPlan()
    with plan.armed():
        async with open_daemon() as daemon:
            socket = await daemon.connect()
            plan.crash_at("connection.dispatch", error=lambda: ValueError("a secret"))
            error = await socket.ask({"type": "subscribe"})
    assert "a secret" not in json.dumps(error)
    assert error["detail"]["error_id"] in caplog.text
    assert "a secret" in caplog.text


async def heard_beside(*, a_crash: bool) -> str:
    """What a client hears while its neighbour does something, and perhaps crashes over it."""
    plan, heard = FaultPlan(), list[JsonObject]()
    with plan.armed():
        async with open_daemon() as daemon:
            unlucky, lucky = await daemon.connect("unlucky"), await daemon.connect("lucky")
            crash = plan.crash_at("connection.dispatch", key="unlucky") if a_crash else None

            async def run_script() -> None:
                heard.extend(await script(lucky))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(run_script)
                await trio.sleep(0.5)
                await unlucky.send({"type": "subscribe"})
            assert crash is None or crash.happened
    return without_names(heard)


async def test_the_others_notice_nothing() -> None:
    """The frames of the other clients are those of the same script without the crash."""
    assert await heard_beside(a_crash=True) == await heard_beside(a_crash=False)


async def test_a_client_that_breaks_off_touches_nobody() -> None:
    """The socket that started a run is cut in its midst; another one of the session sees all of it."""
    async with open_daemon() as daemon:
        first, second = await daemon.connect("shared"), await daemon.connect("shared")
        await first.send({"type": "execute_workflow", "workflow": SLOW})
        await trio.sleep(0.5)
        await first.cut()
        seqs = [frame["seq"] for frame in await second.receive_until("workflow_completed")]
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(daemon.hub.sessions) == 1


async def test_a_stream_given_up_early_is_closed() -> None:
    """A connection whose supervisor stops before it was served does not leave its stream open."""
    async with open_daemon() as daemon:
        raw = daemon.plug()
        await trio.testing.wait_all_tasks_blocked()
        assert daemon.hub.open_streams == 1
        daemon.daemon.connections.stop()
        assert await raw.receive_some() == b""
        await trio.testing.wait_all_tasks_blocked()
        assert daemon.hub.open_streams == 0


def connections_of(daemon: EmbeddedDaemon) -> int:
    """How many actors live under `connections`."""
    tree = daemon.runtime.system.tree()
    return len(next(child for child in tree.children if child.id == "connections").children)


async def test_connections_leave_nothing_behind() -> None:
    """After a hundred of them, half cut and half closed, nobody is left in any table."""
    async with open_daemon() as daemon:
        for number in range(100):
            socket = await daemon.connect(f"s{number}")
            await (socket.cut() if number % 2 else socket.close())
        await daemon.hub.sessions.wait_empty()
        await trio.testing.wait_all_tasks_blocked()
        assert (connections_of(daemon), daemon.hub.open_streams) == (0, 0)
        assert not daemon.hub.audience._reached
