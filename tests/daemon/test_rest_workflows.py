"""The addresses under `/api/workflows`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.testing import EmbeddedDaemon, chain, open_daemon, step, workflow

if TYPE_CHECKING:
    from bluev_actors.testing.embedded_http import EmbeddedAnswer
    from bluev_actors.workflows.values import Json, JsonObject

VIRTUAL_TIME = True

QUICK = chain("quick", step("a", "constant", value=1))
CALLING = workflow("calling", step("call", "sub_workflow", workflow="quick"))


async def put(daemon: EmbeddedDaemon, workflow_id: str, document: Json) -> EmbeddedAnswer:
    """Store a document."""
    return await daemon.request("PUT", f"/api/workflows/{workflow_id}", document)


async def test_a_documents_life() -> None:
    """Put, shown, listed, put again, forgotten."""
    async with open_daemon() as daemon:
        made = await put(daemon, "quick", {**QUICK, "name": "Quick one"})
        assert made.status == 201
        began = "2026-01-01T00:00:00.000000Z"
        line: JsonObject = {
            "workflow_id": "quick",
            "name": "Quick one",
            "created_at": began,
            "updated_at": began,
            "nodes": 1,
        }
        assert made.json() == {**line, "warnings": []}
        shown = await daemon.request("GET", "/api/workflows/quick")
        assert shown.json() == {**line, "workflow": {**QUICK, "name": "Quick one"}}
        assert (await daemon.request("GET", "/api/workflows")).json() == {"workflows": [line]}
        await trio.sleep(1)
        again = await put(daemon, "quick", QUICK)
        assert (again.status, again.json()["created_at"], again.json()["name"]) == (200, began, "quick")
        assert again.json()["updated_at"] > began
        gone = await daemon.request("DELETE", "/api/workflows/quick")
        assert (gone.status, gone.json()) == (200, {"workflow_id": "quick", "status": "forgotten"})
        assert (await daemon.request("GET", "/api/workflows")).json() == {"workflows": []}


async def test_it_is_started_by_its_id() -> None:
    """Over the socket and over REST, with inputs, as often as anybody likes."""
    document = {**chain("greet", step("a", "constant", value=1)), "inputs": {"name": {"type": "string"}}}
    async with open_daemon() as daemon:
        assert (await put(daemon, "greet", document)).status == 201
        body = {"workflow_id": "greet", "inputs": {"name": "you"}}
        answer = await daemon.request("POST", "/api/runs", body)
        assert (answer.status, answer.json()["workflow_id"]) == (201, "greet")
        await trio.sleep(1)
        client = await daemon.connect()
        assert (await client.ask({"type": "execute_workflow", **body}))["type"] == "workflow_execution_started"
        refused = await client.ask({"type": "execute_workflow", "workflow_id": "greet"})
        assert refused["errors"][0]["path"] == "inputs.name"


async def test_a_body_may_be_a_stored_one() -> None:
    """It is copied into the run, so that nothing that happens to it later reaches the run."""
    async with open_daemon() as daemon:
        lost = await put(daemon, "calling", CALLING)
        assert (lost.status, lost.json()["errors"][0]["code"]) == (422, "subworkflow_not_found")
        await put(daemon, "quick", QUICK)
        assert (await put(daemon, "calling", CALLING)).status == 201
        answer = await daemon.request("POST", "/api/runs", {"workflow_id": "calling"})
        await daemon.request("DELETE", "/api/workflows/quick")
        await trio.sleep(1)
        shown = (await daemon.request("GET", f"/api/runs/{answer.json()['run_id']}")).json()
        assert (shown["state"], shown["workflow"]["workflows"]) == ("completed", {"quick": QUICK})
        stored = (await daemon.request("GET", "/api/workflows/calling")).json()["workflow"]
        assert stored == CALLING


async def test_a_circle_is_found_when_it_is_closed() -> None:
    """Not when the run is started."""
    async with open_daemon() as daemon:
        await put(daemon, "quick", QUICK)
        await put(daemon, "calling", CALLING)
        closed = await put(daemon, "quick", workflow("quick", step("call", "sub_workflow", workflow="calling")))
        assert (closed.status, closed.json()["errors"][0]["code"]) == (422, "subworkflow_recursion")
        assert (await daemon.request("GET", "/api/workflows/quick")).json()["workflow"] == QUICK


async def test_any_id_will_do() -> None:
    """It is percent-encoded in the address."""
    async with open_daemon() as daemon:
        assert (await put(daemon, "a%2Fb%20%C3%A9", {**QUICK, "id": "a/b \u00e9"})).status == 201
        assert (await daemon.request("GET", "/api/workflows/a%2Fb%20%C3%A9")).json()["workflow_id"] == "a/b \u00e9"


@pytest.mark.parametrize(
    ("workflow_id", "document", "status", "code"),
    [
        ("quick", {"nodes": [{"id": "a", "type": "no_such"}]}, 422, "validation_failed"),
        ("other", QUICK, 422, "validation_failed"),
        ("a%0Ab", {**QUICK, "id": "a"}, 422, "validation_failed"),
        ("quick", b"[]", 400, "bad_message"),
        ("quick", b"{", 400, "bad_json"),
        ("quick", b"", 400, "bad_json"),
    ],
)
async def test_what_is_not_stored(workflow_id: str, document: Json, status: int, code: str) -> None:
    """Each refusal has its status and its code, and says where."""
    async with open_daemon() as daemon:
        refused = await put(daemon, workflow_id, document)
        assert (refused.status, refused.json()["code"]) == (status, code)
        assert all(error["path"] for error in refused.json().get("errors", ()))
        assert (await daemon.request("GET", "/api/workflows")).json() == {"workflows": []}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_what_is_not_there(method: str) -> None:
    """404, whatever is asked."""
    async with open_daemon() as daemon:
        answer = await daemon.request(method, "/api/workflows/none")
        assert (answer.status, answer.json()["code"]) == (404, "workflow_not_found")
