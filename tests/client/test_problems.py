"""Problems across the wire."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.client.problems import read_problem
from bluev_actors.workflows.problems import GraphProblem

texts = st.text(max_size=5)
problems = st.builds(
    GraphProblem, texts, texts, texts, st.none() | texts, st.none() | texts, st.none() | st.just({"suggestions": ["x"]})
)


@given(problems)
def test_what_is_told_is_read(problem: GraphProblem) -> None:
    """Whatever a daemon finds, its client sees the same."""
    assert read_problem(problem.as_json()) == problem


def test_what_is_new_or_missing() -> None:
    """A newer daemon may say more, an odd one less."""
    assert read_problem({"code": "x", "severity": 5}) == GraphProblem("x", "", "")
