"""Whether a value may stand in a param or in an input: its type, its range, its choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.workflows.port_types import mismatch
from bluev_actors.workflows.problems import GraphProblem
from bluev_actors.workflows.wording import listed, quoted

if TYPE_CHECKING:
    from bluev_actors.workflows.kinds import Param, Port
    from bluev_actors.workflows.values import Json


def check_param(param: Param, value: Json) -> GraphProblem | None:
    """Say what is wrong with a param's value; None when nothing is.

    Used on the document, and again on what the expressions in it came to.
    """
    flaw = mismatch(value, param.type)
    if flaw is not None:
        return GraphProblem("invalid_param", f"param {quoted(param.name)}: {flaw}", param.name)
    if param.choices and not any(_same(choice, value) for choice in param.choices):
        return _no_choice(param, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        problem = _check_range(param, value)
        if problem is not None:
            return problem
    return _check_further(param, value)


def check_port(port: Port, value: Json) -> GraphProblem | None:
    """Say what is wrong with an input's value that a param gives; None when nothing is."""
    flaw = mismatch(value, f"list[{port.type}]" if port.multi else port.type)
    if flaw is None:
        return None
    return GraphProblem("invalid_param", f"input {quoted(port.name)}: {flaw}", port.name, port=port.name)


def _same(choice: Json, value: Json) -> bool:
    """Whether both are the same JSON; in Python `True == 1`."""
    return bool(choice == value) and isinstance(choice, bool) is isinstance(value, bool)


def _no_choice(param: Param, value: Json) -> GraphProblem:
    texts = [choice if isinstance(choice, str) else quoted(choice) for choice in param.choices]
    return GraphProblem(
        "param_not_in_choices",
        f"param {quoted(param.name)} is {quoted(value)}; it may be: {listed(texts)}",
        param.name,
        details={"choices": list(param.choices)},
    )


def _check_further(param: Param, value: Json) -> GraphProblem | None:
    """What the kind itself has to say of a value."""
    flaw = None if param.check is None else param.check(value)
    if flaw is None:
        return None
    return GraphProblem("custom_validation_failed", f"param {quoted(param.name)}: {flaw}", param.name)


def _check_range(param: Param, value: float) -> GraphProblem | None:
    if param.minimum is not None and value < param.minimum:
        bound = f"at least {param.minimum:g}"
    elif param.maximum is not None and value > param.maximum:
        bound = f"at most {param.maximum:g}"
    else:
        return None
    return GraphProblem(
        "param_out_of_range",
        f"param {quoted(param.name)} is {quoted(value)}; it has to be {bound}",
        param.name,
        details={"minimum": param.minimum, "maximum": param.maximum},
    )
