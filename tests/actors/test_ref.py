"""What holders of a ref can do, and what the dead, the full and the crashing answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Never

import pytest
import trio
from attrs import frozen
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    Call,
    Exit,
    ExitKind,
    Ref,
    Rejected,
    Request,
    RestartBudget,
    State,
    StopChild,
    child,
    handles,
)
from bluev_actors.errors import (
    ActorError,
    ActorRestartingError,
    ActorStoppedError,
    AskTimeoutError,
    MailboxFullError,
    RefusedError,
)

if TYPE_CHECKING:
    from bluev_actors.actors import System


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
class AskYourself(Request[str]):
    """Makes it ask itself."""


@frozen
class SendYourself(Request[str]):
    """Makes it wait for room in its own mailbox."""


class Clerk(Actor[Note | Read | Sleep | Crash | Reject | Later | AskYourself | SendYourself]):
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
    async def ask_yourself(self, _: AskYourself) -> str:
        """Try the impossible."""
        with pytest.raises(ActorError, match="cannot wait for its own answer"):
            await self.ref.ask(Read())
        return "told at once"

    @handles
    async def send_yourself(self, _: SendYourself) -> str:
        """Try that too."""
        while not self._cell.mailbox.full:
            await self.ref.send(Note("to myself"))
        with pytest.raises(MailboxFullError):
            await self.ref.send(Note("one too many"))
        return "told at once"


@pytest.fixture
async def clerk(system: System) -> Ref[object]:
    """A clerk that may crash often."""
    return await system.start(child("clerk", Clerk, mailbox=3, budget=RestartBudget(100)))


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


async def test_nobody_waits_for_itself(clerk: Ref[object]) -> None:
    """An actor that asks itself is told at once instead of waiting for its own answer."""
    assert await clerk.ask(AskYourself()) == "told at once"


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
