"""The heartbeat, on a clock that jumps."""

# What is hidden is looked at where nothing shown would tell of a leak or a bug.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.heartbeat import SWEEP, _breathe, is_dead
from bluev_actors.testing import EmbeddedSocket, open_daemon

VIRTUAL_TIME = True


@pytest.mark.parametrize(("silent", "dead"), [(0.0, False), (30.0, False), (59.9, False), (60.0, True), (1e6, True)])
def test_two_intervals_of_silence_are_death(silent: float, dead: bool) -> None:
    """The rule at its limit and one past it."""
    assert is_dead(100.0 + silent, 100.0, 30.0) is dead


@given(st.floats(0, 1e6), st.floats(0.1, 1e3))
def test_who_has_just_spoken_lives(now: float, interval: float) -> None:
    """Whatever the interval, a byte is a sign of life."""
    assert not is_dead(now, now, interval)


async def heartbeats(socket: EmbeddedSocket, seconds: float) -> list[float]:
    """When heartbeats come, for so many seconds."""
    began, times = trio.current_time(), list[float]()
    with trio.move_on_after(seconds):
        while True:
            assert (await socket.receive())["type"] == "heartbeat"
            times.append(trio.current_time() - began)
    return times


async def test_a_heartbeat_every_interval() -> None:
    """A client that reads hears from the daemon as often as the greeting said."""
    async with open_daemon(settings=Settings(heartbeat=10.0)) as daemon:
        socket = await daemon.connect()
        assert socket.greeting["heartbeat_interval"] == 10.0
        assert await heartbeats(socket, 35.0) == pytest.approx([10.0, 20.0, 30.0])


async def test_a_client_that_only_pongs_lives() -> None:
    """A seed client that has never heard of `heartbeat` stays connected for as long as it likes."""
    async with open_daemon(settings=Settings(heartbeat=1.0)) as daemon:
        socket = await daemon.connect(protocols=())
        assert len(await heartbeats(socket, 100.5)) == 100
        assert len(daemon.hub.sessions) == 1


async def test_a_dead_client_is_found_in_time() -> None:
    """One that says nothing at all is closed with 4408 soon after two intervals, and forgotten."""
    async with open_daemon(settings=Settings(heartbeat=8.0)) as daemon:
        raw = daemon.plug()
        await raw.send_all(
            b"GET /ws/mute HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        began, received = trio.current_time(), b""
        while b"no sign of life" not in received:
            received += await raw.receive_some()
        assert 16.0 <= trio.current_time() - began <= 18.0
        assert (4408).to_bytes(2) in received
        await daemon.hub.sessions.wait_empty()


async def test_a_response_that_is_late_is_soon_enough() -> None:
    """Any frame counts, at whatever time it comes."""
    async with open_daemon(settings=Settings(heartbeat=10.0)) as daemon:
        socket = await daemon.connect()
        for _ in range(5):
            await trio.sleep(15.0)
            await socket.send({"type": "heartbeat_response"})
        assert len(daemon.hub.sessions) == 1


async def test_a_sweep_over_many_lets_others_go_on() -> None:
    """Ten thousand connections are not seen to in one breath."""
    ran = list[int]()

    async def other() -> None:
        ran.append(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        for place in range(SWEEP - 1):
            await _breathe(place)
        assert ran == []
        for place in (SWEEP - 1, 2 * SWEEP - 1):  # in the turn that follows, who goes first is a matter of chance
            await _breathe(place)
        assert ran == [1]
