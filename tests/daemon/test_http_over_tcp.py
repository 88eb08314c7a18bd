"""The front door over TCP, with clients and a framework that are not ours."""

from __future__ import annotations

import socket as stdlib_socket
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import httpx
import trio
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from bluev_actors.daemon.http import RequestHead, serve_stream
from bluev_actors.daemon.limits import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    import pytest
    from starlette.requests import Request


async def no_upgrade(_head: RequestHead, _stream: trio.abc.Stream) -> None:
    """Nobody asks for a WebSocket here."""


@asynccontextmanager
async def tcp_server(app: Starlette, limits: Limits | None = None) -> AsyncGenerator[int]:
    """A server on a free port."""
    async with trio.open_nursery() as nursery:
        handler = partial(serve_stream, app=app, upgrade=no_upgrade, limits=limits or Limits())
        listeners = await nursery.start(partial(trio.serve_tcp, handler, 0, host="127.0.0.1"))
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def in_thread(client: Callable[[int], None], port: int) -> None:
    """Run a blocking client."""
    with trio.fail_after(30):
        await trio.to_thread.run_sync(client, port)


async def echo(request: Request) -> JSONResponse:
    """Say what was asked."""
    return JSONResponse({"method": request.method, "body": len(await request.body()), "client": bool(request.client)})


async def fail(_request: Request) -> JSONResponse:
    """Have a bug."""
    raise ValueError("bug")


APP = Starlette(routes=[Route("/", echo, methods=["GET", "POST"]), Route("/fail", fail)])


async def test_a_foreign_client_asks_a_foreign_framework() -> None:
    """On one connection: small and large bodies, known length and chunks, HEAD, what is not there."""

    def client(port: int) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
            assert http.get("/").json() == {"method": "GET", "body": 0, "client": True}
            assert http.post("/", content=b"x" * 10_000_000).json()["body"] == 10_000_000
            assert http.post("/", content=iter([b"a", b"bc"])).json()["body"] == 3
            assert http.head("/").headers["content-type"] == "application/json"
            assert http.get("/nowhere").status_code == 404
            assert http.put("/").status_code == 405

    async with tcp_server(APP) as port:
        await in_thread(client, port)


async def test_a_bug_in_a_foreign_framework_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    """And the connection goes on."""

    def client(port: int) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
            assert http.get("/fail").status_code == 500
            assert http.get("/").status_code == 200

    async with tcp_server(APP) as port:
        await in_thread(client, port)
    assert caplog.text.count("error_id=") == 1


async def test_a_body_too_large_is_refused_while_it_is_being_sent() -> None:
    """The client can read the 413, although it was not done sending."""

    def client(port: int) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
            assert http.post("/", content=b"x" * 1_000_000).status_code == 413
            assert http.get("/").status_code == 200

    async with tcp_server(APP, Limits(body_size=1000)) as port:
        await in_thread(client, port)


async def test_an_event_stream_ends_when_its_client_leaves() -> None:
    """Although there is nothing to send to it."""
    ended = trio.Event()

    async def events(_request: Request) -> StreamingResponse:
        async def stream() -> AsyncGenerator[str]:
            try:
                yield "data: first\n\n"
                await trio.sleep_forever()
            finally:
                ended.set()

        return StreamingResponse(stream(), media_type="text/event-stream")

    def client(port: int) -> None:
        with httpx.stream("GET", f"http://127.0.0.1:{port}/events") as answer:
            assert next(answer.iter_text()) == "data: first\n\n"

    async with tcp_server(Starlette(routes=[Route("/events", events)])) as port:
        await in_thread(client, port)
        with trio.fail_after(10):
            await ended.wait()


async def test_a_client_that_just_leaves_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """In the midst of a request, or with an answer under way."""

    def client(port: int) -> None:
        for request in (
            b"GET /",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ):
            with stdlib_socket.create_connection(("127.0.0.1", port)) as raw:
                raw.sendall(request)

    async with tcp_server(APP) as port:
        await in_thread(client, port)
    assert caplog.text == ""
