from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.requests import Answered, RequestLog

NAMES = st.sampled_from("abc")


def test_an_answer_is_found_again() -> None:
    """A request that is repeated gets the answer it got."""
    log = RequestLog()
    log.remember("session", "request", b"digest", {"status": "acknowledged"}, "run")
    assert log.find("session", "request") == Answered(b"digest", {"status": "acknowledged"}, "run")


def test_sessions_have_requests_of_their_own() -> None:
    """The same id in another session is another request."""
    log = RequestLog()
    log.remember("session", "request", b"", {}, "run")
    assert log.find("other", "request") is None
    assert log.find("session", "other") is None


@given(
    st.lists(st.tuples(NAMES, NAMES, NAMES), unique_by=lambda it: (it[0], it[1])),
    st.lists(NAMES, unique=True),
)
def test_answers_go_with_their_runs(requests: list[tuple[str, str, str]], forgotten: list[str]) -> None:
    """What is about a forgotten run is gone, and nothing else."""
    log = RequestLog()
    for session, request, run in requests:
        log.remember(session, request, b"", {}, run)
    for run in forgotten:
        log.forget_run(run)
    for session, request, run in requests:
        assert (log.find(session, request) is None) == (run in forgotten)


def test_nothing_is_left_of_a_forgotten_run() -> None:
    """What is kept is bounded by the runs that are held."""
    log = RequestLog()
    for number in range(3):
        log.remember("session", f"{number}", b"", {}, "run")
    log.forget_run("run")
    log.forget_run("run")
    assert log == RequestLog()
