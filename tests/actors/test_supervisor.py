"""What a subclass of `Supervisor` can do from its own task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Never

import pytest
import trio
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import assert_no_checkpoints, wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    ChildSpec,
    CountChildren,
    Exit,
    ExitKind,
    Request,
    StartChild,
    Supervisor,
    child,
    handles,
)
from bluev_actors.actors.supervisor import unwrap
from bluev_actors.errors import ActorError, ChildIdTakenError, ChildStartError

if TYPE_CHECKING:
    from bluev_actors.actors import Ref, System


@frozen
class Work:
    """Have this done by a child."""

    id: str
    seconds: float


@frozen
class Cancel:
    """Cancel the child that does it."""

    id: str


@frozen
class Results(Request[dict[str, Exit]]):
    """Asks how the work ended."""


@frozen
class Family(Request[tuple[str, ...]]):
    """Asks for the ids of the children."""


class Task(Actor[Never]):
    """Does one piece of work."""

    def __init__(self, work: Work) -> None:
        self.work = work

    async def run(self) -> str:
        """Take the time it takes."""
        await trio.sleep(self.work.seconds)
        return f"{self.work.id} done"


class Foreman(Supervisor[Work | Cancel | Results | Family]):
    """Has each piece of work done by a child of its own, and never waits for one."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - whatever a supervisor takes
        super().__init__(**options)
        self.results = dict[str, Exit]()

    async def on_start(self) -> None:
        """Children can be started from the first moment."""
        self.start_task(Work("first", 1))

    def start_task(self, work: Work) -> Ref[Any]:
        """Start the child that does it."""
        with assert_no_checkpoints():
            return self.start_child(child(work.id, lambda: Task(work), restart="temporary"))

    @handles
    def work(self, message: Work) -> None:
        """Start a child."""
        assert self.start_task(message) == self.child(message.id)

    @handles
    def cancel(self, message: Cancel) -> None:
        """Cancel a child."""
        with assert_no_checkpoints():
            self.cancel_child(message.id, "not needed")

    @handles
    def tell_results(self, _: Results) -> dict[str, Exit]:
        """Say how everything ended."""
        return self.results

    @handles
    def name_children(self, _: Family) -> tuple[str, ...]:
        """Say who works."""
        return self.children

    async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
        """Note the result; the child is forgotten by now."""
        assert spec.id not in self.children
        self.results[spec.id] = exit


async def test_children_work_while_the_supervisor_listens(system: System) -> None:
    """A start waits for nothing, and results arrive as exits, in the order of the ends."""
    foreman = await system.start(Foreman)
    for work in (Work("slow", 5), Work("quick", 2)):
        foreman.tell(work)
    assert await foreman.ask(Family()) == ("first", "slow", "quick")
    await trio.sleep(6)
    results = await foreman.ask(Results())
    assert [exit_.result for exit_ in results.values()] == ["first done", "quick done", "slow done"]
    assert await foreman.ask(Family()) == ()


async def test_a_cancelled_child(system: System) -> None:
    """Its exit arrives all the same, and says that it was cancelled and why."""
    foreman = await system.start(Foreman)
    foreman.tell(Cancel("first"))
    ending = (await foreman.ask(Results())).get("first")
    await wait_all_tasks_blocked()
    ending = (await foreman.ask(Results()))["first"]
    assert (ending.kind, ending.reason, trio.current_time()) == (ExitKind.KILLED, "not needed", 0)


async def test_a_supervisor_takes_commands_too(system: System) -> None:
    """A subclass with messages of its own is still a supervisor."""
    foreman = await system.start(Foreman)
    await foreman.ask(StartChild(child("extra", lambda: Task(Work("extra", 9)), restart="temporary")))
    assert (await foreman.ask(CountChildren())).active == 2


@pytest.mark.parametrize("message", [Cancel("nobody"), Work("first", 1)], ids=repr)
async def test_a_mistake_is_a_crash(system: System, message: Work | Cancel) -> None:
    """To cancel nobody or to take an id twice is a bug; the next incarnation starts afresh."""
    foreman = await system.start(Foreman)
    foreman.tell(message)
    await wait_all_tasks_blocked()
    assert foreman.incarnation == 2
    assert await foreman.ask(Family()) == ("first",)


async def test_too_many_children(system: System) -> None:
    """`max_children` bounds what a flood of work can start."""
    foreman = await system.start(child("foreman", lambda: Foreman(max_children=2)))
    await foreman.ask(StartChild(child("second", lambda: Task(Work("second", 1)))))
    with pytest.raises(ChildStartError, match="there are 2 children already"):
        await foreman.ask(StartChild(child("third", lambda: Task(Work("third", 1)))))


async def test_no_children_at_the_end(system: System) -> None:
    """A supervisor that is stopping starts nobody, however its clean-up tries."""
    tried = list[Exception]()

    class Eager(Foreman):
        async def on_stop(self, exit: Exit) -> None:
            del exit
            try:
                self.start_task(Work("late", 1))
            except ChildStartError as error:
                tried.append(error)

    eager = await system.start(Eager)
    eager.stop()
    await eager.stopped()
    assert "is stopping and starts no child" in str(tried[0])


async def test_it_keeps_the_order_of_starts(system: System) -> None:
    """Children of the constructor come after those of `on_start`."""
    second = child("second", lambda: Task(Work("second", 9)))
    foreman = await system.start(child("foreman", lambda: Foreman(children=[second])))
    assert await foreman.ask(Family()) == ("first", "second")


async def test_the_id_of_a_first_child_twice(system: System) -> None:
    """Two contracts of one id are found out at the start, and nothing is left."""
    twins = [child("a", lambda: Task(Work("a", 9)))] * 2
    with pytest.raises(ChildStartError) as failed:
        await system.start(child("s", lambda: Supervisor[Never](twins)))
    assert isinstance(failed.value.__cause__, ChildIdTakenError)
    assert system.tree().children == ()


async def test_stale_news(system: System) -> None:
    """An exit from before a crash of the supervisor is none of the next incarnation's business."""

    class Restless(Foreman):
        @handles
        def crash(self, message: float) -> None:
            self.cancel_child("first")
            raise ValueError(message)

    restless = await system.start(Restless)
    restless.tell(1.5)
    await trio.sleep(2)
    assert restless.incarnation == 2
    assert [exit_.result for exit_ in (await restless.ask(Results())).values()] == ["first done"]


async def test_the_place_of_a_child_that_is_gone(system: System) -> None:
    """A supervisor sees whether a child is gone for good, and may give its place up."""
    seen = list[object]()

    class Tidy(Foreman):
        async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
            del exit
            seen.append((self.has_ended(spec.id), self.has_ended("first")))
            if self.has_ended(spec.id):
                self.forget_child(spec.id)
                seen.append(self.children)

    tidy = await system.start(Tidy)
    await tidy.ask(StartChild(child("t", lambda: Task(Work("t", 0.25)), restart="transient")))
    await trio.sleep(0.5)
    assert seen == [(True, False), ("first",)]


async def test_only_the_gone_are_forgotten(system: System) -> None:
    """To forget a living child is a bug."""

    class Hasty(Foreman):
        async def on_start(self) -> None:
            await super().on_start()
            with pytest.raises(ActorError, match="/hasty/first: is not stopped but starting"):
                self.forget_child("first")

    assert (await system.start(Hasty)).incarnation == 1


async def test_a_child_of_nobody(system: System) -> None:
    """`child` names the id it does not know."""

    class Curious(Supervisor[Never]):
        async def on_start(self) -> None:
            with pytest.raises(ActorError, match="/curious: there is no child 'x'"):
                self.child("x")

    assert (await system.start(Curious)).incarnation == 1


LEAVES = [ValueError("a"), OSError("b"), KeyboardInterrupt(), SystemExit(1)]


@given(st.lists(st.sampled_from(LEAVES), min_size=1, max_size=4, unique=True))
def test_unwrapping(leaves: list[BaseException]) -> None:
    """One exception comes out as itself; what ends the program goes before what does not; else the group stays."""
    group = BaseExceptionGroup("nursery", leaves)
    final = [leaf for leaf in leaves if not isinstance(leaf, Exception)]
    expected = final[0] if len(final) == 1 else leaves[0] if len(leaves) == 1 else group
    assert unwrap(group) is expected
