"""Finding the handler of a message."""

from __future__ import annotations

from typing import Generic, TypeVar, Union

import pytest
from attrs import frozen

from bluev_actors.actors import Actor
from bluev_actors.actors.call import Call, Envelope
from bluev_actors.actors.cell import ChildExited, Drained
from bluev_actors.actors.dispatch import UnhandledMessageError, find_handler, handles, is_for_runtime

T = TypeVar("T")


@frozen
class Ping:
    """A message."""


class LoudPing(Ping):
    """A special one."""


@frozen
class Pong:
    """Another message."""


@frozen
class Box(Generic[T]):
    """A generic message."""

    content: T


class Player:
    """Something with handlers; actors are not needed for this."""

    @handles
    def on_ping(self, message: Ping) -> str:
        """Take a ping."""
        return f"ping {type(message).__name__}"

    @handles
    def on_rest(self, _message: Pong | Box[int]) -> str:
        """Take the others."""
        return "rest"

    def not_marked(self, message: str) -> str:
        """Take nothing: it has no mark."""
        return message


class Champion(Player):
    """Overrides one handler and adds another."""

    def on_ping(self, message: Ping) -> str:
        """Take a ping, without a mark of its own."""
        return f"champion's {super().on_ping(message)}"

    @handles
    def on_loud(self, _message: LoudPing) -> str:
        """Take the special ones."""
        return "loud"


def handled(player: Player, message: object) -> object:
    """What a player makes of a message."""
    return find_handler(type(player), type(message))(player, message)


@pytest.mark.parametrize(
    ("message", "answer"),
    [(Ping(), "ping Ping"), (Pong(), "rest"), (Box(1), "rest"), (LoudPing(), "ping LoudPing")],
    ids=repr,
)
def test_the_annotation_says_what_is_handled(message: object, answer: str) -> None:
    """One class, several as a union, a generic one, or a subclass: the parameter's annotation decides."""
    assert handled(Player(), message) == answer


@pytest.mark.parametrize(("message", "answer"), [(Ping(), "champion's ping Ping"), (LoudPing(), "loud")], ids=repr)
def test_a_subclass_goes_before_its_base(message: object, answer: str) -> None:
    """An overridden method stays the handler, and a nearer message class wins."""
    assert handled(Champion(), message) == answer


def test_what_nobody_handles() -> None:
    """The error names the class, the message and what would have been handled."""
    with pytest.raises(UnhandledMessageError, match="Player has no handler for int; it handles Box, Ping, Pong"):
        find_handler(Player, int)


def test_the_runtimes_own_messages_are_not_named() -> None:
    """Every actor takes them, and no user sends them."""

    class Silent(Actor[str]):
        pass

    with pytest.raises(UnhandledMessageError, match=r"Silent has no handler for int; it handles no message$"):
        find_handler(Silent, int)


@pytest.mark.parametrize("message_class", [Call, ChildExited, Drained, Envelope])
def test_what_is_for_the_runtime(message_class: type) -> None:
    """All that it puts into mailboxes itself."""
    assert is_for_runtime(message_class)


@pytest.mark.parametrize("message_class", [str, Ping, type(None)])
def test_what_is_for_users(message_class: type) -> None:
    """All that they send."""
    assert not is_for_runtime(message_class)


def test_every_actor_takes_a_call() -> None:
    """The handler is inherited, so that a request needs no handler of another kind than a message."""

    class Silent(Actor[str]):
        pass

    assert find_handler(Silent, Call) is find_handler(Actor, Call)


def test_nothing_is_handled() -> None:
    """A class without handlers says so."""
    with pytest.raises(UnhandledMessageError, match="it handles no message"):
        find_handler(object, int)


def test_an_old_union() -> None:
    """`Union` and `|` mean the same."""

    class Old:
        @handles
        def take(self, _message: Union[Ping, Pong]) -> None:  # noqa: UP007 - the old spelling is what is tested
            """Take both."""

    assert find_handler(Old, Pong) is Old.take


class Bare:
    """A handler without an annotation."""

    @handles
    def take(self, message) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 # pyright: ignore[reportMissingParameterType, reportUnknownParameterType, reportUnknownArgumentType] - the missing annotation is what is tested
        """Take what?"""


class Twice:
    """A handler of two messages at once."""

    @handles  # type: ignore[type-var] # pyright: ignore[reportArgumentType, reportUntypedFunctionDecorator] - the second parameter is what is tested
    def take(self, one: Ping, two: Ping) -> None:
        """Take both?"""


@pytest.mark.parametrize("wrong", [Bare, Twice])
def test_a_handler_takes_one_annotated_message(wrong: type) -> None:
    """A handler that nobody could call is found out with its first message, by name."""
    with pytest.raises(TypeError, match=rf"{wrong.__name__}.take: a handler takes one message"):
        find_handler(wrong, Ping)
