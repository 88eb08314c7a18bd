"""Sessions and their connections."""

# What is hidden is looked at where nothing shown would tell of a leak or a bug.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import Any, cast

import trio
import trio.testing
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.daemon.sessions import Sessions
from bluev_actors.testing import open_daemon

VIRTUAL_TIME = True


@define(eq=False)
class Somebody:
    """As much of a connection as a session knows; it is its own socket."""

    session_id: str = "s"
    closed: list[int] = field(factory=list[int])

    @property
    def socket(self) -> Somebody:
        """Where it is closed."""
        return self

    def close_soon(self, code: int, _reason: str) -> None:
        """Note the code."""
        self.closed.append(code)


def somebody(session_id: str = "s") -> Any:  # noqa: ANN401 - stands for a conversation
    """One more connection."""
    return cast("Any", Somebody(session_id))


def test_a_session_has_many_connections() -> None:
    """Each gets everything, and one that leaves takes nobody along."""
    sessions, one, two, other = Sessions(), somebody(), somebody(), somebody("t")
    for each in (one, two, other):
        sessions.enter(each)
    assert sessions.of("s") == (one, two)
    assert (list(sessions), len(sessions)) == ([one, two, other], 3)
    sessions.leave(one)
    assert sessions.of("s") == (two,)
    assert two.closed == []


def test_who_leaves_last_takes_the_session_along() -> None:
    """A session without connections is no entry in any table."""
    sessions, one = Sessions(), somebody()
    sessions.enter(one)
    sessions.leave(one)
    assert (sessions.of("s"), len(sessions), sessions._connected) == ((), 0, {})


def test_a_takeover_closes_the_older_ones_alone() -> None:
    """4409 for those of the same session, nothing for others."""
    sessions, old, other, new = Sessions(), somebody(), somebody("t"), somebody()
    sessions.enter(old)
    sessions.enter(other)
    sessions.enter(new, takeover=True)
    assert (old.closed, other.closed, new.closed) == ([4409], [], [])


async def test_a_takeover_over_the_wire() -> None:
    """The older connection is closed, the newer one lives on, and goes on when the older one has left."""
    async with open_daemon() as daemon:
        old = await daemon.connect("s")
        new = await daemon.connect("s", query="takeover=1")
        assert (await old.closed())[0] == 4409
        assert (await new.ask({"type": "subscribe"}))["type"] == "subscription_confirmed"
        assert len(daemon.hub.sessions) == 1


async def test_waiting_for_the_last_to_leave() -> None:
    """Whoever waits is woken when nobody is connected any more, and at once if nobody is."""
    sessions, one = Sessions(), somebody()
    await sessions.wait_empty()
    sessions.enter(one)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sessions.wait_empty)
        await trio.testing.wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        sessions.leave(one)


def test_people_may_come_while_one_walks_over_them() -> None:
    """A broadcast does not mind that somebody connects in its midst."""
    sessions = Sessions()
    sessions.enter(somebody())
    for _ in sessions:
        sessions.enter(somebody())
    assert len(sessions) == 2


@given(st.lists(st.tuples(st.sampled_from("st"), st.booleans()), max_size=30))
def test_the_count_is_that_of_the_connections(moves: list[tuple[str, bool]]) -> None:
    """Whoever comes and goes, in whatever order."""
    sessions, present = Sessions(), list[Any]()
    for session_id, comes in moves:
        if comes or not present:
            present.append(somebody(session_id))
            sessions.enter(present[-1])
        else:
            sessions.leave(present.pop(0))
    assert len(sessions) == len(present) == len(list(sessions))
