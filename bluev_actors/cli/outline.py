"""What a picture of a run needs to know of its workflow: the nodes in their order, and what each one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from bluev_actors.workflows.values import is_list, is_object

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject


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
    body: JsonObject = document if is_object(document) else {}
    nodes: Json = body.get("nodes")
    found = nodes if is_list(nodes) else []
    types = {str(node.get("id")): str(node.get("type", "")) for node in found if is_object(node)}
    return Outline(str(body.get("id") or name), types)
