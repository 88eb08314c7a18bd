"""The addresses that are about the daemon."""

# What is hidden is looked at where nothing shown would tell of a leak or a bug.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
from typing import Any, cast

import jsonschema
import pytest
from jsonschema import Draft202012Validator

from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.limits import Limits
from bluev_actors.errors import StorageUnavailableError
from bluev_actors.testing import chain, open_daemon, step, workflow

VIRTUAL_TIME = True


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/api/runs/", 404, "not_found"),
        ("GET", "/api/runs/none", 404, "not_found"),
        ("PUT", "/api/runs", 405, "method_not_allowed"),
        ("GET", "/api/broadcast", 405, "method_not_allowed"),
        ("GET", "/api/nodes/none", 404, "not_found"),
    ],
)
async def test_what_is_not_there(method: str, target: str, status: int, code: str) -> None:
    """Every refusal is JSON with a code."""
    async with open_daemon() as daemon:
        answer = await daemon.request(method, target)
        assert (answer.status, answer.json()["code"]) == (status, code)
        assert ("allow" in answer.headers) == (status == 405)


async def test_alive_and_ready() -> None:
    """Alive as long as it answers; ready until it goes down."""
    async with open_daemon() as daemon:
        assert (await daemon.request("GET", "/healthz")).json() == {"status": "ok"}
        assert (await daemon.request("GET", "/readyz")).json() == {"status": "ready"}
        daemon.hub.draining = True
        assert (await daemon.request("GET", "/healthz")).status == 200
        refused = await daemon.request("GET", "/readyz")
        assert (refused.status, refused.json()["code"]) == (503, "draining")


async def test_a_store_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alive and not ready, with the reason; what has to be kept is refused with the same code."""
    async with open_daemon() as daemon:
        journal = daemon.runtime.journal

        async def fail(_cursor: int | None = None) -> None:
            raise StorageUnavailableError("the disk is full")

        monkeypatch.setattr(type(journal), "trouble", property(lambda _: "the disk is full"))
        monkeypatch.setattr(journal, "stored", fail)
        assert (await daemon.request("GET", "/healthz")).status == 200
        refused = await daemon.request("GET", "/readyz")
        assert (refused.status, refused.json()) == (
            503,
            {"code": "storage_unavailable", "message": "the disk is full"},
        )
        document = chain("quick", step("a", "noop"))
        for method, target, body in (
            ("PUT", "/api/workflows/quick", document),
            ("POST", "/api/runs", {"workflow": document}),
        ):
            refused = await daemon.request(method, target, body)
            assert (refused.status, refused.json()["code"]) == (503, "storage_unavailable")


async def test_connections() -> None:
    """The seed's address and its three fields."""
    async with open_daemon() as daemon:
        await daemon.connect("alice")
        body = (await daemon.request("GET", "/api/connections")).json()
        assert (body["total_connections"], body["active_workflows"]) == (1, 0)
        assert body["connections"][0]["session_id"] == "alice"


async def test_broadcast() -> None:
    """The object goes as it is to everybody, or to those subscribed to a name."""
    async with open_daemon() as daemon:
        one, two = await daemon.connect("one"), await daemon.connect("two")
        answer = await daemon.request("POST", "/api/broadcast", {"type": "news", "n": 1})
        assert answer.json() == {"status": "broadcasted", "recipients": 2}
        assert await one.receive() == await two.receive() == {"type": "news", "n": 1}
        await one.ask({"type": "subscribe", "event_types": ["news"]})
        answer = await daemon.request("POST", "/api/broadcast?event_type=news", {"n": 2})
        assert answer.json()["recipients"] == 1
        assert await one.receive() == {"n": 2}
        assert await two.receive_what_is_there() == []


@pytest.mark.parametrize(
    ("target", "body", "headers", "status"),
    [
        ("/api/broadcast", b"nonsense", {}, 400),
        ("/api/broadcast", b"[1]", {}, 400),
        ("/api/broadcast", b"", {}, 400),
        ("/api/broadcast?event_type=", b"{}", {}, 400),
        ("/api/broadcast", b"{}", {"content-type": "text/plain"}, 415),
        ("/api/broadcast", b'{"a":"' + b"x" * 10_000 + b'"}', {}, 413),
    ],
)
async def test_what_is_not_broadcast(target: str, body: bytes, headers: dict[str, str], status: int) -> None:
    """A broadcast is one JSON object, and not too large."""
    async with open_daemon(settings=Settings(limits=Limits(body_size=10_000))) as daemon:
        socket = await daemon.connect()
        answer = await daemon.request("POST", target, body, headers)
        assert answer.status == status
        assert answer.json()["code"]
        assert await socket.receive_what_is_there() == []


async def test_the_tree() -> None:
    """What lives, now."""
    async with open_daemon() as daemon:
        tree = (await daemon.request("GET", "/api/tree")).json()
        assert (tree["path"], "connections" in [child["id"] for child in tree["children"]]) == ("/", True)


async def test_node_types() -> None:
    """All of them, or one, with what a palette needs; one that is off says so."""
    async with open_daemon() as daemon:
        nodes = {each["name"]: each for each in (await daemon.request("GET", "/api/nodes")).json()["nodes"]}
        assert nodes["delay"]["enabled"] is True
        assert nodes["python"]["enabled"] is False
        assert (await daemon.request("GET", "/api/nodes/delay")).json() == nodes["delay"]


async def test_the_schema_is_one_and_fits() -> None:
    """Editors check by it what the daemon runs."""
    async with open_daemon() as daemon:
        schema = (await daemon.request("GET", "/schema/workflow.json")).json()
        Draft202012Validator.check_schema(schema)
        jsonschema.validate(workflow("w", step("a", "constant", value=1)), schema)


async def test_the_page() -> None:
    """HTML, with a policy that lets nothing in."""
    async with open_daemon() as daemon:
        page = await daemon.request("GET", "/")
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert b"BlueV Actors" in page.body


async def test_a_foreign_page_may_nothing() -> None:
    """Host and Origin are judged before anything else."""
    async with open_daemon() as daemon:
        rebound = await daemon.request("GET", "/api/runs", headers={"host": "evil.example"})
        foreign = await daemon.request("POST", "/api/broadcast", {}, {"origin": "http://evil.example"})
        assert (rebound.status, foreign.status) == (421, 403)


async def test_a_bug_is_an_answer_and_not_a_silence(caplog: pytest.LogCaptureFixture) -> None:
    """500 with an id that the log has; the daemon goes on."""
    async with open_daemon() as daemon:
        cast("Any", daemon.hub).sessions._connected["bad"] = {None: None}
        answer = await daemon.request("GET", "/api/connections")
        assert (answer.status, answer.json()["code"]) == (500, "internal_error")
        assert answer.json()["error_id"] in caplog.text
        del daemon.hub.sessions._connected["bad"]
        assert (await daemon.request("GET", "/api/connections")).status == 200
        assert json.loads(answer.body)["message"]
