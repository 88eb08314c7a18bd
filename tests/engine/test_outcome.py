from __future__ import annotations

import pytest
from attrs.exceptions import FrozenInstanceError

from bluev_actors.engine.outcome import Failed, Succeeded
from bluev_actors.workflows.run_events import ErrorDetail


def test_an_outcome_cannot_be_changed() -> None:
    """An outcome travels between actors, so nobody may write into it."""
    with pytest.raises(FrozenInstanceError):
        Succeeded({}).outputs = {}  # type: ignore[misc] # what must not work


def test_a_failure_asks_for_nothing_by_itself() -> None:
    """Without more, the policy of the node decides about another attempt."""
    failed = Failed(ErrorDetail("node_error", "no"))
    assert (failed.class_names, failed.retry_after, failed.exception) == ((), None, None)
