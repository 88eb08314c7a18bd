"""Names for actors, so that they find each other without being handed their refs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from bluev_actors.actors.lifecycle import State
from bluev_actors.errors import NameTakenError, UndeliveredError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.actors.ref import Ref


@define(eq=False)
class _Entries:
    """What one actor is entered under."""

    names: set[str] = field(factory=set[str])
    topics: set[str] = field(factory=set[str])


class Registry:
    """Maps each name to one actor, and each topic to all that joined it.

    When an actor is gone for good, its names are free and its topics have lost it, in the same moment. A restart
    changes nothing.
    """

    __slots__ = ("_entries", "_refs", "_topics")

    def __init__(self) -> None:
        self._refs: dict[str, Ref[Any]] = {}
        self._topics: dict[str, dict[Ref[Any], None]] = {}  # the keys, which keep the order in which they joined
        # Kept for as long as the actor is there, even if it is entered nowhere any more: it has our callback, and
        # one that joins and leaves all day must not collect one for each time.
        self._entries: dict[Ref[Any], _Entries] = {}

    # --- names ---

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
        owner = self._refs.get(name, ref)
        if owner != ref:
            raise NameTakenError(f"the name {name!r} belongs to {owner.path}")
        if ref.state is not State.STOPPED:
            self._refs[name] = ref
            self._entries_of(ref).names.add(name)

    def release(self, name: str, ref: Ref[Any]) -> None:
        """Take a name from an actor, if it has it."""
        if self._refs.get(name) == ref:
            del self._refs[name]
            self._entries[ref].names.discard(name)

    def find(self, name: str) -> Ref[Any] | None:
        """The actor of this name, if there is one."""
        return self._refs.get(name)

    # --- topics ---

    def join(self, topic: str, ref: Ref[Any]) -> None:
        """Make an actor a member of a topic, which may have any number of them; to join twice is to join once."""
        if ref.state is not State.STOPPED:
            self._topics.setdefault(topic, {}).setdefault(ref)
            self._entries_of(ref).topics.add(topic)

    def leave(self, topic: str, ref: Ref[Any]) -> None:
        """End an actor's membership, if it is a member; a topic without members is gone."""
        members = self._topics.get(topic, {})
        if ref in members:
            del members[ref]
            self._entries[ref].topics.discard(topic)
        if not members:
            self._topics.pop(topic, None)

    def members(self, topic: str) -> tuple[Ref[Any], ...]:
        """The members of a topic, in the order in which they joined."""
        return tuple(self._topics.get(topic, ()))

    def topics(self) -> tuple[str, ...]:
        """The topics that have members, the oldest first."""
        return tuple(self._topics)

    def publish(self, topic: str, message: object) -> int:
        """Tell all members of a topic something, without waiting; the publisher too, if it is a member.

        A member whose mailbox refuses it misses this message, and only this member does: publishing is a courtesy, and
        a slow member must neither hold up the publisher nor cost the others theirs.

        Returns:
            How many members' mailboxes took it, those included whose overflow policy dropped it.
        """
        return sum(_takes(member, message) for member in self.members(topic))

    # --- within ---

    def _entries_of(self, ref: Ref[Any]) -> _Entries:
        entries = self._entries.get(ref)
        if entries is None:
            entries = self._entries[ref] = _Entries()
            ref.when_stopped(lambda _: self._forget(ref))
        return entries

    def _forget(self, ref: Ref[Any]) -> None:
        """Take out all that an actor is entered under, now that it is gone for good."""
        entries = self._entries[ref]
        for name in entries.names:
            del self._refs[name]
        for topic in tuple(entries.topics):
            self.leave(topic, ref)
        del self._entries[ref]


def _takes(member: Ref[Any], message: object) -> bool:
    """Tell a member something; returns whether its mailbox took it."""
    try:
        member.tell(message)
    except UndeliveredError:
        return False
    return True
