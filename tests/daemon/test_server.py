"""The daemon from its first breath to its last."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
import trio.testing

from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.server import RETRY_AFTER, Ready, run_daemon, serve
from bluev_actors.errors import ListenError, StoreLockedError
from bluev_actors.testing import chain, open_daemon, step
from bluev_actors.testing.virtual_time import run_in_virtual_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

virtual = pytest.mark.trio(run=run_in_virtual_time)  # the others talk to real sockets, for which time must be real

SLOW = chain("slow", step("a", "delay", seconds=3), step("b", "delay", seconds=3))
ENDLESS = chain("endless", step("a", "delay", seconds=1e6))


# --- going down -------------------------------------------------------------------------------------------


@virtual
async def test_an_idle_daemon_goes_down_at_once() -> None:
    """Nobody waits for anything, and clients that know the protocol are told before they are closed."""
    async with open_daemon(settings=Settings(drain_timeout=10.0)) as daemon:
        ours, seed = await daemon.connect("ours"), await daemon.connect("seed", protocols=())
        began = trio.current_time()
        await daemon.drain()
        assert trio.current_time() == began
        assert (await ours.receive()) == {
            "type": "server_draining",
            "timestamp": daemon.hub.timestamp(),
            "retry_after": 10.0 + RETRY_AFTER,
        }
        assert (await ours.closed())[0] == (await seed.closed())[0] == 1012


@virtual
async def test_runs_have_their_time_and_clients_see_the_end() -> None:
    """A run that ends within the timeout completes; its terminal event comes before the close."""
    async with open_daemon(settings=Settings(drain_timeout=10.0)) as daemon:
        client = await daemon.connect()
        await client.ask({"type": "execute_workflow", "workflow": SLOW})
        began = trio.current_time()
        await daemon.drain()
        assert trio.current_time() - began == pytest.approx(6.0)
        assert (await client.receive_until("workflow_completed"))[-1]["type"] == "workflow_completed"
        assert (await client.closed())[0] == 1012


@virtual
async def test_runs_that_take_too_long_are_stopped() -> None:
    """In memory there is nothing to go on from; exactly one terminal event all the same."""
    async with open_daemon(settings=Settings(drain_timeout=10.0)) as daemon:
        client = await daemon.connect()
        await client.ask({"type": "execute_workflow", "workflow": ENDLESS})
        began = trio.current_time()
        await daemon.drain()
        assert trio.current_time() - began == pytest.approx(10.0, abs=0.1)
        assert (await client.receive_until("workflow_stopped"))[-1]["type"] == "workflow_stopped"
        assert (await client.closed())[0] == 1012


@virtual
async def test_what_is_refused_meanwhile() -> None:
    """No new run, no new socket, not ready; but it can be looked at."""
    async with open_daemon(settings=Settings(drain_timeout=10.0)) as daemon:
        client = await daemon.connect()
        await client.ask({"type": "execute_workflow", "workflow": ENDLESS})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(daemon.drain)
            await trio.sleep(1)
            refused = await client.ask({"type": "execute_workflow", "workflow": SLOW})
            assert (refused["type"], refused["code"]) == ("workflow_execution_error", "draining")
            assert (await daemon.request("GET", "/readyz")).status == 503
            assert (await daemon.request("GET", "/api/runs")).json()["runs"][0]["state"] == "running"


@virtual
async def test_a_client_that_does_not_close_holds_nobody_up() -> None:
    """The farewell takes a few seconds at most."""
    async with open_daemon() as daemon:
        raw = daemon.plug()
        await raw.send_all(
            b"GET /ws/s HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        await daemon.drain()
        assert trio.current_time() - began <= 3.0


# --- the whole life, with a port --------------------------------------------------------------------------


async def lives(settings: Settings, visit: Callable[[Ready], Awaitable[None]]) -> Ready:
    """Serve until the visit is over."""
    came, left, told = trio.Event(), trio.Event(), list[Ready]()

    def on_ready(ready: Ready) -> None:
        told.append(ready)
        came.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(serve, settings, on_ready, until=left.wait))
        await came.wait()
        await visit(told[0])
        left.set()
    return told[0]


async def look(ready: Ready) -> None:
    """Ask whether it is alive."""
    async with await trio.open_tcp_stream(ready.host, ready.port) as stream:
        await stream.send_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        answer = b""
        async for piece in stream:
            answer += piece
        assert answer.startswith(b"HTTP/1.1 200")


async def test_a_whole_life() -> None:
    """It says where it is, answers there, and is gone when it is told to go."""
    ready = await lives(Settings(port=0), look)
    assert ready.port != 0
    assert ready.console_url == f"http://127.0.0.1:{ready.port}/"
    assert ready.socket_url == f"ws://127.0.0.1:{ready.port}/ws/{{session_id}}"
    assert (ready.store.split()[0], ready.recovered, ready.warnings) == ("memory", "", ())
    with pytest.raises(OSError, match="all attempts"):
        await trio.open_tcp_stream(ready.host, ready.port)


async def test_what_is_unsafe_is_said() -> None:
    """An open address and node types that touch the outside are each a warning."""
    ready = await lives(Settings(host="0.0.0.0", port=0, insecure=True, allow=("python",)), look)  # noqa: S104 - that is what is warned of
    assert ready.console_url.startswith("http://127.0.0.1:")
    assert [("--insecure" in warning, "--allow" in warning) for warning in ready.warnings] == [
        (True, False),
        (False, True),
    ]


async def test_what_has_no_effect_is_said(tmp_path: Path) -> None:
    """Where one of two flags that go together was forgotten."""
    settings = Settings(port=0, files_root=str(tmp_path), allow_host=("localhost",))
    ready = await lives(settings, look)
    assert [warning.split()[0] for warning in ready.warnings] == ["files_root", "allow_host"]
    ready = await lives(Settings(port=0, allow=("file_read", "sql_query")), look)
    assert [warning.split()[0] for warning in ready.warnings] == ["workflows", "file_read"]


async def test_secrets_that_anybody_can_read(tmp_path: Path) -> None:
    """Are a warning, and their values are in none."""
    file = tmp_path / "secrets.toml"
    file.write_text("token = 'hidden'")
    for mode, number in ((0o600, 0), (0o644, 1)):
        file.chmod(mode)
        ready = await lives(Settings(port=0, secrets_file=str(file)), look)
        assert len(ready.warnings) == number
        assert "hidden" not in str(ready)


# --- a folder ---------------------------------------------------------------------------------------------


async def call(ready: Ready, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """Make a request; the answer's body."""
    async with httpx.AsyncClient(base_url=ready.console_url) as client:
        return (await client.request(method, path, json=body)).json()


async def test_another_life_on_the_same_folder(tmp_path: Path) -> None:
    """What had not ended goes on, what was paused stays so, and the banner tells."""
    settings = Settings(port=0, data_dir=str(tmp_path / "runs"), drain_timeout=5.0)
    ids = list[str]()

    async def begin(ready: Ready) -> None:
        for name in ("one", "two", "three"):
            document = chain(name, step("a", "wait_signal"))
            ids.append((await call(ready, "POST", "/api/runs", {"workflow": document}))["run_id"])
        await call(ready, "POST", f"/api/runs/{ids[0]}/pause")

    async def go_on(ready: Ready) -> None:
        listed = (await call(ready, "GET", "/api/runs"))["runs"]
        assert [run["run_id"] for run in listed] == ids[::-1]
        assert listed[2]["state"] == "paused"
        await call(ready, "POST", f"/api/runs/{ids[1]}/signal", {"node_id": "a"})
        while (await call(ready, "GET", f"/api/runs/{ids[1]}"))["state"] != "completed":
            pass

    first = await lives(settings, begin)
    assert (first.store, first.recovered) == (f"{tmp_path / 'runs'} (sync full)", "")
    assert (await lives(settings, go_on)).recovered == "2 runs go on, 1 paused"
    assert (await lives(settings, look)).recovered == "1 run goes on, 1 paused"


async def test_a_folder_that_is_in_use(tmp_path: Path) -> None:
    """The second daemon names the first, and the first does not mind."""
    settings = Settings(port=0, data_dir=str(tmp_path))

    async def second(ready: Ready) -> None:
        with pytest.raises(StoreLockedError, match=f"in use by the daemon with pid {os.getpid()}"):
            await serve(settings, until=trio.sleep_forever)
        await look(ready)

    await lives(settings, second)


async def test_a_port_in_use_touches_no_run(tmp_path: Path) -> None:
    """A daemon that nobody could reach does not even open its folder."""

    async def second(ready: Ready) -> None:
        with pytest.raises(ListenError):
            await serve(Settings(port=ready.port, data_dir=str(tmp_path / "runs")), until=trio.sleep_forever)

    await lives(Settings(port=0), second)
    assert not (tmp_path / "runs").exists()


async def test_the_other_address_family() -> None:
    """An IPv6 address stands in brackets."""
    ready = await lives(Settings(host="::1", port=0), look)
    assert ready.console_url == f"http://[::1]:{ready.port}/"


async def test_a_port_that_is_taken() -> None:
    """The second daemon does not come up, and the first does not mind."""

    async def second(ready: Ready) -> None:
        with pytest.raises(ListenError, match="in use"):
            await serve(Settings(port=ready.port), until=trio.sleep_forever)
        await look(ready)

    await lives(Settings(port=0), second)


# --- node types -------------------------------------------------------------------------------------------


# --- the process ------------------------------------------------------------------------------------------

PROGRAM = """
from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.server import run_daemon
run_daemon(Settings(port=0, drain_timeout={timeout}), lambda ready: print(ready.port, flush=True))
"""


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A daemon in a process of its own, and its port."""
    program = PROGRAM.format(timeout=getattr(request, "param", 10.0))
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        yield started, int(started.stdout.readline())
        started.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(process: tuple[subprocess.Popen[str], int], number: int) -> None:
    """Exit 0, and nothing in the log but perhaps what was done."""
    started, _ = process
    started.send_signal(number)
    _, log = started.communicate(timeout=30)
    assert started.returncode == 0
    assert "Traceback" not in log


@pytest.mark.parametrize("process", [1000.0], indirect=True)
def test_a_second_signal_ends_it_at_once(process: tuple[subprocess.Popen[str], int]) -> None:
    """Whoever is in a hurry does not wait for runs."""
    started, port = process

    async def hurry() -> None:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            body = b'{"workflow":{"nodes":[{"id":"a","type":"delay","params":{"seconds":1000}}],"connections":[]}}'
            await stream.send_all(
                b"POST /api/runs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                b"content-length: %d\r\n\r\n%b" % (len(body), body)
            )
            assert b" 201 " in await stream.receive_some()
            started.send_signal(signal.SIGTERM)
            answer = b""
            while b" 503 " not in answer:  # until the first signal has been taken
                await stream.send_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n")
                answer = bytes(await stream.receive_some())
            started.send_signal(signal.SIGTERM)

    trio.run(hurry)
    assert started.wait(timeout=30) == -signal.SIGTERM


def test_logging_is_set_up_for_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """`run_daemon` is the whole process: log, loop, life."""
    called = list[str]()
    monkeypatch.setattr("bluev_actors.daemon.server.configure_logging", called.append)
    told = list[Ready]()

    def on_ready(ready: Ready) -> None:
        told.append(ready)
        os.kill(os.getpid(), signal.SIGTERM)

    run_daemon(Settings(port=0, log_format="json"), on_ready)
    assert (called, len(told)) == (["json"], 1)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
