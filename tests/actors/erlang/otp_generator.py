"""Random scripts: the same seed gives the same script on every machine."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import evolve

from otp_script import (
    AutoShutdown,
    Call,
    Crash,
    Held,
    Manner,
    Node,
    Outcome,
    Reason,
    Restart,
    Script,
    Shutdown,
    Step,
    Strategy,
    Super,
    TreePath,
    Verb,
    Worker,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

_VERBS: Final[dict[Verb, int]] = {
    "start": 3,
    "terminate": 4,
    "restart": 4,
    "delete": 3,
    "spec": 1,
    "which": 1,
    "count": 1,
}
_DYNAMIC_VERBS: Final[dict[Verb, int]] = {
    "spawn": 6,
    "end_dynamic": 3,
    "delete": 1,
    "restart": 1,
    "which": 1,
    "count": 1,
}


def random_script(seed: int) -> Script:
    """The script of a seed: 3 to 10 children in supervisors up to three deep, and 10 to 30 steps."""
    return _Generator(Random(seed)).script()  # noqa: S311 - nothing here is a secret


class _Generator:
    """Makes one script, and remembers what there is that a step may be about."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._left = random.randint(3, 10)
        self._made = 0
        self._spawned = 0
        self._nodes: dict[TreePath, Node] = {}
        self._mixed: set[TreePath] = set()
        """Supervisors with a child that may have left its place for a later one."""

    def script(self) -> Script:
        top = self._top()
        self._note((), top)
        spawns = self._random.randint(3, 6) if top.is_dynamic else 0
        first = [Call("spawn", ("top",), self._spawned_name(("top",))) for _ in range(spawns)]
        return Script(top, (*first, *(self._step() for _ in range(self._random.randint(10, 30 - spawns)))))

    # --- the tree ---

    def _note(self, parent: TreePath, node: Node) -> None:
        path = (*parent, node.id)
        self._nodes[path] = node
        if isinstance(node, Super) and not node.is_dynamic:
            for child in node.children:
                self._note(path, child)

    def _top(self) -> Super:
        """The supervisor of all children that are left to be made; it often allows more restarts than others."""
        auto: AutoShutdown = self._pick({"never": 7, "any_significant": 1, "all_significant": 2})
        intensity = self._pick({0: 1, 1: 1, 2: 2, 3: 3, 4: 5, 5: 7, 6: 9})
        top = Super("top", "temporary", strategy=self._strategy(), intensity=intensity, auto_shutdown=auto)
        children: list[Node] = []
        while self._left > 0 and not (top.is_dynamic and children):
            children.append(self._node(2, top))
        return evolve(top, children=tuple(children))

    def _super(self, depth: int, id_: str, parent: Super) -> Super:
        restart, significant = self._contract(parent)
        shutdown: Shutdown = self._pick({"infinity": 15, 5000: 3, "brutal_kill": 2})
        strategy, auto, intensity = self._strategy(), self._auto_shutdown(), self._random.randint(0, 3)
        node = Super(id_, restart, significant, shutdown, self._starts(parent), strategy, intensity, auto)
        count = 1 if node.is_dynamic else min(max(self._left, 0), self._random.randint(0, 3))
        return evolve(node, children=tuple(self._node(depth + 1, node) for _ in range(count)))

    def _node(self, depth: int, parent: Super) -> Node:
        self._left -= 1
        self._made += 1
        id_ = f"c{self._made}"
        if depth <= 3 and self._random.random() < 0.3:
            return self._super(depth, id_, parent)
        return self._worker(id_, parent)

    def _worker(self, id_: str, parent: Super) -> Worker:
        restart, significant = self._contract(parent)
        manner: Manner = self._pick({"obedient": 85, "clumsy": 8, "stubborn": 7})
        soon: dict[Shutdown, int] = {1: 1, "brutal_kill": 1}
        usual: dict[Shutdown, int] = {5000: 6, "infinity": 2, "brutal_kill": 2}
        shutdown = self._pick(soon if manner == "stubborn" else usual)
        return Worker(id_, restart, significant, shutdown, self._starts(parent), manner)

    def _contract(self, parent: Super) -> tuple[Restart, bool]:
        """When a child is restarted, and whether it is significant, which is sometimes illegal."""
        restart: Restart = self._pick({"permanent": 5, "transient": 4, "temporary": 3})
        legal = parent.auto_shutdown != "never" and restart != "permanent"
        return restart, self._random.random() < (0.5 if legal else 0.002)

    def _starts(self, parent: Super) -> tuple[Outcome, ...]:
        """How the starts of a child go; no dynamic child ignores its restart, which OTP does not survive."""
        if self._random.random() < 0.5:
            return ()
        first: Outcome = self._pick({"ok": 95, "ignore": 4, "error": 1})
        later: dict[Outcome, int] = {"ok": 5, "error": 4, "ignore": 0 if parent.is_dynamic else 1}
        return (first, *(self._pick(later) for _ in range(self._random.randint(1, 4))))

    def _strategy(self) -> Strategy:
        return self._pick({"one_for_one": 3, "one_for_all": 3, "rest_for_one": 3, "simple_one_for_one": 2})

    def _auto_shutdown(self) -> AutoShutdown:
        return self._pick({"never": 5, "any_significant": 2, "all_significant": 3})

    # --- the steps ---

    def _step(self) -> Step:
        kind = self._pick({"crash": 35, "call": 45, "held": 20})
        if kind == "crash":
            return self._crash()
        return self._call(self._supervisor()) if kind == "call" else self._held()

    def _crash(self) -> Step:
        paths = self._paths(Worker if self._random.random() < 0.8 else Super)
        below = [path for path in paths if len(path) > 1 or self._random.random() < 0.02]
        return Crash(self._random.choice(below), self._reason()) if below else self._call(self._supervisor())

    def _reason(self) -> Reason:
        return self._pick({"normal": 20, "shutdown": 10, "shutdown_term": 10, "boom": 45, "kill": 15})

    def _held(self) -> Step:
        path = self._random.choice(list(self._nodes))
        parent = self._nodes.get(path[:-1])
        if not isinstance(parent, Super):
            return self._crash()
        crash = Crash(path, self._pick({"boom": 8, "kill": 2, "normal": 1}))
        outcome: Outcome = self._pick({"error": 6, "ok": 3, "ignore": 0 if parent.is_dynamic else 1})
        if parent.strategy in {"one_for_one", "simple_one_for_one"}:
            return Held(crash, outcome)
        siblings = [other for other in self._siblings(path) if self._may_crash_aside(other, parent)]
        count = min(len(siblings), self._random.randint(0, 2))
        crashes = tuple(Crash(other, self._reason()) for other in self._random.sample(siblings, count))
        return Held(crash, outcome, crashes, tuple(self._asides(path, outcome, alone=not crashes)))

    def _siblings(self, path: TreePath) -> list[TreePath]:
        return [other for other in self._nodes if other[:-1] == path[:-1] and other != path]

    def _may_crash_aside(self, path: TreePath, parent: Super) -> bool:
        """Whether ours and OTP agree on who will come back when this one ends in the middle of a group restart."""
        node = self._nodes[path]
        return isinstance(node, Worker) and not (node.significant and parent.auto_shutdown == "all_significant")

    def _asides(self, path: TreePath, outcome: Outcome, *, alone: bool) -> Iterator[Call]:
        """Requests that OTP serves after a start that is held: those that take no time, and perhaps one that does."""
        verbs: dict[Verb, int] = {"which": 1, "count": 1, "start": 1, "delete": 2 if alone else 0}
        picked: list[Verb] = [self._pick(verbs) for _ in range(self._random.randint(0, 3))]
        about = {"delete": path[-1], "start": self._nodes[path]}
        # Whoever was deleted could be started, and that takes time.
        picked.sort(key="delete".__eq__)
        yield from (Call(verb, path[:-1], about.get(verb)) for verb in picked)
        if alone and outcome == "error" and self._random.random() < 0.6:
            last = path == [other for other in self._nodes if other[:-1] == path[:-1]][-1]
            yield Call("terminate" if last and path[:-1] not in self._mixed else "restart", path[:-1], path[-1])

    def _call(self, path: TreePath) -> Call:
        supervisor = self._nodes[path]
        if isinstance(supervisor, Super) and supervisor.is_dynamic:
            return self._dynamic_call(path)
        verb = self._pick(_VERBS)
        if verb in {"which", "count"}:
            return Call(verb, path)
        siblings = [other[-1] for other in self._nodes if other[:-1] == path]
        id_ = self._random.choice([*siblings, "nobody"])
        return Call(verb, path, self._started(path, id_) if verb == "start" else id_)

    def _started(self, path: TreePath, id_: str) -> Node:
        """A new child, or one whose id may be taken."""
        parent = self._nodes[path]
        assert isinstance(parent, Super)
        kind = self._pick({"known": 6, "wrong": 1, "new": 13})
        if kind == "known":
            self._mixed.add(path)
            return self._worker(id_, parent)
        if kind == "wrong":
            return Worker("wrong", "permanent", significant=True)
        self._left = 3
        node = self._node(len(path) + 1, parent)
        self._note(path, node)
        return node

    def _dynamic_call(self, path: TreePath) -> Call:
        verb = self._pick(_DYNAMIC_VERBS)
        if verb == "spawn":
            return Call(verb, path, self._spawned_name(path))
        if verb == "end_dynamic":
            names = [other[-1] for other in self._nodes if other[:-1] == path]
            return Call(verb, path, self._random.choice([*names, "nobody"]))
        return Call(verb, path, None if verb in {"which", "count"} else "nobody")

    def _spawned_name(self, path: TreePath) -> str:
        supervisor = self._nodes[path]
        assert isinstance(supervisor, Super)
        self._spawned += 1
        name = f"d{self._spawned}"
        self._note(path, evolve(supervisor.children[0], id=name))
        return name

    # --- choices ---

    def _supervisor(self) -> TreePath:
        """Often the top, which lives longest."""
        return ("top",) if self._random.random() < 0.4 else self._random.choice(self._paths(Super))

    def _paths(self, kind: type[Node]) -> list[TreePath]:
        return [path for path, node in self._nodes.items() if isinstance(node, kind)]

    def _pick(self, weights: dict[T, int]) -> T:
        return self._random.choices(list(weights), list(weights.values()))[0]
