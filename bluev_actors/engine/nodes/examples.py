"""Short hand for the example workflows that node kinds bring along."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bluev_actors.workflows.values import Json, JsonObject

_ARROW: Final = re.compile(r"(.+)\.(.+) -> (.+)\.(.+)")


def step(type_: str, params: JsonObject | None = None, **rest: Json) -> JsonObject:
    """A node of this type, still without its id."""
    return {"type": type_, "params": params or {}, **rest}


def example(name: str, nodes: Mapping[str, JsonObject], *arrows: str, **rest: Json) -> JsonObject:
    """A workflow document.

    Args:
        name: its id.
        nodes: its nodes by id, each made by `step`.
        arrows: its connections, as in `fetch.body -> parse.text`.
        rest: further keys of the document, such as `inputs`.
    """
    return {
        "id": name,
        **rest,
        "nodes": [{"id": node_id, **node} for node_id, node in nodes.items()],
        "connections": [_connection(arrow) for arrow in arrows],
    }


def _connection(arrow: str) -> JsonObject:
    match = _ARROW.fullmatch(arrow)
    if match is None:
        raise ValueError(f"an arrow looks like `node.output -> node.input`, not like {arrow!r}")
    return dict(zip(("from_node", "from_output", "to_node", "to_input"), match.groups(), strict=True))
