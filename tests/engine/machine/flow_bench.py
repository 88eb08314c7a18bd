"""A bench for `Flow`: what the run's actor does with it, and graphs of nodes with bodies to play on it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

from attrs import Factory, define

from bluev_actors.engine.flow import Effects, Flow, Round
from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.engine.outcome import BodyEnd, Failed, Opens, Outcome, Succeeded
from bluev_actors.engine.run_writer import RunWriter
from bluev_actors.workflows.graph import Node, Settings, Workflow
from bluev_actors.workflows.kinds import Body, NodeKind
from bluev_actors.workflows.run_events import (
    ErrorDetail,
    NodeProgress,
    NodeStarted,
)

if TYPE_CHECKING:
    from bluev_actors.workflows.graph import PauseMode
    from bluev_actors.workflows.run_state import RunState
    from bluev_actors.workflows.values import JsonObject

KINDS: Final = {
    "leaf": NodeKind("leaf", free_inputs=True, free_outputs=True, pausable=True),
    "once": NodeKind("once", free_inputs=True, free_outputs=True, at_most_once=True),
    "map": NodeKind("map", body=Body(gives=("index",), item="item")),
    "loop": NodeKind("loop", body=Body(gives=("state", "iteration"))),
    "sub": NodeKind("sub", body=Body(passes_outputs=True)),
}
FAILURE: Final = Failed(ErrorDetail("flop", "it went wrong", retryable=True))


def answer(node: Node, finished: list[BodyEnd]) -> Outcome:
    """What the function of a node with a body says, given how its items have ended."""
    params = node.params
    if node.type == "loop":
        items: list[JsonObject] = [{"iteration": len(finished)}]
        return Opens(items, after=params.get("after", 0.0)) if len(finished) < params["count"] else told(finished)
    if finished or not params.get("items", 1):
        return told(finished)
    if node.type == "sub":
        return Opens([{}], indexed=False)
    items = [{"item": number, "index": number} for number in range(params["items"])]
    return Opens(items, params.get("concurrency"), params.get("policy", "fail"))


def told(finished: list[BodyEnd]) -> Succeeded:
    """The outputs of a node with a body: which items ended well."""
    return Succeeded({"out": ["error" if end.error else end.outputs for end in finished]})


@define
class Bench:
    """A flow, with a stand-in for the actor that carries out what it says.

    Attributes:
        living: the executors of leaves, each with whether it was told to end.
        calls: open nodes that are to be asked what comes next, with what they are told.
        waits: nodes that wait for their next attempt.
        delays: open nodes that wait before their next items, and for how long.
        progress: how far open nodes are.
        halted: those of the living that stand still.
    """

    workflow: Workflow
    journal: MemoryJournal = Factory(MemoryJournal)
    clock: float = 1000.0
    living: dict[str, bool] = Factory(dict[str, bool])
    calls: dict[str, list[BodyEnd]] = Factory(dict[str, "list[BodyEnd]"])
    waits: dict[str, float] = Factory(dict[str, float])
    delays: dict[str, float] = Factory(dict[str, float])
    progress: dict[str, NodeProgress] = Factory(dict[str, NodeProgress])
    halted: set[str] = Factory(set[str])
    launched: list[str] = Factory(list[str])
    closed: list[str] = Factory(list[str])
    writer: RunWriter = Factory(lambda self: self.new_writer(), takes_self=True)
    flow: Flow = Factory(lambda self: self.new_flow(), takes_self=True)

    def new_writer(self) -> RunWriter:
        """The pen of the next incarnation."""
        record = RunRecord("run", self.workflow, {}, 1000.0)
        if not hasattr(self, "writer"):
            self.journal.open_run(record)
        return RunWriter(self.journal, record, self.now)

    def new_flow(self) -> Flow:
        """The flow of the next incarnation."""
        dice = Random(0)  # noqa: S311 - a test that repeats
        return Flow(self.writer, KINDS, self.now, dice, pausable=lambda node_id: node_id not in self.halted)

    def now(self) -> float:
        """The time."""
        return self.clock

    @property
    def state(self) -> RunState:
        """The run's state."""
        return self.writer.state

    @property
    def events(self) -> list[Any]:
        """The recorded events."""
        return [recorded.event for recorded in self.journal.history("run")]

    def status(self, node_id: str) -> str:
        """The status of one node."""
        return self.state.node(node_id).status

    def accept(self, **how: Any) -> Bench:  # noqa: ANN401 - those of `Flow.accept`
        """Write the first event and go on."""
        self.flow.accept(queued=False, **how)
        self.go_on()
        return self

    def go_on(self) -> Effects:
        """What the run's actor does after every message."""
        effects = self.flow.go_on()
        self.writer.commit()
        for started in effects.launches:
            self.launch(started)
        for round_ in effects.rounds:
            self.ask_again(round_)
        self.living.update({node_id: True for node_id in effects.cancels if node_id in self.living})
        self.waits.update(effects.backoffs)
        self.delays.update(effects.delays)
        self.closed += effects.closed
        self.progress.update({it.node_id: it for it in effects.progress})
        return effects

    def launch(self, started: NodeStarted) -> None:
        """A leaf gets its executor; an open node is asked."""
        assert started.opens == (self.flow.kind(started.node_id).body is not None)
        if started.opens:
            assert started.node_id not in self.calls
            self.calls[started.node_id] = []
            return
        if started.node_id in self.halted:
            assert not self.living[started.node_id], "who was told to end does not go on"
            self.halted.remove(started.node_id)
            return
        assert started.node_id not in self.living, "one node, one executor"
        self.living[started.node_id] = False
        self.launched.append(started.node_id)

    def ask_again(self, round_: Round) -> None:
        """An open node is asked once more."""
        assert round_.node_id not in self.calls
        assert round_.number > 0
        self.calls[round_.node_id] = list(round_.finished)

    def call(self, node_id: str) -> None:
        """An open node says what comes next."""
        outcome = answer(self.flow.node(node_id), self.calls.pop(node_id))
        if isinstance(outcome, Opens):
            self.flow.opened(node_id, outcome)
        else:
            assert isinstance(outcome, Succeeded)
            self.flow.succeeded(node_id, outcome)
        self.go_on()

    def settle(self) -> Bench:
        """Ask open nodes until none is to be asked."""
        while self.calls:
            self.call(next(iter(self.calls)))
        return self

    def end(self, node_id: str, outcome: Outcome | None = Succeeded({"out": 1})) -> None:  # noqa: B008 - frozen
        """An executor ends, with an outcome or cancelled; what is asked of open nodes then is answered."""
        assert self.living.pop(node_id) or outcome is not None
        self.halted.discard(node_id)
        if isinstance(outcome, Succeeded):
            self.flow.succeeded(node_id, outcome)
        elif isinstance(outcome, Failed):
            self.flow.failed(node_id, outcome, 0.0)
        else:
            self.flow.cancelled(node_id)
        self.go_on()
        self.settle()

    def retry(self, node_id: str) -> None:
        """The wait of a node is over."""
        del self.waits[node_id]
        self.flow.retry_due(node_id)
        self.go_on()
        self.settle()

    def pause(self, mode: PauseMode = "checkpoint", *halted: str) -> None:
        """Pause the run; some nodes are halted, and the others go by the mode."""
        self.halted.update(halted)
        self.flow.pause(mode)
        for node_id in halted:
            self.flow.stands_still(node_id)
        self.go_on()

    def resume(self) -> None:
        """Resume the run."""
        self.flow.resume()
        self.go_on()

    def stop(self) -> None:
        """Stop the run."""
        self.flow.stop()
        self.waits.clear()
        self.go_on()

    def crash(self, **how: Any) -> None:  # noqa: ANN401 - those of `Flow.recover`
        """The run's actor dies with its executors, and the next incarnation replays the journal."""
        self.writer.closed = True
        self.living.clear()
        self.halted.clear()
        self.calls.clear()
        self.delays.clear()
        self.writer = self.new_writer()
        self.flow = self.new_flow()
        self.flow.recover(**how)
        self.waits = {it: 0.0 for it, node in self.state.nodes.items() if node.status == "retrying"}
        self.go_on()


def leaf_body(names: str = "x", **settings: Any) -> Workflow:  # noqa: ANN401 - those of `Settings`
    """A body of leaves without connections."""
    return Workflow("body", tuple(Node(it, "leaf") for it in names), settings=Settings(**settings))


def one(kind: str, body: Workflow, params: JsonObject | None = None, **rest: Any) -> Workflow:  # noqa: ANN401 - of `Node`
    """A graph of a single node with a body."""
    return Workflow("w", (Node("a", kind, params or {}, **rest),), bodies={"a": body})
