"""The node types that a command in this process knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.cli.display import note
from bluev_actors.engine.node_types import Catalogue
from bluev_actors.engine.nodes import BUILT_INS
from bluev_actors.engine.plugins import entry_point_nodes, load_nodes
from bluev_actors.errors import NodeTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable


def open_catalogue(references: Iterable[str] = (), allow: Iterable[str] = ()) -> Catalogue:
    """Gather the built-in types, those the user names, and those of installed packages.

    Args:
        references: files or modules that hold node types.
        allow: names of types that touch the outside and may be used.

    Raises:
        NodeTypeError: one cannot be loaded, a name is taken, or there is none of a name that is allowed.
    """
    catalogue = Catalogue(BUILT_INS, allow)
    for reference in references:
        for node_type in load_nodes(reference):
            catalogue.add(node_type)
    for problem in _add_installed(catalogue):
        note(f"Warning: {problem}")
    catalogue.check_allowed()
    return catalogue


def _add_installed(catalogue: Catalogue) -> list[str]:
    """Add the types of installed packages; what cannot be added is left out and told."""
    installed, problems = entry_point_nodes()
    for _, node_type in installed:
        try:
            catalogue.add(node_type)
        except NodeTypeError as error:
            problems.append(f"{error}; it is left out")
    return problems
