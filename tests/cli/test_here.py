"""A run in this process; `test_run.py` types it, this looks at what a signal does."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.cli.catalogue import open_catalogue
from bluev_actors.cli.display import PlainLines
from bluev_actors.cli.follow import LEFT, until_interrupted
from bluev_actors.cli.here import engine_settings, run_here
from bluev_actors.cli.order import Order
from bluev_actors.daemon.engine import open_engine
from bluev_actors.errors import InvalidWorkflowError, NodeTypeError, RefusedError
from bluev_actors.workflows.options import Rerun, RunOptions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bluev_actors.client.feed import RunUpdate
    from bluev_actors.workflows.run_state import RunState
    from bluev_actors.workflows.values import Json
    from tests.cli.conftest import Documents


class Pressing(PlainLines):
    """A display that presses Ctrl-C as soon as it sees something, so often."""

    def __init__(self, times: int = 1) -> None:
        self.left = times

    def show(self, updates: Sequence[RunUpdate], state: RunState) -> None:
        """Show it, and press."""
        super().show(updates, state)
        if self.left:
            self.left -= 1
            signal.raise_signal(signal.SIGINT)


def order(document: Json, display: PlainLines, options: RunOptions | None = None) -> Order:
    """An order of this document."""
    return Order("w.json", document, {}, options or RunOptions(), None, display)


async def end(what: Order, **flags: object) -> int:
    """What the process would end with."""
    return await until_interrupted(partial(run_here, what, engine_settings(flags)))


async def test_a_run_to_its_end(documents: Documents, capsys: pytest.CaptureFixture[str]) -> None:
    """Shown, and its exit code."""
    assert await end(order(documents.failing(), PlainLines())) == 1
    assert "a failed: it broke" in capsys.readouterr().out


async def test_one_ctrl_c_stops_in_order(documents: Documents, capsys: pytest.CaptureFixture[str]) -> None:
    """The end is shown, as of any run."""
    assert await end(order(documents.waiting(), Pressing())) == LEFT
    shown = capsys.readouterr()
    assert "wait cancelled (stopped)" in shown.out
    assert shown.out.splitlines()[-1].startswith("stopped in ")
    assert shown.err.startswith("Stopping.")


async def test_two_end_at_once(documents: Documents) -> None:
    """Even a node that cleans up for long does not keep the process."""
    with trio.fail_after(5):
        assert await end(order(documents.waiting(), Pressing(2))) == LEFT


async def test_what_cannot_be_started(documents: Documents) -> None:
    """Errors come out bare, for the front desk to tell."""
    with pytest.raises(NodeTypeError, match="pyton"):
        await end(order(documents.hello(), PlainLines()), allow=("pyton",))
    with pytest.raises(RefusedError):
        await end(order(documents.hello(), PlainLines(), RunOptions(rerun=Rerun(from_run="x"))))


# --- in a folder ------------------------------------------------------------------------------------------


async def leave(what: Order, folder: Path) -> str:
    """Begin the run and be gone, as a process that is killed is."""
    settings = engine_settings({"data_dir": str(folder)})
    async with open_engine(settings, open_catalogue()) as runtime:
        return (await runtime.start(what.document)).run_id


async def test_what_was_not_finished_goes_on(
    documents: Documents, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same words again, and the same run comes to its end."""
    what = order(documents.waiting(1.0), PlainLines())
    run_id = await leave(what, tmp_path)
    assert await end(what, data_dir=str(tmp_path)) == 0
    shown = capsys.readouterr()
    assert shown.err == f"{run_id} did not come to its end the last time, and goes on.\n"
    assert "wait completed" in shown.out
    assert await end(order(documents.hello(id="chain"), PlainLines()), data_dir=str(tmp_path)) == 0


async def test_another_run_of_the_workflow_is_in_the_way(documents: Documents, tmp_path: Path) -> None:
    """What was changed meanwhile is another workflow; which of them is meant is not for us to say."""
    run_id = await leave(order(documents.waiting(), PlainLines()), tmp_path)
    with pytest.raises(RefusedError, match=run_id):
        await end(order(documents.waiting(61), PlainLines()), data_dir=str(tmp_path))


async def test_others_in_the_folder_are_told_of(
    documents: Documents, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They had a little time, and wait for more."""
    await leave(order(documents.waiting(), PlainLines()), tmp_path)
    assert await end(order(documents.hello(id="other"), PlainLines()), data_dir=str(tmp_path)) == 0
    assert capsys.readouterr().err.startswith(f"1 other run in {tmp_path} ")


async def test_what_is_no_document(tmp_path: Path) -> None:
    """Is refused as ever."""
    with pytest.raises(InvalidWorkflowError):
        await end(order([], PlainLines()), data_dir=str(tmp_path))
