"""The bench of turns measures what it says."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trio
from bench import turns
from bench.turns import DUELS, TRIALS, Trial, in_one_go, main, watched

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="clock")
def _clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still until a test sets it."""
    clock = [0.0]
    monkeypatch.setattr(turns, "thread_time", lambda: clock[0])
    return clock


async def test_the_longest_step_counts(clock: list[float]) -> None:
    """Not the first, nor the sum; what goes on at the end of it is a step, too."""

    async def work(*seconds: float) -> float:
        with watched() as found:
            for before, after in pairwise([*seconds, None]):
                clock[0] += before or 0.0
                if after is not None:
                    await trio.lowlevel.checkpoint()
        return found.seconds

    assert await work(1, 3, 2) == 3
    assert await work(1, 2, 4) == 4
    assert await work(5) == 5


def test_in_one_go_everything_counts(clock: list[float]) -> None:
    """In milliseconds."""

    def work(items: list[float]) -> None:
        clock[0] += sum(items)

    assert in_one_go(work, [1, 2]) == 3000


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_every_node_does_its_work(trial: Trial) -> None:
    """And takes some time for it, on both sides."""
    assert all(case.figure(1000) > 0 for case in trial.cases())


def test_a_row_each(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With a goal in milliseconds."""
    monkeypatch.setattr(turns, "ITEMS", 1000)
    main(["--reps", "1", "--json"])
    rows: Iterator[dict[str, object]] = map(json.loads, capsys.readouterr().out.splitlines())
    assert [(row["name"], row["goal"], row["unit"]) for row in rows] == [(duel.name, 20, "ms") for duel in DUELS]


def test_a_row_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Is told as a wrong argument."""
    with pytest.raises(SystemExit):
        main(["--only", "knitting"])
    assert "no row has 'knitting' in its name" in capsys.readouterr().err
