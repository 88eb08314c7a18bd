"""What type checkers know of refs; `scripts/check` has mypy and pyright read this, and unused ignores are errors.

Each function is a set of statements about types: lines with `assert_type` and plain calls must be accepted, lines with
an ignore must be refused by both checkers. None of it is ever called; that it can be imported is all a test can see.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true
# Pyright takes `type: ignore` as its own, and with this it refuses one too many, as mypy does.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

from attrs import frozen

from bluev_actors.actors import (
    Actor,
    Call,
    ChildCounts,
    ChildInfo,
    ChildSpec,
    CountChildren,
    Down,
    DynamicSupervisor,
    GetChildSpec,
    LookUp,
    Ref,
    Request,
    SpawnChild,
    StartChild,
    Supervisor,
    SupervisorCommand,
    WhichChildren,
    handles,
)

if TYPE_CHECKING:
    from bluev_actors.actors import System


@frozen
class Add:
    """A message that expects no answer."""

    number: int


@frozen
class Total(Request[int]):
    """A request that is answered with a number."""


@frozen
class Name(Request[str]):
    """A request that is answered with a text."""


@frozen
class Reset(Request[None]):
    """A request that is answered when it is done."""


@frozen
class Unknown(Request[int]):
    """A request that nobody here takes."""


class Counter(Actor[Add | Total | Name | Reset]):
    """Takes one message and three requests."""

    @handles
    def on_total(self, _: Total) -> int:
        """Answer with a number."""
        return 1


class Boss(Supervisor[Add | Total]):
    """A supervisor that takes messages of its own."""


async def asks_are_answered_by_their_type(counter: Ref[Add | Total | Name | Reset]) -> None:
    """The answer's type is the request's, with every option of `ask`."""
    assert_type(await counter.ask(Total()), int)
    assert_type(await counter.ask(Name(), timeout=1), str)
    assert_type(await counter.ask(Reset(), urgent=True), None)


async def a_ref_takes_what_its_actor_takes(counter: Ref[Add | Total | Name | Reset]) -> None:
    """A request may be told too, when nobody wants the answer."""
    counter.tell(Add(1))
    counter.tell(Total(), urgent=True)
    await counter.send(Add(2))


async def a_ref_takes_nothing_else(counter: Ref[Add | Total]) -> None:
    """Neither as a message nor as a request, though the request as such is a good one."""
    counter.tell("three")  # type: ignore[arg-type]  # text is not taken
    counter.tell(Name())  # type: ignore[arg-type]  # nor is this request
    await counter.send(3)  # type: ignore[arg-type]  # nor are numbers
    await counter.ask(Unknown())  # type: ignore[arg-type]  # nor can it be asked


async def a_message_cannot_be_asked(counter: Ref[Add | Total]) -> None:
    """What expects no answer has none, even if the ref takes it."""
    await counter.ask(Add(1))  # type: ignore[arg-type]  # it is no request


async def an_answer_is_not_another(counter: Ref[Total]) -> None:
    """The answer's type counts on the left side, too."""
    text: str = await counter.ask(Total())  # type: ignore[arg-type]  # a number
    del text


def a_ref_of_more_is_a_ref_of_less(counter: Ref[Add | Total]) -> Ref[Add]:
    """Whoever needs a ref that takes a message may be given one that takes others, too."""
    return counter


def a_ref_of_less_is_no_ref_of_more(adder: Ref[Add]) -> Ref[Add | Total]:
    """The other way round something would be sent that nobody takes."""
    return adder  # type: ignore[return-value]  # it takes no Total


async def a_ref_of_anything_takes_anything(anybody: Ref[Any]) -> None:
    """Where the type is not known, the request still says what its answer is."""
    anybody.tell("three")
    assert_type(await anybody.ask(Total()), int)


async def supervisors_take_their_commands(boss: Ref[SupervisorCommand], spec: ChildSpec) -> None:
    """Each is answered with its own type."""
    assert_type(await boss.ask(WhichChildren()), tuple[ChildInfo, ...])
    assert_type(await boss.ask(CountChildren()), ChildCounts)
    assert_type(await boss.ask(StartChild(spec)), Ref[Any])
    assert_type(await boss.ask(GetChildSpec("a")), ChildSpec)
    assert_type(await boss.ask(LookUp("a")), Ref[Any] | None)


async def not_every_supervisor_spawns(boss: Ref[SupervisorCommand]) -> None:
    """`SpawnChild` is for those that have a template."""
    await boss.ask(SpawnChild())  # type: ignore[arg-type]  # for dynamic ones


async def the_root_takes_commands(system: System) -> None:
    """Whatever a system's root is, it supervises."""
    assert_type(await system.root.ask(WhichChildren()), tuple[ChildInfo, ...])


async def actors_know_their_own_type(counter: Counter, boss: Boss, dynamic: DynamicSupervisor[Add]) -> None:
    """The ref that an actor has of itself takes what the actor takes; a supervisor's takes the commands as well."""
    assert_type(counter.ref, Ref[Add | Total | Name | Reset])
    assert_type(await boss.ref.ask(Total()), int)
    assert_type(await boss.ref.ask(CountChildren()), ChildCounts)
    assert_type(await dynamic.ref.ask(SpawnChild(("a",))), Ref[Any])
    boss.ref.tell(Name())  # type: ignore[arg-type]  # its own message types only


def timers_send_what_the_actor_takes(counter: Counter) -> None:
    """A timer is a message to oneself."""
    counter.after(1, Add(1))
    counter.every(1, Total(), key="total")
    counter.after(1, "one")  # type: ignore[arg-type]  # it takes no text


def calls_are_answered_with_their_type(call: Call[int]) -> None:
    """Whoever holds a call may give it what its request asked for."""
    call.answer(1)
    call.answer("one")  # type: ignore[arg-type]  # the request asked for a number


def watchers_look_at_anybody(counter: Counter, other: Ref[Add], down: Down) -> None:
    """A monitor needs to know nothing of what the other takes."""
    counter.monitor(other).cancel()
    assert_type(down.ref, Ref[Any])


class Adder(Actor[Add | Total]):
    """Some actor."""


def the_ref_of_a_child(family: Ref[SupervisorCommand]) -> None:
    """Who says what a child is has a ref that knows it."""
    adder = family.child("adder", Adder)
    assert_type(adder, Ref[Add | Total])
    adder.tell(Add(1))
    adder.tell(Name())  # type: ignore[arg-type] # it takes no such message
    assert_type(family.child("anybody"), Ref[Any])
