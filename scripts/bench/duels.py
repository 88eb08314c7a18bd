"""Cases that are measured in turns, and rows that compare two of them: what all benches share."""

from __future__ import annotations

import argparse
import gc
import json
import statistics
from typing import TYPE_CHECKING, Final

import trio
from attrs import asdict, frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence


DIGITS: Final = {"ms": 2, "x": 3}
"""Digits after the point that figures of a unit are shown with, where there are any."""


@frozen
class Case:
    """One contestant in one discipline.

    Args:
        name: whose it is and what it does, such as `ours: ask`.
        figure: measures it; takes how often to do the thing, and returns a rate per second unless it says otherwise.
        times: how often.
        once: whether one repetition says all, because nothing in it is a matter of time.
    """

    name: str
    figure: Callable[[int], float]
    times: int
    once: bool = False


def on_trio(case: Callable[[int], Awaitable[float]]) -> Callable[[int], float]:
    """A case that needs a run of Trio, as one that brings its own."""
    return lambda times: trio.run(case, times)


@frozen
class Goal:
    """What a row has to reach, if anything.

    Args:
        ratio: at least so many times the reference.
        figure: at most this, whatever the reference is.
    """

    ratio: float | None = None
    figure: float | None = None


@frozen
class Duel:
    """Two cases that a row compares."""

    name: str
    ours: str
    reference: str
    goal: Goal = Goal()
    unit: str = "/s"


@frozen
class Row:
    """What came out of a duel: the medians, ours in terms of the reference's, and whether the goal holds."""

    name: str
    ours: float
    reference: float
    ratio: float
    goal: float | None
    kind: str
    unit: str
    holds: bool


def compare(duels: Sequence[Duel], cases: Mapping[str, Case], reps: int, scale: float = 1.0) -> list[Row]:
    """One row for each duel, from the medians of `reps` repetitions in which all cases take turns.

    Args:
        duels: who meets whom.
        cases: by name; both sides of each duel are among them.
        reps: how many repetitions.
        scale: for whoever wants to see that it runs, and not how fast.
    """
    wanted = {name: cases[name] for duel in duels for name in (duel.ours, duel.reference)}
    figures: dict[str, list[float]] = {name: [] for name in wanted}
    for rep in range(reps):
        for name, case in wanted.items():
            if rep and case.once:
                continue
            gc.collect()
            figures[name].append(case.figure(max(1, int(case.times * scale))))
    medians = {name: statistics.median(found) for name, found in figures.items()}
    return [row(duel, medians[duel.ours], medians[duel.reference]) for duel in duels]


def row(duel: Duel, ours: float, reference: float) -> Row:
    """Judge a duel."""
    ratio, goal = ours / reference if reference else 0.0, duel.goal
    holds = (goal.ratio is None or ratio >= goal.ratio) and (goal.figure is None or ours <= goal.figure)
    return Row(
        name=duel.name,
        ours=round(ours, 3),
        reference=round(reference, 3),
        ratio=round(ratio, 3),
        goal=goal.ratio if goal.figure is None else goal.figure,
        kind="at least" if goal.figure is None else "at most",
        unit=duel.unit,
        holds=holds,
    )


def line(row: Row) -> str:
    """A row as a person reads it."""
    unit = row.unit if row.unit.startswith("/") else f" {row.unit}"
    digits = DIGITS.get(row.unit, 0)
    goal = "" if row.goal is None else f"goal {row.kind} {row.goal:g}{'' if row.kind == 'at least' else unit}"
    verdict = "" if row.goal is None else " holds" if row.holds else " MISSED"
    figures = f"{row.ours:>10,.{digits}f}{unit:3} {row.reference:>10,.{digits}f}{unit:3} ratio {row.ratio:6.2f}"
    return f"{row.name:52} {figures}  {goal}{verdict}".rstrip()


def parser(about: str | None) -> argparse.ArgumentParser:
    """The options that every bench has."""
    options = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--reps", type=int, default=5)
    options.add_argument("--only", default="", metavar="NAME", help="rows whose name has this in it")
    options.add_argument("--json", action="store_true", help="one JSON object a row")
    return options


def choose(duels: Sequence[Duel], cases: Mapping[str, Case], only: str) -> list[Duel]:
    """The duels whose two sides are here and whose name has `only` in it."""
    return [duel for duel in duels if only in duel.name and {duel.ours, duel.reference} <= cases.keys()]


def report(rows: Sequence[Row], *, as_json: bool) -> int:
    """Print the rows; the exit says whether all goals hold."""
    for it in rows:
        print(json.dumps(asdict(it)) if as_json else line(it))
    return 0 if all(it.holds for it in rows) else 1
