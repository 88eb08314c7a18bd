"""For tests: the whole daemon in memory, supervision trees in virtual time, faults, probes, documents, strategies.

    embedded       a daemon without a port, and clients to talk to it
    faults         make the code fail at a named point, and see who notices
    checkpoints    make an actor crash at its nth checkpoint
    probe          an actor that records what it is told, and answers as it was taught
    recorder       what happened, as a record that a test can wait on
    trees          the tree of a system as a value to compare
    leftovers      a check that no task is left behind
    documents      small workflows in a line or two
    nodes          node types that misbehave on purpose
    virtual_time   a clock that jumps
    machine        Hypothesis's state machines with coroutines as rules, in virtual time
    strategies     Hypothesis: messages, workflows, hostile text
    plugin         fixtures for pytest, which finds them by itself

Each name is loaded when it is first asked for, because pytest loads the plug-in in every project there is. `machine`
and `strategies` need `hypothesis`, so they are imported by their own names. No floor of the package imports this one.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bluev_actors.testing.checkpoints import CheckpointCount, count_checkpoints, crash_at_checkpoint
    from bluev_actors.testing.documents import chain, step, workflow
    from bluev_actors.testing.embedded import EmbeddedDaemon, open_daemon
    from bluev_actors.testing.embedded_http import EmbeddedAnswer
    from bluev_actors.testing.embedded_socket import EmbeddedSocket
    from bluev_actors.testing.faults import Fault, FaultPlan, InjectedError, crash_at
    from bluev_actors.testing.leftovers import no_task_left
    from bluev_actors.testing.probe import Probe, start_probe
    from bluev_actors.testing.recorder import Recorder, record_dead_letters, record_events
    from bluev_actors.testing.trees import Tree, tree, tree_text
    from bluev_actors.testing.virtual_time import run_in_virtual_time

__all__ = [
    "CheckpointCount",
    "EmbeddedAnswer",
    "EmbeddedDaemon",
    "EmbeddedSocket",
    "Fault",
    "FaultPlan",
    "InjectedError",
    "Probe",
    "Recorder",
    "Tree",
    "chain",
    "count_checkpoints",
    "crash_at",
    "crash_at_checkpoint",
    "no_task_left",
    "open_daemon",
    "record_dead_letters",
    "record_events",
    "run_in_virtual_time",
    "start_probe",
    "step",
    "tree",
    "tree_text",
    "workflow",
]

_HOMES = {
    "checkpoints": ("CheckpointCount", "count_checkpoints", "crash_at_checkpoint"),
    "documents": ("chain", "step", "workflow"),
    "embedded": ("EmbeddedDaemon", "open_daemon"),
    "embedded_http": ("EmbeddedAnswer",),
    "embedded_socket": ("EmbeddedSocket",),
    "faults": ("Fault", "FaultPlan", "InjectedError", "crash_at"),
    "leftovers": ("no_task_left",),
    "probe": ("Probe", "start_probe"),
    "recorder": ("Recorder", "record_dead_letters", "record_events"),
    "trees": ("Tree", "tree", "tree_text"),
    "virtual_time": ("run_in_virtual_time",),
}
_HOME_OF = {name: f"{__name__}.{home}" for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - type checkers read the imports above
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value
