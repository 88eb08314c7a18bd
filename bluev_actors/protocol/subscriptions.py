"""Who gets what: the subscriptions and watches of one connection, and which events they ask for.

A subscription is a text, `name` or `name@ID`. The name is a group (`node_status`), an exact type
(`node_status_update`) or `*`; the id is that of a run or of a workflow, or `*` for every run. That text is
also how a connection is told what it has and how it puts that back later, so there is no second form to keep
in step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import define, field

from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.messages import SUBSCRIPTION_NAMES, TERMINAL_TYPES
from bluev_actors.protocol.rules import EVERY_RUN

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_SUBSCRIPTIONS: Final = 1_000
MAX_WATCHES: Final = 1_000
EVERY_TYPE: Final = "*"

GroupKey: TypeAlias = tuple[bool, frozenset[str], frozenset[str]]
"""Connections with equal keys want the same events of runs that their sessions own alike."""

Wanted: TypeAlias = dict[str | None, set[str]]

_BY_NAME_ONLY: Final = "actor_status"
_MEANINGS: Final[dict[str, frozenset[str]]] = {
    **{kind: frozenset({kind}) for kinds in SUBSCRIPTION_NAMES.values() for kind in kinds},
    **{name: frozenset(kinds) for name, kinds in SUBSCRIPTION_NAMES.items()},
    EVERY_TYPE: frozenset().union(*(kinds for name, kinds in SUBSCRIPTION_NAMES.items() if name != _BY_NAME_ONLY)),
}
"""The event types that each known name stands for."""


@define
class Subscriptions:
    """What one connection asked for; nothing at first, which means every event of its session's runs.

    Args:
        max_subscriptions: how many subscriptions it may have.
        max_watches: how many runs it may watch.
    """

    max_subscriptions: int = MAX_SUBSCRIPTIONS
    max_watches: int = MAX_WATCHES
    _texts: frozenset[str] = field(default=frozenset(), init=False)
    _watches: frozenset[str] = field(default=frozenset(), init=False)
    _filtering: bool = field(default=False, init=False)
    _unfiltered: frozenset[str] = field(default=frozenset(), init=False, repr=False)
    """Event types asked for without a filter, and the names that stand for them; made from `_texts`."""
    _by_id: Wanted = field(factory=dict[str | None, set[str]], init=False, repr=False)
    """The same by the id of their filter."""

    # --- subscriptions ------------------------------------------------------------------------------------

    def subscribe(
        self, names: Iterable[str], run_id: str | None = None, workflow_id: str | None = None
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Add subscriptions.

        From the first name on, the connection's events are filtered, even when all names are taken back.

        Args:
            names: subscription names; unknown ones are kept, since broadcasts may use them.
            run_id: only of this run, `*` for every run.
            workflow_id: only of this workflow's runs.

        Returns:
            All subscriptions, sorted, and the unknown ones among `names`.

        Raises:
            ProtocolError: with the code `too_many_subscriptions`; then nothing has changed.
        """
        names = tuple(dict.fromkeys(names))
        self._set(self._texts.union(_texts(names, run_id, workflow_id)))
        self._filtering = self._filtering or bool(names)
        return self.as_list(), tuple(name for name in names if _split(name)[0] not in _MEANINGS)

    def unsubscribe(
        self, names: Iterable[str], run_id: str | None = None, workflow_id: str | None = None
    ) -> tuple[str, ...]:
        """Take subscriptions back, named and filtered as they were made.

        Returns:
            The subscriptions that are left, sorted.
        """
        self._set(self._texts.difference(_texts(names, run_id, workflow_id)))
        return self.as_list()

    def as_list(self) -> tuple[str, ...]:
        """All subscriptions, sorted; filtered ones read `name@ID`."""
        return tuple(sorted(self._texts))

    def restore(self, texts: Iterable[str]) -> None:
        """Have exactly the subscriptions of a list that `as_list` gave; with none, nothing is filtered.

        Raises:
            ProtocolError: as `subscribe`.
        """
        self._set(frozenset(texts))
        self._filtering = bool(self._texts)

    def _set(self, texts: frozenset[str]) -> None:
        if len(texts) > self.max_subscriptions:
            sentence = f"A connection may have {self.max_subscriptions} subscriptions."
            raise ProtocolError("too_many_subscriptions", sentence, "event_types")
        self._texts = texts
        self._by_id = _by_id(texts)
        self._unfiltered = frozenset(self._by_id.pop(None, ()))

    # --- watches ------------------------------------------------------------------------------------------

    @property
    def watches(self) -> frozenset[str]:
        """The ids of the watched runs."""
        return self._watches

    def watch(self, run_id: str) -> None:
        """Want everything of a run, whatever is subscribed.

        Raises:
            ProtocolError: with the code `too_many_watches`; then nothing has changed.
        """
        watches = self._watches | {run_id}
        if len(watches) > self.max_watches:
            raise ProtocolError("too_many_watches", f"A connection may watch {self.max_watches} runs.")
        self._watches = watches

    def unwatch(self, run_id: str) -> None:
        """Watch a run no longer; one that is not watched is no error."""
        self._watches -= {run_id}

    # --- the verdict --------------------------------------------------------------------------------------

    def wants(self, wire_type: str, run_id: str | None, workflow_id: str | None, *, own: bool) -> bool:
        """Whether an event goes to this connection.

        Args:
            wire_type: the message's `type`.
            run_id: its run; None for what belongs to no run, which only a subscription can ask for.
            workflow_id: its workflow.
            own: whether the connection's session started the run.
        """
        if run_id is None:
            return wire_type in self._everywhere()
        if run_id in self._watches:
            return True
        if own and (not self._filtering or wire_type in TERMINAL_TYPES):
            return True
        if own and wire_type in self._unfiltered:
            return True
        return any(wire_type in self._by_id.get(id_, ()) for id_ in (EVERY_RUN, run_id, workflow_id))

    def wants_broadcast(self, event_type: str | None) -> bool:
        """Whether a broadcast goes to this connection; one without an event type goes to everybody."""
        if event_type is None or event_type in self._texts:
            return True
        return not self._everywhere().isdisjoint((event_type, EVERY_TYPE))

    def _everywhere(self) -> frozenset[str]:
        """What is asked for without a filter, or of every run."""
        return self._unfiltered.union(self._by_id.get(EVERY_RUN, ()))

    def key(self) -> GroupKey:
        """What tells this connection's wishes from another's, so that equal ones can share their bytes."""
        return self._filtering, self._texts, self._watches


def _texts(names: Iterable[str], run_id: str | None, workflow_id: str | None) -> list[str]:
    id_ = run_id if run_id is not None else workflow_id
    return [name if id_ is None else f"{name}@{id_}" for name in names]


def _split(text: str) -> tuple[str, str | None]:
    """The name and the filter of a subscription; known names hold no `@`, ids may."""
    name, at, id_ = text.partition("@")
    return name, id_ if at else None


def _by_id(texts: Iterable[str]) -> Wanted:
    wanted: Wanted = {}
    for text in texts:
        name, id_ = _split(text)
        wanted.setdefault(id_, set()).update((name,), _MEANINGS.get(name, ()))
    return wanted
