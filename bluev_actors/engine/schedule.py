"""One schedule: which stored workflow is started, and when. Times go in, times come out; no clock is read here.

In the hour that a change of the clocks leaves out, a time of day is due at the hour's end. In the hour that comes
twice, a time of day is due once, and what is due every so many minutes, or every hour, goes on through both.
"""

from __future__ import annotations

import re
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, get_args
from zoneinfo import ZoneInfo, available_timezones

from attrs import Factory, asdict, frozen

from bluev_actors.actors.timers import next_tick
from bluev_actors.errors import InvalidScheduleError
from bluev_actors.workflows.options import IfRunning
from bluev_actors.workflows.problems import GraphProblem
from bluev_actors.workflows.shapes import Field, Shape, is_id
from bluev_actors.workflows.values import is_object
from bluev_actors.workflows.wording import SHOWN, listed, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.workflows.values import Json, JsonObject

SHORTEST_INTERVAL: Final = 1.0
"""Seconds between two runs at least."""
LONGEST_INTERVAL: Final = 10.0**9
_LONGEST_CRON: Final = 200
_SHORTHANDS: Final = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
# Letters stand for months and days. `h` and `r` alone are somebody's word for a time drawn by lot, which we do not do.
_CRON: Final = re.compile(r"(?!.*(?<![a-z])[hr](?![a-z]))[0-9a-z*/,#?-]+( +[0-9a-z*/,#?-]+){4}", re.IGNORECASE)


@frozen
class Schedule:
    """What is to be started and when.

    Attributes:
        workflow_id: a stored workflow.
        cron: five fields, or a short-hand such as `@daily`; the times of day are those of `timezone`.
        interval: instead of `cron`, seconds from one run to the next.
        timezone: by its name in the IANA database.
        inputs: values for the workflow's inputs.
        if_running: what to do when the workflow has a live run.
        enabled: whether it starts anything.
    """

    workflow_id: str
    cron: str | None = None
    interval: float | None = None
    timezone: str = "UTC"
    inputs: JsonObject = Factory(dict[str, "Json"])
    if_running: IfRunning = "reject"
    enabled: bool = True

    def as_json(self) -> JsonObject:
        """The schedule as it is written; of `cron` and `interval` the one that counts."""
        return {name: value for name, value in asdict(self, recurse=False).items() if value is not None}

    def next_due(self, after: float, anchor: float) -> float:
        """When it is due next, whether it is enabled or not. Times are seconds since 1970.

        Args:
            after: it is due later than this.
            anchor: what an interval counts from; it is due for the first time one interval later.

        Raises:
            ValueError: there is no such time.
        """
        if self.interval is not None:
            return next_tick(anchor, self.interval, after)
        return _next_time(self.cron or "", ZoneInfo(self.timezone), after)


def _next_time(cron: str, zone: ZoneInfo, after: float) -> float:
    """The next time that a cron expression names."""
    # Loaded late, for most daemons have no schedule; its types are inline, which mypy is not told.
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415

    goes_on = cron == "@hourly" or any(field.startswith("*") for field in cron.split()[:2])
    times = croniter(cron, datetime.fromtimestamp(after, zone))
    while True:
        moment: datetime = times.get_next(datetime)
        if goes_on or not moment.fold:
            return moment.timestamp()


# --- reading one ------------------------------------------------------------------------------------------


def _is_interval(value: Json) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and SHORTEST_INTERVAL <= value <= LONGEST_INTERVAL
    )


def _is_cron(value: Json) -> bool:
    if not isinstance(value, str) or len(value) > _LONGEST_CRON:
        return False
    if value not in _SHORTHANDS and not _CRON.fullmatch(value):
        return False
    try:
        _next_time(value, ZoneInfo("UTC"), 0.0)
    except ValueError:
        return False
    return True


def _is_timezone(value: Json) -> bool:
    try:
        return isinstance(value, str) and bool(ZoneInfo(value))
    except (KeyError, ValueError, OSError):  # unknown, no name at all, or the name of a folder of zones
        return False


_CHOICES: Final[tuple[str, ...]] = get_args(IfRunning)

SCHEDULE: Final = Shape(
    "schedule",
    {
        "workflow_id": Field(is_id, "the id of a stored workflow", required=True),
        "cron": Field(_is_cron, "five fields that name some time, as in '30 6 * * mon-fri'", "invalid_cron"),
        "interval": Field(
            _is_interval, f"a number of seconds from {SHORTEST_INTERVAL:g} to {LONGEST_INTERVAL:g}", "invalid_interval"
        ),
        "timezone": Field(_is_timezone, "the name of a time zone, as in 'Europe/Berlin'", "unknown_timezone"),
        "inputs": Field(is_object, "an object"),
        "if_running": Field(_CHOICES.__contains__, f"one of {', '.join(_CHOICES)}", choices=_CHOICES),
        "enabled": Field(lambda value: isinstance(value, bool), "true or false"),
    },
    strict=True,
)
"""What a schedule may say."""


def parse_schedule(body: Json) -> Schedule:
    """Read a schedule as somebody wrote it.

    Raises:
        InvalidScheduleError: it is wrong; it says everything that is.
    """
    if not is_object(body):
        raise InvalidScheduleError([GraphProblem("not_an_object", "a schedule is a JSON object", "")])
    problems = [*_flaws(body), *_missing(body)]
    if problems:
        raise InvalidScheduleError(problems)
    return Schedule(**{name: value for name, value in body.items() if value is not None})


def _flaws(body: JsonObject) -> Iterator[GraphProblem]:
    for name, value in body.items():
        field = SCHEDULE.fields.get(name)
        if field is None:
            message = f"a schedule has no {quoted(name)}; there is: {listed(SCHEDULE.fields)}"
            yield GraphProblem("unknown_field", message, name)
        elif value is not None and not field.accepts(value):
            yield GraphProblem(
                field.code, f"{name!r} has to be {field.right}, not {quoted(value)}{_near(name, value)}", name
            )


def _near(name: str, value: Json) -> str:
    """The end of a sentence: the time zone that may be meant."""
    near = get_close_matches(str(value)[:SHOWN], available_timezones(), n=1) if name == "timezone" else ()
    return "".join(f"; did you mean {quoted(it)}?" for it in near)


def _missing(body: JsonObject) -> Iterator[GraphProblem]:
    if body.get("workflow_id") is None:
        yield GraphProblem("missing_field", "a schedule has to have 'workflow_id': a stored workflow", "workflow_id")
    times = [name for name in ("cron", "interval") if body.get(name) is not None]
    if not times:
        yield GraphProblem("missing_field", "a schedule has to have 'cron' or 'interval'", "cron")
    elif len(times) > 1:
        yield GraphProblem("invalid_field_type", "a schedule has 'cron' or 'interval', not both", "interval")
