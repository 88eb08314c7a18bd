"""The addresses under `/api/schedules`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.testing import EmbeddedDaemon, chain, open_daemon, step

if TYPE_CHECKING:
    from bluev_actors.testing.embedded_http import EmbeddedAnswer
    from bluev_actors.workflows.values import Json

VIRTUAL_TIME = True

QUICK = chain("quick", step("a", "constant", value=1))
MINUTELY = {"workflow_id": "quick", "interval": 60}


async def put(daemon: EmbeddedDaemon, name: str, body: Json) -> EmbeddedAnswer:
    """Keep a schedule of the workflow `quick`, which is stored first."""
    await daemon.request("PUT", "/api/workflows/quick", QUICK)
    return await daemon.request("PUT", f"/api/schedules/{name}", body)


async def test_a_schedules_life() -> None:
    """Put, shown, listed, at work, put again, forgotten."""
    async with open_daemon() as daemon:
        made = await put(daemon, "beat", MINUTELY)
        assert made.status == 201
        assert made.json() == {
            "name": "beat",
            **MINUTELY,
            "timezone": "UTC",
            "inputs": {},
            "if_running": "reject",
            "enabled": True,
            "created_at": "2026-01-01T00:00:00.000000Z",
            "updated_at": "2026-01-01T00:00:00.000000Z",
            "next_at": "2026-01-01T00:01:00.000000Z",
            "last_run": None,
            "last_error": None,
        }
        assert (await daemon.request("GET", "/api/schedules")).json() == {"schedules": [made.json()]}
        await trio.sleep(61)
        shown = (await daemon.request("GET", "/api/schedules/beat")).json()
        runs = (await daemon.request("GET", "/api/runs")).json()["runs"]
        assert shown["last_run"] == {
            "run_id": runs[0]["run_id"],
            "due_at": "2026-01-01T00:01:00.000000Z",
            "started_at": "2026-01-01T00:01:00.000000Z",
        }
        off = await put(daemon, "beat", {**MINUTELY, "enabled": False})
        assert (off.status, off.json()["enabled"], off.json()["next_at"]) == (200, False, None)
        gone = await daemon.request("DELETE", "/api/schedules/beat")
        assert (gone.status, gone.json()) == (200, {"name": "beat", "status": "forgotten"})
        await trio.sleep(200)
        assert len((await daemon.request("GET", "/api/runs")).json()["runs"]) == 1


@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("beat", {"workflow_id": "lost", "interval": 60}, 422, "workflow_not_found"),
        ("beat", {**MINUTELY, "cron": "x"}, 422, "invalid_cron"),
        ("beat", {"interval": 1}, 422, "missing_field"),
        ("be%0Aat", MINUTELY, 400, "bad_message"),
        ("beat", b"[]", 400, "bad_message"),
        ("beat", b"", 400, "bad_json"),
    ],
)
async def test_what_is_not_kept(name: str, body: Json, status: int, code: str) -> None:
    """Each refusal has its status and its code; what is wrong with a schedule says where."""
    async with open_daemon() as daemon:
        refused = await put(daemon, name, body)
        told = refused.json()
        assert refused.status == status
        assert code in (told["code"], *(error["code"] for error in told.get("errors", ())))
        assert (await daemon.request("GET", "/api/schedules")).json() == {"schedules": []}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_what_is_not_there(method: str) -> None:
    """404, whatever is asked."""
    async with open_daemon() as daemon:
        answer = await daemon.request(method, "/api/schedules/none")
        assert (answer.status, answer.json()["code"]) == (404, "not_found")
