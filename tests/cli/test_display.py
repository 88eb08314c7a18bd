"""Which display is chosen, and what the two plain ones write."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import orjson
import pytest

from bluev_actors.cli.display import JsonLines, PlainLines, choose_display, note
from bluev_actors.cli.live import LivePicture
from bluev_actors.cli.outline import Outline
from bluev_actors.protocol.messages import NodeProgressMessage, NodeStatusUpdate
from bluev_actors.workflows.run_state import RunState

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject

OUTLINE = Outline("w", {"a": "noop"})
HEAD: JsonObject = {
    "timestamp": "2001-09-09T01:46:40Z",
    "workflow_id": "w",
    "run_id": "r",
    "node_id": "a",
    "attempt": 1,
}
NODE = NodeStatusUpdate(**HEAD, seq=2, cursor="2", status="running")
PROGRESS = NodeProgressMessage(**HEAD, fraction=0.5)


class Tty(io.StringIO):
    """A standard output that is a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.mark.parametrize(
    ("stdout", "term", "as_json", "expected"),
    [
        (Tty(), "xterm", False, LivePicture),
        (Tty(), "dumb", False, PlainLines),
        (io.StringIO(), "xterm", False, PlainLines),
        (Tty(), "xterm", True, JsonLines),
    ],
)
def test_what_suits_the_output(
    stdout: io.StringIO, term: str, *, as_json: bool, expected: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture on a terminal that can draw one, lines elsewhere, JSON when asked."""
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setenv("TERM", term)
    assert type(choose_display(OUTLINE, as_json=as_json)) is expected


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """One message a line, as on the wire, and nothing for an empty batch or the end."""
    display = JsonLines()
    display.show([NODE, PROGRESS], RunState("r", "w"))
    display.show([], RunState("r", "w"))
    display.close(RunState("r", "w", status="completed"))
    lines = [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["type"], line.get("seq")) for line in lines] == [("node_status_update", 2), ("node_progress", None)]


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for what deserves one, and the end; nothing when the run was left before it."""
    display, state = PlainLines(), RunState("r", "w", started_at=1_000_000_000.0)
    display.show([NODE, PROGRESS], state)
    display.show([PROGRESS], state)
    display.close(state)
    assert capsys.readouterr().out == "    0.000  a running\n"
    state.status = "stopped"
    display.close(state)
    assert capsys.readouterr().out == "stopped in 0.0 ms\n"


def test_notes_go_to_the_other_side(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output belongs to the run."""
    note("by the way")
    assert capsys.readouterr() == ("", "by the way\n")
