"""`pause`, `resume`, `stop`."""

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
