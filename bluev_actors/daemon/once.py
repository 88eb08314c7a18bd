"""A request acts once: whoever repeats it, over whatever connection, gets the first answer again.

The log of what was answered belongs to the runtime and lives as long as the runs do. What this adds is the time in
between: a repetition that comes while the first is still being worked on waits for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson
import trio
from attrs import asdict, define, evolve, field, frozen

from bluev_actors.errors import ProtocolError

if TYPE_CHECKING:
    from bluev_actors.engine.requests import RequestLog
    from bluev_actors.protocol.messages import ClientMessage
    from bluev_actors.workflows.values import JsonObject

_Key: TypeAlias = tuple[str, str]


@frozen
class Answer:
    """What a request came to.

    Attributes:
        body: the reply, as JSON.
        run_id: the run it is about.
        accepted: whether it acted; what was refused may be tried again under the same id.
    """

    body: JsonObject
    run_id: str = ""
    accepted: bool = False


@define
class Once:
    """Answers every request, and acts on each a single time.

    Args:
        log: what was answered before.
    """

    _log: RequestLog
    _at_work: dict[_Key, trio.Event] = field(factory=dict, init=False)

    async def answer(
        self, session_id: str, request: ClientMessage, act: Callable[[], Awaitable[Answer]]
    ) -> JsonObject:
        """Act on a request, or repeat what was answered when it came first.

        Args:
            session_id: whose request it is; ids of other sessions have nothing to do with it.
            request: the message.
            act: does what it asks for.

        Returns:
            The reply; a repeated one says `"duplicate": true`.

        Raises:
            ProtocolError: with the code `request_id_conflict` when the same id came with something else.
        """
        if request.request_id is None:
            return (await act()).body
        key = (session_id, request.request_id)
        while key in self._at_work:
            await self._at_work[key].wait()
        repeated = self._repeated(key, request)
        return await self._act(key, request, act) if repeated is None else repeated

    def _repeated(self, key: _Key, request: ClientMessage) -> JsonObject | None:
        known = self._log.find(*key)
        if known is None:
            return None
        if known.digest != digest(request):
            sentence = "This `request_id` was used for something else."
            raise ProtocolError("request_id_conflict", sentence, "request_id", request.request_id)
        return {**known.answer, "duplicate": True}

    async def _act(
        self, key: _Key, request: ClientMessage, act: Callable[[], Awaitable[Answer]]
    ) -> JsonObject:
        done = self._at_work[key] = trio.Event()
        try:
            answer = await act()
            if answer.accepted:
                self._log.remember(*key, digest(request), answer.body, answer.run_id)
        finally:
            del self._at_work[key]
            done.set()
        return answer.body


def digest(request: ClientMessage) -> bytes:
    """What is the same for two requests that ask for the same thing, whatever the order of their keys."""
    body = {"type": request.type, **asdict(evolve(request, request_id=None))}
    return hashlib.blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
