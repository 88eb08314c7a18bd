"""What a picture of a run needs to know of its workflow: the nodes in their order, and what each one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json


@frozen
class Outline:
    """A workflow in short.

    Attributes:
        name: what to call it.
        types: the type of each node by its id, in the order of the document.
    """

    name: str
    types: dict[str, str]

    @property
    def total(self) -> int:
        """How many nodes there are."""
        return len(self.types)


def outline_of(document: Json, name: str = "") -> Outline:
    """Read a document that has been accepted, or may still be refused: what does not fit is left out."""
    body: dict[str, Json] = document if isinstance(document, dict) else {}
    nodes: Json = body.get("nodes")
    found = [node for node in nodes if isinstance(node, dict)] if isinstance(nodes, list) else []
    types = {str(node.get("id")): str(node.get("type", "")) for node in found}
    return Outline(str(body.get("id") or name), types)
