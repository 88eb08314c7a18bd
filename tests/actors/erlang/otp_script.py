"""What a script is: a tree of children, and steps that happen to it, for our supervisors and for OTP's alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from attrs import evolve, fields, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TreePath: TypeAlias = tuple[str, ...]
"""The ids from the top supervisor down."""

Restart: TypeAlias = Literal["permanent", "transient", "temporary"]
Strategy: TypeAlias = Literal["one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one"]
AutoShutdown: TypeAlias = Literal["never", "any_significant", "all_significant"]
Outcome: TypeAlias = Literal["ok", "error", "ignore"]
Reason: TypeAlias = Literal["normal", "shutdown", "shutdown_term", "boom", "kill"]
Manner: TypeAlias = Literal["obedient", "stubborn", "clumsy"]
"""What a worker does when it is told to shut down: ends so, does not end, or crashes."""
Shutdown: TypeAlias = int | Literal["infinity", "brutal_kill"]
"""Milliseconds, or one of OTP's words."""
Verb: TypeAlias = Literal["start", "spawn", "end_dynamic", "terminate", "restart", "delete", "spec", "which", "count"]


@frozen
class Worker:
    """A child that waits until something happens to it; its starts go by `starts`, and then always well."""

    id: str
    restart: Restart = "permanent"
    significant: bool = False
    shutdown: Shutdown = 5000
    starts: tuple[Outcome, ...] = ()
    manner: Manner = "obedient"


@frozen
class Super:
    """A supervisor; a simple_one_for_one has one child, its template."""

    id: str
    restart: Restart = "permanent"
    significant: bool = False
    shutdown: Shutdown = "infinity"
    starts: tuple[Outcome, ...] = ()
    strategy: Strategy = "one_for_one"
    intensity: int = 1
    auto_shutdown: AutoShutdown = "never"
    children: tuple[Node, ...] = ()

    @property
    def is_dynamic(self) -> bool:
        """Whether it has a template instead of children."""
        return self.strategy == "simple_one_for_one"


Node: TypeAlias = Worker | Super


@frozen
class Crash:
    """The process at a path ends with this reason; nothing, if there is none."""

    path: TreePath
    reason: Reason


@frozen
class Call:
    """Somebody asks the supervisor at a path for something."""

    verb: Verb
    path: TreePath
    argument: str | Node | None = None


@frozen
class Held:
    """A crash whose restart takes its time: meanwhile siblings crash and somebody asks the supervisor for things.

    Args:
        crash: what happens first; the next start at its path waits.
        outcome: how that start goes in the end.
        crashes: what happens to siblings meanwhile.
        calls: what the supervisor is asked for meanwhile.
    """

    crash: Crash
    outcome: Outcome
    crashes: tuple[Crash, ...] = ()
    calls: tuple[Call, ...] = ()


Step: TypeAlias = Crash | Call | Held


@frozen
class Script:
    """A tree and what happens to it; at the end its top is told to shut down, if it still lives."""

    top: Super
    steps: tuple[Step, ...] = ()

    def supervisors(self) -> dict[TreePath, Super]:
        """All supervisors by their place, those that a step adds included."""
        found = dict(_supervisors((), self.top))
        for step in self.steps:
            for call in step.calls if isinstance(step, Held) else (step,):
                if isinstance(call, Call) and isinstance(call.argument, (Worker, Super)):
                    found.update(_supervisors(place(found, call.path), call.argument))
        return found

    def simpler(self) -> Iterator[Script]:
        """Scripts with a step, a child or a detail less, the ones with the most less first."""
        size = len(self.steps)
        chunk = size
        while chunk:
            for first in range(0, size, chunk):
                yield evolve(self, steps=self.steps[:first] + self.steps[first + chunk :])
            chunk //= 2
        for i, step in enumerate(self.steps):
            for less in _simpler_step(step):
                yield evolve(self, steps=(*self.steps[:i], less, *self.steps[i + 1 :]))
        for top in _simpler_node(self.top):
            if isinstance(top, Super):
                yield evolve(self, top=top)


def shrink(script: Script, fails: Callable[[Script], object], tries: int = 300) -> Script:
    """The smallest script within reach that still fails."""
    for smaller in script.simpler():
        if tries <= 0:
            break
        tries -= 1
        if fails(smaller):
            return shrink(smaller, fails, tries)
    return script


def place(supervisors: dict[TreePath, Super], path: TreePath) -> TreePath:
    """A path with the ids of templates instead of the names of the children that were made by them."""
    found: TreePath = ()
    for id_ in path:
        above = supervisors.get(found)
        found = (*found, above.children[0].id if above is not None and above.is_dynamic else id_)
    return found


def _supervisors(parent: TreePath, node: Node) -> Iterator[tuple[TreePath, Super]]:
    if isinstance(node, Super):
        yield (*parent, node.id), node
        for child in node.children:
            yield from _supervisors((*parent, node.id), child)


def _simpler_step(step: Step) -> Iterator[Step]:
    if isinstance(step, Held):
        yield step.crash
        for i in range(len(step.crashes)):
            yield evolve(step, crashes=step.crashes[:i] + step.crashes[i + 1 :])
        for i in range(len(step.calls)):
            yield evolve(step, calls=step.calls[:i] + step.calls[i + 1 :])


def _simpler_node(node: Node) -> Iterator[Node]:
    # One that does not stop keeps its time for that, which is real time in Erlang.
    plain = type(node)(node.id, shutdown=node.shutdown) if node != Worker(node.id) else node
    for field in fields(type(node)):
        if field.name not in {"id", "children", "strategy"} and getattr(node, field.name) != getattr(plain, field.name):
            yield evolve(node, **{field.name: getattr(plain, field.name)})
    if isinstance(node, Super):
        for i, child in enumerate(node.children):
            if not node.is_dynamic:
                yield evolve(node, children=node.children[:i] + node.children[i + 1 :])
            for less in _simpler_node(child):
                yield evolve(node, children=(*node.children[:i], less, *node.children[i + 1 :]))


def term(value: object) -> str:
    """A script as an Erlang term: records are tuples, tuples are lists, texts are atoms."""
    if isinstance(value, int):
        return str(value).lower()
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, tuple):
        return f"[{','.join(map(term, cast('tuple[object, ...]', value)))}]"
    return f"{{{','.join(map(term, _parts(value)))}}}"


def _parts(value: object) -> tuple[object, ...]:
    """What a record is made of for the player, its name first."""
    parts: tuple[object, ...]
    match value:
        case Script():
            parts = (value.top, value.steps)
        case Call():
            parts = (value.verb, value.path, *(() if value.argument is None else (value.argument,)))
        case Crash():
            parts = ("crash", value.path, value.reason)
        case Held(crash=crash):
            parts = ("held", crash.path, crash.reason, value.outcome, value.crashes, value.calls)
        case Worker() | Super():
            name = "worker" if isinstance(value, Worker) else "supervisor"
            parts = (name, *(getattr(value, field.name) for field in fields(type(value))))
        case _:
            raise TypeError(f"no part of a script: {value!r}")
    return parts
