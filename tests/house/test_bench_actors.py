from __future__ import annotations

import json
import logging

import pytest
from bench import actors
from bench.actor_meters import crashes_logged
from bench.actors import DUELS, cases, main, measure
from bench.duels import Case, Duel, Goal


@pytest.fixture(name="here")
def _here() -> dict[str, Case]:
    return cases()


def present(here: dict[str, Case]) -> list[Duel]:
    """The duels of which both sides are here."""
    return [duel for duel in DUELS if {duel.ours, duel.reference} <= here.keys()]


def test_every_duel_is_between_cases_that_are_there(here: dict[str, Case]) -> None:
    """Only a peer that is not installed may be missing; a slip in a name would leave a row out unseen."""
    named = {name for duel in DUELS for name in (duel.ours, duel.reference)}
    assert {name.split(":")[0] for name in named - here.keys()} <= set(actors.PEERS)
    assert here.keys() <= named


def test_a_tiny_run_gives_every_row(here: dict[str, Case]) -> None:
    """Every case runs through; how fast is not the question here."""
    duels = present(here)
    rows = measure(duels, here, reps=1, scale=0.002)
    assert [it.name for it in rows] == [duel.name for duel in duels]
    for it in rows:
        if it.unit != "B":  # a few actors fit into memory that the process has anyway
            assert it.ours > 0, it
            assert it.reference > 0, it


def test_json_is_one_object_a_row(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows have the keys that the other benches have."""
    here = {name: Case(name, float, 6) for name in ("ours: a", "floor: a")}
    monkeypatch.setattr(actors, "cases", lambda: here)
    monkeypatch.setattr(actors, "DUELS", (Duel("a", "ours: a", "floor: a", Goal(ratio=2)), Duel("b", "ours: b", "-")))
    assert main(["--json", "--reps", "1"]) == 1
    assert [json.loads(it) for it in capsys.readouterr().out.splitlines()] == [
        {
            "name": "a",
            "ours": 6.0,
            "reference": 6.0,
            "ratio": 1.0,
            "goal": 2,
            "kind": "at least",
            "unit": "/s",
            "holds": False,
        }
    ]


def test_a_name_that_no_row_has_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A slip must not pass for a run in which all goals hold."""
    with pytest.raises(SystemExit):
        main(["--only", "nothing has this name"])
    assert "no row has 'nothing has this name' in its name" in capsys.readouterr().err


def test_a_missing_peer_is_told_loudly(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody should take a table without a peer for one in which the peer was beaten."""
    monkeypatch.setattr(actors, "PEERS", ("nobody",))
    assert {name.split(":")[0] for name in cases()} == {"ours", "floor"}
    assert capsys.readouterr().err.startswith("not installed: nobody (")


def test_logging_is_left_as_it_was() -> None:
    """Whoever runs the bench inside a program keeps the logs of that program."""
    log = logging.getLogger("bluev_actors")
    before = log.level, log.propagate, tuple(log.handlers)
    with crashes_logged(actors.OFF):
        assert not log.isEnabledFor(logging.CRITICAL)
    assert (log.level, log.propagate, tuple(log.handlers)) == before
