"""What follows from an exit: windows and decisions, without a task or a clock."""

from __future__ import annotations

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.actors.exits import Exit, ExitKind
from bluev_actors.actors.restart import (
    Decision,
    RestartWindow,
    Verdict,
    decide,
    ended_as_asked,
    ends_supervisor,
    is_restarted,
    restart_group,
    retire,
)
from bluev_actors.actors.specs import AutoShutdown, ChildSpec, Restart, RestartBudget, Strategy, child

RESTARTS: tuple[Restart, ...] = get_args(Restart)
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


def family(*restarts: Restart) -> list[ChildSpec]:
    """Contracts `c0`, `c1` and so on, with these restart policies."""
    return [child(f"c{place}", object, restart=restart) for place, restart in enumerate(restarts)]


def window(intensity: int = 1, period: float = 5.0) -> RestartWindow:
    """A fresh window."""
    return RestartWindow(RestartBudget(intensity, period))


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


def test_a_failed_restart_is_tried_again() -> None:
    """Whatever the policy and the kind of its end, a child that was to come back has to; each try counts."""
    counted = window(intensity=2)
    for restart in RESTARTS:
        (spec,) = family(restart)
        for kind in ExitKind:
            decision = decide(spec, Exit(kind), "one_for_one", [spec], window(), 0.0, failed_restart=True)
            assert decision == Decision(Verdict.RESTART)
    verdicts = [
        decide(family("transient")[0], Exit(ExitKind.CRASHED), "dynamic", (), counted, 0.0, failed_restart=True).verdict
        for _ in range(3)
    ]
    assert verdicts == [Verdict.RESTART, Verdict.RESTART, Verdict.GIVE_UP]


def test_a_dynamic_child_is_restarted_alone_or_forgotten() -> None:
    """There are no places among the children of a dynamic supervisor, so none is kept."""
    (spec,) = family("transient")
    assert decide(spec, Exit(ExitKind.CRASHED), "dynamic", (), window(), 0.0) == Decision(Verdict.RESTART)
    assert decide(spec, Exit(ExitKind.NORMAL), "dynamic", (), window(), 0.0) == Decision(Verdict.FORGET)
    own = child("a", object, budget=RestartBudget(0))
    assert decide(own, Exit(ExitKind.CRASHED), "dynamic", (), window(0), 0.0) == Decision(Verdict.FORGET)


@given(
    restarts=st.lists(st.sampled_from(RESTARTS), min_size=1, max_size=6),
    place=st.integers(0, 5),
    kind=st.sampled_from(ExitKind),
    strategy=st.sampled_from(STRATEGIES),
    intensity=st.integers(0, 2),
    failed_restart=st.booleans(),
)
def test_every_decision_makes_sense(
    restarts: list[Restart], place: int, kind: ExitKind, strategy: Strategy, intensity: int, *, failed_restart: bool
) -> None:
    """Whatever exits, the decision is about its own group, in order, and never starts a temporary sibling."""
    siblings = family(*restarts)
    spec = siblings[place % len(siblings)]
    decision = decide(spec, Exit(kind), strategy, siblings, window(intensity), 0.0, failed_restart=failed_restart)
    if not (is_restarted(spec.restart, Exit(kind)) or failed_restart):
        assert decision == retire(spec, strategy)
    elif intensity == 0:
        assert decision == Decision(Verdict.GIVE_UP)
    elif strategy in {"one_for_one", "dynamic"}:
        assert decision == Decision(Verdict.RESTART)
    else:
        ids = [each.id for each in siblings]
        assert [id_ for id_ in ids if id_ in decision.group] == list(decision.group)
        assert spec.id in decision.group
        assert set(decision.start) == {
            each.id for each in siblings if each.id in decision.group and each.restart != "temporary"
        }


@pytest.mark.parametrize("restart", RESTARTS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_who_keeps_its_place(restart: Restart, strategy: Strategy) -> None:
    """A temporary child is forgotten with its contract, and so is every child of a dynamic supervisor."""
    (spec,) = family(restart)
    forgotten = restart == "temporary" or strategy == "dynamic"
    assert retire(spec, strategy) == Decision(Verdict.FORGET if forgotten else Verdict.KEEP_PLACE)


# --- the end of the supervisor ---


@pytest.mark.parametrize(
    ("auto_shutdown", "significant", "others", "ends"),
    [
        ("never", True, [], False),
        ("any_significant", False, [], False),
        ("any_significant", True, [True], True),
        ("any_significant", True, [], True),
        ("all_significant", False, [], False),
        ("all_significant", True, [True, False], False),
        ("all_significant", True, [False, False], True),
        ("all_significant", True, [], True),
    ],
)
def test_whose_end_ends_the_supervisor(
    auto_shutdown: AutoShutdown, others: list[bool], *, significant: bool, ends: bool
) -> None:
    """The truth table of `auto_shutdown`: any significant child, or the last of them."""
    spec, *rest = [
        child(f"c{place}", object, restart="transient", significant=flag)
        for place, flag in enumerate([significant, *others])
    ]
    assert ends_supervisor(auto_shutdown, spec, rest) == ends


# --- ends that were asked for ---


@pytest.mark.parametrize("restart", RESTARTS)
@pytest.mark.parametrize(("kind", "shutdown"), [(kind, shutdown) for kind in ExitKind for shutdown in (0, 5, None)])
def test_who_ended_as_it_was_asked_to(kind: ExitKind, restart: Restart, shutdown: float | None) -> None:
    """In good order; or by the brutal kill that was meant; or by itself, unless it is one that never should."""
    proper = {
        ExitKind.SHUTDOWN: True,
        ExitKind.KILLED: shutdown == 0,
        ExitKind.CRASHED: False,
        ExitKind.NORMAL: restart != "permanent",
        ExitKind.IGNORED: restart != "permanent",
    }
    spec = child("a", object, restart=restart, shutdown=shutdown)
    assert ended_as_asked(spec, Exit(kind)) == proper[kind]
