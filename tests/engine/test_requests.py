from __future__ import annotations

import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.engine.requests import Answered
from bluev_actors.workflows.graph import Node, Workflow

NAMES = st.sampled_from("abc")


def journal_with(*runs: str) -> MemoryJournal:
    """A journal that holds these runs."""
    journal = MemoryJournal()
    for run_id in runs:
        journal.open_run(RunRecord(run_id, Workflow("w", (Node("n", "noop"),)), {}, 0.0))
    return journal


def test_an_answer_cannot_be_changed() -> None:
    """Who repeats a request gets what was said the first time."""
    with pytest.raises(FrozenInstanceError):
        Answered(b"", {}, "a").run_id = "b"  # type: ignore[misc] # what must not work


def test_an_answer_is_found_again() -> None:
    """By its session and its id together."""
    journal, answered = journal_with("a"), Answered(b"digest", {"status": "acknowledged"}, "a")
    journal.remember_request("session", "request", answered)
    assert journal.find_request("session", "request") == answered
    assert journal.find_request("other", "request") is None
    assert journal.find_request("session", "other") is None


@given(st.lists(st.tuples(NAMES, NAMES, NAMES), unique_by=lambda it: (it[0], it[1])), st.lists(NAMES, unique=True))
def test_answers_go_with_their_runs(requests: list[tuple[str, str, str]], forgotten: list[str]) -> None:
    """What is about a forgotten run is gone, and nothing else; so what is kept is bounded by the runs."""
    journal = journal_with(*"abc")
    for session, request, run in requests:
        journal.remember_request(session, request, Answered(b"", {}, run))
    for run in forgotten:
        journal.forget_run(run)
    for session, request, run in requests:
        assert (journal.find_request(session, request) is None) == (run in forgotten)


def test_nothing_is_kept_about_a_run_that_is_gone() -> None:
    """A run may come and go before its start is answered."""
    journal = journal_with()
    journal.remember_request("session", "request", Answered(b"", {}, "gone"))
    assert journal.find_request("session", "request") is None
