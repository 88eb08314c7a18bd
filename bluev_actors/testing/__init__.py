"""For tests: the whole daemon in memory, faults at named points, documents and strategies.

    embedded       a daemon without a port, and clients to talk to it
    faults         make the code fail at a named point, and see who notices
    documents      small workflows in a line or two
    virtual_time   a clock that jumps
    strategies     Hypothesis: messages, workflows, hostile text; needs `hypothesis`, so it is imported by its own name

No floor of the package imports this one.
"""

from bluev_actors.testing.documents import chain, step, workflow
from bluev_actors.testing.embedded import EmbeddedDaemon, open_daemon
from bluev_actors.testing.embedded_http import EmbeddedAnswer
from bluev_actors.testing.embedded_socket import EmbeddedSocket
from bluev_actors.testing.faults import Fault, FaultPlan, InjectedError, crash_at
from bluev_actors.testing.virtual_time import run_in_virtual_time

__all__ = [
    "EmbeddedAnswer",
    "EmbeddedDaemon",
    "EmbeddedSocket",
    "Fault",
    "FaultPlan",
    "InjectedError",
    "chain",
    "crash_at",
    "open_daemon",
    "run_in_virtual_time",
    "step",
    "workflow",
]
