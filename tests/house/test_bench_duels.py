"""What the benches share: turns, medians, goals and rows."""

from __future__ import annotations

import pytest
from bench.duels import Case, Duel, Goal, choose, compare, line, row


def test_what_says_all_once_is_measured_once() -> None:
    """Memory is no matter of chance, and a fresh process takes a second."""
    calls: list[str] = []

    def noting(name: str) -> float:
        calls.append(name)
        return 1.0

    here = {
        "ours: x": Case("ours: x", lambda _: noting("ours"), 1),
        "floor: x": Case("floor: x", lambda _: noting("floor"), 1, once=True),
    }
    compare([Duel("x", "ours: x", "floor: x")], here, reps=3)
    assert calls == ["ours", "floor", "ours", "ours"]


@pytest.mark.parametrize(
    ("goal", "ours", "holds"),
    [
        (Goal(), 1.0, True),
        (Goal(ratio=0.5), 5.0, True),
        (Goal(ratio=0.5), 4.9, False),
        (Goal(figure=8.0), 8.0, True),
        (Goal(figure=8.0), 8.1, False),
    ],
)
def test_a_goal_is_a_ratio_or_a_bound(goal: Goal, ours: float, holds: bool) -> None:
    """A rate has to be so many times the reference, a size at most so much; both ends count."""
    assert row(Duel("x", "ours: x", "floor: x", goal), ours, 10.0).holds is holds


def test_a_row_says_what_it_missed() -> None:
    """A person sees at once which goal does not hold, and in which unit."""
    missed = line(row(Duel("memory", "ours", "floor", Goal(figure=8192), "B"), 9000.0, 6000.0))
    assert missed.endswith("ratio   1.50  goal at most 8192 B MISSED")
    held = line(row(Duel("ask", "ours", "floor", Goal(ratio=0.6)), 60.0, 100.0))
    assert held.endswith("ratio   0.60  goal at least 0.6 holds")
    assert line(row(Duel("tell", "ours", "floor"), 60.0, 100.0)).endswith("ratio   0.60")


def test_a_figure_that_is_nearly_one_is_shown_to_a_thousandth() -> None:
    """How much longer than the longest path is a matter of the third digit."""
    held = line(row(Duel("graph", "ours", "floor", Goal(figure=1.05), "x"), 1.0214, 1.01))
    assert "1.021 x" in held
    assert held.endswith("goal at most 1.05 x holds")


def test_turns_are_taken_and_medians_compared() -> None:
    """All cases run once before any runs again, and one slow repetition decides nothing."""
    turns: list[str] = []

    def case(name: str, figures: list[float]) -> Case:
        def figure(times: int) -> float:
            turns.append(f"{name} {times}")
            return figures.pop(0)

        return Case(name, figure, 10)

    here = {it.name: it for it in (case("a", [8, 80, 9]), case("b", [4, 4, 1]))}
    rows = compare([Duel("a: b", "a", "b", Goal(ratio=2))], here, reps=3, scale=0.5)
    assert turns == ["a 5", "b 5"] * 3
    assert [(it.ours, it.reference, it.ratio, it.holds) for it in rows] == [(9, 4, 2.25, True)]


def test_a_reference_of_nothing_gives_no_ratio() -> None:
    """A floor that costs nothing at all must not end the bench."""
    assert row(Duel("x", "ours", "floor"), 3.0, 0.0).ratio == 0.0


def test_a_row_without_its_reference_is_left_out() -> None:
    """A peer that is not here takes its own rows with it and no others."""
    here = {name: Case(name, float, 1) for name in ("a", "b")}
    kept, gone = Duel("a: b", "a", "b"), Duel("a: c", "a", "c")
    assert choose([kept, gone], here, "") == [kept]
    assert choose([kept, gone], here, "c") == []
