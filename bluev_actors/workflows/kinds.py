"""What a node kind says of itself, without the code that runs it.

Validation, schemas, the client and an editor's palette need only this. The function behind a kind belongs to
`engine/node_types.py`.
"""

# ruff: noqa: TC001 - cattrs looks up the names of the annotations at run time.

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from attrs import Factory, frozen

from bluev_actors.workflows.graph import TriggerRule
from bluev_actors.workflows.values import Json, JsonObject

PARAM_SYNTAX: TypeAlias = Literal["value", "expression", "template"]
"""How a param's text is read: as a value that may hold `${...}`, as one CEL expression, as a template."""


class _Nothing:
    """The default of what has no default; `None` is a JSON value."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()


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
    description: str = ""


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
    outside: bool = False
    """Touches the outside: off until the operator allows it by name."""
    trigger_rule: TriggerRule = "all_success"
    description: str = ""
    examples: tuple[JsonObject, ...] = ()
    source: str = "built-in"

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
