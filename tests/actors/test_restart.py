"""What follows from an exit: contracts, windows and decisions, without a task or a clock."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.actors.restart import (
    ChildSpec,
    Decision,
    Exit,
    ExitKind,
    Restart,
    RestartBudget,
    RestartWindow,
    Strategy,
    Verdict,
    child,
    decide,
    is_restarted,
    restart_group,
    retire,
)

RESTARTS: tuple[Restart, ...] = get_args(Restart)
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


def family(*restarts: Restart) -> list[ChildSpec]:
    """Contracts `c0`, `c1` and so on, with these restart policies."""
    return [child(f"c{place}", object, restart=restart) for place, restart in enumerate(restarts)]


def window(intensity: int = 1, period: float = 5.0) -> RestartWindow:
    """A fresh window."""
    return RestartWindow(RestartBudget(intensity, period))


# --- exits and contracts ---


@pytest.mark.parametrize(
    ("exit_", "text"),
    [
        (Exit(ExitKind.NORMAL), "normal"),
        (Exit(ExitKind.SHUTDOWN, reason="bye"), "shutdown (bye)"),
        (Exit(ExitKind.CRASHED, ValueError("oh")), "crashed (ValueError: oh)"),
    ],
)
def test_an_exit_as_text(exit_: Exit, text: str) -> None:
    """Logs and errors say how it ended in a few words."""
    assert str(exit_) == text


def test_what_was_expected() -> None:
    """Only a normal end and an orderly one are as they should be."""
    assert [kind for kind in ExitKind if Exit(kind).expected] == [ExitKind.NORMAL, ExitKind.SHUTDOWN]


def test_child_is_the_contract() -> None:
    """`child` takes every option of the contract and has the same defaults."""
    assert child("a", object) == ChildSpec("a", object)
    budget = RestartBudget(2, 1.0)
    options: dict[str, Any] = {
        "restart": "transient",
        "shutdown": 1.0,
        "mailbox": 2,
        "kind": "k",
        "budget": budget,
    }
    assert child("a", object, **options) == ChildSpec("a", object, **options)


@pytest.mark.parametrize(("shutdown", "grace"), [(None, math.inf), (math.inf, math.inf), (0, 0), (2.5, 2.5)])
def test_the_time_to_end(shutdown: float | None, grace: float) -> None:
    """No time limit is an infinite one."""
    assert child("a", object, shutdown=shutdown).grace == grace


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: child("a", object, shutdown=-1), "shutdown"),
        (lambda: child("a", object, shutdown=math.nan), "shutdown"),
        (lambda: child("a", object, mailbox=0), "mailbox"),
        (lambda: RestartBudget(-1), "intensity"),
        (lambda: RestartBudget(1, 0), "period"),
        (lambda: RestartBudget(1, math.nan), "period"),
    ],
)
def test_a_bad_contract_is_refused_at_the_door(make: Any, what: str) -> None:  # noqa: ANN401 - any factory
    """A figure that makes no sense is named when the contract is written, not when a child crashes."""
    with pytest.raises(ValueError, match=what):
        make()


# --- the window ---


def test_both_ends_of_the_window_count() -> None:
    """Restarts exactly `period` apart are in one window, as in OTP."""
    counted = window(intensity=1, period=5.0)
    assert counted.allows(10.0)
    assert not counted.allows(15.0)
    assert counted.allows(15.0 + 5.1)


def test_no_restart_at_all() -> None:
    """An intensity of 0 allows none."""
    assert not window(intensity=0).allows(0.0)


@given(
    intensity=st.integers(0, 5),
    period=st.integers(1, 10),
    steps=st.lists(st.integers(0, 6), max_size=40),
)
def test_the_window_is_the_whole_history(intensity: int, period: int, steps: list[int]) -> None:
    """With a few stamps it answers as if it kept all of them."""
    counted, history, now = window(intensity, period), list[int](), 0
    for step in steps:
        now += step
        history.append(now)
        recent = [at for at in history if now - at <= period]
        assert counted.allows(now) == (len(recent) <= intensity)
        assert counted.count(now) == min(len(recent), intensity + 1)
        assert counted.left(now) == max(0, intensity - len(recent))


def test_its_memory_is_bounded() -> None:
    """A hundred thousand restarts in one window cost no more than the budget's few stamps."""
    counted = window(intensity=3, period=math.inf)
    for now in range(100_000):
        counted.allows(float(now))
    assert counted.count(100_000.0) == 4


# --- decisions ---


@pytest.mark.parametrize(
    ("restart", "again_after"),
    [
        ("permanent", set(ExitKind)),
        ("transient", {ExitKind.KILLED, ExitKind.CRASHED}),
        ("temporary", set[ExitKind]()),
    ],
)
def test_who_is_started_again(restart: Restart, again_after: set[ExitKind]) -> None:
    """The truth table of the restart policies."""
    assert {kind for kind in ExitKind if is_restarted(restart, Exit(kind))} == again_after


@pytest.mark.parametrize(
    ("strategy", "ids"),
    [
        ("one_for_one", ["c1"]),
        ("rest_for_one", ["c1", "c2", "c3"]),
        ("one_for_all", ["c0", "c1", "c2", "c3"]),
    ],
)
def test_who_is_restarted_with_it(strategy: Strategy, ids: list[str]) -> None:
    """The groups of the strategies, in start order."""
    siblings = family("permanent", "permanent", "temporary", "transient")
    assert [spec.id for spec in restart_group("c1", strategy, siblings)] == ids


def test_temporary_siblings_vanish() -> None:
    """A temporary sibling is stopped with its group, and not started again."""
    siblings = family("permanent", "temporary", "transient")
    decision = decide(siblings[0], Exit(ExitKind.CRASHED), "one_for_all", siblings, window(), 0.0)
    assert decision == Decision(Verdict.RESTART, ("c0", "c1", "c2"), ("c0", "c2"))


def test_a_spent_budget() -> None:
    """One restart too many makes the supervisor give up."""
    (spec,) = family("permanent")
    counted = window(intensity=1)
    verdicts = [decide(spec, Exit(ExitKind.CRASHED), "one_for_one", [spec], counted, 0.0).verdict for _ in range(2)]
    assert verdicts == [Verdict.RESTART, Verdict.GIVE_UP]


def test_a_spent_budget_of_its_own() -> None:
    """A child with a budget of its own is given up alone."""
    spec = child("a", object, budget=RestartBudget(0))
    decision = decide(spec, Exit(ExitKind.CRASHED), "one_for_one", [spec], window(0), 0.0)
    assert decision.verdict is Verdict.KEEP_PLACE


def test_only_restarts_are_counted() -> None:
    """Ends that need no restart leave the budget alone."""
    (spec,) = family("transient")
    counted = window(intensity=1)
    for _ in range(10):
        decide(spec, Exit(ExitKind.NORMAL), "one_for_one", [spec], counted, 0.0)
    assert counted.count(0.0) == 0


@given(
    restarts=st.lists(st.sampled_from(RESTARTS), min_size=1, max_size=6),
    place=st.integers(0, 5),
    kind=st.sampled_from(ExitKind),
    strategy=st.sampled_from(STRATEGIES),
    intensity=st.integers(0, 2),
)
def test_every_decision_makes_sense(
    restarts: list[Restart], place: int, kind: ExitKind, strategy: Strategy, intensity: int
) -> None:
    """Whatever exits, the decision is about its own group, in order, and never starts a temporary child."""
    siblings = family(*restarts)
    spec = siblings[place % len(siblings)]
    decision = decide(spec, Exit(kind), strategy, siblings, window(intensity), 0.0)
    if not is_restarted(spec.restart, Exit(kind)):
        assert decision == retire(spec)
    elif intensity == 0:
        assert decision == Decision(Verdict.GIVE_UP)
    else:
        ids = [each.id for each in siblings]
        assert [id_ for id_ in ids if id_ in decision.group] == list(decision.group)
        assert spec.id in decision.start
        assert set(decision.start) == {
            each.id for each in siblings if each.id in decision.group and each.restart != "temporary"
        }


@pytest.mark.parametrize("restart", RESTARTS)
def test_who_keeps_its_place(restart: Restart) -> None:
    """Only a temporary child is forgotten with its contract."""
    (spec,) = family(restart)
    expected = Verdict.FORGET if restart == "temporary" else Verdict.KEEP_PLACE
    assert retire(spec) == Decision(expected)
