"""`validate`: what would keep a workflow from running, all of it at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import orjson

from bluev_actors.cli.catalogue import open_catalogue
from bluev_actors.cli.documents import name_of, parse_inputs, read_document
from bluev_actors.cli.follow import INVALID
from bluev_actors.cli.options import allow_option, json_option, maybe_url, nodes_option, workflow_file
from bluev_actors.cli.verdict import problem_lines, warning_lines
from bluev_actors.client.problems import read_problem
from bluev_actors.workflows.validation import parse_workflow

if TYPE_CHECKING:
    from bluev_actors.workflows.problems import GraphProblem
    from bluev_actors.workflows.values import Json, JsonObject


@click.command()
@workflow_file
@maybe_url
@click.option("--input", "inputs", multiple=True, metavar="NAME=JSON", help="A value for an input. Repeatable.")
@nodes_option
@allow_option
@json_option
def validate(
    file: str,
    url: str | None,
    inputs: tuple[str, ...],
    nodes: tuple[str, ...],
    allow: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check the workflow in FILE (`-`: standard input) and list everything that is wrong.

    Ends with 0 when it could run and 2 when not.
    """
    document, values = read_document(file), parse_inputs(inputs)
    errors, warnings = _ask(url, document, values) if url else _check(nodes, allow, document, values)
    if as_json:
        verdict = {"errors": [e.as_json() for e in errors], "warnings": [w.as_json() for w in warnings]}
        click.echo(orjson.dumps(verdict))
    else:
        lines = problem_lines(name_of(file), errors) if errors else [f"{name_of(file)}: valid"]
        click.echo("\n".join([*lines, *warning_lines(warnings)]))
    sys.exit(INVALID if errors else 0)


def _check(
    nodes: tuple[str, ...], allow: tuple[str, ...], document: Json, inputs: JsonObject
) -> tuple[tuple[GraphProblem, ...], tuple[GraphProblem, ...]]:
    catalogue = open_catalogue(nodes, allow)
    verdict = parse_workflow(document, catalogue.kinds, inputs=inputs or None, disabled=catalogue.disabled)
    return verdict.errors, verdict.warnings


def _ask(url: str, document: Json, inputs: JsonObject) -> tuple[tuple[GraphProblem, ...], tuple[GraphProblem, ...]]:
    from bluev_actors.client.rest import Rest  # noqa: PLC0415 - a check in this process needs no HTTP

    with Rest(url) as rest:
        verdict: JsonObject = rest.post("/api/validate", {"workflow": document, "inputs": inputs})
    errors, warnings = (tuple(read_problem(found) for found in verdict[key]) for key in ("errors", "warnings"))
    return errors, warnings
