"""What validation has to say, for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.cli.words import plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bluev_actors.workflows.problems import GraphProblem


def problem_lines(file: str, problems: Sequence[GraphProblem]) -> Iterator[str]:
    """All that is wrong with a document, one line each."""
    yield f"{file}: {plural(len(problems), 'problem')}"
    yield from (line_of(problem) for problem in problems)


def warning_lines(problems: Sequence[GraphProblem]) -> Iterator[str]:
    """What deserves a second look, one line each."""
    yield from (f"{line_of(problem)} (warning)" for problem in problems)


def line_of(problem: GraphProblem) -> str:
    """Where it is and what would be right."""
    return f"{printable(problem.path) or 'workflow'}: {printable(problem.message)}"
