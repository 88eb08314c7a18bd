"""The actor runtime: supervised actors with mailboxes, under Trio.

From the ground up: `mailbox`, `call` and `deadlines` carry messages; `exits`, `specs`, `lifecycle`, `restart` and
`timers` are rules without I/O; `cell` is what outlives an actor's incarnations and `ref` is its address; `actor` is
what users write, `dispatch` finds its handlers, `monitors` tell it of others and `incarnation` is one life of it;
`children`, `supervisor` and `dynamic` start, restart and stop them; `pool` and `partitions` are many of a kind;
`events`, `introspection` and `deltas` show them; `registry` names them; `system` opens a whole tree.
"""

from bluev_actors.actors.actor import Actor
from bluev_actors.actors.call import Call, Request
from bluev_actors.actors.commands import (
    ChangeChildSpec,
    ChildCounts,
    ChildInfo,
    CountChildren,
    DeleteChild,
    GetChildSpec,
    LookUp,
    RestartChild,
    SpawnChild,
    StartChild,
    StopChild,
    SupervisorCommand,
    WhichChildren,
)
from bluev_actors.actors.deltas import ActorAdded, ActorChanged, ActorRemoved, Delta, TreeWatch, watch_tree
from bluev_actors.actors.dispatch import UnhandledMessageError, handles
from bluev_actors.actors.dynamic import DynamicSupervisor
from bluev_actors.actors.events import (
    ActorCrashed,
    ActorEvent,
    ActorRestarted,
    ActorStarted,
    ActorStopped,
    DeadLetter,
    Offender,
    SupervisorReport,
    Tap,
)
from bluev_actors.actors.exits import Exit, ExitKind, Ignore, Shutdown
from bluev_actors.actors.introspection import ActorSnapshot, Handling, render
from bluev_actors.actors.lifecycle import State
from bluev_actors.actors.mailbox import Mailbox, MailboxStatistics
from bluev_actors.actors.monitors import Down, Link, Monitor
from bluev_actors.actors.partitions import Partitions, start_partitions
from bluev_actors.actors.pool import Pool, start_pool
from bluev_actors.actors.ref import Ref, Rejected
from bluev_actors.actors.registry import Registry
from bluev_actors.actors.restart import RestartWindow
from bluev_actors.actors.specs import (
    AutoShutdown,
    Backoff,
    ChildSpec,
    Overflow,
    Restart,
    RestartBudget,
    Strategy,
    child,
)
from bluev_actors.actors.supervisor import Supervisor
from bluev_actors.actors.system import System, open_system

__all__ = [
    "Actor",
    "ActorAdded",
    "ActorChanged",
    "ActorCrashed",
    "ActorEvent",
    "ActorRemoved",
    "ActorRestarted",
    "ActorSnapshot",
    "ActorStarted",
    "ActorStopped",
    "AutoShutdown",
    "Backoff",
    "Call",
    "ChangeChildSpec",
    "ChildCounts",
    "ChildInfo",
    "ChildSpec",
    "CountChildren",
    "DeadLetter",
    "DeleteChild",
    "Delta",
    "Down",
    "DynamicSupervisor",
    "Exit",
    "ExitKind",
    "GetChildSpec",
    "Handling",
    "Ignore",
    "Link",
    "LookUp",
    "Mailbox",
    "MailboxStatistics",
    "Monitor",
    "Offender",
    "Overflow",
    "Partitions",
    "Pool",
    "Ref",
    "Registry",
    "Rejected",
    "Request",
    "Restart",
    "RestartBudget",
    "RestartChild",
    "RestartWindow",
    "Shutdown",
    "SpawnChild",
    "StartChild",
    "State",
    "StopChild",
    "Strategy",
    "Supervisor",
    "SupervisorCommand",
    "SupervisorReport",
    "System",
    "Tap",
    "TreeWatch",
    "UnhandledMessageError",
    "WhichChildren",
    "child",
    "handles",
    "open_system",
    "render",
    "start_partitions",
    "start_pool",
    "watch_tree",
]
