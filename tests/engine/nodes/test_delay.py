from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trio

from bluev_actors.engine.nodes.delay import delay
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.errors import Permanent
from bluev_actors.faultpoints import armed

if TYPE_CHECKING:
    from trio.testing import MockClock

    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt

EPOCH = 1_800_000_000.0


def rfc3339(seconds: float) -> str:
    """A time of day, some seconds after the test begins."""
    return datetime.fromtimestamp(EPOCH + seconds, UTC).isoformat()


async def run_for(attempt: Attempt, seconds: float) -> dict[str, Any] | None:
    """Run an attempt and cancel it after some time; None if it had not ended by then."""
    with trio.move_on_after(seconds):
        return await attempt.run()
    return None


@pytest.mark.parametrize("seconds", [0, 0.25, 3, 86_400 * 365 * 1000])
async def test_it_takes_its_time(attempt: type[Attempt], autojump_clock: MockClock, seconds: float) -> None:
    """An attempt of n seconds ends n seconds after its start, be n ever so large."""
    assert await attempt(delay, {"seconds": seconds}).run() == {"out": None}
    assert autojump_clock.current_time() == seconds


async def test_it_hands_its_inputs_on(attempt: type[Attempt]) -> None:
    """A delay between two nodes lets values through under their names."""
    node = attempt(delay, {"seconds": 0}, {"a": 1, "in": [2]}, connected=("b",))
    assert await node.run() == {"a": 1, "b": None, "out": None}


async def test_connected_seconds_beat_the_param(attempt: type[Attempt], autojump_clock: MockClock) -> None:
    """How long to wait may be computed by another node."""
    assert await attempt(delay, {"seconds": 9}, {"seconds": 2}).run() == {"seconds": 2, "out": None}
    assert autojump_clock.current_time() == 2


@pytest.mark.parametrize("params", [{"seconds": 0}, {"until": rfc3339(0)}, {"until": rfc3339(-9)}])
async def test_no_wait_is_still_a_checkpoint(attempt: type[Attempt], params: dict[str, Json]) -> None:
    """A loop over delays of 0 seconds can be cancelled and lets others have their turn."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await attempt(delay, params).run()
    assert scope.cancelled_caught


@pytest.mark.parametrize(("until", "expected"), [(90, 90), (-90, 0), (0, 0)])
async def test_until_a_time_of_day(
    attempt: type[Attempt], autojump_clock: MockClock, until: float, expected: float
) -> None:
    """It goes on at that time, at once when the time is past."""
    assert await attempt(delay, {"until": rfc3339(until)}).run() == {"out": None}
    assert autojump_clock.current_time() == pytest.approx(expected, abs=1e-6)


async def test_until_keeps_no_rest(attempt: type[Attempt], autojump_clock: MockClock) -> None:
    """A time of day comes all the same while a run is paused, so nothing is kept."""
    node = attempt(delay, {"until": rfc3339(10)})
    assert await run_for(node, 4) is None
    assert autojump_clock.current_time() == 4
    assert node.port.saved == []


async def test_a_pause_keeps_what_is_left(attempt: type[Attempt], autojump_clock: MockClock) -> None:
    """Cancelled after 4 of 10 seconds it keeps 6, and waits those when it goes on, however long the pause."""
    first = attempt(delay, {"seconds": 10})
    assert await run_for(first, 4) is None
    assert first.port.saved == [{"remaining": 6}]
    await trio.sleep(1000)
    began = autojump_clock.current_time()
    second = attempt(delay, {"seconds": 10}, resume_state=first.port.saved[-1], started_at=EPOCH + began)
    assert await second.run() == {"out": None}
    assert autojump_clock.current_time() == began + 6


async def test_many_pauses_add_up(attempt: type[Attempt], autojump_clock: MockClock) -> None:
    """However often it is paused, it waits its seconds once."""
    state: Json = None
    for _ in range(4):
        node = attempt(delay, {"seconds": 10}, resume_state=state, started_at=EPOCH + autojump_clock.current_time())
        assert await run_for(node, 2) is None
        state = node.port.saved[-1]
        await trio.sleep(5)
    began = autojump_clock.current_time()
    await attempt(delay, {"seconds": 10}, resume_state=state, started_at=EPOCH + began).run()
    assert autojump_clock.current_time() == began + 2


async def test_a_crash_does_not_start_it_anew(attempt: type[Attempt], autojump_clock: MockClock) -> None:
    """Without a checkpoint the clock runs from the recorded start."""
    await trio.sleep(7)
    await attempt(delay, {"seconds": 10}, started_at=EPOCH).run()
    assert autojump_clock.current_time() == 10


async def test_a_crash_after_a_pause_does_not_start_it_anew(attempt: type[Attempt], autojump_clock: MockClock) -> None:
    """Gone on after a pause, it notes since when its clock runs again, so a crash then costs no time either."""
    resumed = attempt(delay, {"seconds": 10}, resume_state={"remaining": 6})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(resumed.run)
        await trio.sleep(2)
        state = resumed.port.saved[-1]
        nursery.cancel_scope.cancel()
    assert state == {"remaining": 6, "since": EPOCH}
    await trio.sleep(3)
    await attempt(delay, {"seconds": 10}, resume_state=state).run()
    assert autojump_clock.current_time() == 6


async def test_long_down_is_no_debt(attempt: type[Attempt], autojump_clock: MockClock) -> None:
    """Recovered after its end it ends at once."""
    await trio.sleep(100)
    await attempt(delay, {"seconds": 10}, started_at=EPOCH).run()
    assert autojump_clock.current_time() == 100


async def test_a_clock_set_back_lengthens_nothing(attempt: type[Attempt], autojump_clock: MockClock) -> None:
    """A start that lies in the future, by the wall clock, counts as now."""
    await attempt(delay, {"seconds": 10}, started_at=EPOCH + 500).run()
    assert autojump_clock.current_time() == 10


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({}, "either `seconds` or `until`"),
        ({"seconds": 1, "until": rfc3339(1)}, "either `seconds` or `until`"),
        ({"seconds": "1"}, "seconds is of type string"),
        ({"seconds": True}, "seconds is of type bool"),
        ({"seconds": -1}, "seconds is -1, it has to be 0 or more"),
        ({"seconds": float("inf")}, "seconds is inf"),
        ({"seconds": float("nan")}, "seconds is nan"),
        ({"until": "tomorrow"}, "until is tomorrow, it has to be a time such as"),
        ({"until": "2030-01-31T08:00:00"}, "it has to be a time such as"),
        ({"until": 5}, "until is 5"),
    ],
)
async def test_what_is_no_time_is_told(
    attempt: type[Attempt], autojump_clock: MockClock, inputs: dict[str, Json], sentence: str
) -> None:
    """What cannot be waited for fails at once, for good, with what would be right."""
    with pytest.raises(Permanent, match=sentence) as caught:
        await attempt(delay, inputs=inputs).run()
    assert caught.value.code == "invalid_param"
    assert autojump_clock.current_time() == 0


@pytest.mark.parametrize(
    ("params", "problems"),
    [
        ({"seconds": 1, "until": rfc3339(1)}, [("custom_validation_failed", "nodes[0].params")]),
        ({"seconds": "${1}", "until": "${'soon'}"}, [("custom_validation_failed", "nodes[0].params")]),
        ({"until": "tomorrow"}, [("custom_validation_failed", "nodes[0].params.until")]),
        ({"until": "2030-01-31T08:00:00"}, [("custom_validation_failed", "nodes[0].params.until")]),
        ({"seconds": -1}, [("param_out_of_range", "nodes[0].params.seconds")]),
        ({"until": rfc3339(1)}, []),
        ({}, []),
    ],
)
async def test_what_can_be_known_before_is_told_before(
    params: dict[str, Json], problems: list[tuple[str, str]]
) -> None:
    """At validation; what is not there may still come over a connection."""
    async with open_runtime() as runtime:
        verdict = await runtime.validate(example("delays", {"it": step("delay", params)}))
    assert [(problem.code, problem.path) for problem in verdict.errors] == problems


def test_it_can_be_paused() -> None:
    """It is not pure, for it takes time, but it goes on where it was."""
    assert delay.kind.pausable
    assert not delay.kind.pure


async def test_in_a_run_neither_pause_nor_crash_costs_time(autojump_clock: MockClock) -> None:
    """Paused for 100 seconds and with its run's actor crashed before and after, it takes its 10 seconds once."""
    crashes = [2, 104]

    def crash(_point: str, key: str) -> None:
        if key.endswith("run-to-crash") and crashes and autojump_clock.current_time() >= crashes[0]:
            del crashes[0]
            raise RuntimeError("a crash that the test asked for")

    with armed(crash):
        async with open_runtime(now=lambda: EPOCH + autojump_clock.current_time()) as runtime:
            document = example("delays", {"it": step("delay", {"seconds": 10})})
            run = await runtime.start(document, run_id="run-to-crash")
            await trio.sleep(2)
            await run.resume()  # it crashes on this, and answers in its next incarnation
            await trio.sleep(1)
            await run.pause()
            await trio.sleep(100)
            await run.resume()
            await trio.sleep(2)
            await run.resume()  # it crashes on this, and answers in its next incarnation
            assert await run.result() == {"it": {"out": None}}
    assert crashes == []
    assert autojump_clock.current_time() == 110
