"""The tree of a system in a form that a test can write down.

    assert tree(system) == {"store": "running", "exec": {"a": "running", "b": "stopped"}}

An actor is its state; a supervisor is a dict of its children. A plain dict, so that pytest shows which of
them differs. In the text of `tree_text` the order of the children counts too, and each life of an actor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from bluev_actors.actors.introspection import ActorSnapshot, snapshot
from bluev_actors.actors.lifecycle import State
from bluev_actors.actors.ref import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from bluev_actors.actors.system import System

Tree: TypeAlias = "dict[str, str | Tree]"
"""Children by id: the state of an actor, or the children of a supervisor."""

ITSELF = ""
"""The key of a supervisor's own state among its children, there only if it is not running."""


def tree(source: System | Ref[Any] | ActorSnapshot) -> Tree:
    """The actors below the root of a system, or below an actor, and their states.

    A supervisor without children reads as any actor does: `"running"`. One that has children and is not running
    has its own state among them, under `""`.

    Args:
        source: a system, the ref of a supervisor, or a picture taken before.
    """
    top = _picture(source)
    itself = {} if top.state is State.RUNNING else {ITSELF: top.state.value}
    return itself | {child.id: _value(child) for child in top.children}


def tree_text(source: System | Ref[Any] | ActorSnapshot) -> str:
    """The same as lines, indented by depth, in start order, with the actor itself; `#2` is a second incarnation.

    Nothing in it depends on time or chance:

        /: running
          store: running
          exec: running
            a: running #2
            b: stopped
    """
    return "".join(f"{line}\n" for line in _lines(_picture(source), ""))


def _value(actor: ActorSnapshot) -> str | Tree:
    return tree(actor) if actor.children else actor.state.value


def _lines(actor: ActorSnapshot, indent: str) -> Iterator[str]:
    life = f" #{actor.incarnation}" if actor.incarnation > 1 else ""
    yield f"{indent}{actor.id}: {actor.state.value}{life}"
    for child in actor.children:
        yield from _lines(child, indent + "  ")


def _picture(source: System | Ref[Any] | ActorSnapshot) -> ActorSnapshot:
    if isinstance(source, ActorSnapshot):
        return source
    if isinstance(source, Ref):
        return snapshot(source._cell)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - a ref shows nobody its tree
    return source.tree()
