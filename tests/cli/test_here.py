"""A run in this process; `test_run.py` types it, this looks at what a signal does."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.cli.display import PlainLines
from bluev_actors.cli.follow import LEFT, until_interrupted
from bluev_actors.cli.here import run_here
from bluev_actors.cli.order import Order
from bluev_actors.errors import NodeTypeError, RefusedError
from bluev_actors.workflows.options import Rerun, RunOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

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


async def end(what: Order, *allow: str) -> int:
    """What the process would end with."""
    return await until_interrupted(partial(run_here, what, (), allow))


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
        await end(order(documents.hello(), PlainLines()), "pyton")
    with pytest.raises(RefusedError):
        await end(order(documents.hello(), PlainLines(), RunOptions(rerun=Rerun(from_run="x"))))
