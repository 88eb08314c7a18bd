"""How the daemon stands."""

from __future__ import annotations

import json
from urllib.parse import quote

import trio

from bluev_actors.actors import ActorSnapshot, Handling, State
from bluev_actors.daemon.stats import connection_stats, tree
from bluev_actors.testing import open_daemon, step, workflow

VIRTUAL_TIME = True

SLOW = workflow("slow", step("a", "delay", seconds=1))


async def test_one_entry_for_each_connection() -> None:
    """The seed's fields are there, and what an operator wants besides."""
    async with open_daemon() as daemon:
        client = await daemon.connect("alice", query=f"client={quote(json.dumps({'name': 'editor'}))}")
        await daemon.connect("alice")
        await client.ask({"type": "subscribe", "event_types": ["node_status"]})
        reply = await client.ask({"type": "execute_workflow", "workflow": SLOW})
        await client.ask({"type": "watch", "run_id": reply["run_id"]})
        stats = connection_stats(daemon.hub)
        assert (stats["total_connections"], stats["active_workflows"]) == (2, 1)
        first, second = stats["connections"]
        assert (first["session_id"], first["client_info"]) == ("alice", {"name": "editor"})
        assert (first["subscriptions"], first["watches"]) == (["node_status"], [reply["run_id"]])
        assert (first["feed"], second["feed"]) == ("live", "held")
        assert first["received_messages"] == 3
        assert first["connected_at"] == "2026-01-01T00:00:00.000000Z"
        assert first["connection_id"] != second["connection_id"]


async def test_the_last_sign_of_life_is_when_it_was() -> None:
    """`last_heartbeat` is the wall time of the client's last byte."""
    async with open_daemon() as daemon:
        client = await daemon.connect()
        await trio.sleep(5)
        await client.ask({"type": "subscribe"})
        await trio.sleep(7)
        (entry,) = connection_stats(daemon.hub)["connections"]
        assert entry["last_heartbeat"].startswith("2026-01-01T00:00:05")


async def test_ended_runs_are_not_active() -> None:
    """Only what has not ended counts."""
    async with open_daemon() as daemon:
        await (await daemon.runtime.start(SLOW)).result()
        assert connection_stats(daemon.hub)["active_workflows"] == 0


def snapshot(**changes: object) -> ActorSnapshot:
    """An actor's picture."""
    values: dict[str, object] = {
        "id": "a",
        "path": "/a",
        "kind": "K",
        "state": State.RUNNING,
        "incarnation": 1,
        "age": 1.5,
        "depth": 2,
        "capacity": 10,
        "high_water": 3,
        "handling": None,
        "waiting_on": "",
        "restarts_in_window": None,
        "restarts_left": None,
        "last_crash": "",
        "children": (),
    }
    return ActorSnapshot(**{**values, **changes})  # type: ignore[arg-type]  # the keys are those of the class


def test_the_tree_as_json() -> None:
    """Everything a picture holds, children inside."""
    child = snapshot(id="b", path="/a/b", last_crash="ValueError: \ud800", handling=Handling("Ping", 0.5))
    shown = tree(snapshot(children=(child,)))
    (below,) = shown["children"]
    assert shown["mailbox"] == {"depth": 2, "capacity": 10, "high_water": 3}
    assert (shown["state"], shown["last_crash"], shown["handling"]) == ("running", None, None)
    assert (below["last_crash"], below["handling"]) == ("ValueError: ?", {"message": "Ping", "seconds": 0.5})
    assert json.dumps(shown)


async def test_the_living_tree() -> None:
    """The daemon's own tree has the four that the first page promises."""
    async with open_daemon() as daemon:
        await daemon.connect()
        shown = tree(daemon.runtime.system.tree())
        assert {"runs", "connections", "heartbeat"} <= {child["id"] for child in shown["children"]}
