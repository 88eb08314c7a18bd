from __future__ import annotations

import pytest
from attrs.exceptions import FrozenInstanceError

from bluev_actors.engine.outcome import BodyEnd, Failed, Opens, Outcome, Succeeded, Waits
from bluev_actors.workflows.kinds import NOTHING
from bluev_actors.workflows.run_events import ErrorDetail

ERROR = ErrorDetail("node_error", "no")


@pytest.mark.parametrize(
    ("outcome", "name"),
    [(Succeeded({}), "outputs"), (Failed(ERROR), "error"), (Opens(()), "items"), (Waits(), "seconds")],
)
def test_an_outcome_cannot_be_changed(outcome: Outcome, name: str) -> None:
    """An outcome travels between actors, so nobody may write into it."""
    with pytest.raises(FrozenInstanceError):
        setattr(outcome, name, None)


def test_a_failure_asks_for_nothing_by_itself() -> None:
    """Without more, the policy of the node decides about another attempt."""
    failed = Failed(ERROR)
    assert (failed.class_names, failed.retry_after, failed.exception) == ((), None, None)


def test_outputs_are_fresh_unless_they_say_otherwise() -> None:
    """Only what a cache has found is not recorded there once more."""
    assert not Succeeded({}).cached


def test_a_body_runs_for_all_items_at_once_unless_told_otherwise() -> None:
    """One item that fails fails the node, the ids inside carry numbers, and nothing waits."""
    opens = Opens(({"item": 1}, {"item": 2}))
    assert (opens.concurrency, opens.on_item_error, opens.indexed, opens.after) == (None, "fail", True, 0.0)


def test_a_body_ends_with_outputs_or_with_an_error() -> None:
    """What it has not is None."""
    assert (BodyEnd({"a": 1}).error, BodyEnd(error=ERROR).outputs) == (None, None)


def test_a_wait_takes_anything_and_for_as_long_as_it_takes() -> None:
    """Without a schema every payload fits, and `None` may be a default like any other value."""
    waits = Waits()
    assert (waits.seconds, waits.reason) == (None, "signal")
    assert waits.default is NOTHING
    assert Waits(default=None).default is not NOTHING
    assert [waits.flaw(payload) for payload in (None, 1, "x", [1], {"a": 1})] == [None] * 5


def test_a_payload_has_to_fit_the_schema() -> None:
    """What is wrong is said, and where."""
    waits = Waits(schema={"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}})
    assert waits.flaw({"ok": True}) is None
    assert waits.flaw({}) is not None
    assert "ok" in (waits.flaw({"ok": 3}) or "")
