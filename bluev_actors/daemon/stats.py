"""How the daemon stands, as JSON: who is connected, what lives in the supervision tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from bluev_actors.protocol.wire_events import sendable
from bluev_actors.workflows.times import rfc3339

if TYPE_CHECKING:
    from bluev_actors.actors import ActorSnapshot
    from bluev_actors.daemon.conversation import Conversation
    from bluev_actors.daemon.hub import Hub
    from bluev_actors.workflows.values import JsonObject

LONGEST_CRASH: Final = 1024
"""Bytes of an exception's text that are shown."""


def connection_stats(hub: Hub) -> JsonObject:
    """All connections, one entry for each."""
    now, wall = trio.current_time(), hub.runtime.now()
    runs = hub.runtime.list_runs()
    return {
        "total_connections": len(hub.sessions),
        "active_workflows": sum(not run.ended for run in runs),
        "connections": [_connection(conversation, now, wall) for conversation in hub.sessions],
    }


def _connection(conversation: Conversation, now: float, wall: float) -> JsonObject:
    socket = conversation.socket
    figures = socket.statistics()
    return {
        "connection_id": conversation.id,
        "session_id": conversation.session_id,
        "connected_at": rfc3339(conversation.connected_at),
        "last_heartbeat": rfc3339(wall - (now - socket.last_seen)),
        "subscriptions": list(conversation.subscriptions.as_list()),
        "watches": sorted(conversation.subscriptions.watches),
        "client_info": conversation.client_info,
        "protocol": conversation.protocol,
        "remote": socket.remote,
        "feed": conversation.feed.state,
        "received_messages": figures.received_messages,
        "received_bytes": figures.received_bytes,
        "sent_bytes": figures.outbox.sent_bytes,
        "queued_bytes": figures.outbox.queued_bytes,
        "queued_bytes_high_water": figures.outbox.high_water,
    }


def tree(actor: ActorSnapshot) -> JsonObject:
    """An actor and all below it."""
    handling = actor.handling
    return {
        "id": actor.id,
        "path": actor.path,
        "kind": actor.kind,
        "state": actor.state.value,
        "incarnation": actor.incarnation,
        "age": actor.age,
        "mailbox": {"depth": actor.depth, "capacity": actor.capacity, "high_water": actor.high_water},
        "handling": None if handling is None else {"message": handling.message, "seconds": handling.seconds},
        "waiting_on": actor.waiting_on or None,
        "restarts_in_window": actor.restarts_in_window,
        "restarts_left": actor.restarts_left,
        "last_crash": sendable(actor.last_crash, LONGEST_CRASH) or None,
        "children": [tree(child) for child in actor.children],
    }
