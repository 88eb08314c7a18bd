"""The addresses under `/api/runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import trio

from bluev_actors.testing import EmbeddedDaemon, chain, open_daemon, step, workflow

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject

VIRTUAL_TIME = True

QUICK = workflow("quick", step("a", "constant", value=1), step("b", "echo"), links=["a.value -> b.value"])
SLOW = chain("slow", step("a", "delay", seconds=1), step("b", "delay", seconds=1))


async def start(daemon: EmbeddedDaemon, document: JsonObject = SLOW, **more: object) -> str:
    """Start a run and give its id."""
    answer = await daemon.request("POST", "/api/runs", {"workflow": document, **more})
    assert answer.status == 201
    return str(answer.json()["run_id"])


# --- starting ---------------------------------------------------------------------------------------------


async def test_starting_for_a_session() -> None:
    """201 with event 1, and the session's connections get the run's events."""
    async with open_daemon() as daemon:
        socket = await daemon.connect("alice")
        answer = await daemon.request("POST", "/api/runs", {"workflow": QUICK, "session_id": "alice"})
        assert (answer.status, answer.json()["type"]) == (201, "workflow_execution_started")
        frames = await socket.receive_until("workflow_completed")
        assert frames[0]["run_id"] == answer.json()["run_id"]
        assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))


async def test_a_run_of_nobody() -> None:
    """Without a session nobody gets the events unasked, but anybody can look."""
    async with open_daemon() as daemon:
        socket = await daemon.connect("alice")
        run_id = await start(daemon, QUICK)
        await trio.sleep(1)
        assert await socket.receive_what_is_there() == []
        assert (await daemon.request("GET", f"/api/runs/{run_id}")).json()["state"] == "completed"


async def test_a_wrong_workflow() -> None:
    """422 with every error, and the paths are those of the socket."""
    async with open_daemon() as daemon:
        document = {"nodes": [{"id": "a", "type": "no_such"}], "connections": []}
        answer = await daemon.request("POST", "/api/runs", {"workflow": document})
        assert (answer.status, answer.json()["code"]) == (422, "validation_failed")
        assert answer.json()["errors"][0]["path"].startswith("nodes[0]")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"workflow": SLOW}, 409, "workflow_already_running"),
        ({"workflow_id": "stored"}, 404, "workflow_not_found"),
        ({}, 400, "bad_message"),
        ({"workflow": 5}, 400, "bad_message"),
        ({"workflow": QUICK, "options": {"unknown": 1}}, 400, "bad_message"),
        ({"workflow": QUICK, "session_id": "a b"}, 400, "bad_message"),
    ],
)
async def test_what_is_not_started(body: JsonObject, status: int, code: str) -> None:
    """Each refusal has its status and its code."""
    async with open_daemon() as daemon:
        await start(daemon)
        answer = await daemon.request("POST", "/api/runs", body)
        assert (answer.status, answer.json()["code"]) == (status, code)


async def test_nothing_is_started_while_draining() -> None:
    """503, and another daemon may be tried."""
    async with open_daemon() as daemon:
        daemon.hub.draining = True
        answer = await daemon.request("POST", "/api/runs", {"workflow": QUICK})
        assert (answer.status, answer.json()["code"]) == (503, "draining")


async def test_a_repeated_request_is_the_same_over_rest_and_socket() -> None:
    """One request_id of one session acts once, over whatever way it comes."""
    async with open_daemon() as daemon:
        socket = await daemon.connect("alice")
        body = {"workflow": SLOW, "session_id": "alice", "request_id": "one"}
        first = await daemon.request("POST", "/api/runs", body)
        again = await daemon.request("POST", "/api/runs", body)
        assert again.json() == {**first.json(), "duplicate": True}
        over_socket = await socket.ask({"type": "execute_workflow", "workflow": SLOW, "request_id": "one"})
        while "duplicate" not in over_socket:
            over_socket = await socket.receive()
        assert over_socket["run_id"] == first.json()["run_id"]
        conflict = await daemon.request("POST", "/api/runs", {**body, "workflow": QUICK})
        assert (conflict.status, conflict.json()["code"]) == (409, "request_id_conflict")


async def test_a_dry_run() -> None:
    """The verdict of the socket, as an answer."""
    async with open_daemon() as daemon:
        answer = await daemon.request("POST", "/api/validate", {"workflow": QUICK})
        assert (answer.status, answer.json()["errors"]) == (200, [])
        assert (await daemon.request("POST", "/api/validate", {})).status == 400


# --- looking ----------------------------------------------------------------------------------------------


async def test_the_list_is_newest_first_and_in_pages() -> None:
    """`next` leads on to the end, and no run is left out or shown twice."""
    async with open_daemon() as daemon:
        ids = [await start(daemon, workflow(f"w{number}", step("a", "noop"))) for number in range(5)]
        seen, target = list[str](), "/api/runs?limit=2"
        while True:
            body = (await daemon.request("GET", target)).json()
            seen += [line["run_id"] for line in body["runs"]]
            if "next" not in body:
                break
            target = f"/api/runs?limit=2&next={quote(body['next'])}"
        assert seen == ids[::-1]


async def test_the_list_is_filtered() -> None:
    """By state and by workflow."""
    async with open_daemon() as daemon:
        slow, quick = await start(daemon), await start(daemon, QUICK)
        await trio.sleep(0.5)

        async def ids(query: str) -> list[str]:
            body = (await daemon.request("GET", f"/api/runs?{query}")).json()
            return [line["run_id"] for line in body["runs"]]

        assert await ids("state=running") == [slow]
        assert await ids("state=completed") == [quick]
        assert await ids("workflow_id=slow") == [slow]
        assert await ids("workflow_id=slow&state=completed") == []


async def test_a_line_of_the_list() -> None:
    """Enough to show a run in a table."""
    async with open_daemon() as daemon:
        await start(daemon, QUICK, session_id="alice")
        await trio.sleep(0.5)
        (line,) = (await daemon.request("GET", "/api/runs")).json()["runs"]
        assert (line["workflow_id"], line["session_id"], line["state"]) == ("quick", "alice", "completed")
        assert line["nodes"] == {"total": 2, "completed": 2}
        assert line["started_at"].endswith("Z")
        assert line["finished_at"].endswith("Z")


@pytest.mark.parametrize(
    ("query", "status"), [("state=nonsense", 400), ("limit=0", 400), ("limit=501", 400), ("next=gone", 410)]
)
async def test_what_cannot_be_listed(query: str, status: int) -> None:
    """A wrong filter is told, not ignored."""
    async with open_daemon() as daemon:
        assert (await daemon.request("GET", f"/api/runs?{query}")).status == status


async def test_one_run_in_full() -> None:
    """The snapshot, what nodes gave out, what it runs and who watches."""
    async with open_daemon() as daemon:
        watcher = await daemon.connect("watcher")
        run_id = await start(daemon, {**QUICK, "position": {"x": 1}}, session_id="alice")
        await watcher.ask({"type": "watch", "run_id": run_id})
        await trio.sleep(0.5)
        body = (await daemon.request("GET", f"/api/runs/{run_id}")).json()
        assert (body["run_id"], body["state"], body["session_id"]) == (run_id, "completed", "alice")
        assert body["outputs"] == {"a": {"value": 1}, "b": {"value": 1}}
        assert body["workflow"]["position"] == {"x": 1}
        assert body["watchers"] == ["watcher"]
        assert body["summary"]["state"] == "completed"
        assert "by_ref" not in body


async def test_outputs_too_large_are_references() -> None:
    """The largest are named by where they can be had, and are there in full."""
    async with open_daemon() as daemon:
        run_id = await start(daemon, workflow("big", step("big", "constant", value="x" * 300_000)))
        await trio.sleep(0.5)
        body = (await daemon.request("GET", f"/api/runs/{run_id}")).json()
        assert body["by_ref"] == ["big.value"]
        full = await daemon.request("GET", body["outputs"]["big"]["value"]["$ref"])
        assert full.json() == "x" * 300_000


async def test_an_output_by_any_name() -> None:
    """Ids and names are percent-encoded in an address, whatever they hold."""
    async with open_daemon() as daemon:
        node_id, name = "a b%?#", "x/y \u00e4"
        document = workflow("w", step(node_id, "noop", **{name: {"deep": [1, 2]}}))
        run_id = await start(daemon, document)
        await trio.sleep(0.5)
        target = f"/api/runs/{run_id}/nodes/{quote(node_id, safe='')}/outputs"
        assert (await daemon.request("GET", f"{target}/{quote(name, safe='')}")).json() == {"deep": [1, 2]}
        assert (await daemon.request("GET", f"{target}/none")).status == 404
        assert (await daemon.request("GET", f"/api/runs/{run_id}/nodes/none/outputs/x")).status == 404


async def test_the_events_of_a_run_are_below_it() -> None:
    """As an array, or, for who asks, as a stream."""
    async with open_daemon() as daemon:
        run_id = await start(daemon, QUICK)
        await trio.sleep(0.5)
        target = f"/api/runs/{run_id}/events"
        assert [event["seq"] for event in (await daemon.request("GET", target)).json()] == [1, 2, 3, 4, 5, 6]
        stream = await daemon.request("GET", target, headers={"accept": "text/event-stream"})
        assert stream.body.count(b"\nid: ") == 6


async def test_forgetting() -> None:
    """A live run is not forgotten, an ended one is, and then it is gone."""
    async with open_daemon() as daemon:
        slow, quick = await start(daemon), await start(daemon, QUICK)
        await trio.sleep(0.5)
        refused = await daemon.request("DELETE", f"/api/runs/{slow}")
        assert (refused.status, refused.json()["code"]) == (409, "run_is_live")
        assert (await daemon.request("DELETE", f"/api/runs/{quick}")).json()["run_id"] == quick
        assert (await daemon.request("DELETE", f"/api/runs/{quick}")).status == 404
        assert (await daemon.request("GET", f"/api/runs/{quick}")).status == 404


# --- steering ---------------------------------------------------------------------------------------------


async def test_pause_resume_and_stop() -> None:
    """200 with the body of the socket's reply."""
    async with open_daemon() as daemon:
        run_id = await start(daemon)
        pause = await daemon.request("POST", f"/api/runs/{run_id}/pause", {"mode": "hard"})
        assert (pause.status, pause.json()["status"], pause.json()["action"]) == (200, "acknowledged", "pause")
        resume = await daemon.request("POST", f"/api/runs/{run_id}/resume")
        assert (resume.status, resume.json()["state"]) == (200, "running")
        stop = await daemon.request("POST", f"/api/runs/{run_id}/stop", {"mode": "kill"})
        assert (stop.status, stop.json()["run_id"]) == (200, run_id)
        await trio.sleep(0.5)
        refused = await daemon.request("POST", f"/api/runs/{run_id}/pause")
        assert (refused.status, refused.json()["code"]) == (409, "run_finished")


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("pause", {"mode": "kill"}, 400),
        ("stop", {"until": "2026-01-01T00:00:00Z"}, 400),
        ("pause", {"until": "soon"}, 400),
        ("signal", {}, 400),
        ("signal", {"node_id": "none"}, 404),
    ],
)
async def test_what_cannot_be_asked_of_a_run(action: str, body: JsonObject, status: int) -> None:
    """Wrong bodies, and what is not legal now."""
    async with open_daemon() as daemon:
        run_id = await start(daemon)
        assert (await daemon.request("POST", f"/api/runs/{run_id}/{action}", body)).status == status


async def test_answering_a_node() -> None:
    """What comes before the node waits is kept for it; who comes when the run is over is too late."""
    asking = chain("asking", step("a", "delay", seconds=1), step("b", "wait_signal"))
    async with open_daemon() as daemon:
        run_id = await start(daemon, asking)
        answer = await daemon.request("POST", f"/api/runs/{run_id}/signal", {"node_id": "b", "payload": {"ok": True}})
        assert (answer.status, answer.json()["status"]) == (200, "acknowledged")
        await trio.sleep(2)
        shown = (await daemon.request("GET", f"/api/runs/{run_id}")).json()
        assert (shown["state"], shown["outputs"]["b"]["payload"]) == ("completed", {"ok": True})
        late = await daemon.request("POST", f"/api/runs/{run_id}/signal", {"node_id": "b"})
        assert (late.status, late.json()["code"]) == (409, "run_finished")


async def test_an_unknown_run_is_not_found_whatever_is_asked() -> None:
    """A workflow id in its place is none either."""
    async with open_daemon() as daemon:
        await start(daemon)
        for name in ("none", "slow"):
            for action in ("pause", "resume", "stop", "signal"):
                answer = await daemon.request("POST", f"/api/runs/{name}/{action}", {"node_id": "a"})
                assert answer.status == 404
            for suffix in ("", "/events"):
                assert (await daemon.request("GET", f"/api/runs/{name}{suffix}")).status == 404


async def test_the_verdicts_of_rest_and_socket_agree() -> None:
    """The same wrong message gets the same code and the same path over both."""
    async with open_daemon() as daemon:
        socket = await daemon.connect()
        wrong: list[JsonObject] = [
            {"workflow": 5},
            {"workflow": {}, "inputs": []},
            {"workflow": {}, "options": {"priority": "x"}},
        ]
        for body in wrong:
            over_socket = await socket.ask({"type": "execute_workflow", **body})
            over_rest = (await daemon.request("POST", "/api/runs", body)).json()
            assert (over_rest["code"], over_rest["path"]) == (over_socket["code"], over_socket["path"])
            assert over_rest["message"] == over_socket["message"]
