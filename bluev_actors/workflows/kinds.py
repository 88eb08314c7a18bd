"""What a node kind says of itself, without the code that runs it.

Validation, schemas, the client and an editor's palette need only this. The function behind a kind belongs to
`engine/node_types.py`.
"""

# ruff: noqa: TC001 - cattrs looks up the names of the annotations at run time.

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

from attrs import Factory, field, frozen

from bluev_actors.workflows.graph import TriggerRule
from bluev_actors.workflows.values import Json, JsonObject

PARAM_SYNTAX: TypeAlias = Literal["value", "expression", "template", "workflow"]
"""How a param is read: as a value that may hold `${...}`, as one CEL expression, as a template, or as the node's body:
a graph, or the name of one."""


class _Nothing:
    """The default of what has no default; `None` is a JSON value."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()

BODY: Final = "workflow"
"""The param of a node that holds its body."""


@frozen
class Port:
    """A named place where a value goes in or comes out.

    `type` is `any`, `null`, `bool`, `int`, `number`, `string`, `object`, `bytes_ref`, `file_ref`, `list` or
    `list[T]`. A `multi` input is always a list, in the order of the connections. An input that is neither
    connected nor has a default must be given as a param if it is `required`.
    """

    name: str
    type: str = "any"
    required: bool = True
    multi: bool = False
    default: Json = NOTHING
    description: str = ""


@frozen
class Param:
    """A setting of a node, given in the document."""

    name: str
    type: str = "any"
    required: bool = True
    default: Json = NOTHING
    choices: tuple[Json, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    syntax: PARAM_SYNTAX = "value"
    names: tuple[str, ...] = ()
    """Of an expression or a template: what it may name besides the inputs, as `item` in the `where` of a filter."""
    names_outputs: bool = False
    """It is a list of cases, and the `name` of each is an output of the node, as with `switch`."""
    check: Callable[[Json], str | None] | None = field(default=None, eq=False, repr=False)
    """Says in a sentence what is wrong with a value of the right type; None when nothing is."""
    description: str = ""


@frozen
class Failure:
    """A way in which nodes of a kind fail: the error code, and when it comes to that."""

    code: str
    meaning: str


@frozen
class Conduct:
    """What a pause, a retry and a crash mean for nodes of a kind, and what guards it: sentences for readers.

    What is empty follows from the flags of the kind; `engine/conduct.py` has the sentences.
    """

    pause: str = ""
    retry: str = ""
    crash: str = ""
    security: str = ""


@frozen
class Problem:
    """What is wrong with the params of a node taken together: the code, and a sentence."""

    code: str
    message: str


@frozen
class Body:
    """How nodes of a kind use their body, the graph they run for each of their items.

    Attributes:
        gives: inputs of the body that get their values from the kind; the others are inputs of the node.
        item: such an input, too, unless the node scatters other inputs.
        scatter: the param that lists inputs of the node which take a list and give the body one element of it,
            instead of the inputs that the kind declares.
        passes_outputs: the declared outputs of the body are outputs of the node.
    """

    gives: tuple[str, ...] = ()
    item: str | None = None
    scatter: str | None = None
    passes_outputs: bool = False


def _is_pure(kind: NodeKind) -> bool:
    return kind.pure


@frozen
class NodeKind:
    """Name, ports and behaviour of a node kind."""

    name: str
    version: int = 1
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    params: tuple[Param, ...] = ()
    free_inputs: bool = False
    """Takes inputs by any name besides its ports, from connections or from params."""
    free_outputs: bool = False
    """Any output name may be connected."""
    pure: bool = False
    """Same inputs, same outputs, no effect."""
    pausable: bool = Factory(_is_pure, takes_self=True)
    """A `checkpoint` pause may cancel it; it goes on from its last checkpoint."""
    at_most_once: bool = False
    """A start that has no end on record after a crash is a failure, `interrupted`; it is not run again."""
    body: Body | None = None
    """Its work is done by a graph that stands in a param of its nodes; None for all others."""
    outside: bool = False
    """Touches the outside: off until the operator allows it by name."""
    trigger_rule: TriggerRule = "all_success"
    description: str = ""
    check: Callable[[JsonObject], Problem | None] | None = field(default=None, eq=False, repr=False)
    """Says what is wrong with the params of a node taken together; None when nothing is."""
    failures: tuple[Failure, ...] = ()
    """Those that are its own; some can happen to every node."""
    conduct: Conduct = Factory(Conduct)
    examples: tuple[JsonObject, ...] = ()
    source: str = "built-in"

    @property
    def depends_on_place(self) -> bool:
        """Whether a node's params or its body give it ports of its own."""
        return self.body is not None or any(param.names_outputs for param in self.params)

    def input(self, name: str) -> Port | None:
        """The input port of this name, if the kind declares one."""
        return _named(name, self.inputs)

    def output(self, name: str) -> Port | None:
        """The output port of this name, if the kind declares one."""
        return _named(name, self.outputs)


def _named(name: str, ports: tuple[Port, ...]) -> Port | None:
    for port in ports:
        if port.name == name:
            return port
    return None


Kinds: TypeAlias = Mapping[str, NodeKind]
"""A catalogue of kinds by name."""
