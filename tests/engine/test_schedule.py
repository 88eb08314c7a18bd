"""When a schedule is due, and what one may say."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from attrs import fields
from hypothesis import assume, given
from hypothesis import strategies as st

from bluev_actors.engine.schedule import SCHEDULE, Schedule, parse_schedule
from bluev_actors.errors import InvalidScheduleError

DAILY = {"workflow_id": "report", "cron": "30 6 * * *"}


def at(text: str, zone: str = "UTC") -> float:
    """A moment, by the clock on the wall of a place."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def dues(schedule: Schedule, after: float, number: int) -> list[str]:
    """The next times, as the clock on the wall of the schedule's place shows them."""
    found: list[str] = []
    for _ in range(number):
        after = schedule.next_due(after, 0.0)
        found.append(datetime.fromtimestamp(after, ZoneInfo(schedule.timezone)).strftime("%d %H:%M %z"))
    return found


# --- when it is due ---------------------------------------------------------------------------------------


def test_cron_is_by_the_clock_of_its_place() -> None:
    """Half past six in Berlin is half past five in UTC, in winter."""
    schedule = Schedule("report", "30 6 * * *", timezone="Europe/Berlin")
    assert schedule.next_due(at("2026-01-10 05:29"), 0.0) == at("2026-01-10 05:30")
    assert schedule.next_due(at("2026-01-10 05:30"), 0.0) == at("2026-01-11 05:30")


@pytest.mark.parametrize(
    ("cron", "first"),
    [
        ("@hourly", "2026-01-01 01:00"),
        ("@monthly", "2026-02-01 00:00"),
        ("*/20 8-10 * * *", "2026-01-01 08:00"),
        ("0 9 * * mon", "2026-01-05 09:00"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
        ("0 0 L * *", "2026-01-31 00:00"),
    ],
)
def test_what_cron_can_say(cron: str, first: str) -> None:
    """Lists, ranges, steps, names, short-hands and the last day of a month."""
    assert Schedule("report", cron).next_due(at("2026-01-01 00:00"), 0.0) == at(first)


def test_the_hour_that_is_left_out() -> None:
    """What was due in it is due at its end, on the same day; what comes every half hour goes on."""
    before = at("2026-03-29 01:40", "Europe/Berlin")
    daily = Schedule("report", "30 2 * * *", timezone="Europe/Berlin")
    assert dues(daily, before, 2) == ["29 03:00 +0200", "30 02:30 +0200"]
    often = Schedule("report", "*/30 * * * *", timezone="Europe/Berlin")
    assert dues(often, before, 2) == ["29 03:00 +0200", "29 03:30 +0200"]


def test_the_hour_that_comes_twice() -> None:
    """A time of day is due once, what comes every half hour goes through both."""
    before = at("2026-10-25 01:40", "Europe/Berlin")
    daily = Schedule("report", "30 2 * * *", timezone="Europe/Berlin")
    assert dues(daily, before, 2) == ["25 02:30 +0200", "26 02:30 +0100"]
    often = Schedule("report", "*/30 * * * *", timezone="Europe/Berlin")
    assert dues(often, before, 4) == ["25 02:00 +0200", "25 02:30 +0200", "25 02:00 +0100", "25 02:30 +0100"]
    hourly = Schedule("report", "@hourly", timezone="Europe/Berlin")
    assert dues(hourly, before, 3) == ["25 02:00 +0200", "25 02:00 +0100", "25 03:00 +0100"]


def test_an_interval_keeps_its_beat() -> None:
    """It counts from its anchor, however late anybody looks."""
    schedule = Schedule("report", interval=10.0)
    assert schedule.next_due(100.0, 100.0) == 110.0
    assert schedule.next_due(117.0, 100.0) == 120.0
    assert schedule.next_due(120.0, 100.0) == 130.0


@given(
    cron=st.sampled_from(["* * * * *", "*/7 * * * *", "15 3 * * *", "0 0 1 * *", "59 23 * * sun", "0 */5 * * *"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    after=st.floats(0, 4e9),
)
def test_time_goes_forward(cron: str, zone: str, after: float) -> None:
    """What is due next is later, on a whole minute, and nothing that is due lies between."""
    schedule = Schedule("report", cron, timezone=zone)
    due = schedule.next_due(after, 0.0)
    assert due > after
    assert due % 60 == 0
    between = after + (due - after) / 2
    assume(between < due)
    assert schedule.next_due(between, 0.0) == due


@given(zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]), day=st.integers(0, 4000))
def test_a_time_of_day_comes_once_a_day(zone: str, day: int) -> None:
    """Whatever the clocks do; and where it exists, it is the time that was asked for."""
    schedule = Schedule("report", "30 2 * * *", timezone=zone)
    midnight = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)) + timedelta(days=day)
    times = [datetime.fromtimestamp(schedule.next_due(midnight.timestamp(), 0.0), ZoneInfo(zone))]
    times.append(datetime.fromtimestamp(schedule.next_due(times[0].timestamp(), 0.0), ZoneInfo(zone)))
    assert [it.date() for it in times] == [(midnight + timedelta(days=n)).date() for n in (0, 1)]
    assert (times[0].hour, times[0].minute) in ((2, 30), (3, 0))


# --- what one may say -------------------------------------------------------------------------------------


def test_what_is_left_out_has_a_default() -> None:
    """UTC, refused when the workflow runs already, and switched on; null is the same as nothing."""
    schedule = parse_schedule({**DAILY, "interval": None, "inputs": None})
    assert schedule == Schedule("report", "30 6 * * *")
    assert schedule.as_json() == {**DAILY, "timezone": "UTC", "inputs": {}, "if_running": "reject", "enabled": True}


def test_what_is_written_is_read_again() -> None:
    """A schedule goes through its JSON unchanged."""
    for schedule in (
        Schedule("a", "@daily", timezone="Asia/Tokyo", inputs={"x": [1]}, if_running="queue", enabled=False),
        Schedule("b", interval=90),
    ):
        assert parse_schedule(schedule.as_json()) == schedule


def problems(body: object) -> list[tuple[str, str]]:
    """Code and path of all that is wrong."""
    with pytest.raises(InvalidScheduleError) as error:
        parse_schedule(body)
    return [(problem.code, problem.path) for problem in error.value.problems]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("workflow_id", 3, "invalid_field_type"),
        ("inputs", [], "invalid_field_type"),
        ("if_running", "wait", "invalid_field_type"),
        ("if_running", [], "invalid_field_type"),
        ("enabled", 1, "invalid_field_type"),
        ("timezone", "Europe/Berln", "unknown_timezone"),
        ("timezone", 1, "unknown_timezone"),
        ("timezone", "../etc/passwd", "unknown_timezone"),
        ("timezone", "/etc/localtime", "unknown_timezone"),
        ("timezone", "Europe", "unknown_timezone"),
        ("timezone", "", "unknown_timezone"),
        ("chron", "* * * * *", "unknown_field"),
    ],
)
def test_what_is_wrong_says_where(field: str, value: object, code: str) -> None:
    """Each field by its own name."""
    assert problems({**DAILY, field: value}) == [(code, field)]


@pytest.mark.parametrize(
    "cron",
    [
        "", "* * * *", "* * * * * *", "60 * * * *", "0 0 30 2 *", "h * * * *", "r/5 * * * *", "0 0 1,R * *", "@reboot",
        "*/0 * * * *", "a b c d e", "0 0 * * mon\n", "1" * 300, 5, "0 0 1 13 *", "\u0663 * * * *",
    ],
)  # fmt: skip
def test_what_is_no_cron_expression(cron: object) -> None:
    """Fields too few or too many, out of range, drawn by lot, or a day that never comes."""
    assert problems({"workflow_id": "report", "cron": cron}) == [("invalid_cron", "cron")]


@pytest.mark.parametrize("interval", [0, 0.5, -1, True, "60", 1e10])
def test_what_is_no_interval(interval: object) -> None:
    """A second is the least."""
    assert problems({"workflow_id": "report", "interval": interval}) == [("invalid_interval", "interval")]


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Neither a workflow nor a time, and too much besides."""
    assert problems({"x": 1}) == [("unknown_field", "x"), ("missing_field", "workflow_id"), ("missing_field", "cron")]
    assert problems({**DAILY, "interval": 5}) == [("invalid_field_type", "interval")]
    assert problems([]) == [("not_an_object", "")]


def test_a_time_zone_that_is_nearly_one_is_hinted_at() -> None:
    """People write Berln."""
    with pytest.raises(InvalidScheduleError, match=r"did you mean \"Europe/Berlin\""):
        parse_schedule({**DAILY, "timezone": "Europe/Berln"})


def test_every_field_of_a_schedule_can_be_written() -> None:
    """The table and the record name the same."""
    assert set(SCHEDULE.fields) == {it.name for it in fields(Schedule)}
