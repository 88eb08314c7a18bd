"""Which control is legal when: the table of the design, read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

import pytest
from attrs.exceptions import FrozenInstanceError

from bluev_actors.workflows.control import Action, ControlOutcome, Ruling, SignalOutcome, is_stricter, judge
from bluev_actors.workflows.run_events import RunStatus

if TYPE_CHECKING:
    from bluev_actors.workflows.graph import PauseMode

TABLE: Final[dict[RunStatus, tuple[Ruling, Ruling, Ruling]]] = {
    "queued": ("do", "nothing", "do"),
    "running": ("do", "nothing", "do"),
    "pausing": ("nothing", "do", "do"),
    "paused": ("nothing", "do", "do"),
    "stopping": ("invalid_state", "invalid_state", "nothing"),
    "completed": ("run_finished", "run_finished", "run_finished"),
    "failed": ("run_finished", "run_finished", "run_finished"),
    "stopped": ("run_finished", "run_finished", "nothing"),
}
"""By state: pause, resume, stop."""


@pytest.mark.parametrize("status", get_args(RunStatus))
def test_every_state_has_its_rulings(status: RunStatus) -> None:
    """The whole table, and no state without a row."""
    actions: tuple[Action, ...] = ("pause", "resume", "stop")
    assert tuple(judge(action, status) for action in actions) == TABLE[status]


def test_modes_of_pause_have_an_order() -> None:
    """`drain` ends no node, `checkpoint` some, `hard` all; the same mode is not stricter than itself."""
    modes: list[PauseMode] = ["drain", "checkpoint", "hard"]
    for place, mode in enumerate(modes):
        assert is_stricter(mode, None)
        assert [is_stricter(mode, other) for other in modes] == [place > other for other in range(3)]


def test_an_outcome_says_why_it_was_refused() -> None:
    """An accepted one has no code."""
    outcome = ControlOutcome("r", "w", "pause", accepted=True, status="pausing", seq=3)
    assert outcome.code is None
    assert outcome.message is None


def test_a_signal_has_its_outcome_too() -> None:
    """One that was taken has no code."""
    outcome = SignalOutcome("r", "a", accepted=True)
    assert (outcome.code, outcome.message) == (None, None)


@pytest.mark.parametrize(
    "outcome", [SignalOutcome("r", "a", True), ControlOutcome("r", "w", "stop", True, "stopped", 1)]
)
def test_an_outcome_cannot_be_edited(outcome: object) -> None:
    """It is kept, sent and called back with, by several at once."""
    with pytest.raises(FrozenInstanceError):
        outcome.accepted = False  # type: ignore[attr-defined] # that it is refused is the point
