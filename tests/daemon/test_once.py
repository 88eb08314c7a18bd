"""A repeated request acts once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from attrs import define, field

from bluev_actors.daemon.once import Once, digest
from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.engine.requests import Answered
from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.messages import (
    ControlStatus,
    ControlWorkflow,
    ExecuteWorkflow,
    WorkflowControlResponse,
)
from bluev_actors.workflows.graph import Node, Workflow

if TYPE_CHECKING:
    from bluev_actors.daemon.once import Act, Remember
    from bluev_actors.workflows.control import Action

NOW = "2026-01-01T00:00:00.000000Z"


def pause(request_id: str | None = "one", action: Action = "pause") -> ControlWorkflow:
    """A request."""
    return ControlWorkflow(run_id="r", action=action, request_id=request_id)


@define
class Deeds:
    """What was done, and how it went."""

    accepted: bool = True
    done: int = 0
    gate: trio.Event = field(factory=trio.Event)

    def act(self, request: ControlWorkflow) -> Act[WorkflowControlResponse]:
        """Do what a request asks for, once the gate is open."""

        async def act(remember: Remember[WorkflowControlResponse]) -> WorkflowControlResponse:
            self.done += 1
            await self.gate.wait()
            status: ControlStatus = "acknowledged" if self.accepted else "rejected"
            reply = WorkflowControlResponse(
                timestamp=NOW, request_id=request.request_id, action=request.action, status=status, run_id="r"
            )
            if self.accepted:
                remember(reply, "r")
            return reply

        return act


def fresh() -> MemoryJournal:
    """A journal that holds the run that all requests here are about."""
    journal = MemoryJournal()
    journal.open_run(RunRecord("r", Workflow("w", (Node("n", "noop"),)), {}, 0.0))
    return journal


@pytest.fixture
def deeds() -> Deeds:
    """Deeds that are done at once."""
    deeds = Deeds()
    deeds.gate.set()
    return deeds


async def test_a_repetition_gets_the_first_answer(deeds: Deeds) -> None:
    """The same request in the same session does not act again, and says so."""
    once, request = Once(fresh()), pause()
    first = await once.answer("s", request, deeds.act(request))
    again = await once.answer("s", request, deeds.act(request))
    assert (first.duplicate, again.duplicate) == (None, True)
    assert (again.timestamp, again.run_id, again.request_id) == (NOW, "r", "one")
    assert deeds.done == 1


async def test_without_a_request_id_everything_acts(deeds: Deeds) -> None:
    """Who gives no id asks for it twice."""
    once, request = Once(fresh()), pause(None)
    for _ in range(2):
        assert (await once.answer("s", request, deeds.act(request))).duplicate is None
    assert deeds.done == 2


async def test_ids_belong_to_their_session(deeds: Deeds) -> None:
    """Two sessions may count their requests alike."""
    once, request = Once(fresh()), pause()
    await once.answer("s", request, deeds.act(request))
    await once.answer("t", request, deeds.act(request))
    assert deeds.done == 2


async def test_another_content_is_a_conflict(deeds: Deeds) -> None:
    """An id that was used for something else is an error of its own."""
    once = Once(fresh())
    await once.answer("s", pause(), deeds.act(pause()))
    with pytest.raises(ProtocolError) as caught:
        await once.answer("s", pause(action="stop"), deeds.act(pause(action="stop")))
    assert (caught.value.code, caught.value.request_id, deeds.done) == ("request_id_conflict", "one", 1)


async def test_what_was_refused_may_be_tried_again() -> None:
    """Only what was accepted is remembered."""
    refusing, accepting, once = Deeds(accepted=False), Deeds(), Once(fresh())
    refusing.gate.set()
    accepting.gate.set()
    first = await once.answer("s", pause(), refusing.act(pause()))
    second = await once.answer("s", pause(), accepting.act(pause()))
    assert (first.status, second.status, second.duplicate) == ("rejected", "acknowledged", None)


async def test_a_repetition_waits_for_the_first() -> None:
    """Two connections ask the same at the same time: one acts, both are answered."""
    deeds, once, answers = Deeds(), Once(fresh()), list[bool | None]()

    async def ask() -> None:
        reply = await once.answer("s", pause(), deeds.act(pause()))
        answers.append(reply.duplicate)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        assert deeds.done == 1
        deeds.gate.set()
    assert sorted(answers, key=str) == [None, True]


async def test_one_that_was_cancelled_leaves_the_way_free(deeds: Deeds) -> None:
    """A request that never came to an answer is not waited for, for ever."""
    stuck, once = Deeds(), Once(fresh())
    with trio.move_on_after(0):
        await once.answer("s", pause(), stuck.act(pause()))
    assert (await once.answer("s", pause(), deeds.act(pause()))).duplicate is None


def test_the_digest_does_not_mind_the_order_of_keys() -> None:
    """JSON objects have no order, and the id is what is asked about and not part of it."""
    one = ExecuteWorkflow(workflow={"id": "w", "nodes": []}, request_id="a")
    two = ExecuteWorkflow(workflow={"nodes": [], "id": "w"}, request_id="b")
    assert digest(one) == digest(two)
    assert digest(one) != digest(ExecuteWorkflow(workflow={"nodes": [], "id": "v"}))


def test_the_digest_tells_messages_apart() -> None:
    """Pause and resume of one run have other digests, and so have two kinds of message."""
    assert digest(pause()) != digest(pause(action="resume"))


async def test_an_answer_that_cannot_be_read_back_is_a_bug(deeds: Deeds) -> None:
    """What is kept is a message; anything else must not be sent to a client as if it were one."""
    journal = fresh()
    journal.remember_request("s", "one", Answered(digest(pause()), {"type": "nonsense"}, "r"))
    with pytest.raises(TypeError, match="is no message"):
        await Once(journal).answer("s", pause(), deeds.act(pause()))


async def test_what_has_acted_is_remembered_though_the_answer_never_left(deeds: Deeds) -> None:
    """Who is cut off after the deed and asks again, over whatever connection, does not do it twice."""
    journal, request = fresh(), pause()

    async def act(remember: Remember[WorkflowControlResponse]) -> WorkflowControlResponse:
        reply = await deeds.act(request)(remember)
        scope.cancel()
        await trio.lowlevel.checkpoint()
        return reply

    with trio.CancelScope() as scope:
        await Once(journal).answer("s", request, act)
    assert scope.cancelled_caught
    again = await Once(journal).answer("s", request, act)
    assert (again.status, again.duplicate, deeds.done) == ("acknowledged", True, 1)
