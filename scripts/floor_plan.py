"""The floors of the house: what each room may import, what never meets Trio, and the page that draws it."""

from __future__ import annotations

import ast

from house import PACKAGE, modules

FLOOR_0 = frozenset({"errors", "faultpoints", "version"})
MAY_IMPORT: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "faultpoints": frozenset(),
    "version": frozenset(),
    "actors": FLOOR_0,
    "workflows": FLOOR_0,
    "engine": FLOOR_0 | {"actors", "workflows"},
    "protocol": FLOOR_0 | {"workflows"},
    "daemon": FLOOR_0 | {"actors", "workflows", "engine", "protocol"},
    "client": FLOOR_0 | {"workflows", "protocol"},
    "cli": FLOOR_0 | {"actors", "workflows", "engine", "protocol", "daemon", "client"},
    "testing": FLOOR_0 | {"actors", "workflows", "engine", "protocol", "daemon", "client", "cli"},
    "__main__": frozenset({"cli"}),
}
"""The rooms of the house, from the ground up, and what each may import besides itself."""

FRONT_DOOR_OFFERS = frozenset({"errors", "version", "actors", "workflows", "engine", "client"})
"""What `bluev_actors/__init__.py` may import, on demand: whoever takes one floor must not load the others."""

PURE_ROOMS = ("workflows", "protocol")
"""Rooms whose modules never import Trio."""

PURE_MODULES = {
    "bluev_actors.errors",
    "bluev_actors.faultpoints",
    "bluev_actors.actors.lifecycle",
    "bluev_actors.actors.restart",
    "bluev_actors.engine.node_types",
    "bluev_actors.engine.poison",
    "bluev_actors.daemon.auth",
    "bluev_actors.daemon.config",
    "bluev_actors.daemon.frames",
    "bluev_actors.daemon.guard",
    "bluev_actors.client.conversation",
    "bluev_actors.client.mirror",
    "bluev_actors.client.reconnect",
    "bluev_actors.testing.strategies",
}
"""Other modules that never import Trio."""


def room(module: str) -> str:
    """The room that a module of ours stands in; the package itself is the front door, an empty name."""
    return [*module.split("."), ""][1]


def is_pure(module: str) -> bool:
    """Whether a module must not import Trio."""
    return module in PURE_MODULES or room(module) in PURE_ROOMS


def page() -> str:
    """The page `docs/floor-plan.md`: the drawing, and each file with the first sentence of its docstring."""
    return _DRAWING + "".join(_section(name) for name in MAY_IMPORT if name not in FLOOR_0 and name != "__main__")


def _section(name: str) -> str:
    files = [module for module in modules() if room(module) == name]
    heading = f"\n## `{name}/`\n\n{_sentence(f'bluev_actors.{name}')}\n\n| file | what it is |\n|---|---|\n"
    return heading + "".join(_row(module) for module in files if modules()[module].stem != "__init__")


def _row(module: str) -> str:
    file = modules()[module].relative_to(PACKAGE).as_posix()
    return f"| `{file}`{' *' if is_pure(module) else ''} | {_sentence(module)} |\n"


def _sentence(module: str) -> str:
    text = ast.get_docstring(ast.parse(modules()[module].read_text("utf-8"))) or ""
    return text.split("\n")[0]


_DRAWING = """\
# The floor plan

This page is written by `scripts/generate` from the modules' own first sentences.

```
 floor 4      cli/ -------------------.       testing/  (may see every floor; seen by none)
                |                     |
 floor 3     daemon/               client/       sockets live here, and only here
              |    \\_________      /     |
 floor 2   engine/         protocol/     |       engine: no wire        protocol: no trio
            |    \\_____      /           |
 floor 1  actors/    workflows/ <--------'       actors: no workflows   workflows: no trio
             \\         /
 floor 0      errors.py  faultpoints.py  version.py    every way to fail; named points where tests make it fail
```

An arrow may only go down, never sideways between `actors` and `workflows`, `engine` and `protocol`,
`daemon` and `client`. When a lower floor must speak to a higher one, it is given a function or plain data
when it is built. Each floor can be taken without those above it: the actors alone, the workflows alone, the
engine without a socket. `tests/house/test_floor_plan.py` reads every import and holds the package to this
drawing. A module with a star never imports Trio: it can be read, tested and reused without an event loop.
Tests mirror the tree, file for file.

Where to start reading: `daemon/tree.py` shows which supervisor owns what in the whole process,
`actors/supervisor.py` what owning means, and `workflows/run_state.py` what a run is.
"""
