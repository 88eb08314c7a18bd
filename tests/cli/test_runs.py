"""`ps` and `show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from bluev_actors.cli.runs import row

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from bluev_actors.client.rest import Rest
    from bluev_actors.workflows.values import JsonObject
    from tests.cli.conftest import Documents


def start(rest: Rest, document: JsonObject, **more: str) -> str:
    """Start a run; returns its id."""
    return str(rest.post("/api/runs", {"workflow": document, **more})["run_id"])


def rows(shown: Result) -> list[list[str]]:
    """The cells of a table, without its heads."""
    return [line.split("  ") for line in shown.stdout.splitlines()[1:]]


def test_ps(daemon: str, rest: Rest, type_in: Callable[..., Result], documents: Documents) -> None:
    """Newest first, with what one wants to know of each."""
    first = start(rest, documents.hello(id="ps"), session_id="me")
    type_in("watch", first, "--url", daemon)
    second = start(rest, documents.waiting(id="ps"))
    shown = type_in("ps", "--workflow", "ps", "--url", daemon)
    assert shown.stdout.splitlines()[0].split() == ["RUN", "WORKFLOW", "STATE", "DONE", "ELAPSED", "SESSION"]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows(shown)]
    assert [row[0] for row in cells] == [second, first]
    assert [row[2:4] for row in cells] == [["running", "0/2"], ["completed", "1/1"]]
    assert [row[5] for row in cells] == ["-", "me"]
    rest.post(f"/api/runs/{second}/stop")


def test_ps_of_a_state(daemon: str, rest: Rest, type_in: Callable[..., Result], documents: Documents) -> None:
    """A filter, and the limit is told when it cuts."""
    for _ in range(2):
        type_in("watch", start(rest, documents.failing(id="ps-state")), "--url", daemon)
    shown = type_in("ps", "--workflow", "ps-state", "--state", "failed", "--limit", 1, "--url", daemon)
    assert len(shown.stdout.splitlines()) == 3
    assert shown.stdout.splitlines()[-1] == "there are more than 1"
    assert len(rows(type_in("ps", "--workflow", "ps-state", "--state", "completed", "--url", daemon))) == 0


def test_ps_as_json(daemon: str, type_in: Callable[..., Result]) -> None:
    """The answer of the daemon as it is."""
    assert "runs" in orjson.loads(type_in("ps", "--json", "--url", daemon).stdout)


@pytest.mark.parametrize(("finished", "elapsed"), [(None, "1.50 s"), ("2001-09-09T01:46:40.500000Z", "0.50 s")])
def test_elapsed(finished: str | None, elapsed: str) -> None:
    """Up to now, or up to the end."""
    run: JsonObject = {
        "run_id": "r", "workflow_id": "w", "session_id": "", "state": "x", "nodes": {"total": 0},
        "started_at": "2001-09-09T01:46:40Z", "finished_at": finished,
    }  # fmt: skip
    assert row(run, 1_000_000_001.5)[4] == elapsed
    assert row({**run, "started_at": None}, 0)[4] == "-"


def test_show(daemon: str, rest: Rest, type_in: Callable[..., Result], documents: Documents) -> None:
    """Every node with its outputs, and how it ended."""
    run_id = start(rest, documents.hello(id="show"))
    type_in("watch", run_id, "--url", daemon)
    shown = type_in("show", "show", "--url", daemon)
    head, heads, node, *end = shown.stdout.splitlines()
    assert head == f"show is completed: run {run_id}"
    assert heads.split() == ["NODE", "TYPE", "STATE", "TIME", "WHAT"]
    assert node.split()[:3] == ["a", "constant", "completed"]
    assert node.endswith("value = 2")
    assert end[-1] == "  a: value = 2"


def test_show_of_a_live_run(daemon: str, rest: Rest, type_in: Callable[..., Result], documents: Documents) -> None:
    """Pending nodes too, and no end yet."""
    run_id = start(rest, documents.waiting(id="show-live"))
    shown = type_in("show", run_id, "--url", daemon)
    assert [line.split()[2] for line in shown.stdout.splitlines()[2:]] == ["running", "pending"]
    assert orjson.loads(type_in("show", run_id, "--json", "--url", daemon).stdout)["run_id"] == run_id
    rest.post(f"/api/runs/{run_id}/stop")
