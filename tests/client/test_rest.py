"""The REST client: addresses, answers and refusals, over a transport in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from bluev_actors.client.rest import Rest, run_path
from bluev_actors.errors import RequestTimeoutError, RunNotFoundError, ServerRefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.workflows.values import Json, JsonObject

Answer = tuple[int, "Json"]


def rest(*answers: tuple[int, Json], asked: list[httpx.Request] | None = None) -> Rest:
    """A daemon that gives these answers, one after the other."""
    left = iter(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        status, body = next(left)
        return httpx.Response(status, json=body)

    return Rest("http://host:1/proxy", transport=httpx.MockTransport(handle))


def broken(error: Exception) -> Rest:
    """A network that fails like this."""

    def handle(_request: httpx.Request) -> httpx.Response:
        raise error

    return Rest("http://host:1", transport=httpx.MockTransport(handle))


NOT_FOUND = (404, {"code": "not_found", "message": "there is no run 'w'"})


def listed(*states: str) -> tuple[int, JsonObject]:
    """A list of runs of workflow `w`, newest first, in these states."""
    return 200, {"runs": [{"run_id": f"run-{n}", "state": state} for n, state in enumerate(states)]}


def test_get_and_post() -> None:
    """Paths, queries and bodies arrive as given, behind a proxy's prefix too."""
    asked = list[httpx.Request]()
    with rest((200, {"a": 1}), (201, []), (200, 5), asked=asked) as daemon:
        assert daemon.get("/api/runs", state="paused", limit=5) == {"a": 1}
        assert daemon.post("/api/broadcast", {"hi": 1}, event_type="news") == []
        assert daemon.post("/api/runs/r/resume") == 5
    assert [(r.method, str(r.url)) for r in asked] == [
        ("GET", "http://host:1/proxy/api/runs?state=paused&limit=5"),
        ("POST", "http://host:1/proxy/api/broadcast?event_type=news"),
        ("POST", "http://host:1/proxy/api/runs/r/resume"),
    ]
    assert [r.content for r in asked] == [b"", b'{"hi":1}', b"{}"]
    assert asked[1].headers["content-type"] == "application/json"


def test_a_refusal() -> None:
    """With the daemon's code, sentence and path."""
    body = {"code": "bad_message", "message": "no such mode", "path": "mode"}
    with rest((400, body)) as daemon, pytest.raises(ServerRefusedError, match="no such mode") as caught:
        daemon.post("/api/runs/r/pause", {"mode": "x"})
    assert (caught.value.code, caught.value.path) == ("bad_message", "mode")


@pytest.mark.parametrize("body", [{}, [], "no"])
def test_a_refusal_without_our_words(body: Json) -> None:
    """A proxy's own error still has a code to go by."""
    with rest((502, body)) as daemon, pytest.raises(ServerRefusedError) as caught:
        daemon.get("/api/runs")
    assert caught.value.code == "http_502"


def test_somebody_elses_page() -> None:
    """What is no JSON is no daemon."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>"))
    with (
        Rest("http://host:1", transport=transport) as daemon,
        pytest.raises(UnreachableError, match="something else does, with HTTP status 200"),
    ):
        daemon.get("/api/runs")


@pytest.mark.parametrize(
    ("failure", "expected", "words"),
    [
        (httpx.ConnectError("refused"), UnreachableError, "no daemon answers at http://host:1: refused"),
        (httpx.ReadTimeout("slow"), RequestTimeoutError, "no answer in time"),
        (httpx.RemoteProtocolError("nonsense"), UnreachableError, "nonsense"),
    ],
)
def test_a_broken_network(failure: Exception, expected: type[Exception], words: str) -> None:
    """Each failure in our words, with the address."""
    with broken(failure) as daemon, pytest.raises(expected, match=words):
        daemon.get("/api/runs")


def by_id(daemon: Rest) -> str:
    """Find a run the short way."""
    return daemon.find_run("w")


def by_show(daemon: Rest) -> str:
    """Find it with all that is known of it."""
    return str(daemon.run("w")["run_id"])


RUN = (200, {"run_id": "run-1", "state": "running"})
either_way = pytest.mark.parametrize("find", [by_id, by_show])


def test_a_run_by_its_own_id() -> None:
    """One question is enough."""
    with rest(RUN) as daemon:
        assert daemon.find_run("run-1") == "run-1"
    with rest(RUN) as daemon:
        assert daemon.run("run-1") == RUN[1]


@either_way
def test_a_run_by_its_workflow(find: Callable[[Rest], str]) -> None:
    """Its one live run is meant, even when a newer one has ended."""
    with rest(NOT_FOUND, listed("completed", "running", "failed"), RUN) as daemon:
        assert find(daemon) == "run-1"


def test_the_latest_run_of_a_workflow() -> None:
    """When none is live."""
    with rest(NOT_FOUND, listed("stopped", "completed")) as daemon:
        assert daemon.find_run("w") == "run-0"


@either_way
def test_several_live_runs(find: Callable[[Rest], str]) -> None:
    """Somebody has to choose; the error says among which."""
    with (
        rest(NOT_FOUND, listed("running", "paused")) as daemon,
        pytest.raises(ServerRefusedError, match="run-0, run-1") as caught,
    ):
        find(daemon)
    assert caught.value.code == "ambiguous_run"


@either_way
def test_nothing_of_that_name(find: Callable[[Rest], str]) -> None:
    """Neither a run nor a workflow."""
    with rest(NOT_FOUND, listed()) as daemon, pytest.raises(RunNotFoundError, match="'w'"):
        find(daemon)


def test_another_refusal_is_not_hidden() -> None:
    """A daemon that is going down is not a missing run."""
    with (
        rest((503, {"code": "draining", "message": "going down"})) as daemon,
        pytest.raises(ServerRefusedError, match="going down"),
    ):
        daemon.find_run("w")


@pytest.mark.parametrize(
    ("run_id", "path"), [("r-1", "/api/runs/r-1"), ("a/b c", "/api/runs/a%2Fb%20c"), ("ü", "/api/runs/%C3%BC")]
)
def test_ids_in_addresses(run_id: str, path: str) -> None:
    """Whatever an id holds, it stays one part of the path."""
    assert run_path(run_id) == path
    assert run_path(run_id, "stop") == f"{path}/stop"
