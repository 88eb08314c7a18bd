"""The fold of a run's events into its state."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.workflows import run_state
from bluev_actors.workflows.run_events import (
    NODE_ENDED,
    ErrorDetail,
    NodeCancelled,
    NodeCompleted,
    NodeEmitted,
    NodeFailed,
    NodeLog,
    NodePaused,
    NodeProgress,
    NodeRetrying,
    NodeSkipped,
    NodeStarted,
    NodeWaiting,
    Pause,
    Recorded,
    RunCompleted,
    RunEvent,
    RunFailed,
    RunStarted,
    RunStatusChanged,
    RunStopped,
)
from bluev_actors.workflows.run_state import NodeState, RunState, apply, apply_event, apply_progress

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject

ERROR = ErrorDetail("timeout", "took too long", retryable=True)
JSON_ERROR: JsonObject = {"error": {}}
NODE_IDS = st.sampled_from(["a", "b", "c", "a[0]/x", "a[1]/x"])
ATTEMPTS = st.integers(1, 3)
EVENTS: st.SearchStrategy[RunEvent] = st.one_of(
    st.builds(RunStarted, st.booleans()),
    st.builds(
        RunStatusChanged,
        st.sampled_from(["queued", "running", "pausing", "paused", "stopping"]),
        by=st.none() | st.just("session"),
    ),
    st.builds(
        RunStatusChanged,
        st.just("pausing"),
        st.none(),
        st.sampled_from(["checkpoint", "drain", "hard"]),
        st.none() | st.floats(0, 1e9),
        by=st.none() | st.just("session"),
    ),
    st.just(RunCompleted({"a": {"out": 1}}, {"state": "completed"}, {"whole": 1})),
    st.just(RunFailed(ERROR, {"state": "failed"})),
    st.just(RunStopped({}, {"state": "stopped"})),
    st.builds(NodeStarted, NODE_IDS, ATTEMPTS, st.booleans(), st.booleans()),
    st.builds(NodeCompleted, NODE_IDS, ATTEMPTS, st.just({"out": 1}), st.booleans()),
    st.builds(NodeFailed, NODE_IDS, ATTEMPTS, st.just(ERROR), st.sampled_from([None, JSON_ERROR])),
    st.builds(NodeRetrying, NODE_IDS, ATTEMPTS, st.just(ERROR), st.floats(0, 1e9)),
    st.builds(NodeWaiting, NODE_IDS, ATTEMPTS, st.none() | st.just("approval")),
    st.builds(NodePaused, NODE_IDS, ATTEMPTS),
    st.builds(NodeSkipped, NODE_IDS, st.just("branch")),
    st.builds(NodeCancelled, NODE_IDS, ATTEMPTS, st.just("stopped")),
    st.builds(NodeLog, NODE_IDS, ATTEMPTS, st.just("info"), st.text()),
    st.builds(NodeEmitted, NODE_IDS, ATTEMPTS, st.just("name")),
)


def recorded(*events: RunEvent, first: int = 1) -> list[Recorded]:
    """Events of one run, one a second."""
    return [Recorded("r", "w", seq, 100 + seq, 1000.0 + seq, event) for seq, event in enumerate(events, start=first)]


def folded(*events: RunEvent) -> RunState:
    """The state after these events."""
    state = RunState("r", "w")
    for each in recorded(*events):
        assert apply(state, each)
    return state


# --- the fold as a whole ----------------------------------------------------------------------------------


def test_every_event_has_its_handler() -> None:
    """Whoever adds an event says what it does to the state."""
    handlers = run_state._HANDLERS  # pyright: ignore[reportPrivateUsage] # the table is what is tested
    assert set(handlers) == set(get_args(RunEvent))


def test_the_strategy_knows_every_event() -> None:
    """So that the properties below are about all of them."""
    drawn = {type(event) for event in [*_examples()]}
    assert drawn == set(get_args(RunEvent))


def _examples() -> list[RunEvent]:
    return [
        RunStarted(),
        RunStatusChanged("running"),
        RunCompleted({}, {}),
        RunFailed(ERROR, {}),
        RunStopped({}, {}),
        NodeStarted("a"),
        NodeCompleted("a", 1, {}),
        NodeFailed("a", 1, ERROR),
        NodeRetrying("a", 1, ERROR, 0),
        NodeWaiting("a", 1),
        NodePaused("a", 1),
        NodeSkipped("a", "branch"),
        NodeCancelled("a", 1, "stopped"),
        NodeLog("a", 1, "info", ""),
        NodeEmitted("a", 1, "name"),
    ]


@given(st.lists(EVENTS))
def test_any_order_of_events_is_taken(events: list[RunEvent]) -> None:
    """A mirror may have missed updates, so no order is an error; what is derived stays consistent."""
    state = folded(*events)
    assert state.seq == len(events)
    assert set(state.in_flight) <= {name for name, node in state.nodes.items() if node.status == "running"}
    assert state.max_parallel >= len(state.in_flight)
    assert state.paused_for >= 0
    assert all(node.duration >= 0 for node in state.nodes.values())


@given(st.lists(EVENTS), st.data())
def test_what_was_seen_before_changes_nothing(events: list[RunEvent], data: st.DataObject) -> None:
    """Events that come again, in whatever order, leave the state as it is."""
    state = folded(*events)
    before = deepcopy(state)
    again = data.draw(st.permutations(recorded(*events)))
    assert not any(apply(state, each) for each in again)
    assert state == before


# What is inside of a node is dropped when that is tried again, which a mirror that missed its start cannot know.
FLAT_EVENTS = EVENTS.filter(lambda event: "/" not in getattr(event, "node_id", ""))


@given(st.lists(FLAT_EVENTS), st.data())
def test_a_newer_status_stands_for_those_left_out(events: list[RunEvent], data: st.DataObject) -> None:
    """A mirror that gets only the newest update of each node ends with the same statuses."""
    whole = folded(*events)
    kept = [event for event in recorded(*events) if data.draw(st.booleans()) or _is_newest(event, events)]
    mirror = RunState("r", "w")
    for event in kept:
        apply(mirror, event)
    assert {name: node.status for name, node in mirror.nodes.items()} == {
        name: node.status for name, node in whole.nodes.items()
    }


def _is_newest(event: Recorded, events: list[RunEvent]) -> bool:
    node_id = getattr(event.event, "node_id", None)
    if node_id is None or isinstance(event.event, NodeLog | NodeEmitted):
        return True
    later = (it for it in events[event.seq :] if not isinstance(it, NodeLog | NodeEmitted))
    return all(getattr(it, "node_id", None) != node_id for it in later)


@given(st.lists(EVENTS))
def test_the_writer_and_the_reader_agree(events: list[RunEvent]) -> None:
    """The run's own writer has no cursor yet; all else comes out the same."""
    written = RunState("r", "w")
    for each in recorded(*events):
        apply_event(written, each.event, each.seq, each.at)
    read = folded(*events)
    written.cursor = read.cursor
    assert written == read


# --- the run ----------------------------------------------------------------------------------------------


def test_a_run_begins() -> None:
    """Running or queued, with the time of its first event."""
    assert folded(RunStarted()).status == "running"
    assert folded(RunStarted()).begun
    state = folded(RunStarted(queued=True))
    assert (state.status, state.begun, state.started_at) == ("queued", False, 1001.0)


def test_a_queued_run_has_begun_when_it_runs() -> None:
    """A pause in the queue is no beginning."""
    paused: list[RunEvent] = [
        RunStarted(queued=True),
        RunStatusChanged("paused", None, "checkpoint"),
        RunStatusChanged("queued"),
    ]
    assert not folded(*paused).begun
    assert folded(*paused, RunStatusChanged("running")).begun


def test_pauses_are_counted() -> None:
    """From `paused` to `running`; what is still winding down does not count."""
    state = folded(
        RunStarted(),
        RunStatusChanged("pausing", None, "drain"),
        RunStatusChanged("paused"),
        RunStatusChanged("running"),
        RunStatusChanged("pausing", None, "hard"),
    )
    assert state.paused_for == 1.0
    assert state.pauses == [Pause(1002.0, "drain", 1004.0), Pause(1005.0, "hard")]
    assert state.pause_mode == "hard"


def test_a_stricter_pause_takes_the_place_of_a_milder_one() -> None:
    """The milder one ends when the stricter one begins."""
    state = folded(RunStarted(), RunStatusChanged("pausing", None, "drain"), RunStatusChanged("pausing", None, "hard"))
    assert state.pauses == [Pause(1002.0, "drain", 1003.0), Pause(1003.0, "hard")]


def test_a_pause_ends_with_its_run() -> None:
    """A paused run that is stopped was paused until then."""
    pausing: list[RunEvent] = [RunStarted(), RunStatusChanged("pausing", None, "hard"), RunStatusChanged("paused")]
    state = folded(*pausing, RunStopped({}, {}))
    assert state.paused_for == 1.0
    assert state.pauses == [Pause(1002.0, "hard", 1004.0)]
    assert folded(*pausing).paused_for == 0.0


def test_resuming_clears_the_mode() -> None:
    """A run that goes on has no mode of pause."""
    pausing: list[RunEvent] = [RunStarted(), RunStatusChanged("pausing", None, "hard")]
    assert folded(*pausing, RunStatusChanged("running")).pause_mode is None
    assert folded(*pausing, RunStatusChanged("stopping")).pause_mode == "hard"


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (RunCompleted({"a": {}}, {"k": 1}, {"o": 2}), "completed"),
        (RunFailed(ERROR, {"k": 1}), "failed"),
        (RunStopped({"a": {}}, {"k": 1}), "stopped"),
    ],
)
def test_a_run_ends(event: RunEvent, status: str) -> None:
    """With its summary, and with nothing in flight any more."""
    state = folded(RunStarted(), NodeStarted("a"), event)
    assert (state.status, state.ended, state.finished_at) == (status, True, 1003.0)
    assert state.summary == {"k": 1}
    assert not state.in_flight


def test_a_completed_run_has_its_outputs() -> None:
    """Results by node, outputs by name; a failed one has its error."""
    completed = folded(RunStarted(), RunCompleted({"a": {"out": 1}}, {}, {"whole": 1}))
    assert (completed.results, completed.outputs) == ({"a": {"out": 1}}, {"whole": 1})
    assert folded(RunStarted(), RunFailed(ERROR, {})).error == ERROR


def test_time_used_stands_still_while_paused() -> None:
    """And in the queue; it is what a timeout is held against."""
    queued: list[RunEvent] = [
        RunStarted(queued=True),
        RunStatusChanged("paused", None, "hard"),
        RunStatusChanged("queued"),
    ]
    assert folded(*queued).time_used(5000.0) == 0.0
    running: list[RunEvent] = [*queued, RunStatusChanged("running")]
    assert folded(*running).time_used(1010.0) == 6.0
    pausing: list[RunEvent] = [*running, RunStatusChanged("pausing", None, "hard"), RunStatusChanged("paused")]
    assert folded(*pausing).time_used(5000.0) == 2.0
    assert folded(*pausing, RunStatusChanged("running")).time_used(1010.0) == 5.0


# --- nodes ------------------------------------------------------------------------------------------------


def test_a_node_runs_and_completes() -> None:
    """Its times, its outputs, and how long it took."""
    node = folded(RunStarted(), NodeStarted("a"), NodeCompleted("a", 1, {"out": 1})).node("a")
    assert node == NodeState("completed", 1, 1002.0, 1002.0, 1003.0, {"out": 1})
    assert node.ended
    assert node.duration == 1.0


def test_a_retry_shows_its_error_until_it_succeeds() -> None:
    """The duration runs from the first attempt; the error of an earlier one is gone when it completed."""
    events: list[RunEvent] = [RunStarted(), NodeStarted("a"), NodeRetrying("a", 1, ERROR, 2000.0)]
    retrying = folded(*events).node("a")
    assert (retrying.status, retrying.error, retrying.next_at) == ("retrying", ERROR, 2000.0)
    again = folded(*events, NodeStarted("a", 2)).node("a")
    assert (again.status, again.next_at, again.started_at, again.first_started_at) == (
        "running",
        None,
        1004.0,
        1002.0,
    )
    done = folded(*events, NodeStarted("a", 2), NodeCompleted("a", 2, {})).node("a")
    assert (done.error, done.duration, done.attempt) == (None, 3.0, 2)


def test_attempts_are_counted_without_recoveries() -> None:
    """What runs again after a crash is the same attempt."""
    state = folded(NodeStarted("a"), NodeStarted("a", recovered=True), NodeStarted("b"), NodeStarted("a", 2))
    assert state.attempts == 3


def test_the_most_at_once_is_remembered() -> None:
    """Three started, two at once."""
    events: list[RunEvent] = [NodeStarted("a"), NodeStarted("b"), NodeCompleted("a", 1, {}), NodeStarted("c")]
    assert folded(*events).max_parallel == 2
    assert list(folded(*events).in_flight) == ["b", "c"]


@pytest.mark.parametrize(
    ("event", "status", "reason"),
    [
        (NodeSkipped("a", "branch"), "skipped", "branch"),
        (NodeCancelled("a", 1, "fail_fast"), "cancelled", "fail_fast"),
        (NodeWaiting("a", 1, "approval"), "waiting", "approval"),
        (NodePaused("a", 1), "paused", None),
        (NodeFailed("a", 1, ERROR, {"error": {"code": "timeout"}}), "failed", None),
    ],
)
def test_a_node_stops_for_a_reason(event: RunEvent, status: str, reason: str | None) -> None:
    """Whatever it was, it is no longer in flight, and only what is final has an end."""
    state = folded(RunStarted(), NodeStarted("a"), event)
    node = state.node("a")
    assert (node.status, node.reason) == (status, reason)
    assert not state.in_flight
    assert (node.finished_at is not None) is (status in NODE_ENDED) is node.ended


def test_a_failed_node_may_have_outputs() -> None:
    """With `error_output`, what its `error` carries."""
    node = folded(NodeFailed("a", 1, ERROR, {"error": {"code": "timeout"}})).node("a")
    assert (node.outputs, node.error) == ({"error": {"code": "timeout"}}, ERROR)


def test_an_unknown_node_is_pending() -> None:
    """Nothing has happened to it, and asking does not change that."""
    state = RunState("r", "w")
    assert state.node("z") == NodeState()
    assert not state.nodes


def test_a_node_that_never_started_took_no_time() -> None:
    """Skipped nodes have an end without a beginning; clocks set back do not make a time negative."""
    assert folded(NodeSkipped("a", "branch")).node("a").duration == 0.0
    assert NodeState("completed", 1, 50.0, 50.0, 40.0).duration == 0.0


def test_logs_and_named_events_change_nothing() -> None:
    """They are for readers."""
    state = folded(NodeLog("a", 1, "info", "hello"), NodeEmitted("a", 1, "tick", 3))
    assert not state.nodes
    assert state.seq == 2


def test_progress_counts_while_the_node_runs() -> None:
    """Late progress is dropped, and a new attempt begins without any."""
    state = folded(RunStarted(), NodeStarted("a"))
    half = NodeProgress("a", 1, 0.5)
    apply_progress(state, half)
    assert state.node("a").progress == half
    apply(state, recorded(NodeCompleted("a", 1, {}), first=3)[0])
    apply_progress(state, half)
    assert state.node("a").progress is None
    apply_progress(state, NodeProgress("z", 1, 0.1))
    assert "z" not in state.nodes


# --- nodes whose work is done by their bodies -----------------------------------------------------------


def test_an_open_node_runs_without_a_task() -> None:
    """It is running, but it is not in flight, and it does not count among those at once."""
    state = folded(RunStarted(), NodeStarted("each", opens=True), NodeStarted("each[0]/a"), NodeStarted("each[1]/a"))
    assert state.node("each").status == "running"
    assert list(state.open) == ["each"]
    assert list(state.in_flight) == ["each[0]/a", "each[1]/a"]
    assert (state.max_parallel, state.attempts) == (2, 3)


@pytest.mark.parametrize(
    "event",
    [
        NodeCompleted("each", 1, {}),
        NodeFailed("each", 1, ERROR),
        NodeRetrying("each", 1, ERROR, 2000.0),
        NodePaused("each", 1),
        NodeCancelled("each", 1, "stopped"),
        RunStopped({}, {}),
    ],
)
def test_an_open_node_is_closed(event: RunEvent) -> None:
    """By whatever ends it, or its run."""
    assert not folded(RunStarted(), NodeStarted("each", opens=True), event).open


def test_a_pause_keeps_what_is_inside_of_an_open_node() -> None:
    """It is opened again under the same number, and what is on record inside is not run again."""
    state = folded(NodeStarted("each", opens=True), NodeCompleted("each[0]/a", 1, {}), NodePaused("each", 1))
    assert set(state.nodes) == {"each", "each[0]/a"}


def test_the_next_attempt_of_an_open_node_begins_with_what_completed() -> None:
    """The rest inside of it, however deep, has never been; a namesake outside stays."""
    state = folded(
        NodeStarted("each", opens=True),
        NodeCompleted("each[0]/a", 1, {}),
        NodeFailed("each[1]/a", 1, ERROR),
        NodeCancelled("each[2]/sub/b", 1, "fail_fast"),
        NodeSkipped("each/c", "branch"),
        NodeStarted("each[3]/a"),
        NodeStarted("each[4]/sub", opens=True),
        NodeFailed("each2[0]/a", 1, ERROR),
        NodeFailed("in/each[0]/a", 1, ERROR),
        NodeRetrying("each", 1, ERROR, 2000.0),
    )
    assert set(state.nodes) == {"each", "each[0]/a", "each2[0]/a", "in/each[0]/a"}
    assert not state.in_flight
    assert not state.open


def test_attempts_inside_a_node_that_is_tried_again_count_on() -> None:
    """None has the same number twice, and each is counted once; one that never began in between changes nothing."""
    inside = "a[0]/x"
    again = NodeRetrying("a", 1, ERROR, 0.0)
    events: list[RunEvent] = [
        NodeStarted("a", opens=True),
        NodeStarted(inside),
        NodeRetrying(inside, 1, ERROR, 0.0),
        NodeStarted(inside, 2),
        NodeFailed(inside, 2, ERROR),
        again,
    ]
    state = folded(*events)
    assert (state.spent, state.attempts) == ({inside: 2}, 3)
    state = folded(*events, NodeStarted("a", 2, opens=True), NodeCancelled(inside, 0, "fail_fast"), again)
    assert (state.spent, state.attempts) == ({inside: 2}, 4)
    state = folded(*events, NodeStarted("a", 2, opens=True), NodeStarted(inside, 3), NodeStarted(inside, 3, True))
    assert state.attempts == 5


def test_the_retry_of_a_node_with_a_task_drops_nothing() -> None:
    """Only an open node has anything inside."""
    state = folded(NodeStarted("a"), NodeFailed("a[0]/x", 1, ERROR), NodeRetrying("a", 1, ERROR, 2000.0))
    assert "a[0]/x" in state.nodes


# --- pauses and what waits ------------------------------------------------------------------------------


def test_a_pause_says_when_it_ends_by_itself() -> None:
    """Until it does, in whatever way."""
    pausing: list[RunEvent] = [RunStarted(), RunStatusChanged("pausing", None, "hard", 5000.0, 6000.0)]
    for events in (pausing, [*pausing, RunStatusChanged("paused")]):
        state = folded(*events)
        assert (state.pause_until, state.pause_stop_at) == (5000.0, 6000.0)
        for end in (RunStatusChanged("running"), RunStatusChanged("queued"), RunStatusChanged("stopping")):
            ended = folded(*events, end)
            assert (ended.pause_until, ended.pause_stop_at) == (None, None)
        assert folded(*events, RunCompleted({}, {})).pause_until is None


def test_a_stricter_pause_says_its_own_end() -> None:
    """The newest counts."""
    state = folded(RunStatusChanged("pausing", None, "drain", 5000.0), RunStatusChanged("pausing", None, "hard"))
    assert state.pause_until is None


def test_who_asked_is_remembered() -> None:
    """What, when and who; what a run does by itself is no control, and only so many are kept."""
    state = folded(
        RunStatusChanged("pausing", None, "hard", by="anna"),
        RunStatusChanged("paused"),
        RunStatusChanged("running", "until"),
        RunStatusChanged("pausing", None, "hard", by=""),
        RunStatusChanged("queued", by="bob"),
        RunStatusChanged("stopping", by="anna"),
    )
    assert [(it.action, it.at, it.by) for it in state.controls] == [
        ("pause", 1001.0, "anna"),
        ("pause", 1004.0, ""),
        ("resume", 1005.0, "bob"),
        ("stop", 1006.0, "anna"),
    ]
    many = folded(*[RunStatusChanged("running", by=str(number)) for number in range(run_state.MAX_CONTROLS + 7)])
    assert [it.by for it in many.controls] == [str(number) for number in range(7, run_state.MAX_CONTROLS + 7)]


def waits_through_a_pause(begins: int, pauses: int, lasts: int, wait: float) -> tuple[RunState, RunState]:
    """A node that begins to wait at a second, in a run that is paused at another: in the pause, and after it."""
    state = RunState("r", "w")
    moments: list[tuple[float, RunEvent]] = sorted(
        [
            (float(pauses), RunStatusChanged("pausing", None, "drain")),
            (begins + 0.5, NodeWaiting("a", 1, None, begins + 0.5 + wait)),
        ],
        key=lambda it: it[0],
    )
    for seq, (at, event) in enumerate(moments, 1):
        apply_event(state, event, seq, at)
    paused = deepcopy(state)
    apply_event(state, RunStatusChanged("running"), 3, float(pauses + lasts))
    return paused, state


@given(st.integers(0, 100), st.integers(0, 100), st.integers(1, 100), st.floats(101, 500))
def test_a_pause_takes_nothing_of_a_wait(begins: int, pauses: int, lasts: int, wait: float) -> None:
    """Whether the wait or the pause began first: what was left when both had begun is left when the pause is over."""
    begins %= pauses + lasts
    paused, after = waits_through_a_pause(begins, pauses, lasts, wait)
    left = wait - max(0.0, pauses - (begins + 0.5))
    for now in (max(begins + 0.5, pauses), pauses + lasts):
        assert paused.seconds_left("a", now) == pytest.approx(left)
    assert after.seconds_left("a", pauses + lasts) == pytest.approx(left)
    assert after.node("a").next_at == pytest.approx(pauses + lasts + left)


def test_nothing_is_left_of_what_is_over() -> None:
    """Nor of a node that waits for nothing."""
    state = folded(NodeWaiting("a", 1, None, 1500.0), NodeWaiting("b", 1))
    assert (state.seconds_left("a", 1400.0), state.seconds_left("a", 1600.0)) == (100.0, 0.0)
    assert (state.seconds_left("b", 1400.0), state.seconds_left("z", 1400.0)) == (0.0, 0.0)


@given(st.lists(st.tuples(st.floats(1, 100), st.floats(1, 100)), max_size=6), st.floats(0, 1500), st.floats(0, 1500))
def test_time_between_does_not_count_pauses(pauses: list[tuple[float, float]], since: float, until: float) -> None:
    """A second at a time: those in which the run was not paused."""
    state, at, running = RunState("r", "w"), 0.0, list[tuple[float, float]]()
    for length, pause in pauses:
        running.append((at, at + length))
        at += length
        state.pauses.append(Pause(at, "hard", at + pause))
        at += pause
    running.append((at, 1e9))
    expected = sum(max(0.0, min(until, end) - max(since, begin)) for begin, end in running)
    assert state.time_between(since, until) == pytest.approx(expected, abs=1e-6)


def test_a_pause_that_lasts_counts_to_the_end() -> None:
    """Of the time that is asked about."""
    state = RunState("r", "w", pauses=[Pause(10.0, "hard")])
    assert (state.time_between(4.0, 50.0), state.time_between(20.0, 50.0), state.time_between(1.0, 5.0)) == (
        6.0,
        0.0,
        4.0,
    )


# --- crashes --------------------------------------------------------------------------------------------


def test_going_on_after_a_crash_is_no_news() -> None:
    """It is counted once for each time, however many nodes were in flight; when they began is remembered."""
    events: list[RunEvent] = [NodeStarted("a"), NodeStarted("b")]
    recovery: list[RunEvent] = [NodeStarted("a", recovered=True), NodeStarted("b", recovered=True)]
    assert (folded(*events).news, folded(*events).recovered) == (2, 0)
    state = folded(*events, *recovery)
    assert (state.news, state.seq, state.recovered) == (2, 4, 1)
    assert (state.node("a").recovered, state.node("a").started_at) == (True, 1001.0)
    later = folded(*events, *recovery, NodeCompleted("a", 1, {}), NodeStarted("b", recovered=True))
    assert (later.news, later.recovered) == (5, 2)


def test_whose_child_it_is() -> None:
    """A run that runs parts of another again says so in its first event."""
    assert folded(RunStarted(parent_run_id="r0")).parent_run_id == "r0"
    assert folded(RunStarted()).parent_run_id is None


def test_only_what_can_be_asked_is_a_control() -> None:
    """Whoever a daemon names: nobody asks for a run to have come to rest."""
    asked: list[RunEvent] = [
        RunStatusChanged("pausing", None, "hard", by="s1"),
        RunStatusChanged("paused", by="s2"),
        RunStatusChanged("running", by="s3"),
        RunStatusChanged("stopping"),
    ]
    assert [(it.action, it.by) for it in folded(RunStarted(), *asked).controls] == [("pause", "s1"), ("resume", "s3")]
