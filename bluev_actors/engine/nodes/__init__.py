"""The node types that every daemon knows, a file per family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from bluev_actors.engine.nodes.aggregate import aggregate
from bluev_actors.engine.nodes.code import python
from bluev_actors.engine.nodes.data import constant, echo, expression, noop, template
from bluev_actors.engine.nodes.delay import delay
from bluev_actors.engine.nodes.flow import branch, fail, merge
from bluev_actors.engine.nodes.output import log

if TYPE_CHECKING:
    from bluev_actors.engine.node_types import NodeType

INLINE: Final = (noop, constant, echo, expression, branch, merge)
"""Those that never wait and are quick, so that a run needs no task for them."""

BUILT_INS: Final[tuple[NodeType, ...]] = tuple(
    evolve(node_type.from_source("built-in"), inline=node_type in INLINE)
    for node_type in (
        noop,
        constant,
        echo,
        expression,
        template,
        aggregate,
        branch,
        merge,
        delay,
        fail,
        log,
        python,
    )
)
"""The built-in node types; those that touch the outside are off until they are allowed by name."""

__all__ = ["BUILT_INS"]
