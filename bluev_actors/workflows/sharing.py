"""Lets the names in a large document be one object each, however often they are written.

A graph of a hundred thousand nodes names each of them in several connections, and every name read from JSON is a text
of its own; that is a fifth of what such a graph costs in memory.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from bluev_actors.workflows.values import is_list, is_object

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject

_IN_NODES: Final = ("id", "type")
_IN_CONNECTIONS: Final = ("from_node", "from_output", "to_node", "to_input")


def share_names(document: Json) -> None:
    """Replace the names in the nodes and connections of a document by equal ones, in place.

    Args:
        document: any JSON that nobody else holds; what is no workflow stays as it is.
    """
    if is_object(document):
        for part, names in (("nodes", _IN_NODES), ("connections", _IN_CONNECTIONS)):
            listed = document.get(part)
            for each in listed if is_list(listed) else ():
                if is_object(each):
                    _share(each, names)


def _share(each: JsonObject, names: tuple[str, ...]) -> None:
    for name in names:
        text = each.get(name)
        if type(text) is str:
            each[name] = sys.intern(text)
