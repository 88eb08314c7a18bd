"""Node types from elsewhere: the files and modules a user names, and what installed packages offer."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
import sys
import traceback
from contextlib import contextmanager, suppress
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from bluev_actors.engine.node_types import Catalogue, NodeType
from bluev_actors.engine.nodes import BUILT_INS
from bluev_actors.errors import BluevError, NodeTypeError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from types import ModuleType

GROUP: Final = "bluev_actors.nodes"
"""The entry point group under which packages offer node types."""

_log = logging.getLogger(__name__)


def gather_catalogue(references: Iterable[str] = (), allow: Iterable[str] = ()) -> tuple[Catalogue, list[str]]:
    """Gather the built-in types, those that the user names, and those of installed packages.

    The user's own come before those of packages, and are on even if they touch the outside: who names a file
    means it.

    Args:
        references: files or modules that hold node types.
        allow: names of types that touch the outside and may be used.

    Returns:
        The catalogue, and a sentence for each plug-in that had to be left out.

    Raises:
        NodeTypeError: a file or module cannot be loaded, a name is taken, or there is none to allow.
    """
    catalogue = Catalogue(BUILT_INS, allow)
    for reference in references:
        for node_type in load_nodes(reference):
            catalogue.add(node_type, allow=True)
    installed, problems = entry_point_nodes()
    for _, node_type in installed:
        try:
            catalogue.add(node_type)
        except NodeTypeError as error:
            problems.append(f"{error}; it is left out")
    catalogue.check_allowed()
    return catalogue, problems


def load_nodes(reference: str) -> list[NodeType]:
    """Load the node types of a file or a module: all at its top level, and those in its list `NODES`.

    Args:
        reference: the path of a Python file, or the name of a module.

    Raises:
        NodeTypeError: it is not there, cannot be imported, or holds no node types.
    """
    module = _load_file(reference) if _is_path(reference) else _load_module(reference)
    return [node_type.from_source(reference) for node_type in _types_in(module, reference)]


def entry_point_nodes() -> tuple[list[tuple[str, NodeType]], list[str]]:
    """Load the node types that installed packages offer.

    Returns:
        Each type with the package it is from, and a sentence for each plug-in that had to be left out.
    """
    found: list[tuple[str, NodeType]] = []
    problems: list[str] = []
    for entry_point in entry_points(group=GROUP):
        source = _source_of(entry_point)
        try:
            found += [(source, node_type.from_source(source)) for node_type in _load_entry_point(entry_point)]
        except NodeTypeError as error:
            problems.append(f"the plug-in {entry_point.name!r} of {source} is left out: {error}")
            _log.warning(problems[-1], exc_info=error.__cause__)
    return found, problems


def _is_path(reference: str) -> bool:
    return reference.endswith(".py") or "/" in reference or "\\" in reference


def _load_file(reference: str) -> ModuleType:
    """Run a file as a module that has a name of its own, and its neighbours in reach meanwhile."""
    path = Path(reference).resolve()
    if not path.is_file():
        raise NodeTypeError(f"{reference}: there is no such file")
    name = f"bluev_actors_nodes_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise NodeTypeError(f"{reference}: a file of node types ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _neighbours(path.parent):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise NodeTypeError(f"{reference}{_line(error, path)}: {_told(error)}") from error
    return module


@contextmanager
def _neighbours(folder: Path) -> Generator[None]:
    """Let imports find the files of `folder`, as they do for a script, but only for now."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with suppress(ValueError):  # the file may have tidied up already
            sys.path.remove(str(folder))


def _load_module(reference: str) -> ModuleType:
    try:
        return importlib.import_module(reference)
    except (Exception, SystemExit) as error:
        raise NodeTypeError(f"{reference}: {_told(error)}{_file_hint(reference)}") from error


def _file_hint(reference: str) -> str:
    return f"; did you mean the file {reference}.py?" if Path(f"{reference}.py").is_file() else ""


def _load_entry_point(entry_point: EntryPoint) -> list[NodeType]:
    try:
        value = entry_point.load()
    except (Exception, SystemExit) as error:
        raise NodeTypeError(f"{entry_point.value}: {_told(error)}") from error
    return [value] if isinstance(value, NodeType) else _types_in(value, entry_point.value)


def _source_of(entry_point: EntryPoint) -> str:
    distribution = entry_point.dist
    return f"{distribution.name} {distribution.version}" if distribution else entry_point.value


def _types_in(module: object, reference: str) -> list[NodeType]:
    """All node types of a module, each once, in the order in which they stand there."""
    names: dict[str, object] = getattr(module, "__dict__", {})
    values = (*names.values(), *_listed(names.get("NODES", ()), reference))
    found = {id(value): value for value in values if isinstance(value, NodeType)}
    if not found:
        raise NodeTypeError(f"{reference}: there are no node types in it; decorate a function with @node")
    return list(found.values())


def _listed(value: object, reference: str) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise NodeTypeError(f"{reference}: NODES is of type {type(value).__name__}, it has to be a list")
    listed = cast("Sequence[object]", value)
    for index, each in enumerate(listed):
        if not isinstance(each, NodeType):
            raise NodeTypeError(f"{reference}: NODES[{index}] is of type {type(each).__name__}, not a node type")
    return listed


def _told(error: BaseException) -> str:
    """An error in one line, as the end of a traceback has it."""
    if isinstance(error, BluevError):
        return str(error)
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    first_line = text.partition("\n")[0]
    return f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__


def _line(error: BaseException, path: Path) -> str:
    """Where in the file it went wrong."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f":{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return f":{lines[-1]}" if lines else ""
