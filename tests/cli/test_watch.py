"""`watch`: a run that is there already."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import orjson
import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from click.testing import Result

    from bluev_actors.client.rest import Rest
    from bluev_actors.workflows.values import JsonObject
    from tests.cli.conftest import Documents


def start(rest: Rest, document: JsonObject) -> str:
    """Start a run behind the command's back; returns its id."""
    started: JsonObject = rest.post("/api/runs", {"workflow": document})
    return str(started["run_id"])


@pytest.mark.parametrize("by", ["run", "workflow"])
def test_a_finished_run_is_told_from_its_start(
    by: str, daemon: str, rest: Rest, type_in: Callable[..., Result], documents: Documents
) -> None:
    """By its id or its workflow's, as `run` would have told it."""
    run_id = start(rest, documents.failing(id=f"watch-{by}"))
    shown = type_in("watch", run_id if by == "run" else f"watch-{by}", "--url", daemon)
    assert shown.exit_code == 1
    assert shown.stdout.splitlines()[0].endswith(f"watch-{by} started, run {run_id}")
    assert shown.stdout.splitlines()[-1] == "error: node a failed: it broke"


def test_from_a_place(daemon: str, rest: Rest, type_in: Callable[..., Result], documents: Documents) -> None:
    """`--after` leaves out what is known already."""
    run_id = start(rest, documents.hello(id="watch-after"))
    shown = type_in("watch", run_id, "--after", 2, "--json", "--url", daemon)
    assert [orjson.loads(line)["seq"] for line in shown.stdout.splitlines()] == [3, 4]


def test_nothing_of_that_name(daemon: str, type_in: Callable[..., Result]) -> None:
    """Is told in words."""
    shown = type_in("watch", "nothing", "--url", daemon)
    assert (shown.exit_code, shown.stderr) == (1, "Error: there is no run or workflow called 'nothing'\n")


def test_ctrl_c_leaves_it(
    daemon: str, rest: Rest, launch: Callable[..., subprocess.Popen[str]], documents: Documents
) -> None:
    """130; whoever only watches stops nothing."""
    run_id = start(rest, documents.waiting(id="watch-left"))
    process = launch("watch", run_id, "--url", daemon, "--json")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert run_id in err
    assert rest.run(run_id)["state"] == "running"
    rest.post(f"/api/runs/{run_id}/stop")
