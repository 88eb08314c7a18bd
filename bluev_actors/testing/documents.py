"""Small workflows to test with, in a line or two.

workflow("sum", step("a", "constant", value=2), step("b", "delay", seconds=1), links=["a.value -> b.x"])
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bluev_actors.workflows.values import Json, JsonObject

_LINK: Final = re.compile(r"(.+)\.([^.]+) -> (.+)\.([^.]+)")


def step(id: str, type: str, **params: Json) -> JsonObject:  # noqa: A002 - the document's own words
    """One node."""
    return {"id": id, "type": type, "params": params}


def workflow(id: str, *steps: JsonObject, links: Iterable[str] = (), **more: Json) -> JsonObject:
    """A workflow document.

    Args:
        id: its id.
        *steps: its nodes.
        links: its connections, each as `from_node.output -> to_node.input`.
        **more: other fields, such as `settings`.

    Raises:
        ValueError: a link is written in another way.
    """
    return {"id": id, "nodes": list(steps), "connections": [_connection(link) for link in links], **more}


def chain(id: str, *steps: JsonObject) -> JsonObject:
    """A workflow whose nodes run one after the other."""
    ids = [str(each["id"]) for each in steps]
    return workflow(id, *steps, links=[f"{a}.done -> {b}.after" for a, b in pairwise(ids)])


def _connection(link: str) -> JsonObject:
    found = _LINK.fullmatch(link)
    if found is None:
        raise ValueError(f"a link reads 'from_node.output -> to_node.input', not {link!r}")
    from_node, from_output, to_node, to_input = found.groups()
    return {"from_node": from_node, "from_output": from_output, "to_node": to_node, "to_input": to_input}
