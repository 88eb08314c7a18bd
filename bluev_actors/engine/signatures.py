"""What the signature of a function says of the node kind that is made of it."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from bluev_actors.errors import NodeTypeError
from bluev_actors.workflows.kinds import NOTHING, Port
from bluev_actors.workflows.values import find_flaw

if TYPE_CHECKING:
    from collections.abc import Callable

CONTEXT: Final = "ctx"
"""The parameter that gets the `NodeContext`; no input can have this name."""

_PORT_TYPES: Final[dict[object, str]] = {
    str: "string",
    int: "int",
    float: "number",
    bool: "bool",
    list: "list",
    tuple: "list",
    dict: "object",
    types.NoneType: "null",
}


@frozen
class Signature:
    """What can be read from a function without calling it."""

    inputs: tuple[Port, ...]
    """One port a parameter; a parameter with a default is an input that is not required."""
    output_type: str
    takes_context: bool
    takes_any_keyword: bool
    is_async: bool

    def input(self, name: str) -> Port | None:
        """The port of the parameter of this name."""
        return next((port for port in self.inputs if port.name == name), None)


def read_signature(function: Callable[..., Any]) -> Signature:
    """Read a function's signature as ports.

    Raises:
        NodeTypeError: it cannot be read so.
    """
    code = _code_of(function)
    if inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code):
        raise NodeTypeError(f"{name_of(function)} yields; a node returns its outputs")
    parameters = _parameters(function)
    hints = _hints(inspect.unwrap(code))
    return Signature(
        inputs=tuple(
            _input_port(function, parameter, hints.get(name, Any))
            for name, parameter in parameters.items()
            if name != CONTEXT and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        ),
        output_type=port_type(hints.get("return", Any)),
        takes_context=CONTEXT in parameters,
        takes_any_keyword=any(p.kind is p.VAR_KEYWORD for p in parameters.values()),
        is_async=inspect.iscoroutinefunction(code),
    )


def name_of(function: Callable[..., Any]) -> str:
    """What to call a function in a sentence."""
    return str(getattr(function, "__qualname__", repr(function)))


def port_type(annotation: object) -> str:
    """The port type that stands for an annotation; `any` for what JSON has no one type for."""
    origin = typing.get_origin(annotation)
    if origin in (list, tuple):
        item = next(iter(typing.get_args(annotation)), Any)
        return f"list[{port_type(item)}]"
    if origin is dict:
        return "object"
    try:
        return _PORT_TYPES.get(annotation, "any")
    except TypeError:  # an annotation may be any object, even one that cannot be a key
        return "any"


def _code_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function behind a partial or behind an object that can be called."""
    while isinstance(function, functools.partial):
        function = function.func
    return function if inspect.isroutine(function) else type(function).__call__


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        parameters = dict(inspect.signature(function).parameters)
    except (TypeError, ValueError) as error:
        raise NodeTypeError(f"the signature of {name_of(function)} cannot be read: {error}") from error
    for name, parameter in parameters.items():
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise NodeTypeError(f"{name_of(function)}: {name} is positional only; inputs are passed by name")
    return parameters


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations, each resolved on its own, for one that cannot be says nothing of the others."""
    annotations: dict[str, Any] = getattr(function, "__annotations__", {})
    names = getattr(function, "__globals__", {})
    return {name: _resolve(name, annotation, names) for name, annotation in annotations.items()}


def _resolve(name: str, annotation: object, names: dict[str, Any]) -> Any:  # noqa: ANN401 - an annotation is any object
    try:
        return typing.get_type_hints(SimpleNamespace(__annotations__={name: annotation}), names)[name]
    except Exception:  # noqa: BLE001 - an annotation is an expression of the user's and may fail in any way
        return Any


def _input_port(function: Callable[..., Any], parameter: inspect.Parameter, hint: object) -> Port:
    name, default = parameter.name, parameter.default
    if default is parameter.empty:
        return Port(name, port_type(hint))
    if default is NOTHING:  # The function tells an input that is not given from one that is null.
        return Port(name, port_type(hint), required=False)
    flaw = find_flaw(default, f"the default of {name}")
    if flaw is not None:
        raise NodeTypeError(f"{name_of(function)}: {flaw}")
    return Port(name, port_type(hint), required=False, default=default)
