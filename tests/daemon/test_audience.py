"""The index of who may want an event."""

# What is hidden is looked at where nothing shown would tell of a leak or a bug.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.daemon.audience import Audience
from bluev_actors.protocol.messages import SUBSCRIPTION_NAMES
from bluev_actors.protocol.subscriptions import Subscriptions

SESSIONS = st.sampled_from(["s1", "s2"])
RUNS = st.sampled_from(["r1", "r2", "*"])
NAMES = st.sampled_from([*SUBSCRIPTION_NAMES, "*", "nonsense"])


@define(eq=False)
class Somebody:
    """As much of a connection as the index knows."""

    session_id: str = "s1"
    subscriptions: Subscriptions = field(factory=Subscriptions)


def test_own_runs_reach_the_session_and_nobody_else() -> None:
    """A stranger who asked for nothing is not even looked at."""
    audience, own, stranger = Audience[Somebody](), Somebody("s1"), Somebody("s2")
    audience.enter(own)
    audience.enter(stranger)
    assert audience.of_run("r", "w", "s1") == (own,)
    assert audience.of_run("r", "w", "") == ()


def test_everybody_comes_once() -> None:
    """Owner, watcher and subscriber in one person is still one person."""
    audience, one = Audience[Somebody](), Somebody("s1")
    one.subscriptions.watch("r")
    one.subscriptions.subscribe(["node_status"], run_id="r")
    one.subscriptions.subscribe(["node_status"], run_id="*")
    one.subscriptions.subscribe(["node_status"], workflow_id="w")
    audience.enter(one)
    assert audience.of_run("r", "w", "s1") == (one,)


def test_watches_and_filters_reach_strangers() -> None:
    """A watched run, a run id and a workflow id each reach whoever named them."""
    audience = Audience[Somebody]()
    watcher, by_run, by_workflow = Somebody("s2"), Somebody("s3"), Somebody("s4")
    watcher.subscriptions.watch("r")
    by_run.subscriptions.subscribe(["node_status"], run_id="r")
    by_workflow.subscriptions.subscribe(["node_status"], workflow_id="w")
    for each in (watcher, by_run, by_workflow):
        audience.enter(each)
    assert set(audience.of_run("r", "w", "s1")) == {watcher, by_run, by_workflow}
    assert audience.of_run("other", "else", "s1") == ()
    assert audience.watchers("r") == (watcher,)


def test_a_run_may_be_called_like_a_workflow() -> None:
    """The two ids are one name in a filter, so they reach one entry, once."""
    audience, one = Audience[Somebody](), Somebody("s2")
    one.subscriptions.subscribe(["node_status"], run_id="same")
    audience.enter(one)
    assert audience.of_run("same", "same", "s1") == (one,)


def test_the_tree_is_for_those_who_named_it() -> None:
    """`*` does not ask for the supervision tree, its name does."""
    audience, star, named = Audience[Somebody](), Somebody(), Somebody()
    star.subscriptions.subscribe(["*"])
    named.subscriptions.subscribe(["actor_status"])
    audience.enter(star)
    audience.enter(named)
    assert audience.of_tree() == (named,)


def test_one_that_leaves_takes_nobody_along() -> None:
    """Two that a topic reaches are two entries."""
    audience, one, two = Audience[Somebody](), Somebody("s"), Somebody("s")
    audience.enter(one)
    audience.enter(two)
    audience.leave(one)
    assert audience.of_run("r", "w", "s") == (two,)


def test_who_has_left_is_forgotten_altogether() -> None:
    """An index that keeps what nobody needs grows for ever."""
    audience, one = Audience[Somebody](), Somebody()
    one.subscriptions.watch("r")
    audience.enter(one)
    one.subscriptions.unwatch("r")
    one.subscriptions.subscribe(["actor_status"])
    audience.enter(one)
    assert audience.watchers("r") == ()
    audience.leave(one)
    audience.leave(one)
    assert audience.of_run("r", "w", "s1") == audience.of_tree() == ()
    assert not audience._reached


@given(st.lists(st.tuples(SESSIONS, st.lists(st.tuples(NAMES, RUNS)), st.lists(RUNS)), max_size=5))
def test_nobody_who_wants_an_event_is_left_out(people: list[tuple[str, list[tuple[str, str]], list[str]]]) -> None:
    """Whatever is subscribed and watched: who wants an event is among those the index names."""
    audience, everybody = Audience[Somebody](), list[Somebody]()
    for session_id, subscriptions, watches in people:
        one = Somebody(session_id)
        for name, run_id in subscriptions:
            one.subscriptions.subscribe([name], run_id=run_id)
        for run_id in watches:
            one.subscriptions.watch(run_id)
        audience.enter(one)
        everybody.append(one)
    for run_id, owner in (("r1", "s1"), ("r2", "s2")):
        wanted = {
            each
            for each in everybody
            if each.subscriptions.wants("node_status_update", run_id, "w", own=each.session_id == owner)
        }
        assert wanted <= set(audience.of_run(run_id, "w", owner))
