"""The engine in one breath, without sockets: for `run FILE`, notebooks, tests, and for the daemon to stand on."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import trio
from attrs import Factory, define, evolve, field, frozen

from bluev_actors.actors import System, open_system
from bluev_actors.engine.admission import Admission
from bluev_actors.engine.cache import OutputCache
from bluev_actors.engine.documents import Documents
from bluev_actors.engine.journal import Journal, MemoryJournal, RunRecord
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.node_types import Catalogue, NodeType
from bluev_actors.engine.nodes import BUILT_INS
from bluev_actors.engine.outside.outside import Outside
from bluev_actors.engine.plain import plain_copy
from bluev_actors.engine.run_commands import StopRun
from bluev_actors.engine.runs import Runs, new_run_id
from bluev_actors.engine.secrets import Secrets
from bluev_actors.engine.turns import is_small
from bluev_actors.engine.watchdog import watching
from bluev_actors.errors import (
    ActorStoppedError,
    InvalidWorkflowError,
    RefusedError,
    RunNotFoundError,
    StorageUnavailableError,
)
from bluev_actors.workflows.options import RunOptions
from bluev_actors.workflows.problems import GraphProblem
from bluev_actors.workflows.rerun import reusable
from bluev_actors.workflows.run_events import NodeProgress
from bluev_actors.workflows.sharing import share_names
from bluev_actors.workflows.validation import GraphLimits, Verdict, parse_workflow
from bluev_actors.workflows.values import find_flaw, is_object

if TYPE_CHECKING:
    from bluev_actors.engine.callbacks import Callback
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.engine.store.connection import Sync
    from bluev_actors.workflows.values import Json, JsonObject

_log = logging.getLogger(__name__)

LARGE: Final = 20_000
"""Values, and pieces of text, beyond which a document is validated in a thread, so that nobody else waits."""

ProgressListener: TypeAlias = Callable[[str, str, NodeProgress, float], None]
"""Called with run id, workflow id, progress and wall time. A plain function that does not raise."""


@define(eq=False)
class Runtime:
    """The engine of one process.

    Attributes:
        system: the tree of living actors.
        catalogue: the node types it knows.
        journal: the log of what happened.
        limits: how much it takes.
        now: wall time, in seconds since 1970.
        secrets: what nodes may be told in confidence.
        outside: what nodes may reach.
        documents: the workflows that are stored under their ids.
    """

    system: System
    catalogue: Catalogue
    journal: Journal
    limits: RuntimeLimits
    now: Callable[[], float]
    secrets: Secrets = Factory(Secrets)
    outside: Outside = Factory(Outside)
    runs: Runs = field(init=False)
    documents: Documents = field(init=False)
    _listeners: list[ProgressListener] = Factory(list[ProgressListener])

    def __attrs_post_init__(self) -> None:
        self.documents = Documents(self.journal, self.validate, self.now)
        self.runs = Runs(
            journal=self.journal,
            catalogue=self.catalogue,
            limits=self.limits,
            now=self.now,
            show_progress=self._show_progress,
            check=self._check_again,
            admission=Admission(trio.current_time),
            cache=OutputCache(self.journal, self.now, self.limits.cache_ttl),
            secrets=self.secrets,
            outside=self.outside,
        )

    async def validate(self, workflow: object, inputs: JsonObject | None = None) -> Verdict:
        """Check a document without running it."""
        if not is_small(workflow, LARGE):
            own = self._complete(await trio.to_thread.run_sync(_own, workflow))
            return await trio.to_thread.run_sync(self._parse, own, inputs)
        await trio.lowlevel.checkpoint()
        return self._parse(self._complete(_own(workflow)), inputs)

    def _complete(self, own: _Own) -> object:
        """A document with the stored workflows that it names; one that is no JSON is left to the verdict."""
        return self.documents.complete(own.value) if own.is_json else own.value

    def _parse(self, workflow: object, inputs: JsonObject | None) -> Verdict:
        if inputs is not None and not is_object(inputs):
            problem = GraphProblem("invalid_field_type", "the inputs of a workflow have to be an object", "inputs")
            return Verdict(None, (problem,))
        limits = GraphLimits(nodes=self.limits.nodes, connections=self.limits.connections)
        kinds, disabled = self.catalogue.kinds, self.catalogue.disabled
        return parse_workflow(
            workflow, kinds, inputs=_own(inputs).value, limits=limits, disabled=disabled, secrets=self.secrets.names
        )

    def _check_again(self, record: RunRecord) -> Verdict:
        """Look at the document of a run that was accepted by an earlier process."""
        return self._parse(record.workflow.document, record.inputs)

    async def start(
        self,
        workflow: object,
        inputs: JsonObject | None = None,
        *,
        options: RunOptions = RunOptions(),
        session_id: str = "",
        principal: str = "",
        run_id: str | None = None,
        callbacks: Mapping[str, Callback] | None = None,
        heard: Callable[[RunHandle], None] | None = None,
    ) -> RunHandle:
        """Check a document and run it.

        Args:
            workflow: the graph, as JSON.
            inputs: values for its declared inputs.
            options: how to start it.
            session_id: whose run it is.
            principal: who that is.
            run_id: from `new_run_id`, when it has to be known beforehand.
            callbacks: the seed's callbacks by name; they hear everything from the first event on.
            heard: called with the run once it is accepted; what it keeps is stored before this returns.

        Raises:
            InvalidWorkflowError: the document is wrong; it says everything that is.
            RefusedError: it cannot be started now.
            StorageUnavailableError: it cannot be stored at present; nothing of it runs.
        """
        verdict = await self.validate(workflow, inputs)
        if verdict.errors or verdict.workflow is None:
            raise InvalidWorkflowError(verdict.errors)
        run_id = run_id or new_run_id()
        record = RunRecord(
            run_id=run_id,
            workflow=evolve(verdict.workflow, id=verdict.workflow.id or f"workflow-{run_id[4:]}"),
            inputs=verdict.inputs,
            accepted_at=self.now(),
            session_id=session_id,
            principal=principal,
            options=options,
            warnings=tuple(problem.as_json() for problem in verdict.warnings),
        )
        if options.rerun is not None:
            await self.journal.stored()  # the earlier run may have come to its end just now
        handle = await self.runs.start(record, verdict.params, callbacks or {}, self._reused(record))
        if heard is not None:
            heard(handle)
        try:
            await self.journal.stored()
        except StorageUnavailableError:
            await self._withdraw(handle)
            raise
        return handle

    def _reused(self, record: RunRecord) -> Mapping[str, JsonObject]:
        """The outputs of the nodes that an earlier run has done already."""
        rerun = record.options.rerun
        if rerun is None:
            return {}
        try:
            old = self.find(run_id=rerun.from_run)
        except RunNotFoundError as error:
            raise RefusedError("rerun_not_found", f"there is no run {rerun.from_run!r} to run again") from error
        before = old.desk.record
        return reusable(before.workflow, old.state, before.inputs, record.workflow, record.inputs, rerun)

    async def _withdraw(self, handle: RunHandle) -> None:
        """Stop a run that could not be stored: when the store works again, it ends without having begun anything."""
        if handle.ref is not None:
            with suppress(ActorStoppedError):
                await handle.ref.ask(StopRun("kill"), urgent=True)

    def find(self, *, run_id: str | None = None, workflow_id: str | None = None) -> RunHandle:
        """The run of this id, or the one live run of this workflow, else its latest.

        Raises:
            RunNotFoundError: there is none.
            RefusedError: `ambiguous_run`.
        """
        return self.runs.find(run_id=run_id, workflow_id=workflow_id)

    def list_runs(self) -> list[RunHandle]:
        """All runs that are held, newest first."""
        return self.runs.newest_first()

    def forget(self, run_id: str) -> None:
        """Forget a run that has ended."""
        self.runs.forget(run_id)

    @staticmethod
    def new_run_id() -> str:
        """An id for a run that is to be started."""
        return new_run_id()

    def on_progress(self, listener: ProgressListener) -> Callable[[], None]:
        """Have `listener` called with the progress of every node; the answer ends that."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def _show_progress(self, run_id: str, workflow_id: str, progress: NodeProgress, at: float) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(run_id, workflow_id, progress, at)
            except Exception:  # noqa: BLE001 - whoever listens, a run is never lost to it
                _log.exception("a listener to progress raised; the run goes on without it")

    async def drain(self, timeout: float) -> None:
        """Take no new runs and bring the live ones to rest.

        With a journal that outlives the process they are left for the next one: nodes that can be paused are
        cancelled, the others have `timeout` seconds. Otherwise the runs have so long to end, and are stopped then.
        """
        if self.journal.durable:
            await self.runs.suspend(timeout)
            return
        self.runs.draining = True
        with trio.move_on_after(timeout):
            await self._wait_for_runs()
        async with trio.open_nursery() as nursery:
            for handle in self._live():
                nursery.start_soon(handle.stop)
        with trio.move_on_after(max([handle.workflow.settings.grace for handle in self._live()], default=0.0)):
            await self._wait_for_runs()

    async def _wait_for_runs(self) -> None:
        for handle in self._live():
            await handle.when_ended()

    def _live(self) -> list[RunHandle]:
        return [handle for handle in self.list_runs() if not handle.ended]


@asynccontextmanager
async def open_runtime(  # noqa: PLR0913 - each argument is one thing an embedder may decide
    nodes: Iterable[NodeType] = (),
    *,
    allow: Iterable[str] = (),
    catalogue: Catalogue | None = None,
    now: Callable[[], float] = time.time,
    limits: RuntimeLimits = RuntimeLimits(),
    data_dir: Path | str | None = None,
    sync: Sync = "full",
    secrets: Secrets | None = None,
    outside: Outside | None = None,
    watchdog: float | None = None,
) -> AsyncGenerator[Runtime]:
    """Open the engine.

    Leaving the block, in whatever way, ends every run: without a folder they are stopped, with one they are left for
    whoever opens it next.

    Args:
        nodes: node types besides the built-in ones.
        allow: names of node types that touch the outside and may be used.
        catalogue: all node types, instead of `nodes` and `allow`.
        now: wall time, in seconds since 1970.
        limits: how much it takes.
        data_dir: the folder in which runs are kept; None: they die with the process.
        sync: `full`: what is stored survives a power cut; `normal`: the death of the process.
        secrets: what nodes may be told in confidence.
        outside: what nodes that touch the outside may reach.
        watchdog: seconds for which nothing may hold up the event loop without being named; None: nobody looks.

    Raises:
        NodeTypeError: a name is taken, or there is no such type to allow.
        StoreOpenError: the folder cannot be used; it says why.
    """
    if catalogue is None:
        catalogue = Catalogue(BUILT_INS, allow)
        for node_type in nodes:
            catalogue.add(node_type)
    catalogue.check_allowed()
    guard = nullcontext() if watchdog is None else watching(watchdog)
    async with _journal(data_dir, sync, limits) as journal, open_system() as system:
        runtime = Runtime(system, catalogue, journal, limits, now, secrets or Secrets(), outside or Outside())
        if (spec := journal.spec()) is not None:
            await system.start(spec)
        runtime.runs.attach(await system.start(runtime.runs.spec()))
        await runtime.runs.take_up()
        try:
            with guard:
                yield runtime
        finally:
            with trio.CancelScope(shield=True):
                await runtime.drain(0)


def _journal(data_dir: Path | str | None, sync: Sync, limits: RuntimeLimits) -> AbstractAsyncContextManager[Journal]:
    if data_dir is None:
        return nullcontext(MemoryJournal(limits.history))
    from bluev_actors.engine.store.opening import open_journal  # noqa: PLC0415 - a runtime in memory needs no SQLite

    return open_journal(Path(data_dir), sync=sync)


@frozen
class _Own:
    """A copy of what a caller gave, who may go on with it; what is no JSON is left as it is."""

    value: Json
    is_json: bool


def _own(value: Json) -> _Own:
    if find_flaw(value):
        return _Own(value, is_json=False)
    copy = plain_copy(value)
    share_names(copy)
    return _Own(copy, is_json=True)
