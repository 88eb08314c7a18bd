"""Names for actors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Never

import pytest

from bluev_actors.actors import Actor, StopChild, child
from bluev_actors.errors import NameTakenError

if TYPE_CHECKING:
    from bluev_actors.actors import System


class Quiet(Actor[Never]):
    """Does nothing."""


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
