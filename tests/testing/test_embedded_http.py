"""One HTTP request to an embedded daemon."""

from __future__ import annotations

from bluev_actors.testing.documents import step, workflow
from bluev_actors.testing.embedded import open_daemon

VIRTUAL_TIME = True

QUICK = workflow("quick", step("a", "constant", value=1))


async def test_requests() -> None:
    """JSON in and out, or bytes as they are."""
    async with open_daemon() as daemon:
        answer = await daemon.request("POST", "/api/validate", {"workflow": QUICK})
        assert (answer.status, answer.json()["errors"]) == (200, [])
        assert answer.headers["content-type"] == "application/json"
        assert (await daemon.request("POST", "/api/validate", b"nonsense")).status == 400
        assert (await daemon.request("HEAD", "/healthz")).body == b""
