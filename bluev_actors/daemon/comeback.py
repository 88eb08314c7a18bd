"""Coming back: a client that lost its socket goes on from where it was, or is told why it cannot."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import trio

from bluev_actors.daemon.feed import AHEAD, STRIDE
from bluev_actors.errors import HistoryExpiredError
from bluev_actors.protocol.cursors import cursor_text, parse_cursor
from bluev_actors.protocol.messages import GapReason, Resume, Resumed, ResumeFailed

if TYPE_CHECKING:
    from bluev_actors.daemon.conversation import Conversation
    from bluev_actors.engine.journal import Journal


class _LostError(Exception):
    """The place that a client names cannot be gone back to."""

    def __init__(self, reason: GapReason) -> None:
        super().__init__(reason)
        self.reason: GapReason = reason


async def resume(conversation: Conversation, message: Resume) -> None:
    """Put back what the client had asked for, and show it what it missed.

    Raises:
        ProtocolError: it asks for more subscriptions or watches than one may have.
    """
    _put_back(conversation, message)
    try:
        place = _place_of(message, conversation.hub.runtime.journal)
        replayed = await _count_missed(conversation, place)
    except _LostError as lost:
        _begin_anew(conversation, message, lost.reason)
    except HistoryExpiredError:
        _begin_anew(conversation, message, "expired")
    else:
        stamp = conversation.timestamp()
        conversation.send(Resumed(timestamp=stamp, request_id=message.request_id, replayed=replayed))
        conversation.feed.move_to(place)


def _put_back(conversation: Conversation, message: Resume) -> None:
    if message.event_types is not None:
        conversation.subscriptions.restore(message.event_types)
    conversation.watch_again(message.watch or ())


def _place_of(message: Resume, journal: Journal) -> int:
    if message.epoch != journal.epoch:
        raise _LostError("epoch")
    place = parse_cursor(message.cursor)
    if place is None or place > journal.cursor:
        raise _LostError("invalid")
    return place


async def _count_missed(conversation: Conversation, place: int) -> int:
    """How many events after a place this connection gets, up to the moment of the return."""
    journal, count = conversation.hub.runtime.journal, 0
    while missed := list(islice(journal.read_all(place), AHEAD)):
        for first in range(0, len(missed), STRIDE):
            count += sum(map(conversation.wants, missed[first : first + STRIDE]))
            await trio.lowlevel.checkpoint()
        place = missed[-1].cursor
    return count


def _begin_anew(conversation: Conversation, message: Resume, reason: GapReason) -> None:
    """Say how things stand, and go on from the present."""
    cursor = conversation.hub.runtime.journal.cursor
    conversation.send(
        ResumeFailed(
            timestamp=conversation.timestamp(),
            request_id=message.request_id,
            reason=reason,
            snapshots=conversation.snapshots(),
            cursor=cursor_text(cursor),
        )
    )
    conversation.feed.move_to(cursor)
