"""Stored workflows: what is kept, what is refused, and what is copied into a document that names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine import documents as module
from bluev_actors.engine.documents import Documents, StoredWorkflow
from bluev_actors.engine.journal import MemoryJournal
from bluev_actors.errors import InvalidWorkflowError, RefusedError, StorageUnavailableError
from bluev_actors.workflows.library import missing_bodies
from bluev_actors.workflows.problems import GraphProblem
from bluev_actors.workflows.validation import Verdict

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject


class Desk:
    """Documents over a journal in memory, a clock to set, and a validation to decide."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.now = 100.0
        self.verdict = Verdict(None)
        self.checked: list[JsonObject] = []
        self.documents = Documents(self.journal, self.validate, lambda: self.now)

    async def validate(self, document: JsonObject) -> Verdict:
        """Say what the test wants to be said."""
        self.checked.append(document)
        return self.verdict


@pytest.fixture
def desk() -> Desk:
    """A desk of one's own."""
    return Desk()


def graph(**more: Json) -> JsonObject:
    """A document with one node."""
    return {"nodes": [{"id": "a", "type": "noop"}], "connections": [], **more}


def calling(*names: str, **more: Json) -> JsonObject:
    """A document whose nodes have these as their bodies."""
    nodes = [{"id": f"n{n}", "type": "sub_workflow", "params": {"workflow": name}} for n, name in enumerate(names)]
    return {"nodes": nodes, "connections": [], **more}


# --- keeping ----------------------------------------------------------------------------------------------


async def test_what_is_put_is_there(desk: Desk) -> None:
    """Under its id, whether the document says it or not, with the time."""
    stored, warnings = await desk.documents.put("report", graph(name="The report"))
    assert stored == StoredWorkflow("report", graph(id="report", name="The report"), 100.0, 100.0)
    assert warnings == ()
    assert desk.documents.workflow("report") == stored.document
    assert desk.documents.find("report") == stored
    assert "report" in desk.documents
    assert (stored.name, StoredWorkflow("x", graph(), 0, 0).name) == ("The report", "x")


async def test_what_is_put_again_is_replaced(desk: Desk) -> None:
    """When it was made stays known."""
    await desk.documents.put("report", graph())
    desk.now = 200.0
    stored, _ = await desk.documents.put("report", graph(id="report", name="new"))
    assert (stored.created_at, stored.updated_at, stored.name) == (100.0, 200.0, "new")
    assert desk.documents.list_all() == [stored]


async def test_the_list_is_in_order(desk: Desk) -> None:
    """By the ids."""
    for workflow_id in ("b", "a"):
        await desk.documents.put(workflow_id, graph())
    assert [stored.workflow_id for stored in desk.documents.list_all()] == ["a", "b"]


async def test_what_is_dropped_is_gone(desk: Desk) -> None:
    """And can be dropped once."""
    await desk.documents.put("report", graph())
    await desk.documents.drop("report")
    assert "report" not in desk.documents
    for ask in (desk.documents.workflow, desk.documents.find):
        with pytest.raises(RefusedError) as error:
            ask("report")
        assert error.value.code == "workflow_not_found"
    with pytest.raises(RefusedError):
        await desk.documents.drop("report")


async def test_what_is_wrong_is_not_kept(desk: Desk) -> None:
    """The old one stays; what is only suspicious is told and kept."""
    problem = GraphProblem("unknown_node_type", "no such type", "nodes[0].type")
    await desk.documents.put("report", graph())
    desk.verdict = Verdict(None, errors=(problem,))
    with pytest.raises(InvalidWorkflowError) as error:
        await desk.documents.put("report", graph(name="new"))
    assert error.value.problems == (problem,)
    assert desk.documents.workflow("report") == graph(id="report")
    desk.verdict = Verdict(None, warnings=(problem,))
    assert (await desk.documents.put("report", graph(name="new")))[1] == (problem,)


async def test_inputs_are_given_when_it_is_started(desk: Desk) -> None:
    """That a required one is missing is no reason not to keep the document."""
    desk.verdict = Verdict(None, errors=(GraphProblem("missing_workflow_input", "it needs x", "inputs.x"),))
    await desk.documents.put("report", graph())
    assert "report" in desk.documents


@pytest.mark.parametrize(
    ("workflow_id", "document", "code", "path"),
    [
        ("report", [], "not_an_object", ""),
        ("report", graph(id="other"), "invalid_workflow_id", "id"),
        ("report", graph(id=None), "invalid_workflow_id", "id"),
        ("re\nport", graph(), "invalid_workflow_id", "id"),
        ("", graph(), "invalid_workflow_id", "id"),
        ("x" * 201, graph(), "invalid_workflow_id", "id"),
    ],
)
async def test_what_cannot_be_called_so(desk: Desk, workflow_id: str, document: Json, code: str, path: str) -> None:
    """An id has its rules, and a document is not stored under another one than its own."""
    with pytest.raises(InvalidWorkflowError) as error:
        await desk.documents.put(workflow_id, document)
    assert [(it.code, it.path) for it in error.value.problems] == [(code, path)]
    assert desk.checked == []


async def test_there_are_only_so_many(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit one can still be replaced, and one past it is refused."""
    monkeypatch.setattr(module, "MOST", 2)
    for workflow_id in ("a", "b", "a"):
        await desk.documents.put(workflow_id, graph())
    with pytest.raises(RefusedError) as error:
        await desk.documents.put("c", graph())
    assert error.value.code == "too_many_documents"


async def test_a_store_that_fails_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told that a document is kept before it is."""

    async def fail(_cursor: int | None = None) -> None:
        raise StorageUnavailableError("the disk is full")

    await desk.documents.put("report", graph())
    monkeypatch.setattr(desk.journal, "stored", fail)
    with pytest.raises(StorageUnavailableError):
        await desk.documents.put("report", graph())
    with pytest.raises(StorageUnavailableError):
        await desk.documents.drop("report")


# --- what a document names --------------------------------------------------------------------------------


async def test_what_is_named_is_copied_in(desk: Desk) -> None:
    """And what that names in turn; the document itself is not touched."""
    await desk.documents.put("fetch", graph())
    await desk.documents.put("page", calling("fetch"))
    document = calling("page", id="site")
    complete = desk.documents.complete(document)
    assert complete["workflows"] == {"page": calling("fetch", id="page"), "fetch": graph(id="fetch")}
    assert missing_bodies(complete) == []
    assert document == calling("page", id="site")


async def test_what_the_document_brings_goes_first(desk: Desk) -> None:
    """A stored one of the same name is not looked at."""
    await desk.documents.put("fetch", graph())
    document = calling("fetch", workflows={"fetch": graph(name="mine")})
    assert desk.documents.complete(document) is document


async def test_what_is_nowhere_is_left_to_the_verdict(desk: Desk) -> None:
    """As is what is no document at all."""
    await desk.documents.put("page", calling("lost"))
    complete = desk.documents.complete(calling("page", "gone"))
    assert sorted(missing_bodies(complete)) == ["gone", "lost"]
    odd: list[Json] = [[], None, 3, {}, {"nodes": 3}, {"nodes": [], "workflows": 3}, calling("page", workflows=3)]
    assert [desk.documents.complete(document) for document in odd] == odd


async def test_a_circle_comes_back_to_the_document_itself(desk: Desk) -> None:
    """Not to what is stored under its id now: the circle would show only when it is too late."""
    await desk.documents.put("one", graph())
    await desk.documents.put("two", calling("one"))
    complete = desk.documents.complete(calling("two", id="one"))
    assert complete["workflows"]["one"] == calling("two", id="one")
    assert missing_bodies(complete) == []
