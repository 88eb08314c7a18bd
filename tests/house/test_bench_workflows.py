"""The workflow bench measures what it says, on graphs that are what they are called."""

from __future__ import annotations

import json
import subprocess
import venv
from typing import TYPE_CHECKING

import pytest
from bench import workflow_floors, workflow_ours, workflow_peers, workflows
from bench.duels import Case, Duel, Goal, choose, compare
from bench.workflow_peers import PEERS, PINS, Peer
from bench.workflow_shapes import (
    WIDTH,
    Document,
    chain,
    children_of,
    delays_of,
    document,
    fan,
    layered,
    layers_of,
    leaves_of,
    longest_path,
)
from bench.workflows import DUELS, cases, duels_of, graphs_in, main

from bluev_actors.workflows.run_events import NodeCompleted, NodeStarted, Recorded, RunEvent, RunStatusChanged

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="quick")
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sleepers that sleep less than a second."""
    monkeypatch.setattr(workflow_floors, "SECOND", 0.02)
    monkeypatch.setattr(workflow_ours, "SECOND", 0.5)
    monkeypatch.setattr(workflow_ours, "HELD", 0.05)


@pytest.fixture(name="no_peers")
def _no_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bench in which all peers are thought to be installed."""

    def install(peers: tuple[Peer, ...], _folder: Path) -> list[Peer]:
        return list(peers)

    monkeypatch.setattr(workflow_peers, "install", install)


# --- the graphs ---


def test_a_layered_graph_has_three_parents_a_node() -> None:
    """Each is of the layer above, and every run of the bench has the same graph."""
    parents = layered(3 * WIDTH)
    assert parents == layered(3 * WIDTH)
    assert [len(found) for found in parents] == [0] * WIDTH + [3] * 2 * WIDTH
    assert all(i // WIDTH - 1 == parent // WIDTH for i, found in enumerate(parents) for parent in found)
    assert [len(layer) for layer in layers_of(parents)] == [WIDTH] * 3


def test_a_fan_has_a_source_and_a_sink() -> None:
    """All leaves hang on the one and lead to the other."""
    assert fan(2) == [[], [0], [0], [1, 2]]
    assert children_of(fan(2)) == [[1, 2], [3], [3], []]
    assert leaves_of(fan(2)) == [3]
    assert layers_of(chain(3)) == [[0], [1], [2]]


def test_a_shape_and_its_document_are_the_same_graph() -> None:
    """What peers and floors walk is what our runs are made from."""
    parents = fan(3)
    workflow = document(parents, "delay", {"seconds": 2.0})
    assert delays_of(workflow) == (parents, [2.0] * len(parents))


def test_the_longest_path_is_the_slowest() -> None:
    """It goes by seconds, not by nodes, in whatever order these are."""
    assert longest_path([[1], []], [1.0, 2.0]) == 3.0
    assert longest_path([[], [], [0, 1]], [5.0, 1.0, 1.0]) == 6.0
    assert longest_path([], []) == 0.0


# --- the cases ---


@pytest.mark.usefixtures("no_peers")
def test_every_duel_is_between_cases_that_are_there(tmp_path: Path) -> None:
    """A slip in a name would leave a row out unseen, or measure what nobody looks at."""
    graphs = {"small": document(chain(2), "delay", {"seconds": 0.01})}
    here = cases(tmp_path, graphs, peers=True)
    named = {name for duel in (*DUELS, *duels_of(graphs)) for name in (duel.ours, duel.reference)}
    assert named == here.keys()


@pytest.mark.usefixtures("quick")
def test_a_tiny_run_gives_every_row(tmp_path: Path) -> None:
    """Every case of ours and of the floors runs through; how fast is not the question here."""
    graphs = {"small": document(chain(2), "delay", {"seconds": 0.01})}
    here = cases(tmp_path, graphs, peers=False)
    duels = choose([*DUELS, *duels_of(graphs)], here, "")
    rows = compare(duels, here, reps=1, scale=0.002)
    assert [it.name for it in rows] == [duel.name for duel in duels]
    assert not [it for it in rows if it.unit != "B" and not it.ours > 0]
    assert not list(tmp_path.iterdir())


async def test_a_run_that_goes_wrong_is_no_figure() -> None:
    """A graph that fails early would look quick."""
    workflow = document(chain(2), "fail", {"message": "no"})
    async with workflow_ours.open_engine(None) as runtime:
        with pytest.raises(SystemExit, match=r"the run went wrong: .* of 6"):
            await workflow_ours.seconds(runtime, workflow)


def test_what_a_pause_costs_is_not_what_it_lasts() -> None:
    """A delay that began at 0 and stood from 1 to 6 is due at 6 seconds, here 0.25 early and late."""

    def recorded(at: float, event: RunEvent) -> Recorded:
        return Recorded("run", "bench", 1, 1, at, event)

    events = [
        recorded(0.0, NodeStarted("a")),
        recorded(1.0, RunStatusChanged("pausing")),
        recorded(2.0, RunStatusChanged("paused")),
        recorded(6.0, RunStatusChanged("running")),
        recorded(6.0, NodeStarted("a")),
        recorded(5.0 + workflow_ours.SECOND - 0.25, NodeCompleted("a", 1, {})),
    ]
    assert workflow_ours.off(events) == pytest.approx(0.25)
    events[-1] = recorded(5.0 + workflow_ours.SECOND + 0.25, NodeCompleted("a", 1, {}))
    assert workflow_ours.off(events) == pytest.approx(0.25)


# --- the peers ---


def test_every_package_of_a_peer_has_its_version_fixed() -> None:
    """A figure is worth something only with the version it is about."""
    pinned = {line.split("==")[0] for line in PINS.read_text("utf-8").splitlines() if "==" in line}
    assert {package for peer in PEERS for package in peer.packages} == pinned


def test_a_peer_that_cannot_be_installed_is_told_loudly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody should take a table without a peer for one in which the peer was beaten."""
    made: list[Path] = []

    def run(_folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        broken = "broken" in arguments
        return subprocess.CompletedProcess(arguments, int(broken), "", "much\nno such package\n" if broken else "")

    def create(folder: Path, *, with_pip: bool) -> None:
        assert with_pip
        made.append(folder)

    monkeypatch.setattr(workflow_peers, "_run", run)
    monkeypatch.setattr(venv, "create", create)
    good, bad = Peer("good", ("good",), ()), Peer("bad", ("broken",), ())
    assert workflow_peers.install((good, bad), tmp_path) == [good]
    assert made == [tmp_path]
    assert capsys.readouterr().err == "cannot be installed: bad (no such package); ITS ROWS ARE LEFT OUT\n"


def test_a_peer_prints_its_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line counts, for some greet first; one that fails ends the bench with its own last words."""
    asked: list[tuple[str, ...]] = []

    def run(_folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        asked.append(arguments)
        return subprocess.CompletedProcess(arguments, int("0" in arguments), "hello\n12.5\n", "trace\nit broke\n")

    monkeypatch.setattr(workflow_peers, "_run", run)
    (case,) = workflow_peers.cases([Peer("some", (), (("chain", "chain", 7, ("row",)),))], tmp_path)
    assert (case.name, case.figure(case.times)) == ("some: chain", 12.5)
    script, shape, times, scratch, how = asked[0]
    assert (script, shape, times, how) == (str(workflow_peers.HERE / "workflow_some.py"), "chain", "7", "row")
    assert scratch.startswith(str(tmp_path))
    with pytest.raises(SystemExit, match="some went wrong: it broke"):
        case.figure(0)


def test_every_peer_has_its_program() -> None:
    """What the table names is there to be run."""
    assert all((workflow_peers.HERE / f"workflow_{peer.name}.py").exists() for peer in PEERS)


# --- the command ---


def test_graphs_are_read_from_a_folder(tmp_path: Path) -> None:
    """By name, without what says that they are graphs of delays; without a folder there are none."""
    for name in ("b.delay.json", "a.json"):
        (tmp_path / name).write_text(json.dumps({"id": name}), "utf-8")
    (tmp_path / "README.md").write_text("about them", "utf-8")
    assert list(graphs_in(tmp_path)) == ["a", "b"]
    assert graphs_in(None) == {}


def test_the_exit_says_whether_all_goals_hold(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of the actor bench does."""

    def cases(_folder: Path, _graphs: dict[str, Document], *, peers: bool) -> dict[str, Case]:
        assert not peers
        return {name: Case(name, float, 6) for name in ("ours: a", "floor: a")}

    monkeypatch.setattr(workflows, "cases", cases)
    monkeypatch.setattr(workflows, "DUELS", (Duel("a", "ours: a", "floor: a", Goal(ratio=2)),))
    assert main(["--json", "--reps", "1"]) == 1
    assert json.loads(capsys.readouterr().out)["holds"] is False
    with pytest.raises(SystemExit):
        main(["--only", "nothing has this name"])
