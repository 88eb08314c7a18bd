"""Who may want an event, so that an event costs those who want it and nobody else.

An index of connections by the topics that reach them: the session they speak for, the runs they watch, the ids their
subscriptions are filtered by, the supervision tree. Whether a connection that a topic reaches does want an event is
for its `Subscriptions` to say; one that no topic reaches wants nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Literal, Protocol, TypeAlias, TypeVar

from attrs import define, field

from bluev_actors.protocol.rules import EVERY_RUN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.protocol.subscriptions import Subscriptions

Topic: TypeAlias = tuple[Literal["session", "watch", "filter", "tree"], str]

TREE: Final[Topic] = ("tree", "")


class Listener(Protocol):
    """What the index needs to know of a connection."""

    @property
    def session_id(self) -> str:
        """The session whose runs are its own."""
        ...

    @property
    def subscriptions(self) -> Subscriptions:
        """What it subscribed to and watches."""
        ...


L = TypeVar("L", bound=Listener)


@define
class Audience(Generic[L]):
    """The index. A connection is entered, entered again whenever its subscriptions change, and taken out once."""

    _reached: dict[Topic, dict[L, None]] = field(factory=dict[Topic, dict[L, None]], init=False)
    _topics: dict[L, frozenset[Topic]] = field(factory=dict[L, frozenset[Topic]], init=False)

    def enter(self, listener: L) -> None:
        """Take a connection in, or note that its subscriptions or watches have changed."""
        before, after = self._topics.get(listener, frozenset()), frozenset(_topics_of(listener))
        self._topics[listener] = after
        for topic in after - before:
            self._reached.setdefault(topic, {})[listener] = None
        self._drop(listener, before - after)

    def leave(self, listener: L) -> None:
        """Forget a connection."""
        self._drop(listener, self._topics.pop(listener, frozenset()))

    def _drop(self, listener: L, topics: frozenset[Topic]) -> None:
        for topic in topics:
            reached = self._reached[topic]
            del reached[listener]
            if not reached:
                del self._reached[topic]

    def of_run(self, run_id: str, workflow_id: str, session_id: str) -> tuple[L, ...]:
        """Everybody who may want an event of a run, each once."""
        found: dict[L, None] = {}
        for topic in _topics_of_run(run_id, workflow_id, session_id):
            found.update(self._reached.get(topic, {}))
        return tuple(found)

    def of_tree(self) -> tuple[L, ...]:
        """Everybody who asked for changes of the supervision tree."""
        return tuple(self._reached.get(TREE, ()))

    def watchers(self, run_id: str) -> tuple[L, ...]:
        """Everybody who watches a run."""
        return tuple(self._reached.get(("watch", run_id), ()))


def _topics_of(listener: Listener) -> Iterator[Topic]:
    subscriptions = listener.subscriptions
    yield "session", listener.session_id
    for run_id in subscriptions.watches:
        yield "watch", run_id
    for text in subscriptions.as_list():
        _, filtered, id_ = text.partition("@")
        if filtered:
            yield "filter", id_
    if subscriptions.wants("actor_status_update", None, None, own=False):
        yield TREE


def _topics_of_run(run_id: str, workflow_id: str, session_id: str) -> Iterator[Topic]:
    yield "session", session_id
    yield "watch", run_id
    for id_ in dict.fromkeys((run_id, workflow_id, EVERY_RUN)):
        yield "filter", id_
