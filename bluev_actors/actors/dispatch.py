"""Which method of an actor takes which message: the `@handles` mark, and finding what is marked."""

from __future__ import annotations

import typing
from collections.abc import Callable
from inspect import signature
from types import UnionType
from typing import Any, Final, TypeAlias, TypeVar

from bluev_actors.actors.call import Envelope

Handler: TypeAlias = Callable[[Any, Any], Any]
"""A function of an actor and a message, plain or async; what it returns is the answer to a request."""

H = TypeVar("H", bound=Callable[[Any, Any], object])

_MARK: Final = "__bluev_handles__"


class UnhandledMessageError(TypeError):
    """An actor got a message for which its class has no handler."""


def handles(method: H) -> H:
    """Mark the method that takes the messages of its one parameter's class, or classes if that is a union."""
    setattr(method, _MARK, True)
    return method


def is_for_runtime(message_class: type) -> bool:
    """Whether messages of this class are the runtime's own, which no user sees."""
    return issubclass(message_class, Envelope)


def find_handler(actor_class: type, message_class: type) -> Handler:
    """The handler of a message class, or of the nearest of its base classes that has one.

    Raises:
        UnhandledMessageError: there is none; the text names what is handled.
    """
    table = _table(actor_class)
    for base in message_class.__mro__:
        if base in table:
            return table[base]
    known = ", ".join(sorted(known.__name__ for known in table if not is_for_runtime(known))) or "no message"
    name = actor_class.__name__
    raise UnhandledMessageError(f"{name} has no handler for {message_class.__name__}; it handles {known}")


def _table(actor_class: type) -> dict[type, Handler]:
    """All handlers by message class; what a subclass says goes before what its bases say."""
    table: dict[type, Handler] = {}
    for owner in reversed(actor_class.__mro__):
        for name, method in vars(owner).items():
            if getattr(method, _MARK, False):
                handler: Handler = getattr(actor_class, name)
                table.update((message_class, handler) for message_class in _message_classes(method))
    return table


def _message_classes(method: Handler) -> list[type]:
    """The classes that the one parameter of a handler is annotated with."""
    hints = typing.get_type_hints(method)
    parameters = [name for name in signature(method).parameters if name in hints]
    if len(parameters) != 1:
        raise TypeError(f"{method.__qualname__}: a handler takes one message, annotated with its class")
    hint: Any = hints[parameters[0]]
    is_union = typing.get_origin(hint) in {typing.Union, UnionType}
    members: tuple[Any, ...] = typing.get_args(hint) if is_union else (hint,)
    return [typing.get_origin(member) or member for member in members]
