"""`pause`, `resume`, `stop`, `signal`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from bluev_actors.client.rest import Rest
    from tests.cli.conftest import Documents


@pytest.fixture
def run_id(rest: Rest, documents: Documents, request: pytest.FixtureRequest) -> str:
    """A run that takes long, of a workflow named after the test."""
    document = documents.waiting(id=request.node.name)
    return str(rest.post("/api/runs", {"workflow": document})["run_id"])


def test_pause_resume_stop(run_id: str, daemon: str, type_in: Callable[..., Result]) -> None:
    """Each says what the run is, or is turning into."""
    said = [type_in(*words, run_id, "--url", daemon) for words in (["pause", "--mode", "hard"], ["resume"], ["stop"])]
    assert [result.exit_code for result in said] == [0, 0, 0]
    name = f"test_pause_resume_stop ({run_id}) is "
    assert [result.stdout.strip().removeprefix(name) for result in said] == ["pausing", "running", "stopping"]


def test_by_the_workflow(run_id: str, daemon: str, rest: Rest, type_in: Callable[..., Result]) -> None:
    """Its live run is meant."""
    assert type_in("stop", "test_by_the_workflow", "--mode", "kill", "--url", daemon).exit_code == 0
    assert rest.run(run_id)["state"] in ("stopping", "stopped")


def test_json(run_id: str, daemon: str, type_in: Callable[..., Result]) -> None:
    """The reply of the wire."""
    reply = orjson.loads(type_in("stop", run_id, "--json", "--url", daemon).stdout)
    assert (reply["type"], reply["action"], reply["status"]) == ("workflow_control_response", "stop", "acknowledged")


def test_a_pause_with_an_end(run_id: str, daemon: str, rest: Rest, type_in: Callable[..., Result]) -> None:
    """`--until` and `--timeout` reach the run."""
    words = ["--until", "2001-01-01T00:00:00Z", "--timeout", 50]
    assert type_in("pause", run_id, *words, "--url", daemon).exit_code == 0
    rest.post(f"/api/runs/{run_id}/stop")


def test_too_late(run_id: str, daemon: str, rest: Rest, type_in: Callable[..., Result]) -> None:
    """An ended run is not paused; the daemon's sentence says so."""
    rest.post(f"/api/runs/{run_id}/stop", {"mode": "kill"})
    type_in("watch", run_id, "--url", daemon)
    shown = type_in("pause", run_id, "--url", daemon)
    assert shown.exit_code == 1
    assert "ended" in shown.stderr


@pytest.mark.parametrize("words", [["pause", "x", "--mode", "kill"], ["stop", "x", "--mode", "drain"], ["pause"]])
def test_bad_usage(words: list[str], type_in: Callable[..., Result]) -> None:
    """A mode that does not fit is told before anybody is asked."""
    assert type_in(*words).exit_code == 2


def test_nobody_there(type_in: Callable[..., Result]) -> None:
    """4, with what to do."""
    shown = type_in("stop", "x", env={"BLUEV_ACTORS_URL": "http://127.0.0.1:1"})
    assert shown.exit_code == 4
    assert "bluev-actors serve" in shown.stderr


# --- answering a node -----------------------------------------------------------------------------------------


@pytest.fixture
def asking(rest: Rest, request: pytest.FixtureRequest) -> str:
    """A run whose one node waits for an answer, of a workflow named after the test."""
    document = {"id": request.node.name, "nodes": [{"id": "ask", "type": "wait_signal"}], "connections": []}
    return str(rest.post("/api/runs", {"workflow": document})["run_id"])


def told(rest: Rest, run_id: str) -> object:
    """What the node was told, once the run is over."""
    while rest.run(run_id)["state"] != "completed":
        pass
    return rest.run(run_id)["outputs"]["ask"]["payload"]


def test_an_answer(asking: str, daemon: str, rest: Rest, type_in: Callable[..., Result]) -> None:
    """JSON on the command line."""
    shown = type_in("signal", asking, "ask", "--payload", '{"ok": true}', "--url", daemon)
    assert (shown.exit_code, shown.stdout) == (0, f"ask of {asking} has its answer\n")
    assert told(rest, asking) == {"ok": True}


def test_an_answer_from_standard_input(asking: str, daemon: str, rest: Rest, type_in: Callable[..., Result]) -> None:
    """By the workflow; and the reply of the wire."""
    name = "test_an_answer_from_standard_input"
    shown = type_in("signal", name, "ask", "--payload", "-", "--json", "--url", daemon, text="[1, 2]")
    assert orjson.loads(shown.stdout)["type"] == "signal_response"
    assert told(rest, asking) == [1, 2]


def test_an_answer_that_says_nothing(asking: str, daemon: str, rest: Rest, type_in: Callable[..., Result]) -> None:
    """Is null; whoever comes after it is too late."""
    assert type_in("signal", asking, "ask", "--url", daemon).exit_code == 0
    assert told(rest, asking) is None
    late = type_in("signal", asking, "ask", "--url", daemon)
    assert (late.exit_code, "ended" in late.stderr) == (1, True)


def test_answers_that_reach_nobody(asking: str, daemon: str, rest: Rest, type_in: Callable[..., Result]) -> None:
    """No such node, and no JSON."""
    nobody = type_in("signal", asking, "gone", "--url", daemon)
    assert (nobody.exit_code, "no node 'gone'" in nobody.stderr) == (1, True)
    broken = type_in("signal", asking, "ask", "--payload", "{", "--url", daemon)
    assert (broken.exit_code, "the payload:1:" in broken.stderr) == (2, True)
    rest.post(f"/api/runs/{asking}/stop")
