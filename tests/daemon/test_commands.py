"""What clients may ask of the runtime, whichever way they ask."""

# What is hidden is looked at where nothing shown would tell of a leak or a bug.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import Any, cast

import pytest
import trio

from bluev_actors.daemon import commands
from bluev_actors.daemon.commands import Caller
from bluev_actors.daemon.config import Settings
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.errors import ProtocolError, RefusedError, RunNotFoundError, StorageUnavailableError
from bluev_actors.protocol.messages import (
    ControlWorkflow,
    ExecuteWorkflow,
    Signal,
    ValidateWorkflow,
    WorkflowExecutionError,
    WorkflowExecutionStarted,
    WorkflowValidationError,
)
from bluev_actors.testing import EmbeddedDaemon, chain, open_daemon, step, workflow
from bluev_actors.workflows.options import RunOptions

VIRTUAL_TIME = True

ALICE = Caller("alice", "token-of-alice")
QUICK = workflow("quick", step("a", "constant", value=1))
SLOW = chain("slow", step("a", "delay", seconds=1), step("b", "delay", seconds=1))


async def start(daemon: EmbeddedDaemon, message: ExecuteWorkflow) -> commands.Start:
    """Start a run for Alice."""
    return await commands.execute(daemon.hub, ALICE, message, daemon.runtime.new_run_id())


async def test_a_run_belongs_to_its_caller() -> None:
    """Session and principal are kept with it, and it has the id that was asked for."""
    async with open_daemon() as daemon:
        reply = await commands.execute(daemon.hub, ALICE, ExecuteWorkflow(workflow=SLOW), "run-mine")
        assert isinstance(reply, WorkflowExecutionStarted)
        assert (reply.run_id, reply.seq, reply.cursor) == ("run-mine", 1, None)
        run = daemon.runtime.find(run_id="run-mine")
        assert (run.session_id, run.principal) == ("alice", "token-of-alice")


async def test_a_queued_run_says_so() -> None:
    """Event 1 of a run that has to wait tells its state."""
    async with open_daemon() as daemon:
        await start(daemon, ExecuteWorkflow(workflow=SLOW))
        queued = await start(daemon, ExecuteWorkflow(workflow=SLOW, options=RunOptions(if_running="queue")))
        assert isinstance(queued, WorkflowExecutionStarted)
        assert queued.state == "queued"


async def test_what_is_refused_repeats_the_request_id() -> None:
    """Each kind of refusal answers its request."""
    async with open_daemon() as daemon:
        await start(daemon, ExecuteWorkflow(workflow=SLOW))
        wrong = await start(daemon, ExecuteWorkflow(workflow={}, request_id="a"))
        running = await start(daemon, ExecuteWorkflow(workflow=SLOW, request_id="b"))
        stored = await start(daemon, ExecuteWorkflow(workflow_id="x", request_id="c"))
        daemon.hub.draining = True
        late = await start(daemon, ExecuteWorkflow(workflow=QUICK, request_id="d"))
        assert isinstance(wrong, WorkflowValidationError)
        refusals = [cast("WorkflowExecutionError", reply).code for reply in (running, stored, late)]
        assert refusals == ["workflow_already_running", "workflow_not_found", "draining"]
        assert [wrong.request_id, running.request_id, stored.request_id, late.request_id] == list("abcd")


async def test_a_refused_request_may_be_made_again() -> None:
    """What was not accepted is not remembered."""
    async with open_daemon() as daemon:
        first = await start(daemon, ExecuteWorkflow(workflow=SLOW))
        assert isinstance(first, WorkflowExecutionStarted)
        message = ExecuteWorkflow(workflow=SLOW, request_id="again")
        assert isinstance(await start(daemon, message), WorkflowExecutionError)
        await daemon.runtime.find(run_id=first.run_id).stop()
        await trio.sleep(1)
        assert isinstance(await start(daemon, message), WorkflowExecutionStarted)


@pytest.mark.parametrize("kept_runs", [1_000, 1])
async def test_a_run_that_came_and_went_has_its_first_event_all_the_same(kept_runs: int) -> None:
    """A short run may be over, and even forgotten, when its start is answered."""
    settings = Settings(runs=RuntimeLimits(history=1, kept_runs=kept_runs))
    async with open_daemon(settings=settings) as daemon:
        hinted = workflow("hinted", {**step("a", "noop"), "disabled": True}, step("b", "noop"), links=["a.out -> b.in"])
        run = await daemon.runtime.start(hinted)
        await run.result()
        for _ in range(2):
            await (await daemon.runtime.start(SLOW)).result()
        reply = commands.first_event(daemon.hub, run, "mine")
        assert (reply.run_id, reply.seq, reply.cursor, reply.request_id) == (run.run_id, 1, None, "mine")
        assert [warning["code"] for warning in reply.warnings or ()] == ["disabled_dependency"]


async def test_validation_says_errors_and_warnings() -> None:
    """A field nothing reads is a hint, an unknown type an error."""
    async with open_daemon() as daemon:
        nodes = [{**step("a", "noop"), "disabled": True}, step("b", "noop"), step("c", "?")]
        document = workflow("w", *nodes, links=["a.out -> b.in"])
        verdict = await commands.validate(daemon.hub, ValidateWorkflow(workflow=document, request_id="v"))
        assert verdict.request_id == "v"
        assert [error["code"] for error in verdict.errors][:1] != []
        assert "disabled_dependency" in [warning["code"] for warning in verdict.warnings]


async def test_which_run_is_meant() -> None:
    """A run id counts; a workflow id beside it has to agree; alone it means the live one, else the latest."""
    async with open_daemon() as daemon:
        first = await daemon.runtime.start(QUICK)
        await first.result()
        second = await daemon.runtime.start(QUICK)
        assert commands.find_run(daemon.hub, first.run_id, None) is first
        assert commands.find_run(daemon.hub, first.run_id, "quick") is first
        assert commands.find_run(daemon.hub, None, "quick") is second
        for run_id, workflow_id in ((first.run_id, "slow"), ("none", None), (None, "none")):
            with pytest.raises(RunNotFoundError):
                commands.find_run(daemon.hub, run_id, workflow_id)


async def test_a_run_that_is_not_there_cannot_be_steered() -> None:
    """`not_found`, with what was asked for."""
    async with open_daemon() as daemon:
        message = ControlWorkflow(run_id="none", workflow_id="w", action="pause", request_id="p")
        reply = await commands.control(daemon.hub, ALICE, message)
        assert (reply.status, reply.code, reply.request_id) == ("not_found", "not_found", "p")
        assert (reply.run_id, reply.workflow_id, reply.action) == ("none", "w", "pause")


async def test_several_live_runs_are_ambiguous() -> None:
    """A workflow id alone does not say which one, so it is refused and nothing is steered."""
    async with open_daemon() as daemon:
        for _ in range(2):
            await daemon.runtime.start(SLOW, options=RunOptions(concurrent=True))
        with pytest.raises(RefusedError, match="several"):
            commands.find_run(daemon.hub, None, "slow")
        reply = await commands.control(daemon.hub, ALICE, ControlWorkflow(workflow_id="slow", action="stop"))
        assert (reply.status, reply.code) == ("rejected", "ambiguous_run")
        signalled = await commands.signal(daemon.hub, ALICE, Signal(workflow_id="slow", node_id="a"))
        assert (signalled.status, signalled.code, signalled.run_id) == ("rejected", "ambiguous_run", None)


async def test_a_pause_with_its_clocks() -> None:
    """`until` resumes by itself, at that wall time."""
    async with open_daemon() as daemon:
        run = await daemon.runtime.start(SLOW)
        message = ControlWorkflow(run_id=run.run_id, action="pause", mode="hard", until="2026-01-01T00:01:00Z")
        reply = await commands.control(daemon.hub, ALICE, message)
        assert (reply.status, reply.state) == ("acknowledged", "pausing")
        await run.result()
        assert daemon.hub.timestamp() > "2026-01-01T00:01:00"
        assert run.state.pauses[0].mode == "hard"


@pytest.mark.parametrize("mode", [None, "graceful", "kill"])
async def test_each_way_to_stop(mode: Any) -> None:  # noqa: ANN401 - the wire's own words
    """All of them end the run."""
    async with open_daemon() as daemon:
        run = await daemon.runtime.start(SLOW)
        message = ControlWorkflow(run_id=run.run_id, action="stop", mode=mode, request_id="s")
        reply = await commands.control(daemon.hub, ALICE, message)
        assert (reply.status, reply.request_id) == ("acknowledged", "s")
        await trio.sleep(1)
        assert run.state.status == "stopped"


async def test_a_control_that_was_refused_says_why() -> None:
    """The code of the table, a sentence, and what the run is."""
    async with open_daemon() as daemon:
        run = await daemon.runtime.start(QUICK)
        await run.result()
        reply = await commands.control(daemon.hub, ALICE, ControlWorkflow(run_id=run.run_id, action="resume"))
        assert (reply.status, reply.code, reply.state) == ("rejected", "run_finished", "completed")
        assert reply.message


async def test_a_request_id_belongs_to_one_request() -> None:
    """A start and a control of one session do not share an id."""
    async with open_daemon() as daemon:
        await start(daemon, ExecuteWorkflow(workflow=SLOW, request_id="one"))
        with pytest.raises(ProtocolError, match="something else"):
            await commands.control(
                daemon.hub, ALICE, ControlWorkflow(workflow_id="slow", action="stop", request_id="one")
            )


@pytest.mark.parametrize(
    ("workflow_id", "node_id", "status", "code"),
    [
        ("none", "a", "not_found", "not_found"),
        ("quick", "none", "not_found", "not_found"),
        ("quick", "a", "rejected", "run_finished"),
        ("slow", "a", "rejected", "node_finished"),
        ("slow", "b/c", "not_found", "not_found"),
    ],
)
async def test_why_a_signal_is_refused(workflow_id: str, node_id: str, status: str, code: str) -> None:
    """The most basic reason is given."""
    async with open_daemon() as daemon:
        await (await daemon.runtime.start(QUICK)).result()
        await daemon.runtime.start(SLOW)
        await trio.sleep(1.5)
        message = Signal(workflow_id=workflow_id, node_id=node_id, request_id="s")
        reply = await commands.signal(daemon.hub, ALICE, message)
        assert (reply.status, reply.code, reply.request_id) == (status, code, "s")
        assert reply.message


# --- signals ----------------------------------------------------------------------------------------------

ASKS = workflow("asks", step("a", "wait_signal", schema={"type": "boolean"}))


async def test_a_signal_reaches_its_node() -> None:
    """By run or by workflow; the answer has what was asked for, and comes once."""
    async with open_daemon() as daemon:
        run = await daemon.runtime.start(ASKS)
        message = Signal(workflow_id="asks", node_id="a", payload=True, request_id="s")
        reply = await commands.signal(daemon.hub, ALICE, message)
        assert (reply.status, reply.run_id, reply.node_id, reply.request_id) == ("acknowledged", run.run_id, "a", "s")
        again = await commands.signal(daemon.hub, ALICE, message)
        assert (again.status, again.duplicate) == ("acknowledged", True)
        assert await run.result() == {"a": {"payload": True}}
        late = Signal(run_id=run.run_id, node_id="a", request_id="late")
        assert (await commands.signal(daemon.hub, ALICE, late)).code == "run_finished"


async def test_a_signal_that_was_refused_may_be_sent_again() -> None:
    """Under the same id, though with another payload: nothing was done for the first."""
    async with open_daemon() as daemon:
        run = await daemon.runtime.start(ASKS)
        await trio.sleep(0.1)
        wrong = Signal(run_id=run.run_id, node_id="a", payload="yes", request_id="s")
        reply = await commands.signal(daemon.hub, ALICE, wrong)
        assert (reply.status, reply.code) == ("rejected", "invalid_payload")
        right = Signal(run_id=run.run_id, node_id="a", payload=True, request_id="s")
        assert (await commands.signal(daemon.hub, ALICE, right)).status == "acknowledged"
        await run.result()


# --- when nothing can be stored ---------------------------------------------------------------------------


async def test_trouble_of_the_store_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts, controls and signals are refused with a code of their own, and work again when it is over."""
    async with open_daemon() as daemon:
        run = await daemon.runtime.start(ASKS)
        control = ControlWorkflow(run_id=run.run_id, action="pause", request_id="p")
        given = Signal(run_id=run.run_id, node_id="a", payload=True, request_id="s")
        with monkeypatch.context() as patch:
            patch.setattr(daemon.runtime.journal, "trouble", "the disk is full")
            refused = await start(daemon, ExecuteWorkflow(workflow=QUICK, request_id="e"))
            assert isinstance(refused, WorkflowExecutionError)
            replies = [
                (refused.code, refused.error),
                *[(it.code, it.message) for it in [await commands.control(daemon.hub, ALICE, control)]],
                *[(it.code, it.message) for it in [await commands.signal(daemon.hub, ALICE, given)]],
            ]
            assert replies == [("storage_unavailable", "the disk is full")] * 3
        assert isinstance(
            await start(daemon, ExecuteWorkflow(workflow=QUICK, request_id="e")), WorkflowExecutionStarted
        )
        assert (await commands.control(daemon.hub, ALICE, control)).status == "acknowledged"
        assert (await commands.signal(daemon.hub, ALICE, given)).status == "acknowledged"


@pytest.mark.parametrize("kind", ["execute", "control", "signal"])
async def test_a_repetition_in_trouble_is_an_answer_too(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was decided but cannot be stored is not told as done, to whomever asks."""
    async with open_daemon() as daemon:
        run = await daemon.runtime.start(ASKS)

        async def ask() -> str | None:
            if kind == "execute":
                reply = await start(daemon, ExecuteWorkflow(workflow=SLOW, request_id="x"))
                return getattr(reply, "code", None)
            if kind == "control":
                message = ControlWorkflow(run_id=run.run_id, action="pause", request_id="x")
                return (await commands.control(daemon.hub, ALICE, message)).code
            given = Signal(run_id=run.run_id, node_id="a", payload=True, request_id="x")
            return (await commands.signal(daemon.hub, ALICE, given)).code

        async def stored(_cursor: int | None = None) -> None:
            await trio.sleep(2)
            raise StorageUnavailableError("the disk is full")

        assert await ask() is None
        with monkeypatch.context() as patch:
            patch.setattr(daemon.runtime.journal, "stored", stored)
            assert await ask() == "storage_unavailable"
        assert await ask() is None


# --- answers that were lost -------------------------------------------------------------------------------


async def test_a_start_whose_answer_was_lost_finds_its_run() -> None:
    """The id of a run follows from the request's own, so that a repetition starts nothing, even if nobody remembers."""
    async with open_daemon() as daemon:
        message = ExecuteWorkflow(workflow=SLOW, request_id="one")
        run_id = commands.run_id_for(daemon.hub, ALICE, message)
        assert run_id == commands.run_id_for(daemon.hub, ALICE, message)
        first = await daemon.runtime.start(SLOW, run_id=run_id)
        reply = await commands.execute(daemon.hub, ALICE, message, run_id)
        assert isinstance(reply, WorkflowExecutionStarted)
        assert (reply.run_id, reply.duplicate, reply.seq) == (first.run_id, True, 1)
        assert len(daemon.runtime.list_runs()) == 1


async def test_run_ids_differ_where_requests_do() -> None:
    """By session and by request; who gives no id gets a new one each time."""
    async with open_daemon() as daemon:
        asked = [
            commands.run_id_for(daemon.hub, caller, ExecuteWorkflow(workflow=SLOW, request_id=request_id))
            for caller in (ALICE, Caller("bob"))
            for request_id in ("one", "two", None, None)
        ]
        assert len(set(asked)) == len(asked)
        assert all(it.startswith("run-") for it in asked)


async def test_a_stored_workflow_is_started_by_its_name() -> None:
    """And one that is not stored is told as such; an empty document is a wrong one, and no name."""
    async with open_daemon() as daemon:
        await daemon.runtime.documents.put("quick", QUICK)
        reply = await start(daemon, ExecuteWorkflow(workflow_id="quick"))
        assert isinstance(reply, WorkflowExecutionStarted)
        assert await daemon.runtime.find(run_id=reply.run_id).result() == {"a": {"value": 1}}
        assert isinstance(await start(daemon, ExecuteWorkflow(workflow={})), WorkflowValidationError)
