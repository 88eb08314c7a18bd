"""Hearing of another's end, and sharing its fate."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Awaitable, Callable  # noqa: TC003 - for attrs
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import trio
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    Backoff,
    Down,
    Exit,
    ExitKind,
    Ignore,
    Monitor,
    Ref,
    Request,
    RestartBudget,
    Shutdown,
    State,
    child,
    handles,
    open_system,
)
from bluev_actors.actors.call import Envelope
from bluev_actors.errors import ChildStartError, LinkedExitError

if TYPE_CHECKING:
    from bluev_actors.actors import Restart, System
    from bluev_actors.actors.cell import Cell

    CellOf: TypeAlias = Callable[[Ref[Any]], Cell[Any]]


@frozen
class Do(Request[Any]):
    """Something to be done by an actor."""

    deed: Callable[[Any], Awaitable[object]]


class Doer(Actor[Do]):
    """Does whatever it is told."""

    @handles
    async def do(self, message: Do) -> object:
        """Do it."""
        return await message.deed(self)


class Watcher(Actor[Do | Down]):
    """Does whatever it is told, and notes what its monitors tell."""

    def __init__(self, downs: list[Down]) -> None:
        self.downs = downs

    @handles
    async def do(self, message: Do) -> object:
        """Do it."""
        return await message.deed(self)

    @handles
    def down(self, message: Down) -> None:
        """Note it."""
        self.downs.append(message)


BUDGET = RestartBudget(100)


async def start(system: System, id: str, restart: Restart = "temporary") -> Ref[Do]:
    """Start a doer."""
    return await system.start(child(id, Doer, restart=restart, budget=BUDGET))


async def start_watcher(system: System, downs: list[Down], id: str = "watcher") -> Ref[Do | Down]:
    """Start a watcher that may crash often."""
    return await system.start(child(id, lambda: Watcher(downs), budget=BUDGET))


async def monitor(watcher: Ref[Any], target: Ref[Any], *, restarts: bool = False) -> Monitor:
    """Have a watcher monitor somebody."""

    async def deed(actor: Watcher) -> Monitor:
        return actor.monitor(target, restarts=restarts)

    made: Monitor = await watcher.ask(Do(deed))
    return made


async def link(one: Ref[Any], other: Ref[Any]) -> None:
    """Have an actor link itself to another."""

    async def deed(actor: Doer) -> None:
        actor.link(other)

    await one.ask(Do(deed))


async def finish(actor: Doer) -> None:
    """End normally."""
    actor.stop()


async def crash(_: object) -> None:
    """End with an exception."""
    raise ValueError("bug")


async def shut_down(_: object) -> None:
    """End in good order."""
    raise Shutdown("had enough")


async def nap(_: object) -> None:
    """Be busy for a long time."""
    await trio.sleep(1000)


def told(downs: list[Down]) -> list[tuple[str, int, bool]]:
    """What was told, in short."""
    return [(str(down.exit), down.incarnation, down.gone) for down in downs]


Ending: TypeAlias = "Callable[[Ref[Any], Cell[Any]], None]"
ENDINGS: dict[str, Ending] = {
    "normal": lambda ref, _: ref.tell(Do(finish)),
    "shutdown (had enough)": lambda ref, _: ref.tell(Do(shut_down)),
    "shutdown (asked to)": lambda ref, _: ref.stop("asked to"),
    "killed (by hand)": lambda _, cell: cell.kill("by hand"),
    "crashed (ValueError: bug)": lambda ref, _: ref.tell(Do(crash)),
}
"""Ways to end an actor, by the text of its exit."""


# --- monitors ---


@pytest.mark.parametrize("text", ENDINGS)
async def test_every_end_is_told(text: str, system: System, cell_of: CellOf) -> None:
    """Once, with who it was, how it ended and in which of its lives."""
    downs = list[Down]()
    watcher, target = await start_watcher(system, downs), await start(system, "target")
    await monitor(watcher, target)
    ENDINGS[text](target, cell_of(target))
    await wait_all_tasks_blocked()
    assert told(downs) == [(text, 1, True)]
    assert downs[0].ref == target
    assert watcher.incarnation == 1


async def test_a_monitor_of_the_dead(system: System) -> None:
    """It is told at once, and once, whether it wants to know of restarts or not."""
    downs = list[Down]()
    watcher, target = await start_watcher(system, downs), await start(system, "target")
    target.stop("long ago")
    await target.stopped()
    await monitor(watcher, target)
    await monitor(watcher, target, restarts=True)
    await wait_all_tasks_blocked()
    assert told(downs) == [("shutdown (long ago)", 1, True)] * 2


async def test_a_restart_is_not_the_end(system: System) -> None:
    """It is told only to those who want to know; the last exit is told both as an exit and as the end."""
    few, all_ = list[Down](), list[Down]()
    target = await start(system, "target", "permanent")
    await monitor(await start_watcher(system, few, "one"), target)
    await monitor(await start_watcher(system, all_, "other"), target, restarts=True)
    for deed in (crash, finish):
        target.tell(Do(deed))
        await wait_all_tasks_blocked()
    assert few == []
    target.stop()
    await wait_all_tasks_blocked()
    assert told(few) == [("shutdown", 3, True)]
    assert told(all_) == [
        ("crashed (ValueError: bug)", 1, False),
        ("normal", 2, False),
        ("shutdown", 3, False),
        ("shutdown", 3, True),
    ]


async def test_a_monitor_of_one_that_waits_for_its_restart(system: System) -> None:
    """It is neither dead nor alive: its end is told when it is given up."""
    downs = list[Down]()
    watcher = await start_watcher(system, downs)
    target = await system.start(child("target", Doer, backoff=Backoff(first=5, jitter=0)))
    target.tell(Do(crash))
    await wait_all_tasks_blocked()
    await monitor(watcher, target)
    assert target.state is State.EXITED
    target.stop("given up")
    await wait_all_tasks_blocked()
    assert told(downs) == [("crashed (ValueError: bug)", 1, True)]


async def test_a_cancelled_monitor(system: System) -> None:
    """It tells nothing any more, even if it is cancelled twice."""
    downs = list[Down]()
    watcher, target = await start_watcher(system, downs), await start(system, "target")
    for restarts in (False, True):
        made = await monitor(watcher, target, restarts=restarts)
        made.cancel()
        made.cancel()
    target.stop()
    await wait_all_tasks_blocked()
    assert downs == []


async def test_a_monitor_of_one_that_is_over(system: System) -> None:
    """A task that outlives its actor may still call its methods; nobody is told then."""
    downs = list[Down]()
    watcher, target = await start_watcher(system, downs), await start(system, "target")

    async def itself(actor: Watcher) -> Watcher:
        return actor

    actor: Watcher = await watcher.ask(Do(itself))
    watcher.stop()
    await watcher.stopped()
    actor.monitor(target)
    target.stop()
    await wait_all_tasks_blocked()
    assert (downs, watcher.mailbox.urgent) == ([], 0)


async def test_two_monitors_of_one(system: System) -> None:
    """Each tells for itself, and is cancelled by itself."""
    downs = list[Down]()
    watcher, target = await start_watcher(system, downs), await start(system, "target")
    for _ in range(2):
        await monitor(watcher, target)
    (await monitor(watcher, target)).cancel()
    target.stop()
    await wait_all_tasks_blocked()
    assert len(downs) == 2


async def test_a_down_goes_before_messages(system: System) -> None:
    """It is urgent, and comes through a pause."""
    downs = list[Down]()
    watcher, target = await start_watcher(system, downs), await start(system, "target")
    await monitor(watcher, target)
    watcher.pause()
    target.stop()
    await wait_all_tasks_blocked()
    assert len(downs) == 1


async def test_a_down_can_be_seen_in_the_mailbox(system: System, cell_of: CellOf) -> None:
    """Whoever looks from outside sees the message, and not what carries it."""
    watcher, target = await start_watcher(system, []), await start(system, "target")
    await monitor(watcher, target)
    watcher.tell(Do(nap))
    await wait_all_tasks_blocked()
    target.stop()
    await wait_all_tasks_blocked()
    (item,) = cell_of(watcher).mailbox
    assert isinstance(item, Envelope)
    assert isinstance(item.content, Down)


async def test_a_watcher_that_crashes(system: System) -> None:
    """Its monitors end with it: the next incarnation has to ask anew."""
    downs = list[Down]()
    watcher, target = await start_watcher(system, downs), await start(system, "target")
    await monitor(watcher, target, restarts=True)
    watcher.tell(Do(crash))
    await wait_all_tasks_blocked()
    target.stop()
    await wait_all_tasks_blocked()
    assert (downs, watcher.incarnation) == ([], 2)


async def test_a_down_that_comes_too_late(system: System) -> None:
    """One that waits as its watcher crashes is not handed to the next incarnation, which never asked."""
    downs = list[Down]()
    watcher, target = await start_watcher(system, downs), await start(system, "target")

    async def monitor_then_crash(actor: Watcher) -> None:
        actor.monitor(target)
        await trio.sleep(1)
        raise ValueError("bug")

    watcher.tell(Do(monitor_then_crash))
    await wait_all_tasks_blocked()
    target.stop()
    await trio.sleep(2)
    assert (downs, watcher.incarnation) == ([], 2)


async def test_an_actor_that_cannot_take_a_down(system: System) -> None:
    """It should not have asked: that is a crash like every unknown message, and one only."""
    doer = await start(system, "doer", "permanent")
    target = await start(system, "target")
    await monitor(doer, target)
    target.stop()
    await wait_all_tasks_blocked()
    assert doer.incarnation == 2


async def test_an_overridden_receive_gets_it(system: System) -> None:
    """The message is the user's; how it came is not."""
    got = list[object]()

    class Listener(Actor[Ref[Any] | Down]):
        async def receive(self, message: Ref[Any] | Down) -> None:
            got.append(message)
            if isinstance(message, Ref):
                self.monitor(message)

    target = await start(system, "target")
    (await system.start(Listener)).tell(target)
    await wait_all_tasks_blocked()
    target.stop()
    await wait_all_tasks_blocked()
    assert [type(message) for message in got] == [Ref, Down]


async def test_a_monitor_in_on_start_and_one_of_itself(system: System) -> None:
    """Nobody hears of its own end; and hooks may monitor too."""
    downs = list[Down]()
    target = await start(system, "target")

    class Early(Watcher):
        async def on_start(self) -> None:
            self.monitor(target)
            self.monitor(self.ref, restarts=True)

        async def on_stop(self, exit: Exit) -> None:
            del exit
            self.monitor(target)

    early = await system.start(child("early", lambda: Early(downs)))
    target.stop()
    await wait_all_tasks_blocked()
    early.stop()
    await early.stopped()
    assert [down.ref for down in downs] == [target]


async def test_monitors_leave_nothing_behind(system: System, cell_of: CellOf) -> None:
    """A watcher of many short lives keeps none of them, whether they ended or it lost interest."""
    downs = list[Down]()
    watcher = await start_watcher(system, downs)
    await monitor(watcher, watcher)
    gone = list[weakref.ref[Any]]()
    for number in range(10):
        target = await start(system, f"target-{number}")
        made = await monitor(watcher, target, restarts=number % 3 == 0)
        if number % 2:
            made.cancel()
        target.stop()
        await target.stopped()
        await wait_all_tasks_blocked()
        gone.append(weakref.ref(cell_of(target)))
        del target, made
    downs.clear()
    await trio.sleep(10)  # until then their time-outs keep the answered calls
    gc.collect()
    assert [cell() for cell in gone if cell() is not None] == []


@given(
    steps=st.lists(st.sampled_from(["monitor", "every", "cancel", "crash", "finish", "watcher crashes"]), max_size=12)
)
def test_what_is_told_is_what_happened(steps: list[str]) -> None:
    """Whatever is monitored, cancelled and crashed: each monitor of a living incarnation tells each end once."""
    logging.disable()
    try:
        trio.run(check_steps, steps, clock=MockClock(autojump_threshold=0))
    finally:
        logging.disable(logging.NOTSET)


async def check_steps(steps: list[str]) -> None:
    """Carry out the steps, and compare what was told with a count."""
    async with open_system() as system:
        downs = list[Down]()
        watcher, target = await start_watcher(system, downs), await start(system, "target", "permanent")
        monitors = list[tuple[Monitor, bool]]()
        expected = 0
        for step in steps:
            if step in {"monitor", "every"}:
                monitors.append((await monitor(watcher, target, restarts=step == "every"), step == "every"))
            elif step == "cancel" and monitors:
                monitors.pop()[0].cancel()
            elif step == "watcher crashes":
                watcher.tell(Do(crash))
                monitors.clear()
            elif step in {"crash", "finish"}:
                target.tell(Do(crash if step == "crash" else finish))
                expected += sum(every for _, every in monitors)
            await wait_all_tasks_blocked()
            assert len(downs) == expected
        target.stop()
        await wait_all_tasks_blocked()
        assert len(downs) == expected + sum(1 + every for _, every in monitors)


# --- links ---


@pytest.mark.parametrize("ends", ["one", "other"])
@pytest.mark.parametrize("text", ENDINGS)
async def test_a_shared_fate(text: str, ends: str, system: System, cell_of: CellOf) -> None:
    """Whoever made the link: if one ends in any way but a normal one, the other crashes, and knows why."""
    one, other = await start(system, "one"), await start(system, "other")
    await link(one, other)
    first, second = (one, other) if ends == "one" else (other, one)
    ENDINGS[text](first, cell_of(first))
    await wait_all_tasks_blocked()
    if text == "normal":
        assert second.state is State.RUNNING
        return
    ending = await second.stopped()
    assert ending.kind is ExitKind.CRASHED
    assert isinstance(ending.error, LinkedExitError)
    assert str(ending.error) == f"/{first.id}, to which it is linked, ended: {text}"
    assert ending.error.__cause__ is (await first.stopped()).error


async def test_a_fate_that_spreads(system: System) -> None:
    """Along a line of links all of them end, each knowing its neighbour."""
    refs = [await start(system, f"a{number}") for number in range(4)]
    for one, other in pairwise(refs):
        await link(one, other)
    refs[0].tell(Do(crash))
    endings = [await ref.stopped() for ref in refs]
    assert [ending.kind for ending in endings] == [ExitKind.CRASHED] * 4
    error = endings[3].error
    for number in (2, 1, 0):
        assert error is not None
        assert f"/a{number}, to which it is linked" in str(error)
        error = error.__cause__
    assert isinstance(error, ValueError)


async def test_a_ring_of_links(system: System) -> None:
    """It ends all of them, and itself."""
    refs = [await start(system, f"a{number}") for number in range(3)]
    for one, other in zip(refs, [*refs[1:], refs[0]], strict=True):
        await link(one, other)
        await link(other, one)
    refs[1].tell(Do(crash))
    with trio.fail_after(1):
        for ref in refs:
            await ref.stopped()


async def test_both_are_started_again(system: System) -> None:
    """Each by its own supervisor and contract; the new incarnations are not linked."""
    one, other = await start(system, "one", "permanent"), await start(system, "other", "transient")
    await link(one, other)
    one.tell(Do(crash))
    await wait_all_tasks_blocked()
    assert [(ref.state, ref.incarnation) for ref in (one, other)] == [(State.RUNNING, 2)] * 2
    other.tell(Do(crash))
    await wait_all_tasks_blocked()
    assert [ref.incarnation for ref in (one, other)] == [2, 3]


async def test_a_normal_end_is_the_end_of_the_link(system: System) -> None:
    """What the next incarnation does is no business of the other."""
    one, other = await start(system, "one", "permanent"), await start(system, "other", "permanent")
    await link(one, other)
    one.tell(Do(finish))
    await wait_all_tasks_blocked()
    one.tell(Do(crash))
    await wait_all_tasks_blocked()
    assert (one.incarnation, other.incarnation) == (3, 1)


async def test_an_ignored_start_breaks_nothing(system: System) -> None:
    """As in OTP, where one that is not needed ends normally."""
    other = await start(system, "other")

    class Unneeded(Doer):
        async def on_start(self) -> None:
            self.link(other)
            raise Ignore

    await system.start(child("unneeded", Unneeded))
    await wait_all_tasks_blocked()
    assert other.state is State.RUNNING


async def test_a_failed_start_does(system: System) -> None:
    """A link that was made in `on_start` holds from there on."""
    other = await start(system, "other")

    class Failing(Doer):
        async def on_start(self) -> None:
            self.link(other)
            raise ValueError("bug")

    with pytest.raises(ChildStartError):
        await system.start(child("failing", Failing, restart="temporary"))
    assert isinstance((await other.stopped()).error, LinkedExitError)


async def test_a_cancelled_link(system: System) -> None:
    """It binds nobody, even if it is cancelled twice."""
    one, other = await start(system, "one"), await start(system, "other")

    async def link_and_cancel(actor: Doer) -> None:
        made = actor.link(other)
        made.cancel()
        made.cancel()

    await one.ask(Do(link_and_cancel))
    one.tell(Do(crash))
    await wait_all_tasks_blocked()
    assert other.state is State.RUNNING


async def test_a_link_to_itself(system: System) -> None:
    """It is as good as none."""
    one = await start(system, "one", "permanent")
    await link(one, one)
    one.tell(Do(crash))
    await wait_all_tasks_blocked()
    assert (one.state, one.incarnation) == (State.RUNNING, 2)


@pytest.mark.parametrize("delayed", [False, True])
async def test_a_link_to_one_that_is_not_alive(*, delayed: bool, system: System) -> None:
    """Whoever wants to share the fate of the dead is told, and crashes unless it minds."""
    backoff = Backoff(first=5, jitter=0) if delayed else None
    other = await system.start(child("other", Doer, restart="permanent" if delayed else "temporary", backoff=backoff))
    other.tell(Do(crash))
    await wait_all_tasks_blocked()
    one = await start(system, "one")

    async def try_to_link(actor: Doer) -> str:
        with pytest.raises(LinkedExitError) as error:
            actor.link(other)
        assert isinstance(error.value.__cause__, ValueError)
        return str(error.value)

    assert await one.ask(Do(try_to_link)) == "/other, to which it is linked, ended: crashed (ValueError: bug)"
    assert one.state is State.RUNNING


async def test_a_link_ends_one_that_is_busy(system: System) -> None:
    """It does not wait for the message at hand; `on_stop` runs as ever."""
    seen = list[str]()

    class Busy(Doer):
        async def on_stop(self, exit: Exit) -> None:
            seen.append(str(exit))

    one, other = await system.start(child("one", Busy, restart="temporary")), await start(system, "other")
    await link(one, other)
    one.tell(Do(nap))
    await wait_all_tasks_blocked()
    other.tell(Do(crash))
    await one.stopped()
    assert trio.current_time() == 0
    assert seen == ["crashed (LinkedExitError: /other, to which it is linked, ended: crashed (ValueError: bug))"]


async def test_a_link_changes_no_end_that_is_there(system: System) -> None:
    """Who ends already, or was killed already, ends as it does."""

    class Slow(Doer):
        async def on_stop(self, exit: Exit) -> None:
            del exit
            await trio.sleep(2)

    one, other = await system.start(child("one", Slow, restart="temporary")), await start(system, "other")
    await link(one, other)
    one.stop("first")
    await wait_all_tasks_blocked()
    other.tell(Do(crash))
    assert str(await one.stopped()) == "shutdown (first)"


async def test_both_end_in_the_same_tick(system: System, cell_of: CellOf) -> None:
    """Each keeps its own end."""
    one, other = await start(system, "one"), await start(system, "other")
    await link(one, other)
    for ref in (one, other):
        cell_of(ref).kill("by hand")
    assert [str(await ref.stopped()) for ref in (one, other)] == ["killed (by hand)"] * 2


async def test_links_leave_nothing_behind(system: System, cell_of: CellOf) -> None:
    """A link to many short lives, that end normally, keeps none of them."""
    one = await start(system, "one")
    gone = list[weakref.ref[Any]]()
    for number in range(5):
        other = await start(system, f"other-{number}")
        await link(one, other)
        other.tell(Do(finish))
        await other.stopped()
        gone.append(weakref.ref(cell_of(other)))
        del other
    await trio.sleep(10)  # until then their time-outs keep the answered calls
    gc.collect()
    assert [cell() for cell in gone if cell() is not None] == []
