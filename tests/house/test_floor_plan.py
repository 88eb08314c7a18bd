"""Imports only go down, never round in a circle, and some modules never meet Trio."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, NamedTuple

import pytest

from floor_plan import FRONT_DOOR_OFFERS, MAY_IMPORT, PURE_ROOMS, is_pure, room
from house import ROOT, modules

if TYPE_CHECKING:
    from collections.abc import Iterator


class Import(NamedTuple):
    """One import statement's target: a module of ours or the name of somebody else's."""

    target: str
    for_types: bool  # stands under `if TYPE_CHECKING`, so it never runs
    lazy: bool  # stands inside a function, so it runs late or never


@cache
def imports(module: str) -> tuple[Import, ...]:
    """Every import of a module, wherever in it the statement stands."""
    tree = ast.parse(modules()[module].read_text("utf-8"))
    return tuple(_imports(tree, module, for_types=False, lazy=False))


def _imports(node: ast.AST, module: str, *, for_types: bool, lazy: bool) -> Iterator[Import]:
    for target in _targets(node, module):
        yield Import(target, for_types, lazy)
    lazy = lazy or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    for child in ast.iter_child_nodes(node):
        guarded = for_types or child in _guarded(node)
        yield from _imports(child, module, for_types=guarded, lazy=lazy)


def _guarded(node: ast.AST) -> list[ast.stmt]:
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        return node.body
    return []


def _targets(node: ast.AST, module: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = _absolute(node, module)
        return [_module_of(base, alias.name) for alias in node.names]
    return []


def _absolute(node: ast.ImportFrom, module: str) -> str:
    if not node.level:
        return node.module or ""
    package = module if modules()[module].stem == "__init__" else module.rpartition(".")[0]
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _module_of(base: str, name: str) -> str:
    """`from base import name` reads a module of that name if there is one, else a name inside `base`."""
    return f"{base}.{name}" if f"{base}.{name}" in modules() else base


def _ours(module: str) -> list[Import]:
    return [found for found in imports(module) if found.target.split(".")[0] == "bluev_actors"]


def _forbidden(module: str) -> list[str]:
    allowed = MAY_IMPORT.get(room(module), FRONT_DOOR_OFFERS) | {room(module)}
    return [found.target for found in _ours(module) if room(found.target) not in allowed]


def test_every_room_has_its_place() -> None:
    """A new folder or module at the top needs a line in the table, which is a decision."""
    rooms = {room(module) for module in modules()} - {""}
    assert rooms <= MAY_IMPORT.keys()


def test_the_table_itself_only_goes_down() -> None:
    """The table of rooms has no circle, so it is a table of floors."""
    assert tuple(TopologicalSorter(MAY_IMPORT).static_order())


@pytest.mark.parametrize("module", modules())
def test_imports_go_down(module: str) -> None:
    """No module imports from above or beside it, not even lazily or for types alone."""
    assert _forbidden(module) == []


def test_no_import_cycle() -> None:
    """No modules import each other in a circle, late imports included: they run too."""
    graph = {module: {f.target for f in _ours(module) if not f.for_types} - {module} for module in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("module", [module for module in modules() if is_pure(module)])
def test_pure_modules_import_no_trio(module: str) -> None:
    """The pure hearts can be read, tested and reused without an event loop."""
    assert [f.target for f in imports(module) if f.target.split(".")[0] in {"trio", "trio_websocket"}] == []


def test_pure_packages_load_no_trio() -> None:
    """Nor does Trio come in through what they import."""
    pure = [name for name in modules() if room(name) in PURE_ROOMS]
    code = f"import sys, {', '.join(pure)}; sys.exit('trio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_front_door_loads_nothing() -> None:
    """`import bluev_actors` alone brings in no floor: a tool that asks for the version pays for nothing."""
    code = "import sys, bluev_actors; print([m for m in sys.modules if m.startswith('bluev_actors.')])"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert set(ast.literal_eval(shown.stdout)) <= {"bluev_actors.errors", "bluev_actors.version"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import trio", [Import("trio", for_types=False, lazy=False)]),
        ("def f():\n import trio", [Import("trio", for_types=False, lazy=True)]),
        ("if TYPE_CHECKING:\n import trio", [Import("trio", for_types=True, lazy=False)]),
        (
            "if typing.TYPE_CHECKING:\n pass\nelse:\n import trio",
            [Import("trio", for_types=False, lazy=False)],
        ),
        ("from . import errors", [Import("bluev_actors.errors", for_types=False, lazy=False)]),
        ("from .errors import X", [Import("bluev_actors.errors", for_types=False, lazy=False)]),
    ],
)
def test_the_finder_finds(source: str, expected: list[Import]) -> None:
    """The tests above see an import wherever it hides."""
    found = _imports(ast.parse(source), "bluev_actors.faultpoints", for_types=False, lazy=False)
    assert list(found) == expected
