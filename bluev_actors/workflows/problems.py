"""What may be wrong with a workflow: one record per problem, and the list of all codes.

The codes are part of the contract: clients branch on them, so they are added to and never renamed.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from attrs import Factory, define, evolve, frozen

from bluev_actors.errors import InvalidWorkflowError
from bluev_actors.workflows.values import Json, JsonObject, is_list, is_object
from bluev_actors.workflows.wording import Hint, hint

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PROBLEM_CODES: Final[dict[str, str]] = {
    # the document
    "not_an_object": "The workflow is not a JSON object.",
    "schema_version_unsupported": "The document is written for another version of this format.",
    "missing_field": "A field that must be there is not.",
    "invalid_field_type": "A field's value is of the wrong type, or none of those that are allowed.",
    "unknown_field": "A field that nothing reads: an error in `settings` and `retry`, else a hint at a slip.",
    "invalid_workflow_id": "The workflow's id is not 1 to 200 characters without control characters.",
    "empty_workflow": "The workflow has no nodes.",
    "too_many_nodes": "The workflow has more nodes than one may have.",
    "too_many_connections": "The workflow has more connections than one may have.",
    "nesting_too_deep": "A value is nested deeper than values may be.",
    "not_json": "A value is not plain JSON.",
    "more_problems": "There are more problems than are listed.",
    # nodes
    "invalid_node_id": "A node's id is not 1 to 200 characters without control characters and slashes.",
    "duplicate_node_id": "Two nodes have the same id.",
    "unknown_node_type": "No node type has this name.",
    "node_type_version_unsupported": "The node type exists, in another version.",
    "node_type_disabled": "The node type exists, but is not allowed here.",
    "invalid_retry_policy": "A field of a retry policy has a value it cannot have.",
    "invalid_timeout": "A timeout is not a number of seconds above zero.",
    "invalid_trigger_rule": "There is no such trigger rule.",
    # params
    "missing_param": "A param that the node type requires is not given.",
    "invalid_param": "A param's value is of the wrong type.",
    "unknown_param": "The node type has no param and no input of this name.",
    "param_out_of_range": "A param's number is below its minimum or above its maximum.",
    "param_not_in_choices": "A param's value is none of those it may have.",
    "custom_validation_failed": "A param's value is of the right type, but not what the node type can work with.",
    "invalid_expression": "An expression cannot be read.",
    "unknown_expression_name": "An expression or a template uses a name that is not there.",
    "invalid_template": "A template cannot be read, or uses what templates here may not.",
    "unknown_secret": "No secret of this name is known.",
    "secret_in_plain_param": "A param looks like a secret written into the document.",
    # connections
    "unknown_from_node": "A connection comes from a node that is not there.",
    "unknown_to_node": "A connection goes to a node that is not there.",
    "unknown_output": "The node has no output of this name.",
    "unknown_input": "The node has no input of this name.",
    "duplicate_connection": "The same connection is listed twice.",
    "input_already_connected": "Two connections go to an input that takes one.",
    "self_connection": "A connection goes from a node to itself.",
    "type_mismatch": "An output's type does not fit the input it is connected to.",
    "required_input_missing": "A required input has no connection, param or default.",
    "cycle_detected": "Nodes wait for each other in a circle.",
    "disabled_dependency": "A node waits for one that is disabled.",
    # bodies
    "subworkflow_not_found": "A node names a workflow that is not there.",
    "subworkflow_recursion": "Workflows run each other in a circle.",
    "subworkflow_interface_mismatch": "A node gives its body what it does not declare, or not what it needs.",
    "map_input_not_list": "An input whose elements are the items is not a list.",
    "loop_unbounded": "Nothing says when a loop ends, or how often it goes round at most.",
    "setting_without_effect": "A setting of a body that counts for a whole run only.",
    # schedules
    "invalid_cron": "A cron expression cannot be read, or names no time that ever comes.",
    "invalid_interval": "An interval is not a number of seconds within its range.",
    "unknown_timezone": "There is no time zone of this name.",
    # the workflow's own inputs and outputs
    "unknown_workflow_input": "A value is given for an input that the workflow does not declare.",
    "missing_workflow_input": "A required input of the workflow is not given.",
    "workflow_output_unresolved": "A declared output of the workflow names a node or an output that is not there.",
}
"""Every code a verdict may hold, with its meaning."""

WARNING_CODES: Final = frozenset(
    {"unknown_field", "setting_without_effect", "secret_in_plain_param", "disabled_dependency", "more_problems"}
)
"""The codes that may appear among the warnings."""


@frozen
class GraphProblem:
    """One thing that is wrong.

    Attributes:
        code: one of `PROBLEM_CODES`.
        message: a sentence that says what is wrong and what would be right.
        path: where it is, from the workflow's root, as in `nodes[3].params.seconds`.
        node_id: the node it is about.
        port: the input or output it is about.
        details: more, for programs: `suggestions`, `known`, `cycle`.
    """

    code: str
    message: str
    path: str
    node_id: str | None = None
    port: str | None = None
    details: JsonObject | None = None

    def as_json(self) -> JsonObject:
        """The problem as clients get it: what is None is left out."""
        pairs = {
            "code": self.code,
            "message": self.message,
            "path": self.path,
            "node_id": self.node_id,
            "port": self.port,
            "details": self.details,
        }
        return {name: value for name, value in pairs.items() if value is not None}


class Notes(Protocol):
    """Takes down what is wrong."""

    def error(self, problem: GraphProblem) -> None:
        """Note what keeps the workflow from being accepted."""
        ...

    def hint(self, name: str, known: Collection[str]) -> Hint:
        """Help with a name that is not there."""
        ...


class Refusal:
    """Notes that are not kept: the first problem is raised.

    Raises:
        InvalidWorkflowError: with that problem.
    """

    def error(self, problem: GraphProblem) -> None:
        """Raise it."""
        raise InvalidWorkflowError([problem])

    def hint(self, name: str, known: Collection[str]) -> Hint:
        """Help with a name that is not there."""
        return hint(name, known)


@define
class _Kept:
    """The problems of one verdict."""

    errors: list[GraphProblem] = Factory(list[GraphProblem])
    warnings: list[GraphProblem] = Factory(list[GraphProblem])
    error_count: int = 0
    warning_count: int = 0


@define
class Findings:
    """Collects problems, up to a limit of each kind; the rest are counted.

    Args:
        limit: how many errors, and how many warnings, are kept.
    """

    limit: int = 1000
    _kept: _Kept = Factory(_Kept)
    _path: str = ""
    _ids: str | None = ""

    def inside(self, path: str, node_id: str | None) -> Findings:
        """Findings about a body, which go among the others with their whole paths.

        Args:
            path: where the body stands, from here.
            node_id: the node whose body it is; None for one that stands under a name, for any number of nodes.
        """
        ids = None if self._ids is None or node_id is None else f"{self._ids}{node_id}/"
        return Findings(self.limit, self._kept, _joined(self._path, path), ids)

    @property
    def error_count(self) -> int:
        """How many errors there are, those included that are not kept."""
        return self._kept.error_count

    def error(self, problem: GraphProblem) -> None:
        """Note what keeps the workflow from being accepted."""
        self._kept.error_count += 1
        if len(self._kept.errors) < self.limit:
            self._kept.errors.append(self._placed(problem))

    def warning(self, problem: GraphProblem) -> None:
        """Note what deserves a second look."""
        self._kept.warning_count += 1
        if len(self._kept.warnings) < self.limit:
            self._kept.warnings.append(self._placed(problem))

    def _placed(self, problem: GraphProblem) -> GraphProblem:
        if not self._path:
            return problem
        inside = None if self._ids is None or problem.node_id is None else self._ids + problem.node_id
        return evolve(problem, path=_joined(self._path, problem.path), node_id=inside)

    def hint(self, name: str, known: Collection[str]) -> Hint:
        """Help with a name that is not there, as long as someone will read it: looking for it takes time."""
        return hint(name, known) if self.error_count < self.limit else Hint("")

    def errors(self, document: Json) -> tuple[GraphProblem, ...]:
        """The errors, in the order of the document."""
        return _in_order(self._kept.errors, self._kept.error_count, document)

    def warnings(self, document: Json) -> tuple[GraphProblem, ...]:
        """The warnings, in the order of the document."""
        return _in_order(self._kept.warnings, self._kept.warning_count, document)


def _joined(path: str, rest: str) -> str:
    return f"{path}.{rest}" if path and rest else path or rest


@frozen
class NodeNotes:
    """Notes about one part of a node, whose problems have paths that begin there."""

    notes: Notes
    path: str
    node_id: str
    codes: Mapping[tuple[str, str | None], str] = MappingProxyType({})
    """Codes that say more, by the code that is noted and the path; a path of None stands for all."""

    def error(self, problem: GraphProblem) -> None:
        """Note a problem, with its whole path."""
        code = self.codes.get((problem.code, problem.path)) or self.codes.get((problem.code, None))
        self.notes.error(self.placed(problem if code is None else evolve(problem, code=code)))

    def placed(self, problem: GraphProblem) -> GraphProblem:
        """The problem with its whole path."""
        path = f"{self.path}.{problem.path}" if problem.path else self.path
        return evolve(problem, path=path, node_id=self.node_id)

    def hint(self, name: str, known: Collection[str]) -> Hint:
        """Help with a name that is not there."""
        return self.notes.hint(name, known)


def _in_order(problems: list[GraphProblem], count: int, document: Json) -> tuple[GraphProblem, ...]:
    ordered = sorted(problems, key=lambda problem: _place(document, problem.path))
    if count > len(problems):
        rest = count - len(problems)
        ordered.append(GraphProblem("more_problems", f"There are {rest} more problems than are listed here.", ""))
    return tuple(ordered)


def _place(document: Json, path: str) -> tuple[int, ...]:
    """Where `path` stands in the document, as numbers that sort; what is not in it comes last at its level."""
    place: list[int] = []
    here = document
    for step in re.findall(r"[^.\[\]]+", path):
        if is_object(here) and step in here:
            place.append(list(here).index(step))
            here = here[step]
        elif is_list(here) and step.isdecimal() and int(step) < len(here):
            place.append(int(step))
            here = here[int(step)]
        else:
            place.append(len(here) if is_object(here) or is_list(here) else 0)
            here = None
    return tuple(place)
