#!/usr/bin/env python3
"""Measure the actor runtime against bare Trio, Pykka and triotp, in the same run.

The floors do what any runtime of this shape has to: a bounded channel for a mailbox, an event for an answer, a task
with a cancel scope for a life and a notice of its end. Every case is run once a repetition, one after the other, and a
row compares the medians of two of them. Crashes are logged at a level that is off, on both sides, but in the row
that says so. Memory is measured once, in a fresh process.

    scripts/bench/actors.py [--reps 5] [--only tell] [--json]
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import actor_floors, actor_ours
from bench.actor_case import ASKERS, RING, SENDERS, WATCHED
from bench.actor_meters import crashes_logged
from bench.duels import Case, Duel, Goal, Row, choose, compare, parser, report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PEERS = ("pykka", "triotp")
OFF = logging.CRITICAL + 1

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


def measure(duels: Sequence[Duel], cases: Mapping[str, Case], reps: int, scale: float = 1.0) -> list[Row]:
    """Compare, with crashes logged at a level that is off."""
    with crashes_logged(OFF):
        return compare(duels, cases, reps, scale)


def main(arguments: list[str] | None = None) -> int:
    """Print the rows; the exit says whether all goals hold."""
    reader = parser(__doc__)
    options = reader.parse_args(arguments)
    here = cases()
    duels = choose(DUELS, here, options.only)
    if not duels:
        reader.error(f"no row has {options.only!r} in its name")
    return report(measure(duels, here, options.reps), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
