from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.workflows.kinds import Param, Port

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json
    from tests.engine.conftest import OpenBench

EPOCH = 1_800_000_000.0


@node(params=[Param("p", "any", required=False, default="the default")], outputs=[Port("out")], free_outputs=True)
async def looks(ctx: NodeContext, **inputs: Json) -> Any:  # noqa: ANN401 - its outputs
    """Gives out what it was given."""
    seen: dict[str, Any] = {
        "who": [ctx.run_id, ctx.workflow_id, ctx.node_id, ctx.attempt],
        "at": [ctx.started_at - EPOCH, ctx.now() - EPOCH],
        "params": ctx.params,
        "inputs": inputs,
        "connected": list(ctx.connected_outputs),
        "sources": {name: ctx.sources(name) for name in inputs},
        "resume_state": ctx.resume_state,
        "grace": ctx.grace,
    }
    return {"out": seen, **dict.fromkeys(ctx.connected_outputs)}


async def test_what_an_attempt_is_given(bench: OpenBench) -> None:
    """Who it is, its params with their defaults, and its inputs: those connected, and those from params."""
    doc = example(
        "w",
        {
            "a": step("constant", {"value": 1}),
            "b": step("delay", {"seconds": 4}),
            "c": step("looks", {"x": "${nodes.a.value + 1}", "y": "${inputs.city}"}),
            "d": step("noop"),
            "e": step("noop"),
        },
        "a.value -> c.z",
        "b.out -> c.many",
        "a.value -> c.many",
        "b.done -> c.after",
        "c.first -> d.in",
        "c.second -> d.in",
        "c.second -> e.in",
        "c.done -> e.after",
        inputs={"city": {"type": "string", "default": "Oslo"}},
        settings={"grace": 3},
        outputs={"seen": {"node": "c", "output": "out"}},
    )
    async with bench(looks) as runtime:
        run = await runtime.start(doc, run_id="run-1")
        await run.result()
        assert run.state.outputs == {
            "seen": {
                "who": ["run-1", "w", "c", 1],
                "at": [4, 4],
                "params": {"p": "the default", "x": 2, "y": "Oslo"},
                "inputs": {"z": 1, "many": [None, 1], "x": 2, "y": "Oslo"},
                "connected": ["first", "second"],
                "sources": {"z": ["a"], "many": ["b", "a"], "x": [], "y": []},
                "resume_state": None,
                "grace": 3,
            }
        }


async def test_an_expression_may_name_the_run(bench: OpenBench) -> None:
    """Its id and its workflow's, besides inputs and nodes; a node that was skipped is null."""
    doc = example(
        "w",
        {
            "a": step("constant", {"value": 7}),
            "b": step("branch", {"condition": "value > 9"}),
            "c": step("noop"),
            "d": step(
                "expression", {"expr": "[run.id, run.workflow_id, string(nodes.a.value)]"}, trigger_rule="all_done"
            ),
        },
        "a.value -> b.value",
        "b.true -> c.in",
        "c.out -> d.in",
    )
    async with bench() as runtime:
        run = await runtime.start(doc, run_id="run-1")
        assert (await run.result())["d"] == {"value": ["run-1", "w", "7"]}
        assert run.state.nodes["c"].status == "skipped"


async def test_an_attempt_that_goes_on_began_when_it_began(bench: OpenBench) -> None:
    """A resumed attempt begins anew; it has the checkpoint of the one before."""
    begins: list[tuple[float, Json]] = []

    @node(pausable=True)
    async def it(ctx: NodeContext) -> None:
        begins.append((ctx.started_at - EPOCH, ctx.resume_state))
        ctx.save(len(begins))
        await trio.sleep(5)

    async with bench(it) as runtime:
        run = await runtime.start(example("w", {"a": step("it")}))
        await trio.sleep(2)
        await run.pause()
        await trio.sleep(8)
        await run.resume()
        await run.result()
        assert begins == [(0, None), (10, 1)]
