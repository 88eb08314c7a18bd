"""A run on a daemon; `test_run.py` and `test_watch.py` type it, this looks at what breaks on the way."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.cli.display import PlainLines
from bluev_actors.cli.follow import LEFT, until_interrupted
from bluev_actors.cli.order import Order
from bluev_actors.cli.there import run_there, watch_there
from bluev_actors.errors import RunNotFoundError, UnreachableError
from bluev_actors.workflows.options import RunOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluev_actors.client.feed import RunUpdate
    from bluev_actors.client.rest import Rest
    from bluev_actors.workflows.run_state import RunState
    from bluev_actors.workflows.values import Json
    from tests.cli.conftest import Documents


class Pressing(PlainLines):
    """A display that presses Ctrl-C as soon as it sees something."""

    def show(self, updates: Sequence[RunUpdate], state: RunState) -> None:
        """Show it, and press."""
        super().show(updates, state)
        signal.raise_signal(signal.SIGINT)


def order(document: Json, display: PlainLines) -> Order:
    """An order of this document."""
    return Order("w.json", document, {}, RunOptions(), "there", display)


async def test_to_its_end(daemon: str, documents: Documents, capsys: pytest.CaptureFixture[str]) -> None:
    """Shown, and its exit code; then again from a place, as a watcher."""
    document = documents.failing(id="there-end")
    assert await until_interrupted(partial(run_there, order(document, PlainLines()), daemon)) == 1
    shown = capsys.readouterr().out
    run_id = shown.splitlines()[0].rpartition(" ")[2]
    assert await until_interrupted(partial(watch_there, daemon, run_id, 0, PlainLines())) == 1
    assert capsys.readouterr().out == shown


async def test_ctrl_c_leaves(daemon: str, rest: Rest, documents: Documents, capsys: pytest.CaptureFixture[str]) -> None:
    """With how to come back; the run goes on."""
    document = documents.waiting(id="there-left")
    assert await until_interrupted(partial(run_there, order(document, Pressing()), daemon)) == LEFT
    run_id = capsys.readouterr().err.split()[-1]
    assert rest.run(run_id)["state"] == "running"
    rest.post(f"/api/runs/{run_id}/stop")


async def test_left_by_somebody_else(daemon: str, documents: Documents, capsys: pytest.CaptureFixture[str]) -> None:
    """A time limit around it is no Ctrl-C: there is nothing to say."""
    document = documents.waiting(id="there-cancelled")
    with trio.move_on_after(0.5) as scope:
        await until_interrupted(partial(run_there, order(document, PlainLines()), daemon))
    assert scope.cancelled_caught
    assert capsys.readouterr().err == ""


async def test_nobody_there(documents: Documents) -> None:
    """The error comes out bare."""
    with pytest.raises(UnreachableError):
        await until_interrupted(partial(run_there, order(documents.hello(), PlainLines()), "127.0.0.1:1"))


async def test_no_such_run(daemon: str) -> None:
    """Nor a watcher's."""
    with pytest.raises(RunNotFoundError):
        await until_interrupted(partial(watch_there, daemon, "none", 0, PlainLines()))
