"""BlueV Actors: a real-time workflow daemon on a runtime of supervised actors under Trio.

This is the front door. Each name is loaded when it is first asked for, so whoever takes one floor of the house,
or only the command line's help, does not load the others:

    actors        the actor runtime: `open_system`, `Actor`, `Supervisor`
    workflows     what a workflow is, as pure data and pure functions
    engine        what runs workflows, without sockets: `open_runtime`, `node`
    protocol      the messages of the wire, without a wire
    daemon        the process that listens: `bluev-actors serve`
    client        the other end: `connect`
    cli           the terminal
    testing       the whole daemon in memory, faults at named points, strategies for fuzzing
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bluev_actors.version import VERSION

if TYPE_CHECKING:
    from bluev_actors.actors import Actor, Ref, Request, Supervisor, child, handles, open_system
    from bluev_actors.client import Client, RemoteRun, connect
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.node_types import node
    from bluev_actors.engine.runtime import open_runtime
    from bluev_actors.errors import BluevError, NodeError, Permanent, RetryAfter

__version__ = VERSION

__all__ = [
    "Actor",
    "BluevError",
    "Client",
    "NodeContext",
    "NodeError",
    "Permanent",
    "Ref",
    "RemoteRun",
    "Request",
    "RetryAfter",
    "Supervisor",
    "__version__",
    "child",
    "connect",
    "handles",
    "node",
    "open_runtime",
    "open_system",
]

_HOMES = {
    "bluev_actors.actors": ("Actor", "Ref", "Request", "Supervisor", "child", "handles", "open_system"),
    "bluev_actors.client": ("Client", "RemoteRun", "connect"),
    "bluev_actors.engine.context": ("NodeContext",),
    "bluev_actors.engine.node_types": ("node",),
    "bluev_actors.engine.runtime": ("open_runtime",),
    "bluev_actors.errors": ("BluevError", "NodeError", "Permanent", "RetryAfter"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - type checkers read the imports above
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
