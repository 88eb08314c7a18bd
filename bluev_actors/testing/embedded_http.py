"""One HTTP request to an embedded daemon, and its answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import h11
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    import trio

    from bluev_actors.workflows.values import Json

HOST: Final = "localhost"


@frozen
class EmbeddedAnswer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - JSON may be anything
        """The body, read as JSON."""
        return json.loads(self.body)


async def exchange(
    stream: trio.abc.Stream, method: str, target: str, body: Json | bytes, headers: Mapping[str, str]
) -> EmbeddedAnswer:
    """Make a request and read the whole answer.

    Args:
        stream: a line of its own.
        method: such as `GET`.
        target: path and query.
        body: JSON, or bytes to send as they are; None for none.
        headers: headers besides the usual ones, or instead of them.
    """
    client = h11.Connection(h11.CLIENT)
    text = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    usual = {"host": HOST, "content-length": str(len(text)), "connection": "close"}
    declared = {"content-type": "application/json"} if text else {}
    request = h11.Request(method=method, target=target, headers=list({**usual, **declared, **headers}.items()))
    sent = [client.send(event) or b"" for event in (request, h11.Data(data=text), h11.EndOfMessage())]
    await stream.send_all(b"".join(sent))
    return await _answer(client, stream)


async def _answer(client: h11.Connection, stream: trio.abc.Stream) -> EmbeddedAnswer:
    status, headers, received = 0, dict[str, str](), b""
    while True:
        event = client.next_event()
        if event is h11.NEED_DATA:
            client.receive_data(bytes(await stream.receive_some()))
        elif isinstance(event, h11.Response):
            status = event.status_code
            headers = {name.decode(): value.decode() for name, value in event.headers}
        elif isinstance(event, h11.Data):
            received += event.data
        else:
            return EmbeddedAnswer(status, headers, received)
