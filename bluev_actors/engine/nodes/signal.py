"""The kind that waits for somebody outside: `wait_signal`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.outcome import Waits
from bluev_actors.workflows.kinds import NOTHING, Conduct, Param, Port

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.workflows.values import Json


def _schema_flaw(schema: Json) -> str | None:
    from bluev_actors.engine.payloads import schema_flaw  # noqa: PLC0415 - its library is heavy and few need it

    return schema_flaw(schema)


@node(
    outputs=[Port("payload", description="What the signal brought; null if it brought nothing.")],
    params=[
        Param(
            "timeout",
            "number",
            required=False,
            minimum=0,
            description="How many seconds it waits; no end when left out.",
        ),
        Param(
            "default",
            required=False,
            description="The payload when none came in time; when left out, the node then fails with `timeout`.",
        ),
        Param(
            "schema",
            "object",
            required=False,
            check=_schema_flaw,
            description="A JSON Schema that a payload has to fit; a signal with another one is rejected. "
            "References, `patternProperties` and `uniqueItems` cannot be used.",
        ),
    ],
    pausable=True,
    failures={"timeout": "No signal came in time, and there is no `default`."},
    conduct=Conduct(
        pause="It has no task that could be paused: it goes on waiting, the clock of its `timeout` stands still, and a "
        "signal that comes meanwhile is kept and delivered at the resume.",
        retry="After a `timeout` the next attempt waits anew.",
        crash="It goes on waiting, until the same moment; a signal that was acknowledged is not lost.",
        security="Whoever may control the run may signal it; `schema` keeps out what the workflow cannot use.",
    ),
    examples=[
        example(
            "wait_signal_example",
            {
                "approval": step(
                    "wait_signal",
                    {
                        "timeout": 60,
                        "default": {"ok": False},
                        "schema": {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]},
                    },
                ),
                "way": step("branch", {"condition": "value.ok"}),
                "ship": step("template", {"text": "it is on its way"}),
                "cancel": step("template", {"text": "nobody said yes"}),
                "answer": step("merge"),
            },
            "approval.payload -> way.value",
            "way.true -> ship.value",
            "way.false -> cancel.value",
            "ship.text -> answer.in",
            "cancel.text -> answer.in",
        )
    ],
)
async def wait_signal(ctx: NodeContext) -> Waits:
    """Waits for a signal, such as somebody's approval, and gives what it brings."""
    params = ctx.params
    return Waits(params.get("timeout"), params.get("default", NOTHING), params.get("schema"))
