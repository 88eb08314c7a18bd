"""`tree`, `connections`, `broadcast`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
import trio

from bluev_actors.cli.insight import branch
from bluev_actors.client import connect
from bluev_actors.protocol.codec import UnknownMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from bluev_actors.workflows.values import JsonObject


async def typed(type_in: Callable[..., Result], *words: str) -> Result:
    """Type a command while a client of this thread is connected."""
    return await trio.to_thread.run_sync(lambda: type_in(*words))


def actor(name: str, *children: JsonObject, **more: object) -> JsonObject:
    """An actor as the daemon tells of it."""
    usual: JsonObject = {
        "id": name, "kind": "thing", "state": "running", "age": 1.0, "incarnation": 1, "handling": None,
        "mailbox": {"depth": 0, "capacity": 10}, "waiting_on": None, "last_crash": None, "children": list(children),
    }  # fmt: skip
    return {**usual, **more}


def test_a_tree_is_drawn() -> None:
    """Children below their parents, the last one closed off."""
    root = actor("/", actor("a", actor("a1")), actor("b", actor("b1"), actor("b2")))
    assert [line.partition("  thing")[0] for line in branch(root)] == [
        "/", "|- a", "|  `- a1", "`- b", "   |- b1", "   `- b2",
    ]  # fmt: skip


def test_what_is_not_as_usual_is_told() -> None:
    """A full mailbox, restarts, a stuck handler, a wait, a crash."""
    odd = actor(
        "x\x1b",
        mailbox={"depth": 3, "capacity": 10},
        incarnation=3,
        handling={"message": "Tick", "seconds": 2},
        waiting_on="/y",
        last_crash="no",
    )
    assert list(branch(odd)) == [
        "x\\x1b  thing running for 1.00 s, mailbox 3 of 10, 2 restarts, works on Tick, waits on /y, last crash: no"
    ]


def test_the_tree_of_a_daemon(daemon: str, type_in: Callable[..., Result]) -> None:
    """Its own actors, as text and as JSON."""
    shown = type_in("tree", "--url", daemon)
    assert shown.exit_code == 0
    assert {"|- runs", "|- connections"} <= {line.partition("  ")[0] for line in shown.stdout.splitlines()}
    assert orjson.loads(type_in("tree", "--json", "--url", daemon).stdout)["children"]


async def test_connections(daemon: str, type_in: Callable[..., Result]) -> None:
    """Who is there, and what each asked for."""
    async with connect(daemon, session_id="insight") as client:
        await client.subscribe("node_status", "*", run_id="*")
        shown = await typed(type_in, "connections", "--url", daemon)
        as_json = await typed(type_in, "connections", "--json", "--url", daemon)
    line = next(line for line in shown.stdout.splitlines() if line.startswith("insight"))
    assert line.endswith("*@*, node_status@*")
    assert "connection" in shown.stdout.splitlines()[-1]
    assert orjson.loads(as_json.stdout)["total_connections"] >= 1


async def test_broadcast(daemon: str, type_in: Callable[..., Result]) -> None:
    """The object arrives as it was typed, with those it is for."""
    async with connect(daemon) as client:
        with client.messages() as inbox:
            for words in (['{"hi": 1}'], ['{"no": 1}', "--event-type", "news"]):
                shown = await typed(type_in, "broadcast", *words, "--url", daemon)
                assert shown.stdout.startswith("sent to ")
            await client.subscribe("news")
            shown = await typed(type_in, "broadcast", '{"yes": 1}', "--event-type", "news", "--url", daemon)
            assert shown.stdout == "sent to 1 connection\n"
            first, second = await anext(inbox), await anext(inbox)
    assert isinstance(first, UnknownMessage)
    assert isinstance(second, UnknownMessage)
    assert (first.body, second.body) == ({"hi": 1}, {"yes": 1})


@pytest.mark.parametrize(("text", "code"), [("nonsense", 2), ("[1]", 1)])
def test_what_cannot_be_broadcast(text: str, code: int, daemon: str, type_in: Callable[..., Result]) -> None:
    """Text that is no JSON is found here, JSON that is no object by the daemon."""
    shown = type_in("broadcast", text, "--url", daemon)
    assert shown.exit_code == code
    assert shown.stderr.startswith("Error: ")
