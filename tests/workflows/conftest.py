"""A small catalogue of node kinds, and graphs to walk."""

from __future__ import annotations

from typing import Final

import pytest

from bluev_actors.workflows.kinds import NodeKind, Param, Port

_MANY: Final = Port("in", multi=True, required=False)
_OUT: Final = Port("out")

CATALOGUE: Final = (
    NodeKind("noop", inputs=(_MANY,), outputs=(_OUT,), free_inputs=True, free_outputs=True, pure=True),
    NodeKind(
        "delay",
        inputs=(_MANY,),
        outputs=(_OUT,),
        params=(Param("seconds", "number", minimum=0, maximum=3600),),
        free_inputs=True,
        free_outputs=True,
        pure=True,
    ),
    NodeKind("constant", outputs=(Port("value"),), params=(Param("value"),), pure=True),
    NodeKind("echo", inputs=(Port("value"),), outputs=(Port("value"),), pure=True),
    NodeKind(
        "expression",
        outputs=(Port("value"),),
        params=(Param("expr", "string", syntax="expression"),),
        free_inputs=True,
        pure=True,
    ),
    NodeKind(
        "template",
        outputs=(Port("text", "string"),),
        params=(Param("text", "string", syntax="template"),),
        free_inputs=True,
        pure=True,
    ),
    NodeKind(
        "branch",
        inputs=(Port("value", required=False, default=None),),
        outputs=(Port("true"), Port("false")),
        params=(Param("condition", "string", syntax="expression"),),
        pure=True,
    ),
    NodeKind(
        "switch",
        inputs=(Port("value"),),
        free_outputs=True,
        params=(Param("cases", "list", syntax="expression"),),
    ),
    NodeKind(
        "transform",
        outputs=(Port("value", "object"),),
        params=(Param("fields", "object", syntax="expression"),),
        free_inputs=True,
    ),
    NodeKind(
        "filter",
        inputs=(Port("items", "list"),),
        outputs=(Port("items", "list"),),
        params=(Param("where", "string", syntax="expression", names=("item",)),),
    ),
    NodeKind("merge", inputs=(Port("in", multi=True),), outputs=(Port("value"),), trigger_rule="none_failed"),
    NodeKind("length", inputs=(Port("text", "string"),), outputs=(Port("value", "int"),)),
    NodeKind("half", inputs=(Port("value", "number"),), outputs=(Port("value", "number"),)),
    NodeKind("words", inputs=(Port("text", "string"),), outputs=(Port("words", "list[string]"),), version=2),
    NodeKind("total", inputs=(Port("in", "number", multi=True),), outputs=(Port("value", "number"),)),
    NodeKind(
        "fetch",
        outputs=(Port("status", "int"), Port("body", "string")),
        params=(
            Param("url", "string"),
            Param("method", "string", required=False, default="GET", choices=("GET", "POST")),
            Param("headers", "object", required=False),
            Param("retries", "int", required=False, default=0, minimum=0, maximum=5),
        ),
        outside=True,
    ),
)


@pytest.fixture(scope="session")
def kinds() -> dict[str, NodeKind]:
    """The catalogue, by name."""
    return {kind.name: kind for kind in CATALOGUE}
