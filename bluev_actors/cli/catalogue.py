"""The node types that a command in this process knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.cli.display import note
from bluev_actors.engine.plugins import gather_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bluev_actors.engine.node_types import Catalogue


def open_catalogue(references: Iterable[str] = (), allow: Iterable[str] = ()) -> Catalogue:
    """Gather the built-in types, those the user names, and those of installed packages; say which had to be left out.

    Args:
        references: files or modules that hold node types.
        allow: names of types that touch the outside and may be used.

    Raises:
        NodeTypeError: one cannot be loaded, a name is taken, or there is none of a name that is allowed.
    """
    catalogue, problems = gather_catalogue(references, allow)
    for problem in problems:
        note(f"Warning: {problem}")
    return catalogue
