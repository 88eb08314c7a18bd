"""The events of a run over plain HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.feed import STRIDE
from bluev_actors.daemon.rest_events import QUIET
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.testing import EmbeddedDaemon, chain, open_daemon, step, workflow

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject

VIRTUAL_TIME = True

SLOW = chain("slow", step("a", "delay", seconds=1), step("b", "delay", seconds=60))
STREAM = {"accept": "text/event-stream"}


async def start(daemon: EmbeddedDaemon, document: JsonObject) -> str:
    """Start a run and give its id."""
    return (await daemon.runtime.start(document)).run_id


def seqs(body: bytes) -> list[int]:
    """The ids of the events in a stream."""
    return [int(line.removeprefix(b"id: ")) for line in body.splitlines() if line.startswith(b"id: ")]


async def test_all_so_far() -> None:
    """An array of the messages, each with its cursor, from which a socket can go on."""
    async with open_daemon() as daemon:
        run_id = await start(daemon, SLOW)
        await trio.sleep(0.5)
        events = (await daemon.request("GET", f"/api/runs/{run_id}/events")).json()
        assert [event["seq"] for event in events] == [1, 2]
        assert [event["cursor"] for event in events] == sorted({event["cursor"] for event in events})
        after = (await daemon.request("GET", f"/api/runs/{run_id}/events?after=1")).json()
        assert after == events[1:]
        assert (await daemon.request("GET", f"/api/runs/{run_id}/events?after=2")).json() == []


async def test_a_long_array_is_whole() -> None:
    """Written in strides, it is still one JSON array."""
    async with open_daemon() as daemon:
        document = workflow("wide", *(step(f"n{number}", "noop") for number in range(STRIDE)))
        run_id = await start(daemon, document)
        await daemon.runtime.find(run_id=run_id).result()
        events = (await daemon.request("GET", f"/api/runs/{run_id}/events")).json()
        assert [event["seq"] for event in events] == list(range(1, 2 * STRIDE + 3))
        for after in (2, 2 * STRIDE + 2, STRIDE + 2):
            rest = (await daemon.request("GET", f"/api/runs/{run_id}/events?after={after}")).json()
            assert rest == events[after:]


async def test_following_to_the_end() -> None:
    """The stream has what was, then what comes, and ends with the run; silence is filled with comments."""
    async with open_daemon() as daemon:
        run_id = await start(daemon, SLOW)
        await trio.sleep(0.5)
        answer = await daemon.request("GET", f"/api/runs/{run_id}/events", headers=STREAM)
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert seqs(answer.body) == list(range(1, 7))
        assert answer.body.count(b": still here") == int(61 // QUIET)
        last = [line for line in answer.body.splitlines() if line.startswith(b"data: ")][-1]
        assert json.loads(last.removeprefix(b"data: "))["type"] == "workflow_completed"


@pytest.mark.parametrize(
    ("query", "headers", "first"),
    [("?after=2", {}, 3), ("", {"last-event-id": "3"}, 4), ("?after=1", {"last-event-id": "3"}, 4)],
)
async def test_following_from_a_place(query: str, headers: dict[str, str], first: int) -> None:
    """A browser that comes back names its last event; that counts before the address."""
    async with open_daemon() as daemon:
        run_id = await start(daemon, SLOW)
        await trio.sleep(2)
        target = f"/api/runs/{run_id}/events{query}"
        answer = await daemon.request("GET", target, headers={**STREAM, **headers})
        assert seqs(answer.body) == list(range(first, 7))


async def test_nothing_more_to_follow() -> None:
    """204 tells a browser not to come again."""
    async with open_daemon() as daemon:
        run_id = await start(daemon, workflow("w", step("a", "noop")))
        await daemon.runtime.find(run_id=run_id).result()
        answer = await daemon.request("GET", f"/api/runs/{run_id}/events?after=4", headers=STREAM)
        assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize("headers", [{}, STREAM])
async def test_what_is_no_longer_held(headers: dict[str, str]) -> None:
    """410, before a stream has begun."""
    async with open_daemon(settings=Settings(runs=RuntimeLimits(history=1))) as daemon:
        run_id = await start(daemon, workflow("w", step("a", "noop")))
        await daemon.runtime.find(run_id=run_id).result()
        await start(daemon, SLOW)
        await trio.sleep(0.5)
        answer = await daemon.request("GET", f"/api/runs/{run_id}/events", headers=headers)
        assert (answer.status, answer.json()["code"]) == (410, "expired")


@pytest.mark.parametrize(
    ("query", "headers"), [("?after=x", {}), ("?after=-1", STREAM), ("", {**STREAM, "last-event-id": "x"})]
)
async def test_a_place_that_is_none(query: str, headers: dict[str, str]) -> None:
    """400, and the name of what is wrong."""
    async with open_daemon() as daemon:
        run_id = await start(daemon, SLOW)
        answer = await daemon.request("GET", f"/api/runs/{run_id}/events{query}", headers=headers)
        assert answer.status == 400
        assert answer.json()["path"] in {"after", "Last-Event-ID"}


async def test_a_client_that_goes_away_ends_the_stream() -> None:
    """Nobody follows a run for somebody who has left."""
    async with open_daemon() as daemon:
        run_id = await start(daemon, SLOW)
        raw = daemon.plug()
        await raw.send_all(
            f"GET /api/runs/{run_id}/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n".encode()
        )
        assert b"200" in await raw.receive_some()
        assert daemon.hub.open_streams == 1
        await trio.aclose_forcefully(raw)
        await trio.sleep(0.1)
        assert daemon.hub.open_streams == 0
