from __future__ import annotations

from typing import TYPE_CHECKING

import jmespath  # type: ignore[import-untyped] # the library has no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.queries import MAX_QUERY, query_flaw, search
from bluev_actors.errors import ExpressionError, QueryBudgetError
from bluev_actors.testing.strategies import json_values

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json

PLENTY = 1_000_000
TWINS = " | ".join(["[@, @]"] * 30)
QUERIES = [
    "@",
    "a",
    "[*]",
    "*",
    "[]",
    "[?@]",
    "[0:2]",
    "{x: @}",
    "[@, a]",
    "type(@)",
    "to_string(@)",
    "@ == a",
    "@ != a",
    "a > `1`",
    "a || b && !c",
    "[? a == b].a | [0]",
    "not_null(a, @)",
]


@given(st.sampled_from(QUERIES), json_values())
def test_it_finds_what_the_library_finds(query: str, value: Json) -> None:
    """To pay for the work changes nothing in what comes out."""
    assert search(query, value, PLENTY) == jmespath.search(query, value)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("a[", "the query cannot be read: "),
        ("", "the query cannot be read: "),
        ("(" * 4000, "nested too deep"),
        ("a" * (MAX_QUERY + 1), f"has {MAX_QUERY + 1} characters; {MAX_QUERY} is the most"),
    ],
)
def test_a_query_that_cannot_be_read(query: str, words: str) -> None:
    """Its flaw is one line, and to search with it fails the same way."""
    flaw = query_flaw(query)
    assert flaw is not None
    assert words in flaw
    assert "\n" not in flaw
    with pytest.raises(ExpressionError) as caught:
        search(query, 1, PLENTY)
    assert caught.value.code == "invalid_expression"


def test_a_query_without_a_flaw() -> None:
    """Nothing is said of it."""
    assert query_flaw("orders[?price > `20`].city") is None


UNANSWERABLE: list[tuple[str, Json]] = [
    ("abs('x')", 1),
    ("nothing(@)", 1),
    ("abs(@, @)", 1),
    ("join(`1`, @)", ["a"]),
    ("join('')", ["a"]),
    ("join(',', @)", 1),
    ("sort(@)", [1, "a"]),
    ("sort_by(@, &a)", [{"a": {}}]),
    ("[::0]", [1]),
]


@pytest.mark.parametrize(("query", "value"), UNANSWERABLE)
def test_a_query_that_cannot_be_answered(query: str, value: Json) -> None:
    """A function that does not take such a value is the query's failure."""
    with pytest.raises(ExpressionError) as caught:
        search(query, value, PLENTY)
    assert caught.value.code in ("expression_failed", "invalid_expression")


BOMBS: list[tuple[str, Json]] = [
    (TWINS, 1),
    (f"{TWINS} | to_string(@)", 1),
    (f"({TWINS}) == ({TWINS})", 1),
    (" | ".join(["[@, @]"] * 15 + ["[]"] * 15), 1),
    (" | ".join(["{a: @, b: @}"] * 30), 1),
    (" | ".join(["[@, @][*]"] * 30), 1),
    ("join(@[0], @[1])", ["x" * 1_000_000, ["a"] * 10_000]),
    ("[*].[a, b, c, d] | [*].[@, @, @]", [{}] * 100_000),
]


@pytest.mark.parametrize(("query", "value"), BOMBS)
def test_bombs_do_not_go_off(query: str, value: Json) -> None:
    """What makes much of little is refused, before it has taken more steps than are paid for."""
    glances: list[None] = []
    with pytest.raises(QueryBudgetError):
        search(query, value, 100_000, lambda: glances.append(None))
    assert len(glances) <= 100


def test_somebody_may_watch() -> None:
    """And end it, as a cancellation does from within a thread."""

    def enough() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search("[*].a", [{"a": 1}] * 2000, PLENTY, enough)
    assert search("[*].a", [{"a": 1}] * 3, PLENTY, enough) == [1, 1, 1]
