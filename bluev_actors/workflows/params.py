"""The params of one node: checked against its kind, compiled once, evaluated for each run.

`${...}` in a param sees `inputs` (the workflow's), `nodes` (the outputs of other nodes, as `nodes.fetch.body`), `run`
(`id` and `workflow_id`) and `params`: those params of the same node that hold no `${...}` themselves, so that their
order means nothing. A param that is an expression or a template sees these and the node's inputs by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import Factory, evolve, frozen

from bluev_actors.errors import ExpressionError, ParamError
from bluev_actors.workflows.compiler import Compiled, Compiler, Names
from bluev_actors.workflows.graph import AFTER
from bluev_actors.workflows.interpolation import CompiledValue, Fixed, Reveal, compile_param, holds_expression
from bluev_actors.workflows.kinds import NOTHING, NodeKind, Param, Port
from bluev_actors.workflows.param_checks import check_param, check_port
from bluev_actors.workflows.problems import GraphProblem, Refusal
from bluev_actors.workflows.wording import quoted

if TYPE_CHECKING:
    from bluev_actors.workflows.expressions import Scope
    from bluev_actors.workflows.formulas import Formula
    from bluev_actors.workflows.problems import Notes
    from bluev_actors.workflows.values import Json, JsonObject


_REFUSAL: Final = Refusal()


@frozen
class NodeParams:
    """The compiled params of a node. `compile` makes it.

    Attributes:
        node_refs: the ids of the nodes whose outputs its expressions name, for the scope's `nodes`.
    """

    node_refs: frozenset[str] = frozenset()
    _fixed: JsonObject = Factory(dict[str, "Json"])
    _moving: dict[str, tuple[CompiledValue, Param | Port | None]] = Factory(
        dict[str, "tuple[CompiledValue, Param | Port | None]"]
    )
    _formulas: dict[str, Formula] = Factory(dict[str, "Formula"])

    @classmethod
    def compile(
        cls,
        params: JsonObject,
        kind: NodeKind,
        names: Names | None = None,
        compiled: Compiled | None = None,
        notes: Notes = _REFUSAL,
    ) -> NodeParams:
        """Check and compile a node's params.

        Args:
            params: as the document has them.
            kind: the node's kind.
            names: what its expressions may name; None: anything.
            compiled: what has been compiled for its workflow, so that it need not be again.
            notes: takes every problem; its path begins at the params.

        Raises:
            InvalidWorkflowError: there is a problem, and `notes` was left out.
        """
        slots = _slots(params, kind, notes)
        job = _Job(slots, names or Names(), compiled or Compiled(), notes)
        for slot in slots:
            job.take(slot)
        return cls(frozenset(job.compiler.node_refs), job.fixed, job.moving, job.formulas)

    def evaluate(self, scope: Scope, reveal: Reveal | None = None) -> JsonObject:
        """The params' values, defaults filled in; a formula is given as its text.

        Args:
            scope: `inputs`, `nodes` and `run`.
            reveal: gives the value of a secret; None: references to secrets stay as they are.

        Raises:
            ExpressionError: an expression cannot be evaluated.
            ParamError: an expression came to a value that the param cannot have.
        """
        values = dict(self._fixed)
        if self._moving:
            whole = {**scope, "params": self._fixed}
            for name, (compiled, declared) in self._moving.items():
                values[name] = _checked(declared, compiled.evaluate(whole, reveal))
        return values

    def compute(self, name: str, scope: Scope) -> Json:
        """Evaluate a param that is an expression or a template.

        Args:
            name: the param.
            scope: `inputs`, `nodes` and `run`, and the node's inputs by name.

        Returns:
            The value; None when the param is not given and has no default.

        Raises:
            ExpressionError: it cannot be evaluated.
        """
        formula = self._formulas.get(name)
        if formula is None:
            return self._fixed.get(name)
        return formula.evaluate({"params": self._fixed, **scope})


def _flaw(declared: Param | Port | None, value: Json) -> GraphProblem | None:
    if declared is None:
        return None
    return check_port(declared, value) if isinstance(declared, Port) else check_param(declared, value)


def _checked(declared: Param | Port | None, value: Json) -> Json:
    problem = _flaw(declared, value)
    if problem is not None:
        raise ParamError(problem.code, problem.message)
    return value


@frozen
class _Slot:
    """A param or an input, and the value that the document or the default gives it."""

    name: str
    value: Json
    declared: Param | Port | None
    """None: an input by a free name."""

    @property
    def formula(self) -> Param | None:
        """The param, if it is an expression or a template."""
        declared = self.declared
        return declared if isinstance(declared, Param) and declared.syntax in ("expression", "template") else None

    @property
    def is_body(self) -> bool:
        """Whether it is the graph that the node runs for each of its items, or the name of one."""
        return isinstance(self.declared, Param) and self.declared.syntax == "workflow"


def _slots(params: JsonObject, kind: NodeKind, notes: Notes) -> list[_Slot]:
    """What is given, and what the kind fills in; notes what is unknown or missing."""
    declared = {param.name: param for param in kind.params}
    slots: list[_Slot] = []
    for name, value in params.items():
        slot = _Slot(name, value, declared.get(name) or kind.input(name))
        if slot.declared is None and (not kind.free_inputs or name == AFTER):
            notes.error(_unknown(name, kind, notes))
        else:
            slots.append(slot)
    for param in kind.params:
        if param.name not in params:
            if param.default is not NOTHING:
                slots.append(_Slot(param.name, param.default, param))
            elif param.required:
                notes.error(_missing(param, kind))
    return slots


def _missing(param: Param, kind: NodeKind) -> GraphProblem:
    message = f"the param {quoted(param.name)} of {kind.name} is required: a value of type {param.type}"
    return GraphProblem("missing_param", message, param.name)


def _unknown(name: str, kind: NodeKind, notes: Notes) -> GraphProblem:
    if name == AFTER:
        return GraphProblem("unknown_param", f"{AFTER!r} takes connections, not a param", name)
    hint = notes.hint(name, [*(param.name for param in kind.params), *(port.name for port in kind.inputs)])
    message = f"{kind.name} has no param {quoted(name)}; {hint.words}"
    return GraphProblem("unknown_param", message, name, details=hint.details)


class _Job:
    """The compiling of one node's params."""

    def __init__(self, slots: list[_Slot], names: Names, compiled: Compiled, notes: Notes) -> None:
        still = [it.name for it in slots if not it.formula and not it.is_body and not holds_expression(it.value)]
        if len(still) < len(slots):
            names = evolve(names, params=dict.fromkeys(still))
        self.compiler = Compiler(names, compiled)
        self.fixed: JsonObject = {}
        self.moving: dict[str, tuple[CompiledValue, Param | Port | None]] = {}
        self.formulas: dict[str, Formula] = {}
        self._notes = notes

    def take(self, slot: _Slot) -> None:
        """Compile one param."""
        if slot.formula is not None:
            self._take_formula(slot, slot.formula)
            return
        if slot.is_body:
            return  # a graph, which is looked through by itself
        value = compile_param(slot.value, slot.name, self.compiler.expression, self._complain)
        if isinstance(value, Fixed):
            self._take_fixed(slot, value.value)
        else:
            self.moving[slot.name] = (value, slot.declared)

    def _take_formula(self, slot: _Slot, param: Param) -> None:
        self.fixed[slot.name] = slot.value
        problem = _flaw(param, slot.value)
        if problem is not None:
            self._notes.error(problem)
            return
        formula = self.compiler.formula(param, slot.value, slot.name, self._complain)
        if formula is not None:
            self.formulas[slot.name] = formula

    def _take_fixed(self, slot: _Slot, value: Json) -> None:
        self.fixed[slot.name] = value
        problem = _flaw(slot.declared, value)
        if problem is not None:
            self._notes.error(problem)

    def _complain(self, error: ExpressionError, path: str) -> None:
        self._notes.error(GraphProblem(error.code, str(error), path))
