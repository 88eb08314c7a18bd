"""Names for actors, so that they find each other without being handed their refs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bluev_actors.errors import NameTakenError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.actors.ref import Ref


class Registry:
    """Maps each name to one actor; a name is free again when its actor is gone for good."""

    __slots__ = ("_refs",)

    def __init__(self) -> None:
        self._refs: dict[str, Ref[Any]] = {}

    def __len__(self) -> int:
        return len(self._refs)

    def __iter__(self) -> Iterator[str]:
        """The names, in the order in which they were registered."""
        return iter(tuple(self._refs))

    def register(self, name: str, ref: Ref[Any]) -> None:
        """Give an actor a name; it may have several.

        Raises:
            NameTakenError: another actor has it.
        """
        if self._refs.setdefault(name, ref) != ref:
            raise NameTakenError(f"the name {name!r} belongs to {self._refs[name].path}")
        ref.when_stopped(lambda _: self.release(name, ref))

    def release(self, name: str, ref: Ref[Any]) -> None:
        """Take a name from an actor, if it has it."""
        if self._refs.get(name) == ref:
            del self._refs[name]

    def find(self, name: str) -> Ref[Any] | None:
        """The actor of this name, if there is one."""
        return self._refs.get(name)
