"""What a workflow is: nodes, and the edges that carry values between them.

These classes hold a document that `validation.parse_workflow` has accepted, so nothing here checks anything.
The wire calls edges `connections`; in this code a connection is a socket.
"""

# ruff: noqa: TC001 - cattrs looks up the names of the annotations at run time.

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - as above
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final, Literal, TypeAlias

import orjson
from attrs import Factory, field, frozen

from bluev_actors.workflows import paths
from bluev_actors.workflows.values import Json, JsonObject

Backoff: TypeAlias = Literal["fixed", "linear", "exponential"]
Jitter: TypeAlias = Literal["none", "full", "equal"]
NodeOnError: TypeAlias = Literal["fail", "continue", "error_output"]
RunOnError: TypeAlias = Literal["fail_fast", "finish_running", "continue"]
TriggerRule: TypeAlias = Literal["all_success", "all_done", "one_success", "any_failed", "none_failed"]
PauseMode: TypeAlias = Literal["checkpoint", "drain", "hard"]
NodePauseMode: TypeAlias = Literal["inherit", "checkpoint", "drain", "hard"]
CacheMode: TypeAlias = Literal["never", "by_inputs"]

DONE: Final = "done"
"""The output every node has besides its own: `null`, on success. It carries order, not data."""
AFTER: Final = "after"
"""The input every node has besides its own: takes many, and their values are not looked at."""
ERROR: Final = "error"
"""The output of a failed node whose `on_error` is `error_output`: `{"code", "message"}`."""


@frozen
class RetryPolicy:
    """How often and how fast a failed attempt is repeated. Times are in seconds."""

    max_attempts: int = 1
    backoff: Backoff = "exponential"
    initial: float = 1.0
    factor: float = 2.0
    max_delay: float = 60.0
    jitter: Jitter = "none"
    retry_on: tuple[str, ...] = ()
    """Error codes or class names that are retried; empty means all that may be."""
    never_on: tuple[str, ...] = ()
    max_elapsed: float | None = None
    """No new attempt starts later than this after the first one started."""


@frozen
class Node:
    """One step of a workflow."""

    id: str
    type: str
    params: JsonObject = Factory(dict[str, Any])
    type_version: int | None = None
    label: str | None = None
    disabled: bool = False
    timeout: float | None = None
    """Seconds for one attempt."""
    total_timeout: float | None = None
    """Seconds for all attempts and the waits between them."""
    retry: RetryPolicy | None = None
    on_error: NodeOnError = "fail"
    trigger_rule: TriggerRule | None = None
    """None: the rule of the node's type."""
    pause_mode: NodePauseMode = "inherit"
    concurrency_key: str | None = None
    """The limit it shares with all nodes that name the same key."""
    cache: CacheMode = "never"


@frozen
class Edge:
    """Carries one value from an output to an input."""

    from_node: str
    from_output: str
    to_node: str
    to_input: str


@frozen
class WorkflowInput:
    """A value the workflow is started with."""

    type: str = "any"
    required: bool = True
    default: Json = None
    description: str = ""


@frozen
class WorkflowOutput:
    """Names one node's output as an output of the whole workflow."""

    node: str
    output: str


@frozen
class Rate:
    """At most `limit` starts in any `period` of seconds."""

    limit: int
    period: float


@frozen
class Settings:
    """What holds for all nodes of a run. Times are in seconds."""

    timeout: float | None = None
    max_concurrency: int | None = None
    on_error: RunOnError = "fail_fast"
    pause_mode: PauseMode = "checkpoint"
    retry: RetryPolicy = RetryPolicy()
    grace: float = 5.0
    """How long a cancelled node may take for its shielded clean-up."""
    concurrency: dict[str, int] = Factory(dict[str, int])
    """How many nodes that name a `concurrency_key` may be under way at one time, by key."""
    rates: dict[str, Rate] = Factory(dict[str, "Rate"])
    """How often nodes that name a `concurrency_key` may start, by key."""


@frozen(slots=False)
class Workflow:
    """An accepted graph, with the indexes that walking it needs.

    `document` is the JSON it was read from, with everything a front end keeps in it for itself.
    """

    id: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...] = ()
    inputs: dict[str, WorkflowInput] = Factory(dict[str, WorkflowInput])
    outputs: dict[str, WorkflowOutput] = Factory(dict[str, WorkflowOutput])
    settings: Settings = Settings()
    document: JsonObject = field(factory=dict[str, Any], repr=False, eq=False)
    bodies: Mapping[str, Workflow] = field(factory=dict[str, "Workflow"], repr=False, eq=False)
    """The graph that a node runs for each of its items, by the id of the node; only some kinds have one."""

    @cached_property
    def digest(self) -> str:
        """A short hash of the document, by which two runs of the same workflow are known."""
        return blake2b(orjson.dumps(self.document, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()

    @cached_property
    def by_id(self) -> dict[str, Node]:
        """The nodes by their ids, in the order of the document."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def in_order(self) -> tuple[str, ...]:
        """The ids of the nodes, each behind those that lead to it."""
        open_edges = self.fan_in.copy()
        order = [node_id for node_id, count in open_edges.items() if not count]
        for node_id in order:  # it grows on the way
            for edge in self.outgoing[node_id]:
                open_edges[edge.to_node] -= 1
                if not open_edges[edge.to_node]:
                    order.append(edge.to_node)
        return tuple(order)

    @cached_property
    def fan_in(self) -> dict[str, int]:
        """How many edges lead to each node, in the order of the document."""
        return {node_id: len(edges) for node_id, edges in self.incoming.items()}

    def graph_of(self, node_id: str) -> Workflow:
        """The graph that a node stands in: this one or a body in it, by the node's full id.

        Raises:
            KeyError: there is no such body.
        """
        graph = self
        for part in paths.split(node_id)[:-1] if "/" in node_id else ():
            if isinstance(part, str):
                graph = graph.bodies[part]
        return graph

    @cached_property
    def incoming(self) -> dict[str, list[Edge]]:
        """The edges into each node, in the order of the document."""
        edges: dict[str, list[Edge]] = {node.id: [] for node in self.nodes}
        for edge in self.edges:
            edges[edge.to_node].append(edge)
        return edges

    @cached_property
    def outgoing(self) -> dict[str, list[Edge]]:
        """The edges out of each node, in the order of the document."""
        edges: dict[str, list[Edge]] = {node.id: [] for node in self.nodes}
        for edge in self.edges:
            edges[edge.from_node].append(edge)
        return edges
