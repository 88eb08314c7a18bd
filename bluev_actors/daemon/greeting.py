"""The first message of every connection: who speaks, and from where events will begin."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from bluev_actors.protocol.cursors import cursor_text
from bluev_actors.protocol.messages import PROTOCOL, ConnectionEstablished

if TYPE_CHECKING:
    from bluev_actors.daemon.conversation import Conversation
    from bluev_actors.daemon.hub import Hub


def greeting_to(conversation: Conversation) -> ConnectionEstablished:
    """The greeting to a new connection."""
    hub = conversation.hub
    return ConnectionEstablished(
        timestamp=hub.timestamp(),
        session_id=conversation.session_id,
        protocol=PROTOCOL,
        server=server_name(),
        epoch=hub.runtime.journal.epoch,
        cursor=cursor_text(conversation.feed.place),
        heartbeat_interval=hub.settings.heartbeat,
        limits=limits_for_clients(hub, conversation),
    )


@cache
def server_name() -> str:
    """Name and version of this daemon."""
    try:
        return f"bluev-actors/{version('bluev-actors')}"
    except PackageNotFoundError:
        return "bluev-actors"


def limits_for_clients(hub: Hub, conversation: Conversation) -> dict[str, int | float]:
    """The limits that a client runs into if it does not know them, by their names in the configuration."""
    door, engine = hub.settings.limits, hub.settings.runs
    return {
        "message_size": door.message_size,
        "message_rate": door.message_rate,
        "message_burst": door.message_burst,
        "outbox_hard": door.outbox_hard,
        "subscriptions": conversation.subscriptions.max_subscriptions,
        "watches": conversation.subscriptions.max_watches,
        "nodes": engine.nodes,
        "connections": engine.connections,
        "output_bytes": engine.output_bytes,
        "history": engine.history,
    }
