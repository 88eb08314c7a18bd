"""The actor runtime: supervised actors with mailboxes, under Trio.

From the ground up: `mailbox` and `call` carry messages; `lifecycle` and `restart` are rules without I/O; `cell`
is what outlives an actor's incarnations and `ref` is its address; `actor` is what users write, `dispatch` finds
its handlers and `incarnation` is one life of it; `children` and `supervisor` start, restart and stop them;
`events` and `introspection` show them; `registry` names them; `system` opens a whole tree.
"""

from bluev_actors.actors.actor import Actor
from bluev_actors.actors.call import Call, Request
from bluev_actors.actors.commands import (
    ChildCounts,
    ChildInfo,
    CountChildren,
    DeleteChild,
    LookUp,
    RestartChild,
    StartChild,
    StopChild,
    SupervisorCommand,
    WhichChildren,
)
from bluev_actors.actors.dispatch import UnhandledMessageError, handles
from bluev_actors.actors.events import (
    ActorCrashed,
    ActorEvent,
    ActorRestarted,
    ActorStarted,
    ActorStopped,
    Tap,
)
from bluev_actors.actors.introspection import ActorSnapshot, Handling, render
from bluev_actors.actors.lifecycle import State
from bluev_actors.actors.mailbox import Mailbox, MailboxStatistics
from bluev_actors.actors.ref import Ref, Rejected
from bluev_actors.actors.registry import Registry
from bluev_actors.actors.restart import (
    ChildSpec,
    Exit,
    ExitKind,
    RestartBudget,
    RestartWindow,
    child,
)
from bluev_actors.actors.supervisor import Supervisor
from bluev_actors.actors.system import System, open_system

__all__ = [
    "Actor",
    "ActorCrashed",
    "ActorEvent",
    "ActorRestarted",
    "ActorSnapshot",
    "ActorStarted",
    "ActorStopped",
    "Call",
    "ChildCounts",
    "ChildInfo",
    "ChildSpec",
    "CountChildren",
    "DeleteChild",
    "Exit",
    "ExitKind",
    "Handling",
    "LookUp",
    "Mailbox",
    "MailboxStatistics",
    "Ref",
    "Registry",
    "Rejected",
    "Request",
    "RestartBudget",
    "RestartChild",
    "RestartWindow",
    "StartChild",
    "State",
    "StopChild",
    "Supervisor",
    "SupervisorCommand",
    "System",
    "Tap",
    "UnhandledMessageError",
    "WhichChildren",
    "child",
    "handles",
    "open_system",
    "render",
]
