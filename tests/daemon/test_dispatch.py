"""What becomes of each thing a client may say."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.dispatch import HANDLERS
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.protocol.codec import encode
from bluev_actors.protocol.messages import CLIENT_MESSAGES, TERMINAL_TYPES, ClientMessage, HeartbeatResponse
from bluev_actors.testing import EmbeddedDaemon, EmbeddedSocket, chain, open_daemon, step, workflow
from bluev_actors.testing.strategies import MESSAGES
from bluev_actors.testing.virtual_time import run_in_virtual_time

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject

VIRTUAL_TIME = True

QUICK = workflow("quick", step("a", "constant", value=1))
SLOW = chain("slow", step("a", "delay", seconds=1), step("b", "delay", seconds=1), step("c", "constant", value=3))


async def started(socket: EmbeddedSocket, document: JsonObject = SLOW) -> str:
    """Start a run and give its id."""
    reply = await socket.ask({"type": "execute_workflow", "workflow": document})
    assert reply["type"] == "workflow_execution_started"
    return str(reply["run_id"])


def test_there_is_an_answer_to_everything() -> None:
    """No message a client may say is without a handler."""
    assert HANDLERS.keys() == set(CLIENT_MESSAGES.values())


# --- starting ---------------------------------------------------------------------------------------------


async def test_the_reply_is_event_one_and_comes_first_and_once() -> None:
    """The submitter gets `seq` 1 with its request_id, the session's others without, everybody in order."""
    async with open_daemon() as daemon:
        submitter, other = await daemon.connect("s"), await daemon.connect("s")
        await submitter.send({"type": "execute_workflow", "workflow": QUICK, "request_id": "mine"})
        mine = await submitter.receive_until("workflow_completed")
        theirs = await other.receive_until("workflow_completed")
        assert mine[0] == {**theirs[0], "request_id": "mine"}
        assert [frame["seq"] for frame in mine] == list(range(1, len(mine) + 1))
        assert mine[1:] == theirs[1:]


async def test_a_wrong_workflow_gets_all_its_errors() -> None:
    """Nothing runs, and every problem is told with its code and path."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        document = workflow("w", step("a", "no_such_type"), step("a", "noop"))
        reply = await socket.ask({"type": "execute_workflow", "workflow": document})
        assert reply["type"] == "workflow_validation_error"
        assert {error["code"] for error in reply["errors"]} == {"unknown_node_type", "duplicate_node_id"}
        assert daemon.runtime.list_runs() == []


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"workflow_id": "nowhere"}, "workflow_not_found"),
        ({"workflow": QUICK, "options": {"rerun": {"from_run": "gone"}}}, "rerun_not_found"),
    ],
)
async def test_what_cannot_be_started(message: JsonObject, code: str) -> None:
    """A refusal that is not about the document says why."""
    async with open_daemon() as daemon:
        reply = await (await daemon.connect()).ask({"type": "execute_workflow", **message})
        assert (reply["type"], reply["code"]) == ("workflow_execution_error", code)


async def test_a_workflow_that_runs_is_not_started_beside_itself() -> None:
    """Unless the options say otherwise."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        await started(socket)
        again = await socket.ask({"type": "execute_workflow", "workflow": SLOW})
        assert (again["type"], again["code"]) == ("workflow_execution_error", "workflow_already_running")
        beside = {"type": "execute_workflow", "workflow": SLOW, "options": {"concurrent": True}}
        assert (await socket.ask(beside))["type"] == "workflow_execution_started"


async def test_a_repeated_start_answers_and_does_not_start() -> None:
    """The same request_id, over another connection of the session, gets the first answer with `duplicate`."""
    async with open_daemon() as daemon:
        first, second = await daemon.connect("s"), await daemon.connect("s")
        message = {"type": "execute_workflow", "workflow": SLOW, "request_id": "one"}
        reply = await first.ask(message)
        again = await second.ask(message)
        assert again == {**{key: reply[key] for key in reply if key != "cursor"}, "duplicate": True}
        assert len(daemon.runtime.list_runs()) == 1
        conflict = await second.ask({**message, "workflow": QUICK})
        assert (conflict["code"], conflict["request_id"]) == ("request_id_conflict", "one")


async def test_a_refused_start_owes_nothing() -> None:
    """A connection does not wait for event 1 of a run that will never be."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        await socket.ask({"type": "execute_workflow", "workflow": {}})
        await socket.ask({"type": "execute_workflow", "workflow": QUICK, "request_id": "x"})
        await socket.ask({"type": "execute_workflow", "workflow": SLOW, "request_id": "x"})
        (conversation,) = daemon.hub.sessions
        assert conversation.owed == {}


# --- steering ---------------------------------------------------------------------------------------------


async def test_pause_resume_and_stop() -> None:
    """Each is acknowledged with what the run is turning into; after the pause nothing starts."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        run_id = await started(socket)
        pause = await socket.ask({"type": "control_workflow", "run_id": run_id, "action": "pause"})
        assert (pause["status"], pause["run_id"], pause["workflow_id"]) == ("acknowledged", run_id, "slow")
        await trio.sleep(10)
        later = await socket.receive_what_is_there()
        after = [frame for frame in later if frame["type"] == "node_status_update" and frame["seq"] > pause["seq"]]
        assert [frame for frame in after if frame["status"] == "running"] == []
        resume = await socket.ask({"type": "control_workflow", "workflow_id": "slow", "action": "resume"})
        assert (resume["status"], resume["state"]) == ("acknowledged", "running")
        stop = await socket.ask({"type": "control_workflow", "run_id": run_id, "action": "stop"})
        assert stop["status"] == "acknowledged"
        assert (await socket.receive_until("workflow_stopped"))[-1]["run_id"] == run_id


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        ({"run_id": "none", "action": "stop"}, "not_found", "not_found"),
        ({"workflow_id": "none", "action": "pause"}, "not_found", "not_found"),
        ({"workflow_id": "quick", "action": "pause"}, "rejected", "run_finished"),
    ],
)
async def test_what_cannot_be_steered(message: JsonObject, status: str, code: str) -> None:
    """An unknown run is not found, an ended one refuses."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        await started(socket, QUICK)
        await socket.receive_until("workflow_completed")
        reply = await socket.ask({"type": "control_workflow", **message})
        assert (reply["status"], reply["code"]) == (status, code)
        assert reply["message"]


async def test_a_repeated_control_acts_once() -> None:
    """A stop that is repeated because its answer was lost is not an error of another kind."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        run_id = await started(socket)
        message = {"type": "control_workflow", "run_id": run_id, "action": "pause", "request_id": "p"}
        first = await socket.ask(message)
        await socket.ask({"type": "control_workflow", "run_id": run_id, "action": "resume"})
        again = await socket.ask(message)
        assert again == {**first, "duplicate": True}
        assert daemon.runtime.find(run_id=run_id).state.status == "running"


async def test_a_signal_is_refused_by_name() -> None:
    """Of a node that has ended it says so, and of one that is not there; one that may still wait is kept."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        run_id = await started(socket)
        await trio.sleep(1.5)
        refused = await socket.ask({"type": "signal", "run_id": run_id, "node_id": "a"})
        assert (refused["status"], refused["code"]) == ("rejected", "node_finished")
        kept = await socket.ask({"type": "signal", "run_id": run_id, "node_id": "b"})
        assert kept["status"] == "acknowledged"
        nowhere = await socket.ask({"type": "signal", "run_id": run_id, "node_id": "none"})
        assert (nowhere["status"], nowhere["code"]) == ("not_found", "not_found")


async def test_a_dry_run() -> None:
    """`validate_workflow` says what it would say, and runs nothing."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        good = await socket.ask({"type": "validate_workflow", "workflow": QUICK})
        bad = await socket.ask({"type": "validate_workflow", "workflow": {"nodes": []}})
        assert (good["errors"], good["warnings"]) == ([], [])
        assert "empty_workflow" in [error["code"] for error in bad["errors"]]
        assert daemon.runtime.list_runs() == []


# --- subscriptions ----------------------------------------------------------------------------------------


async def types_heard(daemon: EmbeddedDaemon, socket: EmbeddedSocket) -> set[str]:
    """The types of messages about a run that a client hears."""
    await started(await daemon.connect("owner"), QUICK)
    await trio.sleep(1)
    return {frame["type"] for frame in await socket.receive_what_is_there()}


async def test_a_stranger_hears_nothing_unasked() -> None:
    """A seed client never sees a stranger's nodes."""
    async with open_daemon() as daemon:
        stranger = await daemon.connect("stranger")
        await stranger.ask({"type": "subscribe", "event_types": ["node_status", "workflow_status"]})
        assert await types_heard(daemon, stranger) == set()


@pytest.mark.parametrize(
    ("names", "heard"),
    [
        (["node_status"], {"node_status_update"}),
        (["workflow_completed"], {"workflow_completed"}),
        (
            ["*"],
            {"node_status_update", "workflow_execution_started", "workflow_completed"},
        ),
    ],
)
async def test_a_filter_of_every_run_reaches_strangers(names: list[str], heard: set[str]) -> None:
    """`"run_id": "*"` asks for all runs, of the types that are named."""
    async with open_daemon() as daemon:
        stranger = await daemon.connect("stranger")
        reply = await stranger.ask({"type": "subscribe", "event_types": names, "run_id": "*"})
        assert reply["subscriptions"] == [f"{name}@*" for name in names]
        assert await types_heard(daemon, stranger) == heard


async def test_the_first_subscribe_filters_own_events() -> None:
    """From then on only what was asked for comes, the end and the replies excepted."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        reply = await socket.ask({"type": "subscribe", "event_types": ["node_log", "my_news"]})
        assert (reply["subscriptions"], reply["unknown"]) == (["my_news", "node_log"], ["my_news"])
        await started(socket, QUICK)
        await trio.sleep(1)
        heard = [frame["type"] for frame in await socket.receive_what_is_there()]
        assert heard == ["workflow_completed"]


async def test_unsubscribing_is_told_what_is_left() -> None:
    """The answer lists the rest, and what was taken back comes no more."""
    async with open_daemon() as daemon:
        socket = await daemon.connect("stranger")
        await socket.ask({"type": "subscribe", "event_types": ["*", "node_log"], "run_id": "*"})
        reply = await socket.ask({"type": "unsubscribe", "event_types": ["*"], "run_id": "*"})
        assert (reply["type"], reply["subscriptions"]) == ("subscription_updated", ["node_log@*"])
        assert await types_heard(daemon, socket) == set()


async def test_subscriptions_are_bounded() -> None:
    """One past the limit is an error, and the connection lives."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        many = [f"name{number}" for number in range(socket.greeting["limits"]["subscriptions"] + 1)]
        error = await socket.ask({"type": "subscribe", "event_types": many, "request_id": "many"})
        assert (error["code"], error["request_id"]) == ("too_many_subscriptions", "many")
        assert (await socket.ask({"type": "subscribe", "event_types": many[1:]}))["unknown"] == many[1:]


# --- watching ---------------------------------------------------------------------------------------------


async def test_two_clients_and_one_run() -> None:
    """The other one watches from a snapshot: nothing is missing, nothing is doubled, and it ends once."""
    async with open_daemon() as daemon:
        owner, watcher = await daemon.connect("owner"), await daemon.connect("watcher")
        run_id = await started(owner)
        await trio.sleep(1.5)
        watching = await watcher.ask({"type": "watch", "run_id": run_id})
        assert (watching["run_id"], watching["snapshot"]["state"]) == (run_id, "running")
        rest = await watcher.receive_until(*TERMINAL_TYPES)
        everything = await owner.receive_until(*TERMINAL_TYPES)
        assert [frame for frame in everything if frame["seq"] > watching["snapshot"]["seq"]] == rest
        assert await watcher.receive_what_is_there() == []


async def test_watching_from_the_start() -> None:
    """With `after` the events behind it come again, without a cursor, and then the live ones with it."""
    async with open_daemon() as daemon:
        owner, watcher = await daemon.connect("owner"), await daemon.connect("watcher")
        run_id = await started(owner)
        await trio.sleep(1.5)
        seq = daemon.runtime.find(run_id=run_id).state.seq
        watching = await watcher.ask({"type": "watch", "workflow_id": "slow", "after": 0})
        assert watching["snapshot"] is None
        frames = await watcher.receive_until("workflow_completed")
        assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
        assert [frame["seq"] for frame in frames if "cursor" not in frame] == list(range(1, seq + 1))


@pytest.mark.parametrize(("after", "reason"), [(1_000, "invalid"), (0, "expired")])
async def test_watching_from_where_there_is_nothing(after: int, reason: str) -> None:
    """A place that is not held, or that never was, gets the snapshot and a reason."""
    settings = Settings(runs=RuntimeLimits(history=1))
    async with open_daemon(settings=settings) as daemon:
        owner, watcher = await daemon.connect("owner"), await daemon.connect("watcher")
        run_id = await started(owner, QUICK)
        await owner.receive_until("workflow_completed")
        await started(owner, workflow("more", step("a", "noop"), step("b", "noop")))
        await trio.sleep(1)
        watching = await watcher.ask({"type": "watch", "run_id": run_id, "after": after})
        assert (watching["reason"], watching["snapshot"]["state"]) == (reason, "completed")


async def test_unwatching() -> None:
    """The rest of the run is not heard; unwatching what is not watched is no error."""
    async with open_daemon() as daemon:
        owner, watcher = await daemon.connect("owner"), await daemon.connect("watcher")
        run_id = await started(owner)
        await watcher.ask({"type": "watch", "run_id": run_id})
        assert (await watcher.ask({"type": "unwatch", "run_id": run_id}))["run_id"] == run_id
        assert (await watcher.ask({"type": "unwatch", "run_id": run_id}))["type"] == "unwatched"
        await owner.receive_until("workflow_completed")
        assert await watcher.receive_what_is_there() == []


@pytest.mark.parametrize(
    ("message", "code", "path"),
    [
        ({"run_id": "none"}, "not_found", "run_id"),
        ({"workflow_id": "none"}, "not_found", "workflow_id"),
        ({"workflow_id": "slow"}, "ambiguous_run", "workflow_id"),
    ],
)
async def test_what_cannot_be_watched(message: JsonObject, code: str, path: str) -> None:
    """No run, or too many of them, is one error that says where."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        for _ in range(2):
            options: dict[str, Any] = {"options": {"if_running": "concurrent"}}
            await socket.ask({"type": "execute_workflow", "workflow": SLOW, **options})
        error = await socket.ask({"type": "watch", **message})
        assert (error["code"], error["path"]) == (code, path)


async def test_coming_back() -> None:
    """`resume` is answered, and what was missed follows."""
    async with open_daemon() as daemon:
        first = await daemon.connect("s")
        await started(first, QUICK)
        await trio.sleep(1)
        second = await daemon.connect("s")
        reply = await second.ask({"type": "resume", "epoch": second.greeting["epoch"], "cursor": "0"})
        assert (reply["type"], reply["replayed"]) == ("resumed", 4)
        assert [frame["seq"] for frame in await second.receive_what_is_there()] == [1, 2, 3, 4]


async def test_a_heartbeat_response_is_not_answered() -> None:
    """The one message that gets no reply."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        await socket.send({"type": "heartbeat_response"})
        assert await socket.receive_what_is_there() == []


# --- when events begin ------------------------------------------------------------------------------------


async def test_events_wait_for_the_first_frame() -> None:
    """What happens between the greeting and the first frame is not lost, and comes with it."""
    async with open_daemon() as daemon:
        owner, late = await daemon.connect("s"), await daemon.connect("s")
        await started(owner, QUICK)
        await trio.sleep(0.1)
        assert await late.receive_what_is_there() == []
        await late.send({"type": "heartbeat_response"})
        assert [frame["seq"] for frame in await late.receive_until("workflow_completed")] == [1, 2, 3, 4]


async def test_a_first_subscribe_filters_from_the_beginning() -> None:
    """What was held back is filtered by it too."""
    async with open_daemon() as daemon:
        owner, late = await daemon.connect("s"), await daemon.connect("s")
        await started(owner, QUICK)
        await trio.sleep(0.1)
        reply = await late.ask({"type": "subscribe", "event_types": ["node_log"]})
        assert reply["type"] == "subscription_confirmed"
        assert [frame["type"] for frame in await late.receive_what_is_there()] == ["workflow_completed"]


async def test_a_client_that_says_nothing_is_told_soon() -> None:
    """A quarter of a second after the greeting the events begin by themselves."""
    async with open_daemon() as daemon:
        owner, silent = await daemon.connect("s"), await daemon.connect("s")
        await started(owner, QUICK)
        began = trio.current_time()
        assert (await silent.receive())["seq"] == 1
        assert trio.current_time() - began == pytest.approx(0.25)


async def test_nonsense_is_a_first_frame_too() -> None:
    """Events begin with whatever comes first."""
    async with open_daemon() as daemon:
        owner, odd = await daemon.connect("s"), await daemon.connect("s")
        await started(owner, QUICK)
        await odd.send("nonsense")
        assert (await odd.receive())["type"] == "error"
        assert [frame["seq"] for frame in await odd.receive_what_is_there()] == [1, 2, 3, 4]


# --- whatever it is ---------------------------------------------------------------------------------------

ANYTHING = st.lists(st.one_of(*(MESSAGES[cls] for cls in CLIENT_MESSAGES.values())), max_size=8)


async def hear_out(messages: list[ClientMessage]) -> None:
    """Say everything to a daemon, and check what it says."""
    async with open_daemon() as daemon:
        client, other = await daemon.connect("client"), await daemon.connect("other")
        run_id = await started(other)
        for number, message in enumerate(messages):
            await client.send(encode(evolve(message, request_id=f"id-{number}")).decode())
        replies = Counter(frame.get("request_id") for frame in await client.receive_what_is_there())
        del replies[None]
        answered = [number for number, message in enumerate(messages) if not isinstance(message, HeartbeatResponse)]
        assert replies == Counter(f"id-{number}" for number in answered)
        assert (await other.receive_until("workflow_completed"))[-1]["run_id"] == run_id


@given(messages=ANYTHING)
def test_every_message_has_exactly_one_reply(messages: list[ClientMessage]) -> None:
    """A `heartbeat_response` none; and somebody else's run goes on beside it."""
    run_in_virtual_time(hear_out, messages)
