"""The node types that every daemon knows, a file per family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from bluev_actors.engine.nodes.aggregate import aggregate
from bluev_actors.engine.nodes.bodies import loop, map_, sub_workflow
from bluev_actors.engine.nodes.code import python
from bluev_actors.engine.nodes.csv_text import csv_format, csv_parse
from bluev_actors.engine.nodes.data import constant, echo, expression, noop, template, transform
from bluev_actors.engine.nodes.delay import delay
from bluev_actors.engine.nodes.files import file_read, file_write
from bluev_actors.engine.nodes.flow import branch, merge, switch
from bluev_actors.engine.nodes.http import http_request
from bluev_actors.engine.nodes.json_text import json_format, json_parse
from bluev_actors.engine.nodes.lists import filter_, sort, split
from bluev_actors.engine.nodes.output import emit_event, log
from bluev_actors.engine.nodes.process import subprocess
from bluev_actors.engine.nodes.query import select
from bluev_actors.engine.nodes.refusal import assert_, fail
from bluev_actors.engine.nodes.signal import wait_signal
from bluev_actors.engine.nodes.sql import sql_query

if TYPE_CHECKING:
    from bluev_actors.engine.node_types import NodeType

INLINE: Final = (
    noop,
    constant,
    echo,
    expression,
    transform,
    branch,
    switch,
    merge,
    assert_,
    emit_event,
    wait_signal,
    map_,
    loop,
    sub_workflow,
)
"""Those that never wait and are quick, so that a run needs no task for them."""

BUILT_INS: Final[tuple[NodeType, ...]] = tuple(
    evolve(node_type.from_source("built-in"), inline=node_type in INLINE)
    for node_type in (
        noop,
        constant,
        echo,
        expression,
        transform,
        template,
        select,
        filter_,
        sort,
        split,
        aggregate,
        csv_parse,
        csv_format,
        json_parse,
        json_format,
        branch,
        switch,
        merge,
        map_,
        loop,
        sub_workflow,
        delay,
        wait_signal,
        fail,
        assert_,
        log,
        emit_event,
        http_request,
        subprocess,
        python,
        file_read,
        file_write,
        sql_query,
    )
)
"""The built-in node types; those that touch the outside are off until they are allowed by name."""

__all__ = ["BUILT_INS"]
