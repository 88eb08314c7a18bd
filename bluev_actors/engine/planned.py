"""A schedule, and how far it has come. No clock is read here."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from attrs import define, field

if TYPE_CHECKING:
    from bluev_actors.engine.schedule import Schedule
    from bluev_actors.workflows.values import JsonObject

AHEAD: Final = 60.0
"""Seconds by which the wall clock may go back without anybody taking notice."""


@define(eq=False)
class Planned:
    """A schedule and how far it has come. Times are seconds since 1970.

    Attributes:
        name: what it is called.
        schedule: what it says.
        created_at: when it was put for the first time.
        updated_at: when it was changed the last time.
        anchor: what its interval counts from.
        settled: what was due up to here has been seen to.
        last_run: the run it started last: `run_id`, `due_at`, `started_at`.
        last_error: why nothing was started the last time: `code`, `message`, `due_at`.
        next_at: when it is due next; inf when it is not enabled.
        wake_at: when to look at it again; inf while it is being started.
    """

    name: str
    schedule: Schedule
    created_at: float
    updated_at: float
    anchor: float
    settled: float
    last_run: JsonObject | None = None
    last_error: JsonObject | None = None
    next_at: float = field(default=math.inf, init=False)
    wake_at: float = field(default=math.inf, init=False)

    def plan(self) -> None:
        """Find out when it is due next."""
        next_at = self.schedule.next_due(self.settled, self.anchor) if self.schedule.enabled else math.inf
        self.next_at = self.wake_at = next_at

    def correct(self, now: float) -> None:
        """Find out anew when it is due if the wall clock was ahead once: what it passed over then is still to come."""
        if self.settled > now + AHEAD and self.wake_at < math.inf:
            self.settled = now
            self.plan()

    def change(self, schedule: Schedule, now: float) -> None:
        """Let it say something else from now on; what was due before is not made up for."""
        if schedule.interval != self.schedule.interval:
            self.anchor = now
        self.schedule, self.updated_at, self.settled = schedule, now, now
        self.plan()

    def settle(self, now: float, run: JsonObject | None, error: JsonObject | None) -> None:
        """Note what became of what was due up to now."""
        self.last_run, self.last_error = run or self.last_run, error
        self.settled = max(self.settled, now)
        self.plan()

    def as_json(self) -> JsonObject:
        """What is kept of it."""
        return {
            "schedule": self.schedule.as_json(),
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "anchor": self.anchor,
            "settled": self.settled,
            "last_run": self.last_run,
            "last_error": self.last_error,
        }
