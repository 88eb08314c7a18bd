"""A request acts once: whoever repeats it, over whatever connection, gets the first answer again.

What was answered is kept by the journal as long as the runs are, and stored with what the request did. What this adds
is the time in between: a repetition that comes while the first is still being worked on waits for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast

import orjson
import trio
from attrs import asdict, define, evolve, field

from bluev_actors.engine.requests import Answered
from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.codec import decode_server, encode
from bluev_actors.protocol.messages import ServerMessage

if TYPE_CHECKING:
    from bluev_actors.engine.journal import Journal
    from bluev_actors.protocol.messages import ClientMessage
    from bluev_actors.workflows.values import JsonObject

R = TypeVar("R", bound=ServerMessage)

_Key: TypeAlias = tuple[str, str]

DIGEST_SIZE: Final = 16


Remember: TypeAlias = Callable[[R, str], None]
"""Called with the reply and the run it is about, in the moment that a request acts; not for what is refused, which may
be tried again under the same id."""
Act: TypeAlias = Callable[[Remember[R]], Awaitable[R]]
"""Does what a request asks for."""


@define
class Once:
    """Answers every request, and acts on each a single time.

    Args:
        journal: keeps what was answered.
    """

    _journal: Journal
    _at_work: dict[_Key, trio.Event] = field(factory=dict[_Key, trio.Event], init=False)

    async def answer(self, session_id: str, request: ClientMessage, act: Act[R]) -> R:
        """Act on a request, or repeat what was answered when it came first.

        Args:
            session_id: whose request it is; the same id in another session is another request.
            request: the message.
            act: does what it asks for.

        Returns:
            The reply; a repeated one says `"duplicate": true`.

        Raises:
            ProtocolError: with the code `request_id_conflict` when the same id came with something else.
            StorageUnavailableError: nothing can be stored at present.
        """
        if request.request_id is None:
            return await act(_forget)
        key = (session_id, request.request_id)
        while key in self._at_work:
            await self._at_work[key].wait()
        known = self._journal.find_request(*key)
        if known is None:
            return await self._act(key, request, act)
        reply = _repeated(known, request)
        await self._journal.stored()
        return cast("R", reply)

    async def _act(self, key: _Key, request: ClientMessage, act: Act[R]) -> R:
        def remember(reply: R, run_id: str) -> None:
            self._journal.remember_request(*key, Answered(digest(request), _as_json(reply), run_id))

        done = self._at_work[key] = trio.Event()
        try:
            return await act(remember)
        finally:
            del self._at_work[key]
            done.set()


def _forget(_reply: object, _run_id: str) -> None:
    """Keep nothing of a request that has no id."""


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
