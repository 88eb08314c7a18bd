from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import trio

from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.node_types import Catalogue, node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.run_desk import RunDesk
from bluev_actors.engine.run_voice import RunVoice
from bluev_actors.engine.run_writer import RunWriter
from bluev_actors.errors import StorageUnavailableError
from bluev_actors.workflows.graph import Node, Workflow
from bluev_actors.workflows.run_events import NodeEmitted, NodeLog, NodeProgress, RunStarted, RunStopped

if TYPE_CHECKING:
    import pytest

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.workflows.run_events import RunEvent
    from bluev_actors.workflows.values import JsonObject
    from tests.engine.conftest import OpenBench, TellStory

DOC: JsonObject = example("w", {"a": step("it")})


def listen(runtime: Runtime) -> list[tuple[str, float | None, float]]:
    """Note the progress of every node: who, how far, and when by Trio's clock."""
    heard: list[tuple[str, float | None, float]] = []

    def note(_run_id: str, _workflow_id: str, progress: NodeProgress, _at: float) -> None:
        heard.append((progress.node_id, progress.done, trio.current_time()))

    runtime.on_progress(note)
    return heard


async def test_progress_comes_ten_times_a_second(bench: OpenBench) -> None:
    """The first at once, then the newest of each tenth of a second."""

    @node
    async def it(ctx: NodeContext) -> None:
        for done in range(100):
            ctx.progress(done=done)
            await trio.sleep(0.01)

    async with bench(it) as runtime:
        heard = listen(runtime)
        await (await runtime.start(DOC)).result()
    times = [at for _, _, at in heard]
    assert len(times) in (10, 11)
    assert times[0] == 0
    assert all(later - earlier >= 0.099 for earlier, later in pairwise(times))
    assert all(at * 100 - 3 <= (done or 0) for _, done, at in heard)


async def test_each_node_has_its_progress(bench: OpenBench) -> None:
    """One that talks much does not push another's out."""

    @node
    async def it(ctx: NodeContext) -> None:
        for done in range(5):
            ctx.progress(done=done)
        await trio.sleep(1)

    async with bench(it) as runtime:
        heard = listen(runtime)
        await (await runtime.start(example("w", {"a": step("it"), "b": step("it")}))).result()
    assert {(node_id, done) for node_id, done, at in heard if at > 0} == {("a", 4), ("b", 4)}


async def test_progress_after_a_silence_comes_at_once(bench: OpenBench) -> None:
    """The tenth of a second is between two rounds, and nobody waits for one that is long over."""

    @node
    async def it(ctx: NodeContext) -> None:
        ctx.progress(done=1)
        await trio.sleep(5)
        ctx.progress(done=2)
        await trio.sleep(5)

    async with bench(it) as runtime:
        heard = listen(runtime)
        await (await runtime.start(DOC)).result()
    assert heard == [("a", 1, 0), ("a", 2, 5)]


async def test_a_listener_that_raises_harms_nobody(bench: OpenBench, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the node that speaks, nor the run that passes it on, nor the other listeners."""

    @node
    async def it(ctx: NodeContext) -> None:
        for done in range(3):
            ctx.progress(done=done)
            await trio.sleep(0.06)

    def broken(*_what: object) -> None:
        raise RuntimeError("nobody home")

    async with bench(it) as runtime:
        unsubscribe = runtime.on_progress(broken)
        heard = listen(runtime)
        run = await runtime.start(DOC)
        await run.result()
        assert len(heard) == 2
        assert run.ref is not None
        assert run.ref.incarnation == 1
        unsubscribe()
        unsubscribe()
    assert "nobody home" in caplog.text


async def test_a_clean_up_may_speak_though_the_run_crashed(bench: OpenBench, story: TellStory) -> None:
    """A node does not fail because its run's actor is on its way to the next incarnation."""
    told: list[str] = []

    @node
    async def it(ctx: NodeContext) -> str:
        try:
            await trio.sleep(5)
        finally:
            with ctx.shielded(4):
                ctx.progress(done=1)
                ctx.log("tidying up")
                ctx.save("tidy")
                await trio.sleep(1)
                told.append("all said")
        return "done"

    async with bench(it) as runtime:
        run = await runtime.start(DOC)
        await trio.sleep(1)
        assert run.ref is not None
        run.ref.tell(object(), urgent=True)  # type: ignore[arg-type] # a message that no run knows, so it crashes
        assert await run.result() == {"a": {"value": "done"}}
        assert told == ["all said"] * 2
        assert "a started again" in story(run)


async def test_lines_up_to_the_limit(bench: OpenBench, story: TellStory) -> None:
    """The last line within the limit is kept; the one past it is told once, and no more."""

    @node
    async def it(ctx: NodeContext) -> None:
        for number in range(ctx.attempt + 2):
            ctx.log(f"line {number}")
        ctx.emit("tick")

    async with bench(it, limits=RuntimeLimits(log_lines=3)) as runtime:
        run = await runtime.start(example("w", {"a": step("it"), "b": step("it")}))
        await run.result()
        said = [line for line in story(run) if line.startswith("a ")]
        assert said == [
            "a started",
            "a says line 0",
            "a says line 1",
            "a says line 2",
            "a says log_limit",
            "a completed",
        ]
        limit = next(it.event for it in run.history() if isinstance(it.event, NodeLog) and it.event.code)
        assert limit.message == "more than 3 lines; what follows is left out"


async def test_a_line_is_heard_at_once(bench: OpenBench) -> None:
    """It is on record while the node goes on."""

    @node
    async def it(ctx: NodeContext) -> None:
        ctx.log("begun")
        ctx.emit("tick", 1)
        await trio.sleep(10)

    async with bench(it) as runtime:
        run = await runtime.start(DOC)
        await trio.sleep(1)
        assert [it.seq for it in run.history()] == [1, 2, 3, 4]
        await run.stop()


async def test_who_speaks_after_the_end_is_not_heard(bench: OpenBench, story: TellStory) -> None:
    """A task that outlives its node says what it likes to nobody; the terminal event stays the last."""
    contexts: list[NodeContext] = []

    @node
    async def it(ctx: NodeContext) -> None:
        contexts.append(ctx)
        ctx.save(1)

    async with bench(it) as runtime:
        heard = listen(runtime)
        run = await runtime.start(DOC)
        await run.result()
        await trio.testing.wait_all_tasks_blocked()
        contexts[0].log("still here")
        contexts[0].emit("still here")
        contexts[0].progress(done=1)
        contexts[0].save(2)
        assert story(run)[-1] == "run completed"
        assert heard == []
        assert runtime.journal.checkpoint(run.run_id, "a") is None


# --- by itself ----------------------------------------------------------------------------------------------


def alone(*events: RunEvent) -> tuple[RunVoice, RunDesk, RunWriter]:
    """A voice without a run's actor, after some events."""
    record = RunRecord("r", Workflow("w", (Node("a", "noop"),)), {}, 0.0)
    journal = MemoryJournal()
    journal.open_run(record)
    desk = RunDesk(
        record=record,
        journal=journal,
        catalogue=Catalogue(),
        kinds={},
        limits=RuntimeLimits(),
        now=lambda: 7.0,
        show_progress=lambda _progress: None,
        want_turn=lambda: None,
        params={},
    )
    writer = desk.writer = RunWriter(journal, record, desk.now, desk.secrets.mask)
    for event in events:
        writer.add(event)
    writer.commit()
    return RunVoice(desk, writer, lambda _name, _seconds: None), desk, writer


def test_nothing_is_said_after_the_terminal_event() -> None:
    """Neither by the node nor about it: the watchdog may have seen something in the last moment."""
    voice, desk, _ = alone(RunStarted(), RunStopped({}, {}))
    line = NodeLog("a", 1, "warning", "late")
    voice.say(line)
    voice.remark(line)
    assert [type(it.event) for it in desk.journal.history("r")] == [RunStarted, RunStopped]


def test_what_is_said_in_confidence_is_covered() -> None:
    """In lines, progress and checkpoints, and where a node asks for it."""
    voice, desk, _ = alone(RunStarted())
    shown: list[NodeProgress] = []
    desk.show_progress = shown.append
    desk.secrets.mask.cover("hush-hush")
    voice.say(NodeEmitted("a", 1, "tick", {"word": "hush-hush"}))
    voice.remark(NodeLog("a", 1, "warning", "it was hush-hush"))
    voice.show_progress(NodeProgress("a", 1, message="at hush-hush"))
    voice.save("a", ["hush-hush"])
    told = [desk.journal.history("r"), shown, desk.journal.checkpoint("r", "a"), voice.mask("hush-hush")]
    assert "hush-hush" not in repr(told)
    assert len(desk.journal.history("r")) == 3
    assert len(shown) == 1


def test_whose_incarnation_is_over_is_not_heard() -> None:
    """What is left of a crashed one cannot speak beside the next."""
    voice, desk, writer = alone(RunStarted())
    writer.closed = True
    shown: list[NodeProgress] = []
    desk.show_progress = shown.append
    voice.say(NodeLog("a", 1, "info", "late"))
    voice.save("a", 1)
    voice.show_progress(NodeProgress("a", 1, 0.5))
    assert (len(desk.journal.history("r")), shown, desk.journal.checkpoint("r", "a")) == (1, [], None)


async def test_a_checkpoint_waits_for_a_store_in_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long that takes; a pause, a stop or a time limit ends the node there."""
    voice, desk, _ = alone(RunStarted())

    async def stored(_cursor: int | None = None) -> None:
        await trio.sleep(2)
        if trio.current_time() < 100:
            raise StorageUnavailableError("the disk is full")

    monkeypatch.setattr(desk.journal, "stored", stored)
    with trio.move_on_after(5) as scope:
        await voice.stored()
    assert scope.cancelled_caught
    await voice.stored()
    assert trio.current_time() == 101
    assert voice.now() == 7.0
