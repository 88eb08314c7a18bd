"""How fast a client may talk, and how much nonsense is borne."""

from __future__ import annotations

import pytest

from bluev_actors.daemon.limits import Limits
from bluev_actors.daemon.manners import OFFENCE_PERIOD, OFFENCES, Manners
from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.messages import HeartbeatResponse, Unwatch


def test_the_limit_and_one_past_it() -> None:
    """As many messages as the burst are let through, and the next is told what it did."""
    manners = Manners.within(Limits(message_rate=10.0, message_burst=5), now=0.0)
    for _ in range(5):
        manners.admit(Unwatch(run_id="r"), now=0.0)
    with pytest.raises(ProtocolError, match="More than 10 messages") as caught:
        manners.admit(Unwatch(run_id="r", request_id="sixth"), now=0.0)
    assert (caught.value.code, caught.value.request_id) == ("rate_limited", "sixth")


def test_heartbeat_responses_are_not_counted() -> None:
    """A client that answers heartbeats does not talk too much."""
    manners = Manners.within(Limits(message_rate=1.0, message_burst=1), now=0.0)
    for _ in range(100):
        manners.admit(HeartbeatResponse(), now=0.0)
    manners.admit(Unwatch(run_id="r"), now=0.0)


def test_offences_are_borne_up_to_a_number() -> None:
    """A client may be wrong now and then, but not all the time."""
    manners = Manners.within(Limits(), now=0.0)
    assert all(manners.bears(0.0) for _ in range(OFFENCES))
    assert not manners.bears(0.0)


def test_offences_are_forgotten_with_time() -> None:
    """An hour with a mistake every second is a long accident, but no flood."""
    manners = Manners.within(Limits(), now=0.0)
    gap = OFFENCE_PERIOD / OFFENCES
    assert all(manners.bears(gap * count) for count in range(3_600))
