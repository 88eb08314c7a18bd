"""What holders of a ref can do, and what the dead, the full and the crashing answer."""

from __future__ import annotations

import math
import runpy
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

import pytest
import trio
from attrs import frozen
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    ActorStarted,
    Backoff,
    Call,
    DeadLetter,
    Exit,
    ExitKind,
    LookUp,
    Overflow,
    Ref,
    Rejected,
    Request,
    Restart,
    RestartBudget,
    State,
    StopChild,
    Supervisor,
    child,
    handles,
    open_system,
)
from bluev_actors.actors.ref import cell_behind
from bluev_actors.errors import (
    ActorRestartingError,
    ActorStoppedError,
    AskCycleError,
    AskTimeoutError,
    ChildNotFoundError,
    MailboxFullError,
    RefusedError,
)

if TYPE_CHECKING:
    from bluev_actors.actors import ActorEvent, System
    from bluev_actors.actors.cell import Cell


@frozen
class Note:
    """Something to write down."""

    text: str


@frozen
class Read(Request[tuple[str, ...]]):
    """Asks for all notes."""


@frozen
class Sleep(Request[str]):
    """Keeps the actor busy."""

    seconds: float


@frozen
class Crash(Request[Never]):
    """Makes it raise."""


@frozen
class Reject(Request[Never]):
    """Makes it refuse."""


@frozen
class Later(Request[str]):
    """Makes it answer when it likes."""


@frozen
class SendYourself(Request[str]):
    """Makes it wait for room in its own mailbox."""


class Clerk(Actor[Note | Read | Sleep | Crash | Reject | Later | SendYourself]):
    """Writes notes down."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.later: list[Call[str]] = []

    @handles
    def note(self, message: Note) -> None:
        """Write it down, unless it is too much."""
        if message.text == "crash":
            raise ValueError(message.text)
        if message.text == "reject":
            raise Rejected(RefusedError("illegible", "cannot read this"))
        self.notes.append(message.text)

    @handles
    async def read(self, _: Read) -> tuple[str, ...]:
        """Read all."""
        return tuple(self.notes)

    @handles
    async def sleep(self, message: Sleep) -> str:
        """Take a nap."""
        await trio.sleep(message.seconds)
        return "awake"

    @handles
    async def crash(self, _: Crash) -> None:
        """Fall over, after a checkpoint."""
        await trio.sleep(1)
        raise ValueError("over")

    @handles
    def reject(self, _: Reject) -> None:
        """Refuse."""
        raise Rejected(RefusedError("no_way", "no"))

    @handles
    def answer_later(self, _: Later) -> None:
        """Keep the asker waiting."""
        self.later.append(self.defer())
        if len(self.later) == 2:
            for number, call in enumerate(self.later):
                call.answer(f"answer {number}")

    @handles
    async def send_yourself(self, _: SendYourself) -> str:
        """Try the impossible."""
        while not self._cell.mailbox.must_wait:
            await self.ref.send(Note("to myself"))
        with pytest.raises(MailboxFullError) as full:
            await self.ref.send(Note("one too many"))
        assert full.value.undelivered == Note("one too many")
        return "told at once"


class Puppet(Actor["Do"]):
    """Does whatever it is asked to."""

    @handles
    async def do(self, message: Do) -> object:
        """Do it."""
        return await message.deed(self)


@frozen
class Do(Request[Any]):
    """Something to be done by a puppet."""

    deed: Callable[[Puppet], Awaitable[object]]


class Recluse(Actor[Note]):
    """Does its own thing, after a start that takes a second."""

    async def on_start(self) -> None:
        """Take time."""
        await trio.sleep(1)

    async def run(self) -> None:
        """Take no messages."""
        await trio.sleep_forever()


@pytest.fixture
async def clerk(system: System) -> Ref[object]:
    """A clerk that may crash often."""
    return await system.start(child("clerk", Clerk, mailbox=3, budget=RestartBudget(100)))


def test_what_type_checkers_know() -> None:
    """`typed_refs.py`, which mypy and pyright judge, can be imported, and has lines to accept and lines to refuse."""
    path = Path(__file__).with_name("typed_refs.py")
    assert "asks_are_answered_by_their_type" in runpy.run_path(str(path))
    text = path.read_text()
    assert min(text.count("assert_type("), text.count("# type: ignore[")) >= 10


# --- who it is ---


async def test_a_ref_knows_its_actor(clerk: Ref[object]) -> None:
    """Id, path, state, incarnation and figures can be read from outside."""
    assert (clerk.id, clerk.path, clerk.state, clerk.incarnation) == ("clerk", "/clerk", State.RUNNING, 1)
    assert clerk.mailbox.capacity == 3
    assert repr(clerk) == "<Ref /clerk running>"


async def test_refs_are_values(system: System, clerk: Ref[object]) -> None:
    """Two refs of one actor are equal, and good keys."""
    same = system.root
    assert {same: "root"}[system.root] == "root"
    assert same == system.root
    assert same != clerk
    assert same != "root"


async def test_what_stands_behind_it(clerk: Ref[object], cell_of: Callable[[Ref[Any]], Cell[Any]]) -> None:
    """The runtime itself may look; users see no more than the address."""
    assert cell_behind(clerk) is cell_of(clerk)


# --- tell and send ---


async def test_tell_does_not_wait(clerk: Ref[object]) -> None:
    """Messages arrive in order, and the fourth does not fit."""
    for text in "abc":
        clerk.tell(Note(text))
    with pytest.raises(MailboxFullError) as full:
        clerk.tell(Note("d"))
    assert full.value.undelivered == Note("d")
    assert await clerk.ask(Read()) == ("a", "b", "c")


async def test_urgent_goes_first(clerk: Ref[object]) -> None:
    """An urgent message overtakes, and fits into a full mailbox."""
    for text in "abc":
        clerk.tell(Note(text))
    clerk.tell(Note("now"), urgent=True)
    assert await clerk.ask(Read()) == ("now", "a", "b", "c")


async def test_send_waits_for_room(clerk: Ref[object]) -> None:
    """More than the mailbox holds can be sent, with back-pressure."""
    texts = [str(number) for number in range(10)]
    for text in texts:
        await clerk.send(Note(text))
    assert await clerk.ask(Read()) == tuple(texts)


async def test_nobody_waits_for_room_in_its_own_mailbox(clerk: Ref[object]) -> None:
    """An actor that floods itself is told instead of waiting for ever."""
    assert await clerk.ask(SendYourself()) == "told at once"


async def test_a_rejected_tell_harms_nobody(clerk: Ref[object]) -> None:
    """There is nobody to tell, and the actor lives on."""
    clerk.tell(Note("reject"))
    assert await clerk.ask(Read()) == ()
    assert clerk.incarnation == 1


async def test_a_crash_costs_one_message(clerk: Ref[object]) -> None:
    """What waits behind the message that crashed the actor is handled by its next incarnation."""
    for text in ("a", "crash", "b"):
        clerk.tell(Note(text))
    assert await clerk.ask(Read()) == ("b",)
    assert clerk.incarnation == 2


# --- a full mailbox ---


async def start_full(system: System, overflow: Overflow) -> tuple[Ref[object], list[DeadLetter]]:
    """Start a clerk that is busy for ten seconds, with one message in its mailbox and no room for another."""
    letters = list[DeadLetter]()
    system.dead_letters.subscribe(letters.append)
    clerk = await system.start(child("clerk", Clerk, mailbox=1, overflow=overflow))
    clerk.tell(Sleep(10))
    await wait_all_tasks_blocked()
    clerk.tell(Note("first"))
    return clerk, letters


async def notes_of(clerk: Ref[object]) -> object:
    """What it has written down when it has done all that waits."""
    await trio.sleep(20)
    return await clerk.ask(Read())


async def test_the_waiting_policy(system: System, nursery: trio.Nursery) -> None:
    """`tell` cannot wait and says so; `send` and `ask` wait for room, in their order."""
    clerk, letters = await start_full(system, "wait")
    with pytest.raises(MailboxFullError) as full:
        clerk.tell(Note("told"))
    assert full.value.undelivered == Note("told")
    nursery.start_soon(clerk.send, Note("sent"))
    await wait_all_tasks_blocked()
    assert await clerk.ask(Read(), timeout=60) == ("first", "sent")
    assert (clerk.mailbox.refused, letters) == (1, [])


async def test_the_error_policy(system: System) -> None:
    """All three ways are refused at once, with the message itself inside."""
    clerk, letters = await start_full(system, "error")
    undelivered = list[object]()
    with pytest.raises(MailboxFullError) as full:
        clerk.tell(Note("told"))
    undelivered.append(full.value.undelivered)
    with pytest.raises(MailboxFullError) as full:
        await clerk.send(Note("sent"))
    undelivered.append(full.value.undelivered)
    with pytest.raises(MailboxFullError) as full:
        await clerk.ask(Read())
    undelivered.append(full.value.undelivered)
    assert undelivered == [Note("told"), Note("sent"), Read()]
    assert (clerk.mailbox.refused, letters, trio.current_time()) == (3, [], 0)
    assert await notes_of(clerk) == ("first",)


async def test_dropping_the_newest(system: System) -> None:
    """What was told and sent becomes dead letters; who asked is told."""
    clerk, letters = await start_full(system, "drop_newest")
    clerk.tell(Note("told"))
    await clerk.send(Note("sent"))
    with pytest.raises(MailboxFullError, match=r"/clerk: its mailbox is full \(1 messages\)") as full:
        await clerk.ask(Read())
    assert full.value.undelivered == Read()
    assert [letter.message for letter in letters] == [Note("told"), Note("sent")]
    assert (letters[0].path, letters[0].why, letters[0].at) == ("/clerk", "its mailbox is full (1 messages)", 0)
    assert clerk.mailbox.dropped == 3
    assert await notes_of(clerk) == ("first",)


async def test_dropping_the_oldest(system: System, nursery: trio.Nursery) -> None:
    """Each message drops the one before it; an asker whose request is dropped is told."""
    clerk, letters = await start_full(system, "drop_oldest")
    told = list[object]()

    async def ask() -> None:
        with pytest.raises(MailboxFullError) as full:
            await clerk.ask(Read(), timeout=60)
        told.append(full.value.undelivered)

    clerk.tell(Note("told"))
    await clerk.send(Note("sent"))
    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    assert (told, clerk.mailbox.dropped) == ([], 3)
    clerk.tell(Note("last"))
    await wait_all_tasks_blocked()
    assert told == [Read()]
    assert [letter.message for letter in letters] == [Note("first"), Note("told"), Note("sent")]
    assert await notes_of(clerk) == ("last",)


async def test_dropping_when_nobody_reads_dead_letters(system: System) -> None:
    """They are counted all the same."""
    clerk = await system.start(child("clerk", Clerk, mailbox=1, overflow="drop_newest"))
    for text in "abc":
        clerk.tell(Note(text))
    assert clerk.mailbox.dropped == 2
    assert await notes_of(clerk) == ("a",)


@pytest.mark.parametrize("overflow", ["wait", "error", "drop_newest", "drop_oldest"])
async def test_urgent_ones_find_room_by_every_policy(overflow: Overflow, system: System) -> None:
    """Told and asked."""
    clerk, letters = await start_full(system, overflow)
    clerk.tell(Note("now"), urgent=True)
    assert await clerk.ask(Read(), urgent=True, timeout=60) == ("now",)
    assert letters == []


# --- ask ---


async def test_no_answer_in_time(clerk: Ref[object]) -> None:
    """The asker gets its time back to the second, and the actor goes on."""
    before = trio.current_time()
    with pytest.raises(AskTimeoutError, match="/clerk: no answer to Sleep within 2 s"):
        await clerk.ask(Sleep(10), timeout=2)
    assert trio.current_time() - before == pytest.approx(2)
    assert await clerk.ask(Sleep(0), timeout=20) == "awake"


async def test_the_time_includes_the_wait_for_room(clerk: Ref[object]) -> None:
    """A full mailbox does not make an asker wait longer than it wants, and its request is not left behind."""
    clerk.tell(Sleep(10))
    await wait_all_tasks_blocked()
    for text in "abc":
        clerk.tell(Note(text))
    with pytest.raises(AskTimeoutError):
        await clerk.ask(Read(), timeout=2)
    assert clerk.mailbox.waiting == 0
    assert await clerk.ask(Read(), timeout=20) == ("a", "b", "c")


async def test_an_urgent_question(clerk: Ref[object]) -> None:
    """It is answered before what waits."""
    clerk.tell(Note("a"))
    assert await clerk.ask(Read(), urgent=True) == ()


async def test_a_rejection_is_an_answer(clerk: Ref[object]) -> None:
    """The asker gets the handler's error and the actor lives on."""
    with pytest.raises(RefusedError) as refused:
        await clerk.ask(Reject())
    assert refused.value.code == "no_way"
    assert clerk.incarnation == 1


async def test_asking_a_server_that_crashes(clerk: Ref[object]) -> None:
    """The asker is told when the crash happens, not when its time is over."""
    before = trio.current_time()
    with pytest.raises(ActorRestartingError, match="/clerk: ended while it worked on Crash"):
        await clerk.ask(Crash(), timeout=60)
    assert trio.current_time() - before == pytest.approx(1)
    assert await clerk.ask(Read()) == ()


async def test_asking_a_server_that_crashes_for_good(system: System) -> None:
    """If nobody restarts it, the error says so."""
    clerk = await system.start(child("clerk", Clerk, restart="temporary"))
    with pytest.raises(ActorStoppedError, match="over") as stopped:
        await clerk.ask(Crash())
    assert stopped.value.undelivered == Crash()


async def test_asking_the_dead(clerk: Ref[object]) -> None:
    """It fails at once, with the reason of the exit and the request inside."""
    clerk.stop("had enough")
    await clerk.stopped()
    before = trio.current_time()
    for urgent in (False, True):
        with pytest.raises(ActorStoppedError, match="/clerk: stopped: shutdown \\(had enough\\)") as stopped:
            await clerk.ask(Read(), urgent=urgent)
        assert stopped.value.undelivered == Read()
    assert trio.current_time() == before


async def test_what_waits_when_it_stops_is_answered(clerk: Ref[object], nursery: trio.Nursery) -> None:
    """Askers whose request is still in the mailbox when the actor stops are told at once."""
    told = list[object]()

    async def ask() -> None:
        with pytest.raises(ActorStoppedError) as stopped:
            await clerk.ask(Read(), timeout=60)
        told.append(stopped.value.undelivered)

    clerk.tell(Sleep(1))
    await wait_all_tasks_blocked()
    for _ in range(5):  # two of them wait for room
        nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    clerk.stop()
    await clerk.stopped()
    await wait_all_tasks_blocked()
    assert told == [Read()] * 5


async def test_deferred_answers(clerk: Ref[object], nursery: trio.Nursery) -> None:
    """A handler may return first and answer later."""
    answers = list[str]()

    async def ask() -> None:
        answers.append(await clerk.ask(Later()))

    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    assert answers == []
    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    assert sorted(answers) == ["answer 0", "answer 1"]


async def test_a_deferred_answer_that_never_comes(clerk: Ref[object], nursery: trio.Nursery) -> None:
    """A crash before the answer reaches the asker too."""
    told = list[str]()

    async def ask() -> None:
        with pytest.raises(ActorRestartingError):
            await clerk.ask(Later(), timeout=60)
        told.append("restarting")

    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    clerk.tell(Note("crash"))
    await wait_all_tasks_blocked()
    assert told == ["restarting"]


async def test_a_cancelled_asker_is_not_worked_for(clerk: Ref[object]) -> None:
    """A request that nobody waits for any more is not handled, whether the asker gave up or its time was over."""
    clerk.tell(Sleep(10))
    with trio.move_on_after(1):
        await clerk.ask(Crash(), timeout=60)
    with pytest.raises(AskTimeoutError):
        await clerk.ask(Crash(), timeout=1)
    assert await clerk.ask(Read(), timeout=60) == ()
    assert clerk.incarnation == 1


async def test_cancelled_while_it_waits_for_room(clerk: Ref[object]) -> None:
    """The request is not left behind in the queue of those who wait."""
    clerk.tell(Sleep(10))
    await wait_all_tasks_blocked()
    for text in "abc":
        clerk.tell(Note(text))
    with trio.move_on_after(1):
        await clerk.ask(Crash(), timeout=60)
    assert clerk.mailbox.waiting == 0
    assert await clerk.ask(Read(), timeout=60) == ("a", "b", "c")


async def test_every_time_out_is_exact(clerk: Ref[object], nursery: trio.Nursery) -> None:
    """Each asker waits as long as it said, whoever else waits how long."""
    ended = list[float]()

    async def ask(timeout: float) -> None:
        with pytest.raises(AskTimeoutError, match=f"within {timeout:g} s"):
            await clerk.ask(Later(), timeout=timeout)
        ended.append(trio.current_time() - timeout)

    clerk.tell(Sleep(1000))
    await wait_all_tasks_blocked()
    for timeout in (7, 0.25, 3):
        nursery.start_soon(ask, timeout)
    await trio.sleep(8)
    assert ended == [0, 0, 0]


async def test_the_whole_time_is_named(clerk: Ref[object]) -> None:
    """An asker that waited for room, and then in vain for the answer, reads how long it was willing to wait."""
    for seconds in (3, 1000, 1000, 1000):
        clerk.tell(Sleep(seconds), urgent=seconds == 3)
    with pytest.raises(AskTimeoutError, match="no answer to Read within 5 s"):
        await clerk.ask(Read(), timeout=5)
    assert trio.current_time() == 5


@pytest.mark.parametrize("timeout", [0, -1])
async def test_no_time_to_wait(timeout: float, clerk: Ref[object]) -> None:
    """Without time there is no waiting: for an answer, and for room."""
    clerk.tell(Sleep(10))
    await wait_all_tasks_blocked()
    with pytest.raises(AskTimeoutError, match="no answer"):
        await clerk.ask(Read(), timeout=timeout)
    for text in "ab":
        clerk.tell(Note(text))
    with pytest.raises(AskTimeoutError, match="no room"):
        await clerk.ask(Read(), timeout=timeout)
    assert trio.current_time() == 0
    assert clerk.mailbox.waiting == 0


async def test_a_time_out_that_is_no_number(clerk: Ref[object]) -> None:
    """It is refused before anything is sent, and harms no other asker."""
    with pytest.raises(ValueError, match="NaN"):
        await clerk.ask(Crash(), timeout=math.nan)
    clerk.tell(Sleep(10))
    await wait_all_tasks_blocked()
    with pytest.raises(AskTimeoutError):
        await clerk.ask(Read(), timeout=1)
    assert clerk.incarnation == 1


async def test_asking_one_whose_restart_is_delayed(system: System, nursery: trio.Nursery) -> None:
    """Whoever waits, in the mailbox too, and whoever asks then is told at once when it will be back."""
    clerk = await system.start(child("clerk", Clerk, backoff=Backoff(first=4, jitter=0)))
    told = list[str]()

    async def ask() -> None:
        with pytest.raises(ActorRestartingError) as restarting:
            await clerk.ask(Read(), timeout=60)
        told.append(f"{restarting.value} at {trio.current_time():g}")

    clerk.tell(Crash())
    await wait_all_tasks_blocked()
    nursery.start_soon(ask)
    await trio.sleep(2)
    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    text = "/clerk: is started again in {} s (crashed (ValueError: over)) at {}"
    assert told == [text.format(4, 1), text.format(3, 2)]
    clerk.tell(Note("for later"))
    await trio.sleep(4)
    assert await clerk.ask(Read()) == ("for later",)


class Slow(Clerk):
    """Takes two seconds to end."""

    async def on_stop(self, exit: Exit) -> None:
        """Take time."""
        del exit
        await trio.sleep(2)


@pytest.mark.parametrize(
    ("restart", "stop", "error", "text"),
    [
        ("permanent", False, ActorRestartingError, "/slow: is stopping"),
        ("permanent", True, ActorStoppedError, "/slow: is stopping: closed"),
        ("temporary", False, ActorStoppedError, "/slow: is stopping: its work is over"),
    ],
)
async def test_asking_one_on_its_way_out(
    restart: Restart, *, stop: bool, error: type[Exception], text: str, system: System
) -> None:
    """The asker is told at once, and whether it may hope."""
    slow = await system.start(child("slow", Slow, restart=restart))
    slow.tell(Note("crash"))
    if stop:
        slow.stop("closed")
    await wait_all_tasks_blocked()
    assert slow.state is State.STOPPING
    with pytest.raises(error, match=text):
        await slow.ask(Read())
    assert trio.current_time() == 0


# --- asking in a circle ---


async def start_puppets(system: System, many: int) -> list[Ref[Do]]:
    """Start some puppets, `/p0` and so on."""
    return [await system.start(child(f"p{number}", Puppet)) for number in range(many)]


async def ask_along(rest: list[Ref[Do]], _: Puppet) -> object:
    """Ask the first to ask the second, and so on; returns what the last one says."""
    if not rest:
        return "the end"
    try:
        return await rest[0].ask(Do(partial(ask_along, rest[1:])), timeout=60)
    except AskCycleError as error:
        return error.cycle


@pytest.mark.parametrize("many", [1, 2, 3, 7])
async def test_a_circle_of_asks(many: int, system: System) -> None:
    """The one that would close it is told at once, with the paths all around; the others get their answers."""
    puppets = await start_puppets(system, many)
    cycle = await puppets[0].ask(Do(partial(ask_along, [*puppets[1:], puppets[0]])))
    last = f"/p{many - 1}"
    assert cycle == (last, *(puppet.path for puppet in puppets))
    assert trio.current_time() == 0


async def test_the_text_of_a_circle(system: System) -> None:
    """It says who waits for whom."""
    (puppet,) = await start_puppets(system, 1)

    async def ask_itself(_: Puppet) -> object:
        with pytest.raises(AskCycleError, match=r"/p0 waits for /p0$"):
            await puppet.ask(Do(ask_itself))
        return "told"

    assert await puppet.ask(Do(ask_itself)) == "told"


class AsksItsSupervisor(Actor[Any]):
    """Wants to know its siblings while its supervisor waits for it: in `on_start`, or when a group restarts it."""

    def __init__(self, told: list[tuple[str, ...]]) -> None:
        self.told = told

    async def on_start(self) -> None:
        """Ask at the worst moment."""
        try:
            await self.system.root.ask(LookUp("sibling"))
        except AskCycleError as error:
            self.told.append(error.cycle)


async def test_a_supervisor_that_waits_for_the_start_of_the_asker() -> None:
    """It starts its children one after the other, so none of them may ask it while it starts; that is said at once."""
    told = list[tuple[str, ...]]()
    async with open_system(child("curious", lambda: AsksItsSupervisor(told))):
        assert trio.current_time() == 0
    assert told == [("/curious", "/", "/curious")]


async def test_a_circle_is_closed_through_a_full_mailbox(system: System, nursery: trio.Nursery) -> None:
    """Waiting for room of one who waits for an answer is waiting for it too."""
    one, other = [await system.start(child(id, Puppet, mailbox=1)) for id in ("one", "other")]
    seen = list[object]()

    async def ask_later(_: Puppet) -> object:
        await trio.sleep(1)
        seen.append(await ask_along([one], _))
        return "done"

    nursery.start_soon(partial(other.ask, Do(ask_later)))
    await wait_all_tasks_blocked()
    other.tell(Do(partial(ask_along, [])))
    assert await one.ask(Do(partial(ask_along, [other]))) == "the end"
    assert seen == [("/other", "/one", "/other")]


async def test_a_long_way_without_a_circle(system: System) -> None:
    """Many who ask along a line are many who wait, and no circle."""
    puppets = await start_puppets(system, 20)
    assert await puppets[0].ask(Do(partial(ask_along, puppets[1:]))) == "the end"


async def test_no_circle_once_it_is_answered(system: System) -> None:
    """Who was answered waits no longer, even if it has had no time to notice."""
    one, other = await start_puppets(system, 2)

    async def answer_then_ask(puppet: Puppet) -> object:
        puppet.defer().answer("first")
        return await one.ask(Do(partial(ask_along, [])))

    assert await one.ask(Do(lambda _: other.ask(Do(answer_then_ask)))) == "first"
    assert await other.ask(Do(partial(ask_along, []))) == "the end"


async def test_no_circle_if_the_answer_is_left_for_later(system: System, nursery: trio.Nursery) -> None:
    """Another task may answer, so asking back is not hopeless."""
    one, other = await start_puppets(system, 2)

    async def answer_later(call: Call[Any]) -> None:
        await trio.sleep(1)
        call.answer("first")

    async def defer_then_ask(puppet: Puppet) -> object:
        nursery.start_soon(answer_later, puppet.defer())
        assert await one.ask(Do(partial(ask_along, []))) == "the end"
        return None

    assert await one.ask(Do(lambda _: other.ask(Do(defer_then_ask)))) == "first"
    assert trio.current_time() == 1


async def test_no_circle_through_a_task_of_its_own(system: System) -> None:
    """An actor whose child task asks can answer meanwhile: even itself."""
    one, other = await start_puppets(system, 2)
    said = list[object]()

    async def ask_in_a_task(rest: list[Ref[Do]], puppet: Puppet) -> None:
        said.append(await ask_along(rest, puppet))

    async def start_task(rest: list[Ref[Do]], puppet: Puppet) -> None:
        nursery.start_soon(ask_in_a_task, rest, puppet)

    async with trio.open_nursery() as nursery:
        await one.ask(Do(partial(start_task, [other, one])))
        await one.ask(Do(partial(start_task, [one])))
    assert said == ["the end", "the end"]


async def test_no_circle_after_its_time(system: System) -> None:
    """Who has given up waiting does not close a circle."""
    one, other = await start_puppets(system, 2)

    async def ask_late(_: Puppet) -> object:
        await trio.sleep(2)
        return await one.ask(Do(partial(ask_along, [])))

    async def give_up(_: Puppet) -> object:
        with pytest.raises(AskTimeoutError):
            await other.ask(Do(ask_late), timeout=1)
        return "gave up"

    assert await one.ask(Do(give_up)) == "gave up"
    await trio.sleep(2)
    assert await other.ask(Do(partial(ask_along, []))) == "the end"
    assert (one.incarnation, other.incarnation) == (1, 1)


async def test_no_circle_with_the_next_incarnation(system: System, nursery: trio.Nursery) -> None:
    """Who crashed while it waited does not wait any more."""
    one, other = await start_puppets(system, 2)

    async def ask_and_crash(_: Puppet) -> None:
        async with trio.open_nursery() as inner:
            inner.start_soon(partial(other.ask, Do(ask_back)))
            await trio.sleep(1)
            raise ValueError("enough")

    async def ask_back(_: Puppet) -> object:
        await trio.sleep(2)
        return await one.ask(Do(partial(ask_along, [])))

    one.tell(Do(ask_and_crash))
    await trio.sleep(3)
    assert (one.incarnation, other.incarnation) == (2, 1)
    nursery.start_soon(partial(one.ask, Do(partial(ask_along, [other]))))
    await wait_all_tasks_blocked()


async def test_who_waits_for_whom_can_be_seen(
    system: System, cell_of: Callable[[Ref[Any]], Cell[Any]], nursery: trio.Nursery
) -> None:
    """An actor that asks is shown as waiting, for its own task first, and as waiting for nobody afterwards."""
    one, other, third = await start_puppets(system, 3)

    async def nap(seconds: float, _: Puppet) -> None:
        await trio.sleep(seconds)

    async def ask_both(_: Puppet) -> None:
        nursery.start_soon(partial(third.ask, Do(partial(nap, 2))))
        await wait_all_tasks_blocked()
        waits.append(cell_of(one).waiting_on)
        await other.ask(Do(partial(nap, 3)))
        waits.append(cell_of(one).waiting_on)

    waits = list[str]()
    nursery.start_soon(partial(one.ask, Do(ask_both)))
    await trio.sleep(1)
    waits.append(cell_of(one).waiting_on)
    await trio.sleep(3)
    assert waits == ["/p2", "/p1", ""]
    assert cell_of(one).waiting is None


async def test_of_many_tasks_that_ask_the_first_is_shown(
    system: System, cell_of: Callable[[Ref[Any]], Cell[Any]], nursery: trio.Nursery
) -> None:
    """None of them holds the actor up; the others have their answers all the same."""
    one, other, third = await start_puppets(system, 3)
    answers = list[str]()

    async def nap(seconds: float, puppet: Puppet) -> str:
        await trio.sleep(seconds)
        return puppet.ref.path

    async def ask(ref: Ref[Do], seconds: float) -> None:
        answers.append(await ref.ask(Do(partial(nap, seconds))))

    async def ask_in_tasks(_: Puppet) -> None:
        for ref, seconds in ((third, 2), (other, 3)):
            nursery.start_soon(ask, ref, seconds)
            await wait_all_tasks_blocked()

    await one.ask(Do(ask_in_tasks))
    assert cell_of(one).waiting_on == "/p2"
    await trio.sleep(2.5)
    assert cell_of(one).waiting_on == ""
    await trio.sleep(1)
    assert answers == ["/p2", "/p1"]


async def test_a_cancelled_asker_leaves_no_trace(clerk: Ref[object]) -> None:
    """The actor answers into the void and lives on."""
    with trio.move_on_after(1):
        await clerk.ask(Sleep(2), timeout=60)
    assert await clerk.ask(Read()) == ()


# --- stop ---


async def test_stop_goes_before_messages(clerk: Ref[object]) -> None:
    """What waits in the mailbox is not handled any more, and a permanent actor stays away."""
    clerk.tell(Note("a"))
    clerk.stop("enough")
    ending = await clerk.stopped()
    assert (ending.kind, ending.reason) == (ExitKind.SHUTDOWN, "enough")
    assert clerk.state is State.STOPPED
    assert clerk.mailbox.received == 0


async def test_the_message_at_hand_is_finished(clerk: Ref[object], nursery: trio.Nursery) -> None:
    """A stop waits for the handler, if that ends in time."""
    answers = list[str]()

    async def ask() -> None:
        answers.append(await clerk.ask(Sleep(4)))

    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    clerk.stop()
    clerk.stop("again")
    assert (await clerk.stopped()).reason == ""
    await wait_all_tasks_blocked()
    assert answers == ["awake"]


async def test_a_stop_is_enforced(clerk: Ref[object]) -> None:
    """A handler that does not end is cancelled when the contract's time is over."""
    clerk.tell(Sleep(1000))
    await wait_all_tasks_blocked()
    before = trio.current_time()
    clerk.stop()
    ending = await clerk.stopped()
    assert trio.current_time() - before == pytest.approx(5)
    assert (ending.kind, ending.reason) == (ExitKind.KILLED, "did not stop within 5 s")


async def test_everybody_is_told_of_the_end(clerk: Ref[object], caplog: pytest.LogCaptureFixture) -> None:
    """Callbacks come in order; one that raises is logged; one that comes late is called at once."""
    endings = list[Exit]()

    def bad(_ending: Exit) -> None:
        raise RuntimeError("not my day")

    clerk.when_stopped(bad)
    clerk.when_stopped(endings.append)
    clerk.stop()
    last = await clerk.stopped()
    clerk.when_stopped(endings.append)
    assert endings == [last, last]
    assert "not my day" in caplog.text


async def test_a_stop_of_the_stopped(system: System, clerk: Ref[object]) -> None:
    """It changes nothing."""
    await system.root.ask(StopChild("clerk"))
    first = await clerk.stopped()
    clerk.stop("again")
    assert await clerk.stopped() is first


# --- drain ---


async def test_a_drain_handles_what_waits(clerk: Ref[object], nursery: trio.Nursery) -> None:
    """All that is there is handled and answered; then it is gone for good, though it is permanent."""
    answers = list[tuple[str, ...]]()

    async def ask() -> None:
        answers.append(await clerk.ask(Read(), timeout=60))

    clerk.tell(Sleep(10))
    await wait_all_tasks_blocked()
    for text in "ab":
        clerk.tell(Note(text))
    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    clerk.drain("moving out")
    ending = await clerk.stopped()
    assert (ending.kind, ending.reason) == (ExitKind.SHUTDOWN, "moving out")
    assert trio.current_time() == 10
    await wait_all_tasks_blocked()
    assert answers == [("a", "b")]
    assert clerk.state is State.STOPPED


@pytest.mark.parametrize(("reason", "text"), [("moving out", "/clerk: drains: moving out$"), ("", "/clerk: drains$")])
async def test_a_drain_takes_nothing_new(reason: str, text: str, clerk: Ref[object]) -> None:
    """Whoever tells, sends or asks, urgently or not, gets the message back."""
    clerk.tell(Sleep(10))
    await wait_all_tasks_blocked()
    clerk.drain(reason)
    undelivered = list[object]()
    for urgent in (False, True):
        with pytest.raises(ActorStoppedError, match=text) as refused:
            clerk.tell(Note("told"), urgent=urgent)
        undelivered.append(refused.value.undelivered)
        with pytest.raises(ActorStoppedError, match=text) as refused:
            await clerk.ask(Read(), urgent=urgent)
        undelivered.append(refused.value.undelivered)
    with pytest.raises(ActorStoppedError, match=text) as refused:
        await clerk.send(Note("sent"))
    undelivered.append(refused.value.undelivered)
    assert undelivered == [Note("told"), Read(), Note("told"), Read(), Note("sent")]
    assert (await clerk.stopped()).reason == (reason or "drained")


async def test_a_drain_sends_those_away_who_wait_for_room(clerk: Ref[object], nursery: trio.Nursery) -> None:
    """They are not there yet, so they are new."""
    refused = list[object]()

    async def send() -> None:
        with pytest.raises(ActorStoppedError) as error:
            await clerk.send(Note("sent"))
        refused.append(error.value.undelivered)

    async def ask() -> None:
        with pytest.raises(ActorStoppedError) as error:
            await clerk.ask(Read())
        refused.append(error.value.undelivered)

    clerk.tell(Sleep(1))
    await wait_all_tasks_blocked()
    for text in "abc":
        clerk.tell(Note(text))
    nursery.start_soon(send)
    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    clerk.drain()
    await wait_all_tasks_blocked()
    assert len(refused) == 2
    assert Note("sent") in refused
    assert Read() in refused
    await clerk.stopped()
    assert clerk.mailbox.received == 1 + 3 + 1


async def test_a_drain_of_the_idle(clerk: Ref[object]) -> None:
    """There is nothing to wait for; a second one, and one of the dead, changes nothing."""
    clerk.drain("first")
    clerk.drain("second")
    ending = await clerk.stopped()
    assert (ending.kind, ending.reason, trio.current_time()) == (ExitKind.SHUTDOWN, "first", 0)
    clerk.drain("third")
    assert await clerk.stopped() is ending


async def test_a_drain_by_the_actor_itself(system: System) -> None:
    """It is no different."""
    done = list[str]()

    async def do(name: str, puppet: Puppet) -> None:
        done.append(name)
        if name == "first":
            puppet.ref.drain("had enough")

    (puppet,) = await start_puppets(system, 1)
    for name in ("first", "second"):
        puppet.tell(Do(partial(do, name)))
    assert str(await puppet.stopped()) == "shutdown (had enough)"
    assert done == ["first", "second"]


async def test_a_drain_goes_on_after_a_crash(clerk: Ref[object], nursery: trio.Nursery) -> None:
    """The next incarnation handles what is left, and ends."""
    answers = list[tuple[str, ...]]()

    async def ask() -> None:
        answers.append(await clerk.ask(Read()))

    clerk.tell(Sleep(2))
    await wait_all_tasks_blocked()
    for text in ("crash", "b"):
        clerk.tell(Note(text))
    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    clerk.drain()
    assert str(await clerk.stopped()) == "shutdown (drained)"
    await wait_all_tasks_blocked()
    assert answers == [("b",)]
    assert clerk.incarnation == 2


async def test_a_drain_of_one_that_is_not_started_again(system: System) -> None:
    """A temporary actor that crashes in the middle leaves dead letters, and tells who asked."""
    letters = list[DeadLetter]()
    system.dead_letters.subscribe(letters.append)
    clerk = await system.start(child("clerk", Clerk, restart="temporary"))
    for text in ("a", "crash", "b"):
        clerk.tell(Note(text))
    clerk.drain()
    assert (await clerk.stopped()).kind is ExitKind.CRASHED
    assert [letter.message for letter in letters] == [Note("b")]


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
async def test_a_drain_within_a_time(restart: Restart, system: System) -> None:
    """One that takes longer is cancelled, and gone for good: nobody starts it again to go on."""
    clerk = await system.start(child("clerk", Clerk, restart=restart))
    clerk.tell(Sleep(1000))
    await wait_all_tasks_blocked()
    clerk.drain(within=3)
    ending = await clerk.stopped()
    assert (ending.kind, ending.reason) == (ExitKind.KILLED, "did not drain in time")
    assert (clerk.incarnation, trio.current_time()) == (1, 3)
    assert system.root.state is State.RUNNING


async def test_the_time_of_a_drain_outlives_a_crash(clerk: Ref[object]) -> None:
    """The next incarnation has what is left."""
    clerk.tell(Crash())
    await wait_all_tasks_blocked()
    clerk.tell(Sleep(1000))
    clerk.drain(within=3)
    ending = await clerk.stopped()
    assert (ending.kind, ending.reason) == (ExitKind.KILLED, "did not drain in time")
    assert (clerk.incarnation, trio.current_time()) == (2, 3)


async def test_a_drain_that_is_done_in_time(clerk: Ref[object]) -> None:
    """Its clean-up has its own time."""
    clerk.tell(Sleep(2))
    await wait_all_tasks_blocked()
    clerk.drain(within=3)
    assert (await clerk.stopped()).kind is ExitKind.SHUTDOWN
    assert trio.current_time() == 2


async def test_no_time_to_drain(clerk: Ref[object]) -> None:
    """It is cancelled at once."""
    clerk.tell(Note("a"))
    clerk.drain(within=0)
    assert (await clerk.stopped()).kind is ExitKind.KILLED
    assert trio.current_time() == 0


async def test_a_stop_cuts_a_drain_short(clerk: Ref[object]) -> None:
    """It ends after the message at hand, in the stop's time; what waits is given up."""
    clerk.tell(Sleep(2))
    await wait_all_tasks_blocked()
    clerk.tell(Sleep(1000))
    clerk.drain("slowly", within=60)
    clerk.stop("now")
    ending = await clerk.stopped()
    assert (ending.kind, ending.reason) == (ExitKind.SHUTDOWN, "now")
    assert trio.current_time() == 2


async def test_a_drain_after_a_stop(clerk: Ref[object]) -> None:
    """A stop is not softened."""
    clerk.tell(Sleep(2))
    await wait_all_tasks_blocked()
    clerk.tell(Note("a"))
    clerk.stop("now")
    clerk.drain("slowly")
    assert (await clerk.stopped()).reason == "now"
    assert clerk.mailbox.received == 1


@pytest.mark.parametrize("starting", [False, True])
async def test_a_drain_of_one_that_takes_no_messages(*, starting: bool, system: System, nursery: trio.Nursery) -> None:
    """It is asked to stop: at once, or as soon as it has started."""
    nursery.start_soon(system.start, child("recluse", Recluse))
    await trio.sleep(0.5 if starting else 2)
    recluse = await system.root.ask(LookUp("recluse"))
    assert recluse is not None
    recluse.drain()
    assert str(await recluse.stopped()) == "shutdown (drained)"
    assert trio.current_time() == (1 if starting else 2)


async def test_a_drain_of_one_that_starts(system: System, nursery: trio.Nursery) -> None:
    """It starts, handles what waits, and ends."""

    class Late(Clerk):
        async def on_start(self) -> None:
            await trio.sleep(1)

    nursery.start_soon(system.start, child("late", Late))
    await trio.sleep(0.5)
    late = await system.root.ask(LookUp("late"))
    assert late is not None
    late.tell(Note("a"))
    late.drain()
    assert str(await late.stopped()) == "shutdown (drained)"
    assert (late.mailbox.received, trio.current_time()) == (2, 1)


async def test_a_drain_in_the_very_moment_of_its_start(system: System) -> None:
    """Whoever hears of the start first may ask for the end: it handles what waits all the same."""
    refs = list[Ref[Any]]()

    class Eager(Clerk):
        async def on_start(self) -> None:
            refs.append(self.ref)
            self.ref.tell(Note("a"))

    def on_event(event: ActorEvent) -> None:
        if isinstance(event, ActorStarted):
            refs[-1].drain()

    system.subscribe(on_event)
    eager = await system.start(Eager)
    assert (await eager.stopped()).kind is ExitKind.SHUTDOWN
    assert eager.mailbox.received == 2


@pytest.mark.parametrize(("within", "received", "at"), [(math.inf, 3, 3), (1, 1, 1)])
async def test_a_drain_of_one_whose_restart_is_delayed(within: float, received: int, at: float, system: System) -> None:
    """It waits for the restart, unless that would be too late."""
    clerk = await system.start(child("clerk", Clerk, backoff=Backoff(first=2, jitter=0)))
    clerk.tell(Crash())
    await trio.sleep(1)
    await wait_all_tasks_blocked()
    assert clerk.state is State.EXITED
    clerk.tell(Note("a"))
    clerk.drain(within=within)
    await clerk.stopped()
    assert (clerk.mailbox.received, trio.current_time()) == (received, at)


async def test_a_drain_of_one_that_stops_itself(system: System) -> None:
    """It has ended normally, and what waits is given up."""

    async def stop(puppet: Puppet) -> None:
        puppet.stop()

    puppet = await system.start(child("puppet", Puppet, restart="transient"))
    for _ in range(2):
        puppet.tell(Do(stop))
    puppet.drain()
    assert (await puppet.stopped()).kind is ExitKind.NORMAL
    assert puppet.mailbox.received == 1


async def test_a_drain_of_a_supervisor(system: System) -> None:
    """Its children drain one after another, the last one first, before it ends."""
    ended = list[str]()

    def note_end(path: str, exit: Exit) -> None:
        ended.append(f"{path} {exit} at {trio.current_time():g}")

    async def nap(_: Puppet) -> None:
        await trio.sleep(1)

    supervisor = await system.start(
        child("supervisor", lambda: Supervisor[Never]([child(f"p{number}", Puppet) for number in range(2)]))
    )
    for number in range(2):
        puppet: Ref[Do] | None = await supervisor.ask(LookUp(f"p{number}"))
        assert puppet is not None
        puppet.tell(Do(nap))
        puppet.tell(Do(nap))
        puppet.when_stopped(partial(note_end, puppet.path))
    supervisor.drain("closing")
    assert str(await supervisor.stopped()) == "shutdown (closing)"
    assert ended == [
        "/supervisor/p1 shutdown (its supervisor stops) at 2",
        "/supervisor/p0 shutdown (its supervisor stops) at 2",
    ]


# --- pause ---


async def test_a_pause(clerk: Ref[object]) -> None:
    """Messages wait, within the bounds of the mailbox, until it goes on."""
    clerk.pause()
    for text in "abc":
        clerk.tell(Note(text))
    with pytest.raises(MailboxFullError):
        clerk.tell(Note("d"))
    with pytest.raises(AskTimeoutError):
        await clerk.ask(Read(), timeout=5)
    assert await clerk.ask(Read(), urgent=True) == ()
    assert (clerk.mailbox.paused, clerk.mailbox.depth) == (True, 3)
    clerk.resume()
    assert await clerk.ask(Read()) == ("a", "b", "c")
    assert not clerk.mailbox.paused


async def test_the_message_at_hand_is_not_paused(clerk: Ref[object]) -> None:
    """A pause counts from the next message on, also within a batch."""
    clerk.tell(Sleep(2))
    clerk.tell(Note("a"))
    await wait_all_tasks_blocked()
    clerk.pause()
    await trio.sleep(5)
    assert (clerk.busy, clerk.mailbox.depth) == (False, 1)


async def test_a_pause_of_its_own(system: System) -> None:
    """An actor may pause itself, and be resumed by an urgent message."""
    done = list[str]()

    async def do(name: str, puppet: Puppet) -> None:
        done.append(name)
        if name == "pause":
            puppet.ref.pause()
        elif name == "resume":
            puppet.ref.resume()

    (puppet,) = await start_puppets(system, 1)
    for name in ("pause", "later"):
        puppet.tell(Do(partial(do, name)))
    await wait_all_tasks_blocked()
    assert done == ["pause"]
    await puppet.ask(Do(partial(do, "resume")), urgent=True)
    await wait_all_tasks_blocked()
    assert done == ["pause", "resume", "later"]


async def test_a_pause_outlives_a_crash(clerk: Ref[object]) -> None:
    """A new incarnation is held back as the old one was."""
    clerk.pause()
    clerk.tell(Note("a"))
    clerk.tell(Note("crash"), urgent=True)
    await wait_all_tasks_blocked()
    assert (clerk.incarnation, clerk.mailbox.paused, clerk.mailbox.depth) == (2, True, 1)
    clerk.resume()
    assert await clerk.ask(Read()) == ("a",)


async def test_a_stop_of_the_paused(clerk: Ref[object]) -> None:
    """It goes through at once."""
    clerk.pause()
    clerk.tell(Note("a"))
    clerk.stop("enough")
    assert str(await clerk.stopped()) == "shutdown (enough)"
    assert trio.current_time() == 0


async def test_a_drain_of_the_paused(clerk: Ref[object]) -> None:
    """It ends the pause: otherwise it would never end itself."""
    clerk.pause()
    clerk.tell(Note("a"))
    clerk.drain()
    assert (await clerk.stopped()).kind is ExitKind.SHUTDOWN
    assert clerk.mailbox.received == 2


async def test_a_paused_supervisor_supervises(system: System) -> None:
    """Only its commands wait."""
    supervisor = await system.start(child("supervisor", lambda: Supervisor[Never]([child("clerk", Clerk)])))
    clerk = await supervisor.ask(LookUp("clerk"))
    assert clerk is not None
    supervisor.pause()
    clerk.tell(Note("crash"))
    await wait_all_tasks_blocked()
    assert (clerk.state, clerk.incarnation) == (State.RUNNING, 2)
    with pytest.raises(AskTimeoutError):
        await supervisor.ask(LookUp("clerk"), timeout=1)
    supervisor.resume()
    assert await supervisor.ask(LookUp("clerk")) == clerk


# --- being told ---


async def test_being_told_of_every_end(clerk: Ref[object]) -> None:
    """Of each incarnation's, the last one's too; who wants to know no more is not told."""
    ends, others = list[str](), list[str]()
    undo = clerk.when_exited(lambda exit: ends.append(str(exit)))
    undo_other = clerk.when_exited(lambda exit: others.append(str(exit)))
    clerk.tell(Note("crash"))
    await wait_all_tasks_blocked()
    undo_other()
    undo_other()
    clerk.stop("enough")
    await clerk.stopped()
    undo()
    assert ends == ["crashed (ValueError: crash)", "shutdown (enough)"]
    assert others == ends[:1]
    clerk.when_exited(lambda exit: ends.append(str(exit)))()
    assert len(ends) == 2


async def test_undoing_in_the_middle(clerk: Ref[object]) -> None:
    """Who is taken off the list while the others are told is not told."""
    told = list[str]()
    undo = list[Callable[[], None]]()

    def first(_exit: Exit) -> None:
        told.append("first")
        for each in undo:
            each()

    for register in (clerk.when_exited, clerk.when_stopped):
        register(first)
        undo.append(register(lambda _: told.append("second")))
        register(lambda _: told.append("third"))
    clerk.stop()
    await clerk.stopped()
    assert told == ["first", "third", "first", "third"]


async def test_waiting_for_the_end_together(clerk: Ref[object], nursery: trio.Nursery) -> None:
    """Everybody who waits is told; one that gives up harms nobody."""
    endings = list[Exit]()

    async def wait() -> None:
        endings.append(await clerk.stopped())

    nursery.start_soon(wait)
    nursery.start_soon(wait)
    with trio.move_on_after(1) as scope:
        await clerk.stopped()
    assert scope.cancelled_caught
    clerk.tell(Note("crash"))
    await wait_all_tasks_blocked()
    assert endings == []
    clerk.stop("enough")
    await wait_all_tasks_blocked()
    assert [str(ending) for ending in endings] == ["shutdown (enough)"] * 2


async def test_a_callback_may_use_the_ref(clerk: Ref[object]) -> None:
    """It may tell, add another callback, which is for the next end, and stop the actor before it is started again."""
    told = list[str]()

    def on_exit(_exit: Exit) -> None:
        told.append(clerk.state.value)
        clerk.tell(Note("from a callback"))
        clerk.when_exited(lambda _: told.append("too early"))
        clerk.stop("by a callback")

    clerk.when_exited(on_exit)
    clerk.tell(Note("crash"))
    await clerk.stopped()
    assert (told, clerk.incarnation) == (["exited"], 1)


async def test_a_stop_in_the_very_moment_of_its_start(system: System) -> None:
    """Whoever hears of the start first may end it; it cleans up, and whoever started it has its ref."""
    refs, endings = list[Ref[Any]](), list[str]()

    class Brief(Clerk):
        async def on_start(self) -> None:
            refs.append(self.ref)

        async def on_stop(self, exit: Exit) -> None:
            endings.append(str(exit))

    def on_event(event: ActorEvent) -> None:
        if isinstance(event, ActorStarted):
            refs[-1].stop("at once")

    system.subscribe(on_event)
    brief = await system.start(Brief)
    assert str(await brief.stopped()) == "shutdown (at once)"
    assert (endings, trio.current_time()) == (["shutdown (at once)"], 0)


async def test_a_drain_while_it_cleans_up_after_a_crash(system: System) -> None:
    """The next incarnation does what is left."""
    slow = await system.start(Slow)
    slow.tell(Note("crash"))
    slow.tell(Note("a"))
    await wait_all_tasks_blocked()
    assert slow.state is State.STOPPING
    slow.drain("moving out", within=10)
    assert str(await slow.stopped()) == "shutdown (moving out)"
    assert (slow.incarnation, slow.mailbox.received, trio.current_time()) == (2, 3, 4)


# --- the children of a supervisor ---


async def test_the_ref_of_a_child(system: System) -> None:
    """It is found at once by its id, with or without the class that type checkers want to know."""
    await system.start(child("family", lambda: Supervisor[Never]([child("curious", lambda: AsksItsSupervisor([]))])))
    family = system.root.child("family", Supervisor[Never])
    assert family.child("curious", AsksItsSupervisor) == family.child("curious")
    assert family.child("curious").path == "/family/curious"


async def test_a_child_that_is_not_there(system: System) -> None:
    """Neither a supervisor without it nor an actor that is none has it, nor one that is gone."""
    family = await system.start(child("family", Supervisor[Never]))
    curious = await system.start(child("curious", lambda: AsksItsSupervisor([])))
    for parent in (family, curious):
        with pytest.raises(ChildNotFoundError, match="there is no child 'nobody'"):
            parent.child("nobody")
    family.stop()
    await family.stopped()
    with pytest.raises(ChildNotFoundError, match="/family: there is no child 'a'"):
        family.child("a")


async def test_a_child_of_another_class(system: System) -> None:
    """A wrong guess is an error where it is made; of one that is gone nobody can tell what it was."""
    await system.start(child("curious", lambda: AsksItsSupervisor([])))
    with pytest.raises(TypeError, match="/curious is no Supervisor but a AsksItsSupervisor"):
        system.root.child("curious", Supervisor[Never])
    await system.root.ask(StopChild("curious"))
    assert system.root.child("curious", Supervisor[Never]).state is State.STOPPED
