"""Compiles what the params of a node hold, and checks what it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import Factory, define, frozen

from bluev_actors.errors import ExpressionError
from bluev_actors.workflows.expressions import Expression, unknown_name
from bluev_actors.workflows.formulas import WHEN, Case, Cases, Fields, Formula
from bluev_actors.workflows.templates import Template
from bluev_actors.workflows.values import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Collection

    from bluev_actors.workflows.interpolation import Complain
    from bluev_actors.workflows.kinds import Param
    from bluev_actors.workflows.values import Json

SCOPE_NAMES: Final = ("inputs", "nodes", "params", "run")
"""What every expression of a node may name."""
RUN_NAMES: Final = ("id", "workflow_id")
"""What `run` holds."""


@frozen
class Names:
    """What the expressions of one node may name; None: anything.

    Attributes:
        inputs: the workflow's inputs.
        nodes: the ids of its nodes.
        params: the node's own params that hold no `${...}`.
        ports: the node's inputs, which its formulas may name.
    """

    inputs: Collection[str] | None = None
    nodes: Collection[str] | None = None
    params: Collection[str] | None = None
    ports: Collection[str] | None = None


@define
class Compiled:
    """What has been compiled for a workflow so far, by its text: nodes often say the same."""

    expressions: dict[str, Expression] = Factory(dict[str, Expression])
    templates: dict[str, Template] = Factory(dict[str, Template])

    def expression(self, text: str) -> Expression:
        """Compile an expression, or find it."""
        if text not in self.expressions:
            self.expressions[text] = Expression.compile(text)
        return self.expressions[text]

    def template(self, text: str) -> Template:
        """Compile a template, or find it."""
        if text not in self.templates:
            self.templates[text] = Template.compile(text)
        return self.templates[text]


@define
class Compiler:
    """Compiles for one node.

    Attributes:
        names: what the node may name.
        compiled: what has been compiled for its workflow.
        node_refs: the ids of the nodes whose outputs it turned out to name.
    """

    names: Names
    compiled: Compiled = Factory(Compiled)
    node_refs: set[str] = Factory(set[str])

    def expression(self, text: str) -> Expression:
        """Compile what stands in a `${...}`.

        Raises:
            ExpressionError: it cannot be compiled, or names what is not there.
        """
        expression = self.compiled.expression(text)
        expression.check_names(SCOPE_NAMES)
        self._check_members(expression, SCOPE_NAMES)
        return expression

    def formula(self, param: Param, value: Json, path: str, complain: Complain) -> Formula | None:
        """Compile a param that is an expression or a template.

        Args:
            param: how the kind declares it.
            value: what the document says.
            path: where it stands, for `complain`.
            complain: takes what is wrong.

        Returns:
            None when something is wrong.
        """
        if isinstance(value, str):
            return self._attempt(param, value, path, complain)
        if param.syntax == "expression" and is_object(value):
            found = {k: self._attempt(param, v, f"{path}.{k}", complain) for k, v in value.items()}
            return Fields({k: each for k, each in found.items() if isinstance(each, Expression)})
        if param.syntax == "expression" and is_list(value):
            cases = [self._case(param, each, f"{path}[{i}]", complain) for i, each in enumerate(value)]
            return Cases(tuple(case for case in cases if case is not None))
        complain(ExpressionError(f"the text of {_a(param)} is wanted", "invalid_param"), path)
        return None

    def _case(self, param: Param, written: Json, path: str, complain: Complain) -> Case | None:
        if not is_object(written):
            complain(ExpressionError(f"an object with an expression {WHEN!r} is wanted", "invalid_param"), path)
            return None
        when = self._attempt(param, written.get(WHEN), f"{path}.{WHEN}", complain)
        return Case(written, when) if isinstance(when, Expression) else None

    def _attempt(self, param: Param, text: Json, path: str, complain: Complain) -> Expression | Template | None:
        try:
            if not isinstance(text, str):
                raise ExpressionError(f"the text of {_a(param)} is wanted", "invalid_param")  # noqa: TRY301 - one exit
            return self._one(param, text)
        except ExpressionError as error:
            complain(error, path)
            return None

    def _one(self, param: Param, text: str) -> Expression | Template:
        one = self._read(param, text)
        ports = self.names.ports
        if ports is not None:
            one.check_names(dict.fromkeys([*SCOPE_NAMES, *ports, *param.names]))
        hidden = {*(ports or ()), *param.names}
        self._check_members(one, [name for name in SCOPE_NAMES if name not in hidden])
        return one

    def _read(self, param: Param, text: str) -> Expression | Template:
        if param.syntax == "template":
            return self.compiled.template(text)
        return self.compiled.expression(text)

    def _check_members(self, one: Expression | Template, roots: Collection[str]) -> None:
        known = {"inputs": self.names.inputs, "params": self.names.params, "run": RUN_NAMES}
        for root in sorted(one.names.intersection(roots)):
            used, otherwise = one.members(root)
            if root == "nodes":
                self._check_nodes(used, otherwise=otherwise)
            elif (there := known[root]) is not None:
                _check(used, there, root)

    def _check_nodes(self, used: set[str], *, otherwise: bool) -> None:
        """Nodes are named in full, so that it is known beforehand whose outputs are needed."""
        if otherwise:
            raise ExpressionError("name the node, as in `nodes.fetch` or `nodes['fetch']`", "invalid_expression")
        if self.names.nodes is not None:
            _check(used, self.names.nodes, "nodes")
        self.node_refs |= used


def _check(used: set[str], known: Collection[str], root: str) -> None:
    for name in sorted(used):
        if name not in known:
            raise ExpressionError(f"in `{root}`, {unknown_name(name, known)}", "unknown_expression_name")


def _a(param: Param) -> str:
    return "a template" if param.syntax == "template" else "an expression"
