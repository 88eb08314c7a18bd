"""Names for actors."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Never

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import Actor, Registry, State, StopChild, child
from bluev_actors.errors import NameTakenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.actors import Ref, System


class Quiet(Actor[Never]):
    """Does nothing."""


class Reader(Actor[str]):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.read: list[str] = []

    async def receive(self, message: str) -> None:
        """Note it, or break."""
        if message == "break":
            raise ValueError(message)
        self.read.append(message)


def itself(reader: Reader) -> Reader:
    """A factory, once it is bound, that makes the same reader again after a crash."""
    return reader


async def start_readers(system: System, *ids: str, mailbox: int = 1024) -> tuple[list[Reader], list[Ref[str]]]:
    """Several readers and their refs."""
    readers = [Reader() for _ in ids]
    specs = [child(id, partial(itself, reader), mailbox=mailbox) for id, reader in zip(ids, readers, strict=True)]
    return readers, [await system.start(spec) for spec in specs]


async def test_a_name_leads_to_its_actor(system: System) -> None:
    """What was registered is found, and the names can be listed."""
    ref = await system.start(Quiet)
    system.registry.register("printer", ref)
    assert system.registry.find("printer") == ref
    assert system.registry.find("scanner") is None
    assert list(system.registry) == ["printer"]
    assert len(system.registry) == 1


async def test_a_name_belongs_to_one(system: System) -> None:
    """Another actor cannot have it; its owner may say again that it does."""
    one, two = await system.start(child("one", Quiet)), await system.start(child("two", Quiet))
    system.registry.register("printer", one)
    system.registry.register("printer", one)
    with pytest.raises(NameTakenError, match="'printer' belongs to /one"):
        system.registry.register("printer", two)


async def test_a_name_is_free_after_the_end(system: System) -> None:
    """When its actor is gone for good somebody else can have the name."""
    one, two = await system.start(child("one", Quiet)), await system.start(child("two", Quiet))
    system.registry.register("printer", one)
    await system.root.ask(StopChild("one"))
    assert system.registry.find("printer") is None
    system.registry.register("printer", two)
    assert system.registry.find("printer") == two


async def test_a_restart_keeps_the_name(system: System) -> None:
    """A name outlives a crash, as the ref does."""

    class Fragile(Actor[str]):
        async def receive(self, message: str) -> None:
            raise ValueError(message)

    ref = await system.start(Fragile)
    system.registry.register("vase", ref)
    ref.tell("push")
    await system.start(Quiet)
    assert ref.incarnation == 2
    assert system.registry.find("vase") == ref


async def test_the_dead_get_no_name(system: System) -> None:
    """To register an actor that is gone leaves nothing behind."""
    ref = await system.start(Quiet)
    ref.stop()
    await ref.stopped()
    system.registry.register("ghost", ref)
    assert len(system.registry) == 0


async def test_a_name_can_be_given_back(system: System) -> None:
    """Only its owner's release frees it."""
    one, two = await system.start(child("one", Quiet)), await system.start(child("two", Quiet))
    system.registry.register("printer", one)
    system.registry.release("printer", two)
    assert system.registry.find("printer") == one
    system.registry.release("printer", one)
    assert system.registry.find("printer") is None


async def test_all_names_of_the_dead_are_free(system: System) -> None:
    """An actor may have several, and one that it gave back before may be another's by then."""
    one, two = await system.start(child("one", Quiet)), await system.start(child("two", Quiet))
    for name in ("printer", "fax", "scanner"):
        system.registry.register(name, one)
    system.registry.release("fax", one)
    system.registry.register("fax", two)
    await system.root.ask(StopChild("one"))
    assert list(system.registry) == ["fax"]
    assert system.registry.find("fax") == two


async def test_a_topic_reaches_all_its_members(system: System) -> None:
    """What is published arrives at each member once, in the order of their joining, and at nobody else."""
    readers, refs = await start_readers(system, "a", "b", "c")
    for ref in (refs[2], refs[0], refs[0]):
        system.registry.join("news", ref)
    assert system.registry.members("news") == (refs[2], refs[0])
    assert system.registry.topics() == ("news",)
    assert system.registry.publish("news", "rain") == 2
    await wait_all_tasks_blocked()
    assert [reader.read for reader in readers] == [["rain"], [], ["rain"]]


async def test_nobody_reads_what_nobody_joined(system: System) -> None:
    """To publish where nobody listens is no error."""
    assert system.registry.publish("nothing", "rain") == 0
    assert system.registry.members("nothing") == ()
    assert system.registry.topics() == ()


async def test_topics_and_names_are_apart(system: System) -> None:
    """A topic is no name, and the other way round."""
    ref = await system.start(Quiet)
    system.registry.join("news", ref)
    assert system.registry.find("news") is None
    assert len(system.registry) == 0
    system.registry.register("printer", ref)
    assert system.registry.members("printer") == ()


async def test_who_leaves_hears_no_more(system: System) -> None:
    """The others still do; a topic that all have left is gone, and to leave one again is no error."""
    readers, refs = await start_readers(system, "a", "b")
    for ref in refs:
        system.registry.join("news", ref)
    system.registry.leave("news", refs[0])
    system.registry.leave("news", refs[0])
    assert system.registry.publish("news", "rain") == 1
    await wait_all_tasks_blocked()
    assert [reader.read for reader in readers] == [[], ["rain"]]
    system.registry.leave("news", refs[1])
    system.registry.leave("news", refs[1])
    assert system.registry.topics() == ()


async def test_a_full_member_misses_it_alone(system: System) -> None:
    """Its neighbours get the message, and the publisher learns how many did."""
    readers, refs = await start_readers(system, "a", "b", "c", mailbox=1)
    for ref in refs:
        system.registry.join("news", ref)
    refs[1].tell("old")
    assert system.registry.publish("news", "rain") == 2
    await wait_all_tasks_blocked()
    assert [reader.read for reader in readers] == [["rain"], ["old"], ["rain"]]
    assert refs[1].mailbox.refused == 1


async def test_a_member_that_is_gone_is_no_member(system: System) -> None:
    """It is out of all its topics in the moment in which it is gone, and cannot come back in."""
    _, refs = await start_readers(system, "a", "b")
    for topic in ("news", "weather"):
        system.registry.join(topic, refs[0])
    system.registry.join("news", refs[1])
    seen: list[tuple[str, ...]] = []
    refs[0].when_stopped(lambda _: seen.append(system.registry.topics()))
    await system.root.ask(StopChild("a"))
    assert seen == [("news",)]
    assert system.registry.members("news") == (refs[1],)
    system.registry.join("weather", refs[0])
    assert system.registry.topics() == ("news",)


async def test_a_restart_keeps_the_membership(system: System) -> None:
    """What is published while a member crashes waits for its next incarnation."""
    readers, refs = await start_readers(system, "a")
    system.registry.join("news", refs[0])
    system.registry.publish("news", "break")
    system.registry.publish("news", "rain")
    await wait_all_tasks_blocked()
    assert refs[0].incarnation == 2
    assert readers[0].read == ["rain"]


async def test_coming_and_going_leaves_nothing(system: System, cell_of: Callable[[Ref[Any]], Any]) -> None:
    """An actor that joins and leaves all day is not burdened with a callback for each time."""
    _, refs = await start_readers(system, "a")
    for n in range(100):
        system.registry.join(f"topic {n}", refs[0])
        system.registry.register(f"name {n}", refs[0])
        system.registry.leave(f"topic {n}", refs[0])
        system.registry.release(f"name {n}", refs[0])
    assert len(cell_of(refs[0])._on_stopped) == 1
    (entries,) = system.registry._entries.values()  # pyright: ignore[reportPrivateUsage] - shows only here
    assert (entries.names, entries.topics) == (set(), set())


async def test_nothing_is_kept_of_the_gone(system: System) -> None:
    """Neither what it was entered under nor the ref itself."""
    _, refs = await start_readers(system, "a")
    system.registry.join("news", refs[0])
    system.registry.register("reader", refs[0])
    refs[0].stop()
    await refs[0].stopped()
    registry = system.registry
    kept = (registry._entries, registry._refs, registry._topics)  # pyright: ignore[reportPrivateUsage] - shows only here
    assert kept == ({}, {}, {})


class FakeRef:
    """A ref as far as a registry needs one, of an actor that ends on command."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.state = State.RUNNING
        self.callbacks: list[Callable[[object], None]] = []

    def when_stopped(self, callback: Callable[[object], None]) -> None:
        """As `Ref.when_stopped`."""
        self.callbacks.append(callback)

    def end(self) -> None:
        """Be gone for good."""
        self.state = State.STOPPED
        for callback in self.callbacks:
            callback(None)


ACTORS = st.integers(0, 3)
WORDS = st.sampled_from("xyz")


class RegistryMachine(RuleBasedStateMachine):
    """Whatever is registered, joined and given up, and whoever ends: the registry is two sets of pairs."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = Registry()
        self.refs: list[Any] = [FakeRef(f"/{n}") for n in range(4)]
        self.names: dict[str, Any] = {}
        self.joined: set[tuple[str, Any]] = set()

    @rule(name=WORDS, actor=ACTORS)
    def register(self, name: str, actor: int) -> None:
        """Give a name, unless another has it or the actor is gone."""
        ref = self.refs[actor]
        if self.names.get(name, ref) is not ref:
            with pytest.raises(NameTakenError):
                self.registry.register(name, ref)
            return
        self.registry.register(name, ref)
        if ref.state is not State.STOPPED:
            self.names[name] = ref

    @rule(name=WORDS, actor=ACTORS)
    def release(self, name: str, actor: int) -> None:
        """Take a name away."""
        self.registry.release(name, self.refs[actor])
        if self.names.get(name) is self.refs[actor]:
            del self.names[name]

    @rule(topic=WORDS, actor=ACTORS)
    def join(self, topic: str, actor: int) -> None:
        """Join a topic, unless the actor is gone."""
        self.registry.join(topic, self.refs[actor])
        if self.refs[actor].state is not State.STOPPED:
            self.joined.add((topic, self.refs[actor]))

    @rule(topic=WORDS, actor=ACTORS)
    def leave(self, topic: str, actor: int) -> None:
        """Leave a topic."""
        self.registry.leave(topic, self.refs[actor])
        self.joined.discard((topic, self.refs[actor]))

    @rule(actor=ACTORS)
    def end(self, actor: int) -> None:
        """End an actor, and put a new one in its place."""
        gone: FakeRef = self.refs[actor]
        gone.end()
        self.names = {name: ref for name, ref in self.names.items() if ref is not gone}
        self.joined = {(topic, ref) for topic, ref in self.joined if ref is not gone}
        self.registry.join("x", self.refs[actor])
        self.refs[actor] = FakeRef(gone.path)

    @invariant()
    def they_agree(self) -> None:
        """On names, topics and members."""
        assert {name: self.registry.find(name) for name in self.registry} == self.names
        topics = self.registry.topics()
        assert {(topic, ref) for topic in topics for ref in self.registry.members(topic)} == self.joined
        assert set(topics) == {topic for topic, _ in self.joined}


TestAgainstTwoSets = RegistryMachine.TestCase
