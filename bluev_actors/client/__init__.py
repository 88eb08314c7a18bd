"""The other end of the wire: a client for Trio programs.

    address.py        where a daemon is, however it was typed
    reconnect.py      how long to wait before the next attempt
    problems.py       what is wrong with a workflow, as a daemon tells it
    mirror.py         a copy of a run's state, folded from what is said of it
    feed.py           the bounded queue of one reader of one run
    run_view.py       one run as one connection sees it: a mirror and its feeds
    conversation.py   one client's side of the conversation, without a wire
    helpers.py        a nursery for tasks that only help a block
    socket.py         one WebSocket, with our own errors
    link.py           the tasks that carry texts, and the waiting for answers
    event_stream.py   iterating over what one run says
    inbox.py          everything else that is said
    remote_run.py     a run on a daemon, with the calls of a run in this process
    client.py         `connect` and everything a daemon can be asked for
    rest.py           the commands that need no socket, over HTTP

The files down to `conversation.py` know no event loop; the others are its Trio shell.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bluev_actors.client.client import Client, connect
    from bluev_actors.client.event_stream import EventStream
    from bluev_actors.client.inbox import Inbox
    from bluev_actors.client.remote_run import RemoteRun

__all__ = ["Client", "EventStream", "Inbox", "RemoteRun", "connect"]

_HOME_OF = {
    "Client": "client",
    "EventStream": "event_stream",
    "Inbox": "inbox",
    "RemoteRun": "remote_run",
    "connect": "client",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - type checkers read the imports above
    # Loaded when asked for, since a command that only needs `rest` should not wait for an event loop to load.
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
