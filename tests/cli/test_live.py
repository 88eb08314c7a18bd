"""The living picture, on a terminal made of text."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from bluev_actors.cli.live import DRAWING_SHARE, FASTEST_PACE, Frame, LivePicture
from bluev_actors.cli.outline import Outline
from bluev_actors.cli.picture import Word
from bluev_actors.protocol.messages import NodeLogMessage, NodeStatusUpdate
from bluev_actors.workflows.run_state import NodeState, RunState

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject

OUTLINE = Outline("w", {"a": "noop", "b": "delay"})
HEAD: JsonObject = {"timestamp": "2001-09-09T01:46:40Z", "workflow_id": "w", "run_id": "r", "seq": 1, "attempt": 1}
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Screen(io.StringIO):
    """What a terminal with this character set is sent."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override] # of a text stream it can be read only, too
        """Its character set."""
        return self._encoding


def picture(screen: Screen, height: int = 12) -> LivePicture:
    """A picture on such a terminal."""
    console = Console(file=screen, force_terminal=True, width=60, height=height, highlight=False, markup=False)
    return LivePicture(OUTLINE, console)


def running() -> RunState:
    """One node runs."""
    return RunState("r", "w", started_at=1e9, nodes={"a": NodeState("running", first_started_at=1e9)})


def test_frames_replace_each_other() -> None:
    """The second stands where the first one was."""
    screen = Screen()
    live, state = picture(screen), running()
    live.show([], state)
    assert "● " in screen.getvalue()
    screen.truncate(0)
    state.nodes["a"].status = "completed"
    live.show([], state)
    assert screen.getvalue().count("\x1b[1A") == 3
    assert "✓ " in screen.getvalue()
    live.close(state)


def test_the_cursor_comes_back() -> None:
    """Also when the run is left in the middle."""
    screen = Screen()
    live = picture(screen)
    live.show([], running())
    assert (HIDE in screen.getvalue(), SHOW in screen.getvalue()) == (True, False)
    live.close(running())
    assert SHOW in screen.getvalue()


def test_the_end_stands_below_the_last_frame() -> None:
    """How it ended, and the results."""
    screen = Screen()
    live, state = picture(screen), running()
    live.show([], state)
    state.status, state.results = "completed", {"b": {"value": 2}}
    live.close(state)
    assert screen.getvalue().endswith("completed in 0.0 ms\n  b: value = 2\n")


def test_logs_go_above() -> None:
    """What nodes say is kept; their changes of status are in the picture already."""
    screen = Screen()
    log = NodeLogMessage(**HEAD, node_id="a", level="info", message="half [bold]way[/bold]\x1b[2J")
    live = picture(screen)
    live.show([log, NodeStatusUpdate(**HEAD, node_id="a", status="running")], running())
    live.close(running())
    assert "a says (info): half [bold]way[/bold]\\x1b[2J\n" in screen.getvalue()
    assert "a running" not in screen.getvalue()


def test_a_terminal_with_few_letters() -> None:
    """Where the icons cannot be written, plain signs stand in."""
    screen = Screen("ascii")
    live = picture(screen)
    live.show([], running())
    live.close(running())
    assert screen.getvalue().isascii()
    assert "> " in screen.getvalue()


@pytest.mark.parametrize("height", [4, 5, 24])
def test_no_frame_is_higher_than_the_screen(height: int) -> None:
    """Or rich could not take it back."""
    screen = Screen()
    console = Console(file=screen, force_terminal=True, width=60, height=height)
    live = LivePicture(Outline("w", {f"n{i}": "noop" for i in range(100)}), console)
    live.show([], RunState("r", "w"))
    live.close(RunState("r", "w"))
    assert screen.getvalue().count("\x1b[1A") <= height - 1


def test_a_large_run_is_drawn_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing never takes more than its small share of the time."""
    ticks = iter([0.0, 0.5, 1.0, 1.001])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    live = picture(Screen())
    assert live.pace == FASTEST_PACE
    live.show([], running())
    assert live.pace == pytest.approx(0.5 / DRAWING_SHARE)
    live.show([], running())
    assert live.pace == FASTEST_PACE
    live.close(running())


def test_words_keep_their_styles() -> None:
    """And a row ends its line."""
    screen = Screen()
    Console(file=screen, force_terminal=True, color_system="standard").print(
        Frame([[Word("x", "green"), Word("y")]]), end=""
    )
    assert screen.getvalue() == "\x1b[32mx\x1b[0my\n"


def test_a_run_too_quick_to_be_watched_leaves_its_picture() -> None:
    """Whoever looks sees how it went, and gets the cursor back."""
    screen = Screen()
    live, state = picture(screen), running()
    state.nodes["a"].status = "completed"
    state.status, state.finished_at = "completed", 1e9
    live.close(state)
    drawn = screen.getvalue()
    assert "✓ " in drawn
    assert drawn.index(HIDE) < drawn.index(SHOW) < drawn.index("completed in")
