"""`Flow` against a model: random graphs, random orders of events, crashes at any moment, and the laws that hold."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest
from attrs import Factory, define, evolve
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bluev_actors.engine.flow import Effects, Flow
from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.engine.outcome import Failed, Outcome, Succeeded, Waits
from bluev_actors.engine.run_writer import RunWriter
from bluev_actors.workflows.control import judge
from bluev_actors.workflows.frontier import fires
from bluev_actors.workflows.graph import DONE, ERROR, Edge, Node, RetryPolicy, Settings, Workflow
from bluev_actors.workflows.kinds import NodeKind
from bluev_actors.workflows.run_events import (
    ErrorDetail,
    NodeCancelled,
    NodePaused,
    NodeRetrying,
    NodeSkipped,
    NodeStarted,
    RunFailed,
)
from bluev_actors.workflows.summary import results_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluev_actors.workflows.control import Action
    from bluev_actors.workflows.graph import PauseMode
    from bluev_actors.workflows.run_events import Recorded
    from bluev_actors.workflows.run_state import RunState
    from tests.engine.conftest import CheckLaws

KINDS: Final = {
    "soft": NodeKind("soft", free_inputs=True, free_outputs=True, pausable=True),
    "solid": NodeKind("solid", free_inputs=True, free_outputs=True, pausable=False),
}
OUTPUTS: Final = ("out", "true", "false")
NO_WAIT: Final = RetryPolicy(max_attempts=3, backoff="fixed", initial=1.0)


def ok(*names: str) -> Succeeded:
    """A node gave these outputs."""
    return Succeeded(dict.fromkeys(names or ("out",), 1))


def flop(code: str = "flop", *, retryable: bool = True, retry_after: float | None = None) -> Failed:
    """An attempt failed."""
    return Failed(ErrorDetail(code, "it went wrong", retryable), retry_after=retry_after)


@define
class Bench:
    """A flow, with a stand-in for the actor that carries out what it says.

    Attributes:
        living: the executors, each with whether it was told to end.
        waits: nodes that wait for their next attempt, and for how long.
    """

    workflow: Workflow
    queued: bool = False
    journal: MemoryJournal = Factory(MemoryJournal)
    clock: float = 1000.0
    living: dict[str, bool] = Factory(dict[str, bool])
    waits: dict[str, float] = Factory(dict[str, float])
    launched: list[NodeStarted] = Factory(list[NodeStarted])
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
        return Flow(self.writer, KINDS, self.now, Random(0))  # noqa: S311 - a test that repeats

    def now(self) -> float:
        """A clock that never stands still."""
        self.clock += 1.0
        return self.clock

    @property
    def state(self) -> RunState:
        """The run's state."""
        return self.writer.state

    @property
    def history(self) -> Sequence[Recorded]:
        """What is on record."""
        return self.journal.history("run")

    @property
    def events(self) -> list[Any]:
        """The recorded events."""
        return [recorded.event for recorded in self.history]

    def accept(self) -> Bench:
        """Write the first event and go on."""
        self.flow.accept(queued=self.queued)
        self.go_on()
        return self

    def go_on(self) -> Effects:
        """What the run's actor does after every message."""
        effects = self.flow.go_on()
        self.writer.commit()
        for started in effects.launches:
            assert started.node_id not in self.living, "one node, one executor"
            self.living[started.node_id] = False
            self.launched.append(started)
        self.living.update({node_id: True for node_id in effects.cancels if node_id in self.living})
        self.waits.update(effects.backoffs)
        return effects

    def end(self, node_id: str, outcome: Outcome | None) -> None:
        """An executor ends, with an outcome or cancelled."""
        assert self.living.pop(node_id) or outcome is not None
        if isinstance(outcome, Succeeded):
            self.flow.succeeded(node_id, outcome)
        elif isinstance(outcome, Failed):
            self.flow.failed(node_id, outcome, 0.0)
        else:
            self.flow.cancelled(node_id)
        self.go_on()

    def retry(self, node_id: str) -> None:
        """The wait of a node is over."""
        del self.waits[node_id]
        self.flow.retry_due(node_id)
        self.go_on()

    def pause(self, mode: PauseMode = "checkpoint") -> None:
        """Pause the run."""
        self.flow.pause(mode)
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

    def crash(self) -> None:
        """The run's actor dies with its executors, and the next incarnation replays the journal."""
        self.writer.closed = True
        self.living.clear()
        self.writer = self.new_writer()
        self.flow = self.new_flow()
        self.flow.recover()
        self.waits = {it: 0.0 for it, node in self.state.nodes.items() if node.status == "retrying"}
        self.go_on()


def graph(*arrows: str, nodes: str = "", **settings: Any) -> Workflow:  # noqa: ANN401 - those of `Settings`
    """A workflow from arrows such as `a.out b`; its nodes are all that are named, and `nodes`."""
    edges = [_edge(arrow) for arrow in arrows]
    names = dict.fromkeys([*nodes.split(), *(it for edge in edges for it in (edge.from_node, edge.to_node))])
    return Workflow("w", tuple(Node(it, "soft") for it in names), tuple(edges), settings=Settings(**settings))


def _edge(arrow: str) -> Edge:
    source, target = arrow.split()
    from_node, _, from_output = source.partition(".")
    return Edge(from_node, from_output or "out", target, "in")


def with_node(workflow: Workflow, node_id: str, **changes: Any) -> Workflow:  # noqa: ANN401 - those of `Node`
    """The workflow with one node changed."""
    nodes = tuple(evolve(it, **changes) if it.id == node_id else it for it in workflow.nodes)
    return evolve(workflow, nodes=nodes)


def statuses(bench: Bench) -> dict[str, str]:
    """The status of every node that anything has happened to."""
    return {node_id: node.status for node_id, node in bench.state.nodes.items()}


# --- by hand ----------------------------------------------------------------------------------------------


def test_a_chain_runs_one_after_the_other() -> None:
    """Each end starts the next node, in the same commit."""
    bench = Bench(graph("a b", "b c")).accept()
    for node_id in "abc":
        assert list(bench.living) == [node_id]
        bench.end(node_id, ok())
    assert bench.state.status == "completed"
    assert bench.state.results == {"c": {"out": 1}}


def test_the_one_that_fails_takes_its_siblings_along() -> None:
    """`fail_fast` cancels what is in flight; what never started is cancelled too."""
    bench = Bench(graph("a c", nodes="a b")).accept()
    bench.end("a", flop())
    assert bench.living == {"b": True}
    bench.end("b", None)
    assert statuses(bench) == {"a": "failed", "b": "cancelled", "c": "skipped"}
    assert isinstance(bench.events[-1], RunFailed)
    assert bench.events[-1].error.message == "node a failed: it went wrong"


def test_a_sibling_may_finish() -> None:
    """With `finish_running` nothing starts any more, and what runs is left alone."""
    bench = Bench(graph("b c", nodes="a b", on_error="finish_running")).accept()
    bench.end("a", flop())
    assert bench.living == {"b": False}
    bench.end("b", ok())
    assert statuses(bench) == {"a": "failed", "b": "completed", "c": "cancelled"}
    assert bench.state.status == "failed"


@pytest.mark.parametrize("on_error", ["continue", "error_output"])
def test_a_run_goes_past_a_failed_node(on_error: str) -> None:
    """A node whose failure is foreseen fails alone, and what hangs on its `error` runs."""
    workflow = with_node(graph("a b", "a.error c", nodes="d"), "a", on_error=on_error)
    bench = Bench(workflow).accept()
    bench.end("a", flop())
    if on_error == "error_output":
        assert bench.state.nodes["a"].outputs == {ERROR: {"code": "flop", "message": "it went wrong"}}
        bench.end("c", ok())
    bench.end("d", ok())
    assert statuses(bench)["b"] == "skipped"
    assert bench.state.status == "completed"


def test_the_whole_run_may_go_on_past_failures() -> None:
    """`on_error: continue` of the workflow holds for all its nodes."""
    bench = Bench(graph(nodes="a b", on_error="continue")).accept()
    bench.end("a", flop())
    bench.end("b", ok())
    assert bench.state.status == "completed"


def test_a_failed_attempt_is_tried_again() -> None:
    """A retry has the next number; the last failure is final."""
    bench = Bench(graph(nodes="a", retry=NO_WAIT)).accept()
    for attempt in (1, 2):
        bench.end("a", flop())
        assert bench.state.nodes["a"].status == "retrying"
        assert bench.state.nodes["a"].attempt == attempt
        bench.retry("a")
    bench.end("a", flop())
    assert [it.attempt for it in bench.launched] == [1, 2, 3]
    assert bench.state.status == "failed"


def test_a_node_may_name_its_own_delay() -> None:
    """`RetryAfter` beats the policy's delay, though not its number of attempts."""
    bench = Bench(graph(nodes="a", retry=NO_WAIT)).accept()
    bench.end("a", flop(retry_after=77.0))
    assert bench.waits == {"a": 77.0}
    retrying = bench.events[-1]
    assert isinstance(retrying, NodeRetrying)
    assert retrying.next_at > 1077.0


def test_no_attempt_starts_after_max_elapsed() -> None:
    """A retry whose delay would end too late is none."""
    policy = evolve(NO_WAIT, initial=10.0, max_elapsed=5.0)
    bench = Bench(graph(nodes="a", retry=policy)).accept()
    bench.end("a", flop())
    assert bench.state.nodes["a"].status == "failed"


def test_nothing_is_tried_again_in_a_run_that_ends() -> None:
    """While a run stops, a failure is final whatever the policy says."""
    bench = Bench(graph(nodes="a b", retry=NO_WAIT)).accept()
    bench.end("b", flop())
    bench.stop()
    bench.end("a", flop())
    assert statuses(bench) == {"a": "failed", "b": "cancelled"}
    assert bench.state.status == "stopped"


@pytest.mark.parametrize(
    ("mode", "cut"),
    [
        ("drain", {"own_checkpoint", "own_hard"}),
        ("checkpoint", {"soft", "own_checkpoint", "own_hard"}),
        ("hard", {"soft", "solid", "own_checkpoint", "own_hard", "own_drain"}),
    ],
)
def test_whom_a_pause_cuts_short(mode: PauseMode, cut: set[str]) -> None:
    """A mode cuts what it says; a node's own mode beats the run's, but not `hard`."""
    workflow = with_node(graph(nodes="soft solid own_drain own_checkpoint own_hard"), "solid", type="solid")
    for own in ("drain", "checkpoint", "hard"):
        workflow = with_node(workflow, f"own_{own}", pause_mode=own)
    bench = Bench(workflow).accept()
    bench.pause(mode)
    assert {node_id for node_id, told in bench.living.items() if told} == cut


def test_a_node_that_ended_is_not_paused() -> None:
    """Completion beats pause."""
    bench = Bench(graph(nodes="a")).accept()
    bench.pause()
    bench.end("a", ok())
    assert bench.state.status == "completed"


def test_what_was_cut_short_goes_first() -> None:
    """After a pause the nodes it cut short start before those that had never started."""
    bench = Bench(graph("a d", nodes="a b c", max_concurrency=3)).accept()
    bench.pause()
    for node_id, outcome in (("a", ok()), ("b", None), ("c", None)):
        bench.end(node_id, outcome)
    assert bench.state.status == "paused"
    bench.resume()
    assert list(bench.living) == ["b", "c", "d"]
    assert [it.attempt for it in bench.launched] == [1] * 6
    assert not any(it.recovered for it in bench.launched)


def test_a_pause_can_be_withdrawn() -> None:
    """A node that was already told to end starts again when it is gone."""
    bench = Bench(graph(nodes="a b")).accept()
    bench.pause()
    bench.resume()
    assert bench.state.status == "running"
    bench.end("a", None)
    assert bench.living == {"b": True, "a": False}
    assert [type(event) for event in bench.events[-2:]] == [NodePaused, NodeStarted]


def test_a_stop_overtakes_a_pause() -> None:
    """A node told to pause, and then to stop, is cancelled."""
    bench = Bench(graph(nodes="a")).accept()
    bench.pause()
    bench.stop()
    bench.end("a", None)
    cancelled = next(event for event in bench.events if isinstance(event, NodeCancelled))
    assert cancelled.reason == "stopped"


def test_a_queued_run_waits_for_its_turn() -> None:
    """Nothing starts before `begin`; a pause in the queue ends in the queue."""
    bench = Bench(graph(nodes="a"), queued=True).accept()
    seen: list[str] = []
    for control in (bench.pause, bench.resume):
        seen.append(bench.state.status)
        control()
    assert [*seen, bench.state.status] == ["queued", "paused", "queued"]
    bench.flow.begin()
    bench.go_on()
    assert list(bench.living) == ["a"]


@pytest.mark.parametrize("paused", [False, True])
def test_a_run_that_has_not_begun_is_stopped_at_once(paused: bool) -> None:
    """A stop in the queue leaves nothing to wait for."""
    bench = Bench(graph(nodes="a b"), queued=True).accept()
    if paused:
        bench.pause()
    bench.stop()
    assert bench.state.status == "stopped"
    assert set(statuses(bench).values()) == {"cancelled"}


def test_a_graph_of_disabled_nodes_is_done_at_once() -> None:
    """Nothing runs, and that is a completed run."""
    workflow = with_node(with_node(graph("a b"), "a", disabled=True), "b", disabled=True)
    bench = Bench(workflow).accept()
    assert [event.reason for event in bench.events if isinstance(event, NodeSkipped)] == ["disabled"] * 2
    assert bench.state.status == "completed"


def test_no_more_run_at_a_time_than_allowed() -> None:
    """The ready queue goes by the order of the document."""
    bench = Bench(graph(nodes="a b c d", max_concurrency=2)).accept()
    assert list(bench.living) == ["a", "b"]
    bench.end("b", ok())
    assert list(bench.living) == ["a", "c"]


def test_an_executor_that_crashed_runs_again() -> None:
    """A bug of ours costs no attempt."""
    bench = Bench(graph(nodes="a")).accept()
    bench.living.clear()
    bench.flow.executor_crashed("a", too_often=False)
    bench.go_on()
    assert bench.launched[-1] == NodeStarted("a", 1, recovered=True)


def test_executors_that_crash_too_often_fail_the_run() -> None:
    """Whatever its `on_error` says: the node is not to blame."""
    bench = Bench(with_node(graph("a c", nodes="a b"), "a", on_error="continue")).accept()
    del bench.living["a"]
    bench.flow.executor_crashed("a", too_often=True)
    bench.go_on()
    assert bench.living == {"b": True}
    bench.end("b", None)
    assert bench.state.error is not None
    assert bench.state.error.code == "executor_crashed"
    assert statuses(bench) == {"a": "failed", "b": "cancelled", "c": "cancelled"}


def test_that_a_run_has_failed_survives_a_crash() -> None:
    """A failure that was shown is not forgotten, though the run's actor dies before the run has ended."""
    bench = Bench(graph("b c", nodes="a b")).accept()
    bench.end("a", flop())
    bench.crash()
    assert bench.living == {}
    assert bench.state.status == "failed"
    assert statuses(bench)["b"] == "cancelled"


def test_a_crash_among_the_cancelled() -> None:
    """Of the nodes that a failure takes along some are gone already; the others follow, and so does the run."""
    workflow = with_node(graph("b d", nodes="a b c e"), "e", on_error="continue")
    bench = Bench(workflow).accept()
    bench.end("e", flop())
    bench.end("a", flop())
    bench.end("b", None)
    bench.crash()
    assert statuses(bench) == dict.fromkeys("bcd", "cancelled") | dict.fromkeys("ae", "failed")
    assert bench.state.status == "failed"


def test_that_executors_crashed_too_often_survives_a_crash() -> None:
    """The run fails, as it was about to, although its failed node says `continue`."""
    bench = Bench(with_node(graph(nodes="a b"), "a", on_error="continue")).accept()
    del bench.living["a"]
    bench.flow.executor_crashed("a", too_often=True)
    bench.go_on()
    bench.crash()
    assert bench.state.status == "failed"
    assert bench.state.error is not None
    assert bench.state.error.code == "executor_crashed"


def test_a_run_may_have_failed_by_itself() -> None:
    """A timeout of the run cancels what is in flight and fails it with its own error."""
    bench = Bench(graph(nodes="a")).accept()
    bench.flow.fail(ErrorDetail("run_timeout", "too long"), at_once=True)
    bench.go_on()
    bench.flow.fail(ErrorDetail("later", "the first counts"), at_once=False)
    bench.end("a", None)
    assert bench.state.error == ErrorDetail("run_timeout", "too long")


def test_nothing_is_paused_in_a_run_that_ends() -> None:
    """What a pause or a crash cuts short in it is cancelled, and not paused first."""
    stopping = Bench(graph(nodes="a")).accept()
    stopping.stop()
    stopping.crash()
    failing = Bench(graph(nodes="a b", on_error="finish_running")).accept()
    failing.end("b", flop())
    failing.pause()
    failing.end("a", None)
    for bench, end in ((stopping, "stopped"), (failing, "failed")):
        assert not any(isinstance(event, NodePaused) for event in bench.events)
        assert (bench.state.nodes["a"].status, bench.state.status) == ("cancelled", end)


def test_a_crash_in_the_queue_loses_nothing() -> None:
    """There is nothing to go on with, and the turn still comes."""
    bench = Bench(graph(nodes="a"), queued=True).accept()
    bench.crash()
    assert bench.state.status == "queued"
    assert bench.living == {}


# --- against a model --------------------------------------------------------------------------------------


@define
class Script:
    """What a node does at each of its attempts; the last one is repeated."""

    outcomes: list[Outcome]

    def at(self, attempt: int) -> Outcome:
        """The outcome of an attempt, by its number from 1."""
        return self.outcomes[min(attempt, len(self.outcomes)) - 1]


RULES: Final = [None, None, "all_success", "all_done", "one_success", "any_failed", "none_failed"]
NODES = st.builds(
    Node,
    id=st.just("?"),
    type=st.sampled_from(["soft", "solid"]),
    disabled=st.sampled_from([False] * 7 + [True]),
    on_error=st.sampled_from(["fail", "continue", "continue", "error_output", "error_output"]),
    trigger_rule=st.sampled_from(RULES),
    pause_mode=st.sampled_from(["inherit", "inherit", "drain", "checkpoint", "hard"]),
    retry=st.none() | st.builds(RetryPolicy, max_attempts=st.integers(1, 3), initial=st.just(1.0)),
    params=st.just({}),
    type_version=st.none(),
    label=st.none(),
    timeout=st.none(),
    total_timeout=st.none(),
)
SUCCESSES: st.SearchStrategy[Outcome] = st.sets(st.sampled_from(OUTPUTS), min_size=1).map(
    lambda names: ok(*sorted(names))
)
FAILURES: st.SearchStrategy[Outcome] = st.booleans().map(lambda retryable: flop(retryable=retryable))
SCRIPTS = st.builds(Script, st.lists(SUCCESSES | SUCCESSES | FAILURES, min_size=1, max_size=3))


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    """Any graph without cycles, with any settings that `Flow` looks at."""
    count = draw(st.integers(1, 7))
    nodes = tuple(evolve(draw(NODES), id=f"n{i}") for i in range(count))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] < pair[1])
    chosen = draw(st.lists(pairs, max_size=2 * count)) if count > 1 else []
    names = st.sampled_from([*OUTPUTS, "out", "out", DONE, ERROR])
    edges = tuple(Edge(f"n{i}", draw(names), f"n{j}", "in") for i, j in chosen)
    settings = Settings(
        max_concurrency=draw(st.none() | st.integers(1, 3)),
        on_error=draw(st.sampled_from(["fail_fast", "finish_running", "continue"])),
    )
    return Workflow("w", nodes, edges, settings=settings)


def expected_ends(workflow: Workflow, scripts: dict[str, Script]) -> dict[str, str]:
    """How each node ends when nobody interferes and no failure ends the run: node by node, in order."""
    ends: dict[str, str] = {}
    produced: dict[str, set[str]] = {}
    tainted: set[str] = set()
    for node in workflow.nodes:
        edges = workflow.incoming[node.id]
        delivered = sum(edge.from_output in produced[edge.from_node] for edge in edges)
        bad = any(
            edge.from_output not in produced[edge.from_node]
            and (ends[edge.from_node] == "failed" or edge.from_node in tainted)
            for edge in edges
        )
        rule = node.trigger_rule or "all_success"
        if node.disabled or not fires(rule, delivered, failed=bad, dead=delivered < len(edges)):
            ends[node.id], produced[node.id] = "skipped", set()
            tainted |= {node.id} if bad and not node.disabled else set()
            continue
        outcome = _last_outcome(node, workflow, scripts[node.id])
        if isinstance(outcome, Succeeded):
            ends[node.id], produced[node.id] = "completed", {*outcome.outputs, DONE}
        else:
            ends[node.id], produced[node.id] = "failed", {ERROR} if node.on_error == "error_output" else set()
    return ends


def _last_outcome(node: Node, workflow: Workflow, script: Script) -> Outcome:
    policy = node.retry or workflow.settings.retry
    for attempt in range(1, policy.max_attempts + 1):
        outcome = script.at(attempt)
        if not isinstance(outcome, Failed) or not outcome.error.retryable:
            return outcome
    return script.at(policy.max_attempts)


class FlowMachine(RuleBasedStateMachine):
    """Plays a run's actor that everything happens to, in any order."""

    bench: Bench
    scripts: dict[str, Script]
    check_laws: CheckLaws
    undisturbed = True

    @initialize(workflow=workflows(), queued=st.sampled_from([False, False, True]), data=st.data())
    def accept(self, workflow: Workflow, queued: bool, data: st.DataObject) -> None:
        """A run of any graph, in which each node has its script."""
        self.scripts = {node.id: data.draw(SCRIPTS, label=node.id) for node in workflow.nodes}
        self.bench = Bench(workflow, queued).accept()
        self.paused_at: int | None = None

    @property
    def status(self) -> str:
        """The run's status."""
        return self.bench.state.status

    @precondition(lambda self: self.status == "queued")
    @rule()
    def begin(self) -> None:
        """Its turn has come."""
        self.bench.flow.begin()
        self.bench.go_on()

    @precondition(lambda self: self.bench.living)
    @rule(data=st.data(), obedient=st.booleans())
    def end_one(self, data: st.DataObject, obedient: bool) -> None:
        """An executor ends: as its script says, or cancelled if it was told to."""
        node_id = data.draw(st.sampled_from(sorted(self.bench.living)))
        told = self.bench.living[node_id]
        self.bench.end(node_id, None if told and obedient else self._outcome(node_id))

    def _outcome(self, node_id: str) -> Outcome:
        return self.scripts[node_id].at(self.bench.state.nodes[node_id].attempt)

    @precondition(lambda self: self.bench.waits and self.status == "running")
    @rule(data=st.data())
    def retry_one(self, data: st.DataObject) -> None:
        """A wait is over."""
        self.bench.retry(data.draw(st.sampled_from(sorted(self.bench.waits))))

    @precondition(lambda self: judge("pause", self.status) in ("do", "nothing"))
    @rule(mode=st.sampled_from(["drain", "checkpoint", "hard"]))
    def pause(self, mode: PauseMode) -> None:
        """Pause, or upgrade the pause."""
        if self.status != "paused":
            self.bench.pause(mode)

    @precondition(lambda self: judge("resume", self.status) == "do")
    @rule()
    def resume(self) -> None:
        """Resume, or withdraw the pause."""
        self.bench.resume()

    @precondition(lambda self: judge("stop", self.status) == "do")
    @rule(sure=st.sampled_from([False] * 5 + [True]))
    def stop(self, sure: bool) -> None:
        """Stop, once in a while."""
        if sure:
            self.undisturbed = False
            self.bench.stop()

    @precondition(lambda self: self.bench.living)
    @rule(data=st.data(), too_often=st.sampled_from([False] * 7 + [True]))
    def crash_executor(self, data: st.DataObject, too_often: bool) -> None:
        """A bug of ours in an executor."""
        node_id = data.draw(st.sampled_from(sorted(self.bench.living)))
        self.undisturbed = self.undisturbed and not too_often
        del self.bench.living[node_id]
        self.bench.flow.executor_crashed(node_id, too_often=too_often)
        self.bench.go_on()

    @precondition(lambda self: not self.bench.state.ended)
    @rule()
    def crash(self) -> None:
        """The run's actor dies, and its journal is replayed."""
        self.bench.crash()

    @precondition(lambda self: self.bench.state.ended)
    @rule(action=st.sampled_from(["pause", "resume", "stop"]))
    def control_too_late(self, action: Action) -> None:
        """A run that has ended takes no more control."""
        assert judge(action, self.bench.state.status) in ("run_finished", "nothing")

    @invariant()
    def laws_hold(self) -> None:
        """Whatever happened so far, the record obeys the laws, and replayed gives the state."""
        if hasattr(self, "bench"):
            self.check_laws(self.bench.workflow, self.bench.history)
            replayed = self.bench.new_writer().state
            assert replayed == self.bench.state
            assert set(self.bench.living) == set(self.bench.state.in_flight)

    def teardown(self) -> None:
        """Left alone, every run ends; and undisturbed ones end as if nothing had happened."""
        if not hasattr(self, "bench"):
            return
        for _ in range(1000):
            if self.bench.state.ended:
                break
            self._push()
        assert self.bench.state.ended, "a run that is left alone ends"
        self.laws_hold()
        if self.undisturbed and self.bench.state.status == "completed":
            self._compare_with_expected()

    def _push(self) -> None:
        """Do the next thing that brings a run to its end."""
        bench = self.bench
        if self.status == "queued":
            self.begin()
        elif bench.living:
            node_id = min(bench.living)
            bench.end(node_id, None if bench.living[node_id] else self._outcome(node_id))
        elif self.status == "paused":
            bench.resume()
        else:
            bench.retry(min(bench.waits))

    def _compare_with_expected(self) -> None:
        expected = expected_ends(self.bench.workflow, self.scripts)
        assert statuses(self.bench) == expected
        assert self.bench.state.results == results_of(self.bench.state, self.bench.workflow)
        for node_id, end in expected.items():
            if end == "completed":
                outcome = self._outcome(node_id)
                assert isinstance(outcome, Succeeded)
                assert self.bench.state.nodes[node_id].outputs == outcome.outputs


def test_a_scope_is_there_while_its_item_is() -> None:
    """Who asks for another one has not looked."""
    bench = Bench(graph(nodes="a")).accept()
    assert bench.flow.scope("a").workflow is bench.workflow
    with pytest.raises(KeyError, match="a/x"):
        bench.flow.scope("a/x")


def test_a_node_that_waits_may_run_out_of_time() -> None:
    """Its own limit, not that of the signal."""
    bench = Bench(graph(nodes="a")).accept()
    del bench.living["a"]
    bench.flow.waits("a", Waits())
    bench.flow.time_out("a", "total_timeout")
    bench.go_on()
    error = bench.state.nodes["a"].error
    assert error is not None
    assert (error.code, bench.state.status) == ("total_timeout", "failed")


def test_any_run_obeys_the_laws(check_laws: CheckLaws) -> None:
    """Whatever happens to a run, in whatever order: see `check_laws` and the invariants of the machine."""
    FlowMachine.check_laws = staticmethod(check_laws)
    run_state_machine_as_test(FlowMachine)
