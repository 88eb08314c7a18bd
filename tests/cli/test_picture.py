"""One frame of the living picture: right, safe and bounded, whatever the run."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.cli.outline import Outline
from bluev_actors.cli.picture import ASCII_ICONS, ICONS, STYLES, Row, frame, node_note, node_time
from bluev_actors.workflows.run_events import ErrorDetail, NodeProgress, NodeStatus, RunStatus
from bluev_actors.workflows.run_state import NodeState, RunState

NOW = 1_000.0
statuses = st.sampled_from(get_args(NodeStatus))


def texts(rows: list[Row]) -> list[str]:
    """The rows without their styles."""
    return ["".join(word.text for word in row).rstrip() for row in rows]


def draw(state: RunState, types: dict[str, str], size: tuple[int, int] = (80, 24)) -> list[str]:
    """A frame as text."""
    return texts(list(frame(state, Outline("w", types), NOW, size)))


def run_of(nodes: dict[str, NodeState]) -> RunState:
    """A run that began ten seconds ago."""
    return RunState("r", "w", started_at=NOW - 10, nodes=nodes)


def test_a_small_run_is_shown_whole() -> None:
    """Every node, pending ones too, in the order of the document."""
    nodes = {
        "a": NodeState("completed", 1, first_started_at=1, finished_at=1.5, outputs={"value": 2}),
        "longer": NodeState("running", 1, first_started_at=NOW - 3),
    }
    assert draw(run_of(nodes), {"a": "constant", "longer": "delay", "z": "noop"}) == [
        "w  running  10.00 s",
        "✓ a       constant  completed    0.50 s  value = 2",
        "● longer  delay     running      3.00 s",
        "· z       noop      pending",
        "━━━━━━━━━━━━━───────────────────────────  1 of 3",
    ]


def test_before_the_first_event() -> None:
    """There is a picture of a run of which nothing is known yet."""
    assert draw(RunState("r", "w"), {"a": "noop"})[0] == "w  running  0.0 ms"


def test_an_ended_run_stands_still() -> None:
    """Its time is its own, not the clock's."""
    state = run_of({"a": NodeState("completed")})
    state.status, state.finished_at = "completed", NOW - 8
    assert draw(state, {"a": "noop"}) == draw(state, {"a": "noop"})
    assert draw(state, {"a": "noop"})[0] == "w  completed  2.00 s"
    assert draw(state, {"a": "noop"})[-1].endswith("1 of 1")


def test_a_large_run_is_counted() -> None:
    """The failed first, then the active ones, and the counts of all."""
    nodes = {f"n{i}": NodeState("completed") for i in range(50)}
    nodes |= {"active": NodeState("running", first_started_at=NOW), "broken": NodeState("failed")}
    types = dict.fromkeys([*nodes, *(f"later{i}" for i in range(48))], "noop")
    shown = draw(run_of(nodes), types, (80, 10))
    assert [line.split()[1] for line in shown[1:3]] == ["broken", "active"]
    assert shown[3] == "  50 completed, 1 failed, 48 pending, 1 running"
    assert shown[4].endswith("51 of 100")


@given(
    st.dictionaries(st.text(max_size=8), statuses, max_size=60),
    st.integers(0, 60),
    st.integers(20, 200),
    st.integers(4, 40),
)
def test_it_never_outgrows_its_place(known: dict[str, NodeStatus], more: int, width: int, height: int) -> None:
    """For any graph and any terminal: bounded height, no control characters, as many done as have ended."""
    state = run_of({node_id: NodeState(status) for node_id, status in known.items()})
    types = dict.fromkeys([*known, *(f"pending {i}" for i in range(more))], "a type\x1b[2J")
    shown = draw(state, types, (width, height))
    assert len(shown) <= height
    assert not any(ord(char) < 0x20 for line in shown for char in line)
    assert shown[-1].endswith(f"{sum(node.ended for node in state.nodes.values())} of {len(types)}")


@pytest.mark.parametrize(
    ("node", "note"),
    [
        (NodeState("failed", error=ErrorDetail("x", "it broke\n")), "it broke\\x0a"),
        (NodeState("running", progress=NodeProgress("a", 1, fraction=0.25)), "25%"),
        (NodeState("running", progress=NodeProgress("a", 1, done=3, total=9, message="rows")), "3 of 9  rows"),
        (NodeState("running", progress=NodeProgress("a", 1, done=3)), "3"),
        (NodeState("running", progress=NodeProgress("a", 1, message="rows")), "rows"),
        (NodeState("completed", outputs={"out": None}), ""),
        (NodeState("skipped", reason="branch"), "branch"),
        (NodeState("completed", outputs={"text": "x" * 99}), 'text = "xxxxxxxxx...'),
    ],
)
def test_what_is_said_beside_a_node(node: NodeState, note: str) -> None:
    """The most telling thing there is, cut to its place."""
    assert node_note(node, 20) == note


def test_times_of_nodes() -> None:
    """A node that never began has none; a clock that runs behind shows no negative one."""
    assert node_time(NodeState("skipped"), NOW) == ""
    assert node_time(NodeState("running", first_started_at=NOW + 5), NOW) == "0.0 ms"


@pytest.mark.parametrize("status", get_args(NodeStatus))
def test_every_status_has_an_icon(status: str) -> None:
    """One cell wide, with a stand-in for terminals that lack it."""
    icon = ICONS[status]
    assert len(icon) == 1
    assert icon.translate(ASCII_ICONS).isascii()


def test_styles_are_of_statuses() -> None:
    """No colour for a status that does not exist."""
    assert STYLES.keys() <= {*get_args(NodeStatus), *get_args(RunStatus)}
