"""A request acts once: whoever repeats it, over whatever connection, gets the first answer again.

The log of what was answered belongs to the runtime and lives as long as the runs do. What this adds is the time in
between: a repetition that comes while the first is still being worked on waits for it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar, cast

import orjson
import trio
from attrs import asdict, define, evolve, field, frozen

from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.codec import decode_server, encode
from bluev_actors.protocol.messages import ServerMessage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bluev_actors.engine.requests import Answered, RequestLog
    from bluev_actors.protocol.messages import ClientMessage
    from bluev_actors.workflows.values import JsonObject

R = TypeVar("R", bound=ServerMessage)

_Key: TypeAlias = tuple[str, str]

DIGEST_SIZE: Final = 16


@frozen
class Answer(Generic[R]):
    """What a request came to.

    Attributes:
        reply: what is said to whoever asked.
        run_id: the run it is about.
        accepted: whether it acted; what was refused may be tried again under the same id.
    """

    reply: R
    run_id: str
    accepted: bool


@define
class Once:
    """Answers every request, and acts on each a single time.

    Args:
        log: what was answered before.
    """

    _log: RequestLog
    _at_work: dict[_Key, trio.Event] = field(factory=dict[_Key, trio.Event], init=False)

    async def answer(self, session_id: str, request: ClientMessage, act: Callable[[], Awaitable[Answer[R]]]) -> R:
        """Act on a request, or repeat what was answered when it came first.

        Args:
            session_id: whose request it is; the same id in another session is another request.
            request: the message.
            act: does what it asks for.

        Returns:
            The reply; a repeated one says `"duplicate": true`.

        Raises:
            ProtocolError: with the code `request_id_conflict` when the same id came with something else.
        """
        if request.request_id is None:
            return (await act()).reply
        key = (session_id, request.request_id)
        while key in self._at_work:
            await self._at_work[key].wait()
        known = self._log.find(*key)
        return await self._act(key, request, act) if known is None else cast("R", _repeated(known, request))

    async def _act(self, key: _Key, request: ClientMessage, act: Callable[[], Awaitable[Answer[R]]]) -> R:
        done = self._at_work[key] = trio.Event()
        try:
            answer = await act()
            if answer.accepted:
                self._log.remember(*key, digest(request), _as_json(answer.reply), answer.run_id)
        finally:
            del self._at_work[key]
            done.set()
        return answer.reply


def _repeated(known: Answered, request: ClientMessage) -> ServerMessage:
    if known.digest != digest(request):
        sentence = "This `request_id` was used for something else."
        raise ProtocolError("request_id_conflict", sentence, "request_id", request.request_id)
    reply = decode_server(orjson.dumps({**known.answer, "duplicate": True}))
    if not isinstance(reply, ServerMessage):
        raise TypeError(f"the answer that was kept is no message: {reply}")
    return reply


def _as_json(message: ServerMessage) -> JsonObject:
    return cast("JsonObject", orjson.loads(encode(message)))


def digest(request: ClientMessage) -> bytes:
    """What two requests have in common that ask for the same thing, whatever the order of their keys."""
    body: dict[str, Any] = {"type": request.type, **asdict(evolve(request, request_id=None))}
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=DIGEST_SIZE).digest()
