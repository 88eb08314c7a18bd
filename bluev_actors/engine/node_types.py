"""The contract that the code of a node kind fulfils, and the catalogue of all kinds a daemon knows.

A node type is a `NodeKind` (what it says of itself) and a function (what it does). Users write the function
and let `node` read the rest from its signature:

    @node
    async def shout(text: str) -> str:
        return text.upper()
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, overload

from attrs import asdict, evolve, frozen

from bluev_actors.engine.conduct import conduct_of
from bluev_actors.engine.signatures import CONTEXT, Signature, name_of, read_signature
from bluev_actors.errors import NodeTypeError, Permanent
from bluev_actors.workflows.graph import AFTER, DONE, ERROR, TriggerRule
from bluev_actors.workflows.kinds import NOTHING, Body, Conduct, Failure, NodeKind, Param, Port, Problem

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject

Isolation: TypeAlias = Literal["process"]
"""Where a plain function runs instead of a thread."""
NodeFunction: TypeAlias = Callable[..., Awaitable[Any] | Any]
Ports: TypeAlias = Mapping[str, str] | Sequence[Port]
"""Port types by name; or the ports themselves, where more than a type is to be said."""


@frozen
class NodeType:
    """A node kind and the function that does its work.

    The function gets the inputs as keyword arguments, and the `NodeContext` as `ctx` if it has a parameter of
    that name. A coroutine function runs on the loop, a plain one in a thread. It returns the outputs by name,
    or, when `single_output` is set, the value of that one output. An output it leaves out is one not taken.
    """

    kind: NodeKind
    function: NodeFunction
    takes_context: bool = True
    is_async: bool = True
    single_output: str | None = None
    inline: bool = False
    """Never waits and is quick, so that the run does it in its own task; for kinds of ours that are known to be so."""
    isolate: Isolation | None = None
    """Where a plain function runs; None: in a thread."""

    def outputs_from(self, returned: object) -> JsonObject:
        """Read what the function returned.

        Raises:
            Permanent: it is not outputs by name, or not by the names that the kind declares.
        """
        if self.single_output is not None:
            return {self.single_output: returned}
        if returned is None:
            return {}
        if not isinstance(returned, dict):
            message = f"{self.kind.name} returned {type(returned).__name__}; it has to return its outputs by name"
            raise Permanent(message, code="invalid_output")
        outputs = cast("JsonObject", returned)
        self._check_names(outputs)
        return outputs

    def _check_names(self, outputs: JsonObject) -> None:
        known = {port.name for port in self.kind.outputs}
        strangers = [] if self.kind.free_outputs else [name for name in outputs if name not in known]
        if strangers:
            has = ", ".join(sorted(known)) or "none"
            message = f"{self.kind.name} returned the output {strangers[0]!r}; it has {has}"
            raise Permanent(message, code="invalid_output")

    def from_source(self, source: str) -> NodeType:
        """The same type, said to come from `source`."""
        return evolve(self, kind=evolve(self.kind, source=source))


@overload
def node(function: NodeFunction, /) -> NodeType: ...
@overload
def node(
    name: str | None = None,
    *,
    version: int = 1,
    inputs: Ports | None = None,
    outputs: Ports | None = None,
    params: Iterable[Param] = (),
    free_inputs: bool | None = None,
    free_outputs: bool = False,
    pure: bool = False,
    pausable: bool | None = None,
    at_most_once: bool = False,
    isolate: Isolation | None = None,
    body: Body | None = None,
    check: Callable[[JsonObject], Problem | None] | None = None,
    outside: bool = False,
    trigger_rule: TriggerRule = "all_success",
    description: str | None = None,
    failures: Mapping[str, str] = MappingProxyType({}),
    conduct: Conduct | None = None,
    examples: Iterable[JsonObject] = (),
) -> Callable[[NodeFunction], NodeType]: ...
def node(  # noqa: PLR0913 - each argument is one thing a kind says of itself
    name: str | NodeFunction | None = None,
    *,
    version: int = 1,
    inputs: Ports | None = None,
    outputs: Ports | None = None,
    params: Iterable[Param] = (),
    free_inputs: bool | None = None,
    free_outputs: bool = False,
    pure: bool = False,
    pausable: bool | None = None,
    at_most_once: bool = False,
    isolate: Isolation | None = None,
    body: Body | None = None,
    check: Callable[[JsonObject], Problem | None] | None = None,
    outside: bool = False,
    trigger_rule: TriggerRule = "all_success",
    description: str | None = None,
    failures: Mapping[str, str] = MappingProxyType({}),
    conduct: Conduct | None = None,
    examples: Iterable[JsonObject] = (),
) -> NodeType | Callable[[NodeFunction], NodeType]:
    """Make a node type of a function.

    Args:
        name: its name in workflows; the function's name when left out.
        version: its version.
        inputs: its input ports; read from the signature when left out.
        outputs: its output ports, and the function returns a dict of them; when left out there is one output,
            `value`, which is what is returned.
        params: settings of the node, found in `ctx.params`.
        free_inputs: takes inputs by any name; when left out, it does if the function takes any keyword.
        free_outputs: any output name may be connected.
        pure: same inputs, same outputs, no effect.
        pausable: whether a `checkpoint` pause may cancel it; when left out, a pure coroutine function may be.
        at_most_once: when the process dies while it runs, it fails with `interrupted` and is not run again.
        isolate: `process` runs a plain function in a worker process: it does not hold up the loop, can be cancelled at
            any time, and takes nobody along when it dies. It gets no `ctx`.
        body: its work is done by the graph in its param `workflow`, and the function says for which items: it returns
            `Opens`, and is called again when they have ended.
        check: says what is wrong with the params of a node taken together.
        outside: touches the outside, so it is off until allowed by name.
        trigger_rule: when it runs, if the workflow does not say otherwise.
        description: what it does; the first line of the docstring when left out.
        failures: its own error codes, and when it fails with each.
        conduct: what a pause, a retry and a crash mean for it, where that is not what its flags say.
        examples: whole small workflows that show it.

    Raises:
        NodeTypeError: the signature cannot be read as ports, or does not fit those that are given.
    """
    if callable(name):
        return node()(name)
    given_name = name

    def declare(function: NodeFunction) -> NodeType:
        signature = read_signature(function)
        kind = NodeKind(
            name=given_name or str(getattr(function, "__name__", "node")),
            version=version,
            inputs=_input_ports(function, signature, inputs),
            outputs=(Port("value", signature.output_type),) if outputs is None else _ports(outputs),
            params=tuple(params),
            free_inputs=signature.takes_any_keyword if free_inputs is None else free_inputs,
            free_outputs=free_outputs,
            pure=pure,
            pausable=(pure and (signature.is_async or isolate is not None)) if pausable is None else pausable,
            at_most_once=at_most_once,
            body=body,
            check=check,
            outside=outside,
            trigger_rule=trigger_rule,
            description=description or _first_line(function),
            failures=tuple(Failure(code, meaning) for code, meaning in failures.items()),
            conduct=conduct or Conduct(),
            examples=tuple(examples),
            source=f"{getattr(function, '__module__', '?')}.{name_of(function)}",
        )
        _check_reserved(kind)
        if isolate is not None:
            _check_isolation(function, signature)
        return NodeType(
            kind,
            function,
            takes_context=signature.takes_context,
            is_async=signature.is_async,
            single_output=None if outputs is not None else "value",
            isolate=isolate,
        )

    return declare


def _check_isolation(function: NodeFunction, signature: Signature) -> None:
    """What runs in another process has to be found there, and can reach nothing of this one."""
    why = None
    if signature.is_async:
        why = "is a coroutine function"
    elif signature.takes_context:
        why = "takes `ctx`, which belongs to this process"
    elif "<" in str(getattr(function, "__qualname__", "<")):
        why = "is made inside another function, where no other process finds it"
    if why is not None:
        raise NodeTypeError(f"{name_of(function)} cannot run in a process of its own: it {why}")


def _ports(declared: Ports) -> tuple[Port, ...]:
    if isinstance(declared, Mapping):
        return tuple(Port(name, type_) for name, type_ in declared.items())
    return tuple(declared)


def _input_ports(function: NodeFunction, signature: Signature, declared: Ports | None) -> tuple[Port, ...]:
    if declared is None:
        return signature.inputs
    ports = _ports(declared)
    _check_fit(function, signature, {port.name for port in ports})
    if not isinstance(declared, Mapping):
        return ports
    found = {port.name: signature.input(port.name) or port for port in ports}
    return tuple(evolve(found[port.name], type=port.type) for port in ports)


def _check_fit(function: NodeFunction, signature: Signature, declared: set[str]) -> None:
    parameters = {port.name for port in signature.inputs}
    if not signature.takes_any_keyword and (unknown := sorted(declared - parameters)):
        raise NodeTypeError(f"{name_of(function)} has no parameter for the input(s) {', '.join(unknown)}")
    needed = {port.name for port in signature.inputs if port.required}
    if missing := sorted(needed - declared):
        raise NodeTypeError(f"{name_of(function)} needs {', '.join(missing)}, which is no declared input")


def _check_reserved(kind: NodeKind) -> None:
    """Some names every node has already."""
    taken = {port.name for port in kind.inputs} & {AFTER, CONTEXT}
    taken |= {port.name for port in kind.outputs} & {DONE, ERROR}
    if taken:
        raise NodeTypeError(f"{kind.name} cannot have a port named {' or '.join(sorted(taken))}: it is reserved")


def _first_line(function: NodeFunction) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]


class Catalogue:
    """All node types a daemon knows, and which of those that touch the outside are allowed.

    Args:
        node_types: the first ones.
        allow: names of types that touch the outside and may be used.
    """

    def __init__(self, node_types: Iterable[NodeType] = (), allow: Iterable[str] = ()) -> None:
        self._types: dict[str, NodeType] = {}
        self._asked = frozenset(allow)
        self._allowed = set(self._asked)
        for node_type in node_types:
            self.add(node_type)

    def add(self, node_type: NodeType, source: str | None = None, *, allow: bool = False) -> None:
        """Take one more type.

        Args:
            node_type: the type.
            source: where it is said to come from; as it says itself when left out.
            allow: it may be used even if it touches the outside.

        Raises:
            NodeTypeError: its name is taken.
        """
        if source is not None:
            node_type = node_type.from_source(source)
        name = node_type.kind.name
        if name in self._types:
            taken = self._types[name].kind.source
            raise NodeTypeError(f"{node_type.kind.source}: the name {name!r} is taken by the node type of {taken}")
        self._types[name] = node_type
        if allow:
            self._allowed.add(name)

    def check_allowed(self) -> None:
        """Refuse an allowance that allows nothing, for it is a slip of the pen.

        Raises:
            NodeTypeError: an allowed name is not a type that touches the outside.
        """
        for name in sorted(self._asked):
            if name not in self._types:
                near = get_close_matches(name, self._types, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise NodeTypeError(f"there is no node type {name!r} to allow{hint}")
            if not self._types[name].kind.outside:
                raise NodeTypeError(f"the node type {name!r} touches nothing outside, so it needs no allowance")

    def __getitem__(self, name: str) -> NodeType:
        return self._types[name]

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def __iter__(self) -> Iterator[NodeType]:
        return iter(self._types.values())

    @property
    def kinds(self) -> dict[str, NodeKind]:
        """The kinds by name, for validation and schemas."""
        return {name: node_type.kind for name, node_type in self._types.items()}

    @property
    def disabled(self) -> frozenset[str]:
        """The names of the types that touch the outside and are not allowed."""
        return frozenset(name for name, it in self._types.items() if it.kind.outside and name not in self._allowed)


def describe(kind: NodeKind, *, enabled: bool) -> JsonObject:
    """What an editor's palette needs to know of a kind, as JSON."""
    return {
        "name": kind.name,
        "version": kind.version,
        "description": kind.description,
        "inputs": [_describe_port(port) for port in kind.inputs],
        "outputs": [_describe_port(port) for port in kind.outputs],
        "params": [_describe_param(param) for param in kind.params],
        "free_inputs": kind.free_inputs,
        "free_outputs": kind.free_outputs,
        "pure": kind.pure,
        "pausable": kind.pausable,
        "body": kind.body is not None,
        "at_most_once": kind.at_most_once,
        "outside": kind.outside,
        "enabled": enabled,
        "trigger_rule": kind.trigger_rule,
        "failures": [asdict(failure) for failure in kind.failures],
        "conduct": asdict(conduct_of(kind)),
        "examples": list(kind.examples),
        "source": kind.source,
    }


def _describe_port(port: Port) -> JsonObject:
    found: JsonObject = {
        "name": port.name,
        "type": port.type,
        "required": port.required,
        "multi": port.multi,
        "description": port.description,
    }
    return _with_default(found, port.default)


def _describe_param(param: Param) -> JsonObject:
    found: JsonObject = {
        "name": param.name,
        "type": param.type,
        "required": param.required,
        "syntax": param.syntax,
        "description": param.description,
    }
    for name in ("minimum", "maximum"):
        if (bound := getattr(param, name)) is not None:
            found[name] = bound
    if param.names_outputs:
        found["names_outputs"] = True
    if param.choices:
        found["choices"] = list(param.choices)
    return _with_default(found, param.default)


def _with_default(found: JsonObject, default: Json) -> JsonObject:
    if default is not NOTHING:
        found["default"] = default
    return found
