"""What a contract says, and that a wrong one is refused where it is written."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.actors import Actor
from bluev_actors.actors.specs import Backoff, ChildSpec, Overflow, Restart, RestartBudget, child

RESTARTS: tuple[Restart, ...] = get_args(Restart)

factors = st.floats(1, 1e6)
"""By how much a wait is longer than the one before."""
seconds = st.floats(1e-6, 1e6)
shares = st.floats(0, 1)


# --- contracts ---


def test_child_is_the_contract() -> None:
    """`child` takes every option of the contract and has the same defaults."""
    assert child("a", object) == ChildSpec("a", object)
    options: dict[str, Any] = {
        "restart": "transient",
        "shutdown": 1.0,
        "mailbox": 2,
        "kind": "k",
        "budget": RestartBudget(2, 1.0),
        "overflow": "drop_oldest",
        "backoff": Backoff(1.0),
        "significant": True,
    }
    assert child("a", object, **options) == ChildSpec("a", object, **options)


def test_an_actor_is_no_factory() -> None:
    """Each incarnation is a new actor, so what is wanted is something that makes one."""
    with pytest.raises(ValueError, match="factory must be a class or a function"):
        child("a", Actor[Any]())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - it is wrong


def test_a_child_needs_a_name() -> None:
    """An empty id would give a child its supervisor's own path."""
    with pytest.raises(ValueError, match="id must be a name"):
        child("", object)


@pytest.mark.parametrize("overflow", get_args(Overflow))
def test_every_policy_of_overflow_is_one(overflow: Overflow) -> None:
    """What the type allows, the contract takes."""
    assert child("a", object, overflow=overflow).overflow == overflow


@pytest.mark.parametrize("restart", RESTARTS)
def test_only_who_ends_for_good_may_be_significant(restart: Restart) -> None:
    """A permanent child is always restarted, so its end cannot mean anything."""
    if restart == "permanent":
        with pytest.raises(ValueError, match="significant must be False for a permanent child"):
            child("a", object, restart=restart, significant=True)
    else:
        assert child("a", object, restart=restart, significant=True).significant


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: child("", object), "id"),
        (lambda: child("a", object, shutdown=-1), "shutdown"),
        (lambda: child("a", object, shutdown=math.nan), "shutdown"),
        (lambda: child("a", object, shutdown=-math.inf), "shutdown"),
        (lambda: child("a", object, mailbox=0), "mailbox"),
        (lambda: child("a", object, mailbox=-1), "mailbox"),
        (lambda: child("a", object, restart="always"), "restart"),  # type: ignore[arg-type]  # that is what is tested
        (lambda: child("a", object, overflow="burn"), "overflow"),  # type: ignore[arg-type]  # as above
        (lambda: RestartBudget(-1), "intensity"),
        (lambda: RestartBudget(1, 0), "period"),
        (lambda: RestartBudget(1, -5), "period"),
        (lambda: RestartBudget(1, math.nan), "period"),
        (lambda: Backoff(0), "first"),
        (lambda: Backoff(math.nan), "first"),
        (lambda: Backoff(math.inf), "first"),
        (lambda: Backoff(limit=0), "limit"),
        (lambda: Backoff(limit=math.nan), "limit"),
        (lambda: Backoff(limit=math.inf), "limit"),
        (lambda: Backoff(factor=0.5), "factor"),
        (lambda: Backoff(factor=math.nan), "factor"),
        (lambda: Backoff(factor=math.inf), "factor"),
        (lambda: Backoff(jitter=-0.1), "jitter"),
        (lambda: Backoff(jitter=1.1), "jitter"),
        (lambda: Backoff(jitter=math.nan), "jitter"),
        (lambda: Backoff(reset_after=-1), "reset_after"),
        (lambda: Backoff(reset_after=math.nan), "reset_after"),
    ],
)
def test_a_bad_contract_is_refused_at_the_door(make: Any, what: str) -> None:  # noqa: ANN401 - any factory
    """A figure that makes no sense is named when the contract is written, not when a child crashes."""
    with pytest.raises(ValueError, match=what):
        make()


def test_contracts_cannot_be_changed() -> None:
    """Whoever holds one may rely on it; another contract is another object."""
    spec = child("a", object)
    with pytest.raises(AttributeError):
        spec.restart = "temporary"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] - it is what is tested
    assert hash(spec) == hash(child("a", object))


# --- delays ---


def test_the_waits_of_the_defaults() -> None:
    """Each twice the one before, up to five seconds."""
    waits = [Backoff().delay(failures, 0) for failures in range(1, 9)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5])


def test_waits_that_do_not_grow() -> None:
    """A factor of one makes every wait the first."""
    backoff = Backoff(3, factor=1, jitter=0)
    assert {backoff.delay(failures, 0) for failures in (1, 2, 1000)} == {3}


def test_the_limit_goes_before_the_first_wait() -> None:
    """Nobody waits longer than the limit, not even the first time."""
    assert Backoff(10, limit=4, jitter=0).delay(1, 0) == 4


@pytest.mark.parametrize("failures", [10**3, 10**5])
def test_a_power_that_overflows_is_the_limit(failures: int) -> None:
    """However often it failed, there is a number of seconds to wait."""
    assert Backoff(factor=10, jitter=0).delay(failures, 0) == 5


@given(seconds, seconds, factors, shares, st.integers(1, 10**6), shares)
def test_jitter_keeps_its_bounds(
    first: float, limit: float, factor: float, jitter: float, failures: int, chance: float
) -> None:
    """Chance only makes a wait shorter, by no more than its share, and never longer than the limit."""
    exact = Backoff(first, limit, factor, jitter=0).delay(failures, chance)
    wait = Backoff(first, limit, factor, jitter).delay(failures, chance)
    assert exact * (1 - jitter) <= wait * (1 + 1e-9)
    assert 0 <= wait <= exact <= limit


@given(seconds, seconds, factors, st.integers(1, 10**6))
def test_waits_never_get_shorter(first: float, limit: float, factor: float, failures: int) -> None:
    """One more failure is never a reason to come back sooner."""
    backoff = Backoff(first, limit, factor, jitter=0)
    assert backoff.delay(failures, 0) <= backoff.delay(failures + 1, 0)


@pytest.mark.parametrize(
    ("reset_after", "age", "sound"),
    [(None, 4.9, False), (None, 5, True), (2, 1.9, False), (2, 2, True), (0, 0, True), (math.inf, 1e9, False)],
)
def test_who_counts_as_sound(reset_after: float | None, age: float, *, sound: bool) -> None:
    """Whoever lived as long as `reset_after`, or as the limit where nothing is said."""
    assert Backoff(reset_after=reset_after).is_sound(age) == sound
