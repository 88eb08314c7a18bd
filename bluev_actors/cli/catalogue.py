"""The node types that a command in this process knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.cli.display import note
from bluev_actors.engine.node_types import Catalogue
from bluev_actors.engine.nodes import BUILT_INS
from bluev_actors.engine.plugins import entry_point_nodes, load_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable


def open_catalogue(references: Iterable[str] = (), allow: Iterable[str] = ()) -> Catalogue:
    """Gather the built-in types, those of installed packages, and those the user names.

    Args:
        references: files or modules that hold node types.
        allow: names of types that touch the outside and may be used.

    Raises:
        NodeTypeError: one cannot be loaded, a name is taken, or there is none of a name that is allowed.
    """
    catalogue = Catalogue(BUILT_INS, allow)
    installed, problems = entry_point_nodes()
    for problem in problems:
        note(f"Warning: {problem}")
    for _, node_type in installed:
        catalogue.add(node_type)
    for reference in references:
        for node_type in load_nodes(reference):
            catalogue.add(node_type)
    catalogue.check_allowed()
    return catalogue
