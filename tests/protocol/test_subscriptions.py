"""Tests of `protocol/subscriptions.py`: examples from the contract, and a naive model of its text."""

from __future__ import annotations

from typing import TypeAlias

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.messages import SUBSCRIPTION_NAMES, TERMINAL_TYPES
from bluev_actors.protocol.subscriptions import Subscriptions

RUN_TYPES = [
    *("workflow_execution_started", "workflow_status_update", "workflow_completed", "workflow_failed"),
    *("workflow_stopped", "node_status_update", "node_progress", "node_log", "node_event"),
]


def sees(wishes: Subscriptions, run_id: str = "r", *, workflow_id: str = "w", own: bool = True) -> set[str]:
    """The types of a run's events that go to the connection."""
    return {kind for kind in RUN_TYPES if wishes.wants(kind, run_id, workflow_id, own=own)}


# --- the contract's sentences, one by one -----------------------------------------------------------------


def test_at_first_a_connection_sees_its_sessions_runs_and_no_others() -> None:
    """A client of the seed never sees a stranger's nodes."""
    wishes = Subscriptions()
    assert sees(wishes) == set(RUN_TYPES)
    assert sees(wishes, own=False) == set()


def test_after_the_first_name_events_are_filtered_but_for_the_end() -> None:
    """Whoever subscribes gets what it named, and always how a run of its own ended."""
    wishes = Subscriptions()
    wishes.subscribe(["node_log"])
    assert sees(wishes) == {"node_log", *TERMINAL_TYPES}
    assert sees(wishes, own=False) == set()


def test_a_subscribe_without_names_changes_nothing() -> None:
    """It only asks for the list."""
    wishes = Subscriptions()
    assert wishes.subscribe([]) == ((), ())
    assert sees(wishes) == set(RUN_TYPES)


def test_taking_everything_back_leaves_only_the_end() -> None:
    """The filter stays once it is there."""
    wishes = Subscriptions()
    wishes.subscribe(["node_log"])
    assert wishes.unsubscribe(["node_log"]) == ()
    assert sees(wishes) == TERMINAL_TYPES


def test_an_unknown_name_filters_as_well() -> None:
    """Who names only a broadcast wants no node events."""
    wishes = Subscriptions()
    assert wishes.subscribe(["news"]) == (("news",), ("news",))
    assert sees(wishes) == TERMINAL_TYPES


def test_everything_but_the_tree() -> None:
    """`*` is every event; those of the supervision tree must be asked for by name."""
    wishes = Subscriptions()
    wishes.subscribe(["*"])
    assert sees(wishes) == set(RUN_TYPES)
    assert not wishes.wants("actor_status_update", None, None, own=False)
    assert not wishes.wants("actor_status_update", None, None, own=True)


@pytest.mark.parametrize("name", ["actor_status", "actor_status_update", "actor_status@*"])
def test_the_tree_by_name(name: str) -> None:
    """It belongs to no run, so neither owning nor watching matters."""
    wishes = Subscriptions()
    wishes.subscribe([name])
    assert wishes.wants("actor_status_update", None, None, own=False)


def test_the_tree_is_no_default() -> None:
    """A new connection gets its runs, not the daemon's inner life."""
    for own in (True, False):
        assert not Subscriptions().wants("actor_status_update", None, None, own=own)


@pytest.mark.parametrize(("name", "kinds"), SUBSCRIPTION_NAMES.items())
def test_a_group_is_its_types(name: str, kinds: tuple[str, ...]) -> None:
    """A name of the table stands for the types beside it, in every run when asked so."""
    wishes = Subscriptions()
    wishes.subscribe([name], run_id="*")
    assert sees(wishes, own=False) == set(kinds) & set(RUN_TYPES)


def test_a_filter_reaches_a_strangers_run() -> None:
    """A subscription to one run or one workflow needs no ownership."""
    wishes = Subscriptions()
    wishes.subscribe(["node_log"], run_id="r")
    wishes.subscribe(["node_event"], workflow_id="w")
    assert sees(wishes, "r", workflow_id="v", own=False) == {"node_log"}
    assert sees(wishes, "q", workflow_id="w", own=False) == {"node_event"}
    assert sees(wishes, "q", workflow_id="v", own=False) == set()


def test_a_filtered_subscription_gives_no_more_than_it_names() -> None:
    """Terminal events are an exception for own and watched runs alone."""
    wishes = Subscriptions()
    wishes.subscribe(["node_log"], run_id="r")
    assert sees(wishes, "r", own=False) == {"node_log"}


def test_a_watch_stays_whole() -> None:
    """A mirror needs every event of its run, whatever else is subscribed."""
    wishes = Subscriptions()
    wishes.watch("r")
    wishes.subscribe(["node_log"])
    assert sees(wishes, "r", own=False) == set(RUN_TYPES)
    wishes.unwatch("r")
    assert sees(wishes, "r", own=False) == set()


def test_unwatching_what_is_not_watched() -> None:
    """It is in effect already."""
    wishes = Subscriptions()
    wishes.unwatch("r")
    assert wishes.watches == frozenset()


def test_subscriptions_read_as_texts() -> None:
    """Sorted, and filtered ones with their id."""
    wishes = Subscriptions()
    wishes.subscribe(["node_status", "node_log"])
    wishes.subscribe(["node_log"], run_id="*")
    listed, unknown = wishes.subscribe(["node_log", "news", "node_log"], workflow_id="w@1")
    assert listed == ("news@w@1", "node_log", "node_log@*", "node_log@w@1", "node_status")
    assert unknown == ("news",)


def test_a_filter_is_taken_back_by_the_same_filter() -> None:
    """An unsubscribe touches only what it names."""
    wishes = Subscriptions()
    wishes.subscribe(["node_log"])
    wishes.subscribe(["node_log"], run_id="r")
    assert wishes.unsubscribe(["node_log"]) == ("node_log@r",)
    assert wishes.unsubscribe(["node_log"], workflow_id="r") == ()


def test_restoring_the_list_restores_the_wishes() -> None:
    """What `subscriptions` read is all that a client has to keep."""
    wishes, later = Subscriptions(), Subscriptions()
    wishes.subscribe(["node_log", "news"])
    wishes.subscribe(["*"], run_id="r")
    later.subscribe(["node_event"])
    later.restore(wishes.as_list())
    assert later.key() == wishes.key()


def test_restoring_nothing_filters_nothing() -> None:
    """A client that never subscribed keeps an empty list."""
    wishes = Subscriptions()
    wishes.restore([])
    assert sees(wishes) == set(RUN_TYPES)


def test_a_run_without_a_workflow_is_no_loophole() -> None:
    """What is unknown of a run matches no filter, nor the lack of one."""
    wishes = Subscriptions()
    wishes.subscribe(["node_log"])
    assert not wishes.wants("node_log", "r", None, own=False)
    assert wishes.wants("node_log", "r", None, own=True)


# --- broadcasts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "event_type", "wanted"),
    [
        ([], None, True),
        ([], "news", False),
        (["news"], "news", True),
        (["news"], "weather", False),
        (["*"], "news", True),
        (["*@*"], "news", True),
        (["*@r"], "news", False),
        (["node_status"], "node_status", True),
        (["node_status"], "node_status_update", True),
        (["node_status_update"], "node_status", False),
        (["news@r"], "news", False),
        (["news@*"], "news", True),
        (["mail@home"], "mail@home", True),
    ],
)
def test_broadcasts_go_by_name(names: list[str], event_type: str | None, *, wanted: bool) -> None:
    """To all, or to those subscribed to the name or to `*`."""
    wishes = Subscriptions()
    wishes.subscribe(names)
    assert wishes.wants_broadcast(event_type) == wanted


# --- limits -----------------------------------------------------------------------------------------------


def test_subscriptions_at_the_limit_and_one_past_it() -> None:
    """One too many changes nothing, not even those that came with it."""
    wishes = Subscriptions(max_subscriptions=3)
    wishes.subscribe(["a", "b", "c"])
    before = wishes.key()
    for refused in (lambda: wishes.subscribe(["a", "d"]), lambda: wishes.restore("abcd")):
        with pytest.raises(ProtocolError) as caught:
            refused()
        assert caught.value.code == "too_many_subscriptions"
    assert wishes.key() == before


def test_a_refused_first_subscribe_filters_nothing() -> None:
    """Nothing has changed."""
    wishes = Subscriptions(max_subscriptions=1)
    with pytest.raises(ProtocolError):
        wishes.subscribe(["a", "b"])
    assert sees(wishes) == set(RUN_TYPES)


def test_watches_at_the_limit_and_one_past_it() -> None:
    """Watching a run again is free."""
    wishes = Subscriptions(max_watches=2)
    for run_id in ("a", "b", "a"):
        wishes.watch(run_id)
    with pytest.raises(ProtocolError) as caught:
        wishes.watch("c")
    assert caught.value.code == "too_many_watches"
    assert wishes.watches == {"a", "b"}


# --- against a naive model --------------------------------------------------------------------------------

Subscription: TypeAlias = tuple[str, str | None, str | None]
Filter: TypeAlias = tuple[str | None, str | None]
Steps: TypeAlias = list[tuple[str, list[str] | str, Filter | None]]


@define
class Model:
    """The contract's paragraph as it reads, without an index."""

    subscriptions: set[Subscription] = field(factory=set[Subscription])
    watches: set[str] = field(factory=set[str])
    named: bool = False

    def wants(self, kind: str, run_id: str, workflow_id: str, *, own: bool) -> bool:
        """Go through everything, every time."""
        if run_id in self.watches:
            return True
        if own and (not self.named or kind in TERMINAL_TYPES):
            return True
        return any(
            self._is_for(name, kind) and self._covers(run, workflow, run_id, workflow_id, own=own)
            for name, run, workflow in self.subscriptions
        )

    @staticmethod
    def _is_for(name: str, kind: str) -> bool:
        return name in {"*", kind} or kind in SUBSCRIPTION_NAMES.get(name, ())

    @staticmethod
    def _covers(run: str | None, workflow: str | None, run_id: str, workflow_id: str, *, own: bool) -> bool:
        if run is None and workflow is None:
            return own
        return run in {"*", run_id} or workflow == workflow_id


_NAMES = st.lists(st.sampled_from(["*", "news", "node_log", "workflow_failed", *SUBSCRIPTION_NAMES]), max_size=3)
_FILTERS = st.sampled_from([(None, None), ("*", None), ("r1", None), ("r2", None), (None, "w1"), (None, "w2")])
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("subscribe"), _NAMES, _FILTERS),
        st.tuples(st.just("unsubscribe"), _NAMES, _FILTERS),
        st.tuples(st.sampled_from(["watch", "unwatch"]), st.sampled_from(["r1", "r2"]), st.none()),
    ),
    max_size=8,
)


def _play(steps: Steps) -> tuple[Subscriptions, Model]:
    wishes, model = Subscriptions(), Model()
    for step, what, ids in steps:
        if ids is None:
            getattr(wishes, step)(what)
            (model.watches.add if step == "watch" else model.watches.discard)(str(what))
        else:
            getattr(wishes, step)(what, *ids)
            changed = {(name, *ids) for name in what}
            model.subscriptions = (
                model.subscriptions | changed if step == "subscribe" else model.subscriptions - changed
            )
            model.named = model.named or (step == "subscribe" and bool(what))
    return wishes, model


@given(_STEPS)
def test_same_wishes_as_the_model(
    steps: Steps,
) -> None:
    """After any conversation, every event goes where the contract's text says."""
    wishes, model = _play(steps)
    for kind in RUN_TYPES:
        for run_id, workflow_id in (("r1", "w1"), ("r1", "w2"), ("r2", "w1"), ("r3", "w3")):
            for own in (True, False):
                told = wishes.wants(kind, run_id, workflow_id, own=own)
                assert told == model.wants(kind, run_id, workflow_id, own=own)


# --- keys -------------------------------------------------------------------------------------------------


def test_a_key_is_the_same_whatever_came_first() -> None:
    """Connections with equal wishes are found by it."""
    one, other = Subscriptions(), Subscriptions()
    one.subscribe(["node_log", "node_event"])
    one.watch("r")
    other.watch("r")
    other.subscribe(["node_event"])
    other.subscribe(["node_log", "node_log"])
    assert len({one.key(), other.key()}) == 1


def test_a_key_tells_all_that_matters() -> None:
    """Whether anything was ever named, what is subscribed, and what is watched."""
    fresh, bare, filtered, watching = (Subscriptions() for _ in range(4))
    bare.subscribe(["node_log"])
    bare.unsubscribe(["node_log"])
    filtered.subscribe(["node_log"], run_id="r")
    watching.watch("r")
    assert len({fresh.key(), bare.key(), filtered.key(), watching.key()}) == 4
