#!/usr/bin/env python3
"""Measure the actor runtime against bare Trio, Pykka and triotp, in the same run.

The floors do what any runtime of this shape has to: a bounded channel for a mailbox, an event for an answer, a task
with a cancel scope for a life and a notice of its end. Every case is run once a repetition, one after the other, and a
row compares the medians of two of them. Crashes are logged at a level that is off, on both sides, but in the row
that says so. Memory is measured once, in a fresh process.

    scripts/bench/actors.py [--reps 5] [--only tell] [--json]
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import statistics
import sys
from importlib import import_module
from pathlib import Path

from attrs import asdict, frozen

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import actor_floors, actor_ours
from bench.actor_case import ASKERS, RING, SENDERS, WATCHED, Case
from bench.actor_meters import crashes_logged

PEERS = ("pykka", "triotp")
OFF = logging.CRITICAL + 1


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


ASYNC, PLAIN = "ours: tell, async handler", "ours: tell, plain handler"

DUELS = (
    Duel("tell, async handler: naive channel", ASYNC, "floor: tell, naive", Goal(ratio=7)),
    Duel("tell, plain handler: naive channel", PLAIN, "floor: tell, naive", Goal(ratio=7)),
    Duel("tell, async handler: batched channel", ASYNC, "floor: tell, batched"),
    Duel("tell, async handler: bare checkpoints", ASYNC, "floor: checkpoints"),
    Duel("tell, async handler: Pykka", ASYNC, "pykka: tell", Goal(ratio=6)),
    Duel("tell, async handler: triotp", ASYNC, "triotp: tell"),
    Duel(f"tell, {SENDERS} senders wait for room: naive channel", "ours: fan-in", "floor: fan-in"),
    Duel(f"tell round a ring of {RING}: a channel each", "ours: ring", "floor: ring"),
    Duel("tell, worst delay of a bystander: batched channel", "ours: delay", "floor: delay", Goal(figure=2), "ms"),
    Duel("ask: channel and event", "ours: ask", "floor: ask", Goal(ratio=0.6)),
    Duel("ask: Pykka", "ours: ask", "pykka: ask", Goal(ratio=4)),
    Duel("ask: triotp", "ours: ask", "triotp: ask"),
    Duel(f"ask, {ASKERS} askers: one asker of ours", "ours: ask, many", "ours: ask", Goal(ratio=2)),
    Duel(f"ask, {ASKERS} askers: naive channel and event", "ours: ask, many", "floor: ask, many"),
    Duel("restart: task, scope, notice", "ours: restart", "floor: restart", Goal(ratio=0.8)),
    Duel("restart, watched: task, scope, notice", "ours: restart, watched", "floor: restart", Goal(ratio=0.7)),
    Duel("restart, logged: the same, logged", "ours: restart, logged", "floor: restart, logged"),
    Duel("restart: triotp", "ours: restart", "triotp: restart", Goal(ratio=2)),
    Duel("spawn and stop: task, scope, channel", "ours: spawn", "floor: spawn", Goal(ratio=0.6)),
    Duel(f"tree of {WATCHED}, a look again: a whole picture", "ours: look", "ours: picture", Goal(figure=5), "ms"),
    Duel("memory, idle: task, scope, channel", "ours: memory", "floor: memory", Goal(figure=8192), "B"),
)


def cases() -> dict[str, Case]:
    """The cases of all who are here, by name; says which peer is not."""
    found: list[Case] = [*actor_ours.CASES, *actor_floors.CASES]
    for peer in PEERS:
        try:
            found += import_module(f"bench.actor_{peer}").CASES
        except ModuleNotFoundError as error:
            print(f"not installed: {peer} ({error}); ITS ROWS ARE LEFT OUT", file=sys.stderr)
    return {case.name: case for case in found}


def measure(duels: list[Duel], cases: dict[str, Case], reps: int, scale: float = 1.0) -> list[Row]:
    """One row for each duel; `scale` is for whoever wants to see that it runs, and not how fast."""
    wanted = {name: cases[name] for duel in duels for name in (duel.ours, duel.reference)}
    figures: dict[str, list[float]] = {name: [] for name in wanted}
    with crashes_logged(OFF):
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
        ours=round(ours, 2),
        reference=round(reference, 2),
        ratio=round(ratio, 3),
        goal=goal.ratio if goal.figure is None else goal.figure,
        kind="at least" if goal.figure is None else "at most",
        unit=duel.unit,
        holds=holds,
    )


def line(row: Row) -> str:
    """A row as a person reads it."""
    unit = row.unit if row.unit.startswith("/") else f" {row.unit}"
    digits = 2 if row.unit == "ms" else 0
    goal = "" if row.goal is None else f"goal {row.kind} {row.goal:g}{'' if row.kind == 'at least' else unit}"
    verdict = "" if row.goal is None else " holds" if row.holds else " MISSED"
    figures = f"{row.ours:>10,.{digits}f}{unit:3} {row.reference:>10,.{digits}f}{unit:3} ratio {row.ratio:6.2f}"
    return f"{row.name:52} {figures}  {goal}{verdict}".rstrip()


def main(arguments: list[str] | None = None) -> int:
    """Print the rows; the exit says whether all goals hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--only", default="", metavar="NAME", help="rows whose name has this in it")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    options = parser.parse_args(arguments)
    here = cases()
    duels = [duel for duel in DUELS if options.only in duel.name and {duel.ours, duel.reference} <= here.keys()]
    if not duels:
        parser.error(f"no row has {options.only!r} in its name")
    rows = measure(duels, here, options.reps)
    for it in rows:
        print(json.dumps(asdict(it)) if options.json else line(it))
    return 0 if all(it.holds for it in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
