from __future__ import annotations

from collections import Counter

from attrs import Factory, define
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.admission import Admission, Gate
from bluev_actors.workflows.graph import Rate, Settings


@define
class Clock:
    """A clock that a test sets."""

    at: float = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.at


@define(eq=False)
class Desk:
    """One admission with its clock, and how often each of its gates was woken."""

    clock: Clock = Factory(Clock)
    woken: Counter[str] = Factory(Counter[str])
    admission: Admission = Factory(lambda self: Admission(self.clock), takes_self=True)

    def gate(self, name: str, settings: Settings = Settings()) -> Gate:  # noqa: B008 - frozen
        """The gate of a run."""
        return self.admission.gate(settings, lambda: self.woken.update([name]))


def limited(limit: int) -> Settings:
    """Settings with so many slots for the key `api`."""
    return Settings(concurrency={"api": limit})


def rated(limit: int, period: float) -> Settings:
    """Settings with so many starts in a period for the key `api`."""
    return Settings(rates={"api": Rate(limit, period)})


def test_one_slot_by_default() -> None:
    """A key that nobody set a limit for lets one in, whichever run it is of."""
    desk = Desk()
    a, b = desk.gate("a"), desk.gate("b")
    assert a.enter("x", "api")
    assert not a.enter("y", "api")
    assert not b.enter("x", "api")
    assert desk.admission.inside("api") == 1


def test_keys_are_apart() -> None:
    """One key says nothing about another."""
    gate = Desk().gate("a")
    assert gate.enter("x", "api")
    assert gate.enter("y", "disk")


def test_as_many_as_the_limit() -> None:
    """The limit is exact."""
    gate = Desk().gate("a", limited(2))
    assert [gate.enter(name, "api") for name in "xyz"] == [True, True, False]


def test_asking_twice() -> None:
    """A node that is inside already stays inside, and counts once."""
    desk = Desk()
    gate = desk.gate("a", limited(2))
    assert gate.enter("x", "api")
    assert gate.enter("x", "api")
    assert desk.admission.inside("api") == 1


def test_leaving_twice() -> None:
    """A node that is not inside has nothing to give back."""
    desk = Desk()
    gate = desk.gate("a")
    gate.enter("x", "api")
    gate.leave("x")
    gate.leave("x")
    gate.leave("stranger")
    assert desk.admission.inside("api") == 0


def test_the_first_in_line_is_woken() -> None:
    """A slot that becomes free wakes one run, the one that came first."""
    desk = Desk()
    a, b, c = desk.gate("a"), desk.gate("b"), desk.gate("c")
    a.enter("x", "api")
    assert not b.enter("x", "api")
    assert not c.enter("x", "api")
    a.leave("x")
    assert desk.woken == {"b": 1}


def test_nobody_overtakes_the_woken() -> None:
    """The slot is kept for who was woken, though another asks before."""
    desk = Desk()
    a, b, c = desk.gate("a"), desk.gate("b"), desk.gate("c")
    a.enter("x", "api")
    b.enter("x", "api")
    a.leave("x")
    assert not c.enter("x", "api")
    assert not a.enter("y", "api")
    assert b.enter("x", "api")
    b.leave("x")
    assert desk.woken == {"b": 1, "c": 1}


def test_a_wide_run_does_not_shut_out_a_narrow_one() -> None:
    """A run has one place in line, however many nodes it has; after its turn it stands at the end."""
    desk = Desk()
    wide, narrow = desk.gate("wide"), desk.gate("narrow")
    assert [wide.enter(f"w{n}", "api") for n in range(100)].count(True) == 1
    assert not narrow.enter("n", "api")
    wide.leave("w0")
    assert [wide.enter(f"w{n}", "api") for n in range(1, 100)].count(True) == 1
    wide.leave("w1")
    assert narrow.enter("n", "api")


def test_a_turn_passed_on() -> None:
    """A run that was woken and wants nothing any more lets the next one in."""
    desk = Desk()
    a, b, c = desk.gate("a"), desk.gate("b"), desk.gate("c")
    a.enter("x", "api")
    b.enter("x", "api")
    c.enter("x", "api")
    a.leave("x")
    b.pass_on()
    assert desk.woken == {"b": 1, "c": 1}
    assert c.enter("x", "api")


def test_only_unused_turns_are_passed_on() -> None:
    """A run that was not woken, or that asked again in vain, keeps its place."""
    desk = Desk()
    a, b, c = desk.gate("a", rated(1, 10)), desk.gate("b", rated(1, 10)), desk.gate("c")
    a.enter("x", "api")
    b.enter("x", "api")
    c.enter("x", "api")
    b.pass_on()
    a.leave("x")
    b.enter("x", "api")
    b.pass_on()
    assert b.next_at() == 10
    assert not c.enter("x", "api")


def test_withdrawing() -> None:
    """A paused run holds up nobody; what it has inside it keeps."""
    desk = Desk()
    a, b, c = desk.gate("a", limited(1)), desk.gate("b"), desk.gate("c")
    a.enter("x", "api")
    b.enter("y", "disk")
    b.enter("x", "api")
    c.enter("x", "api")
    b.withdraw()
    a.leave("x")
    assert desk.woken == {"c": 1}
    assert desk.admission.inside("disk") == 1


def test_closing() -> None:
    """A run that is gone leaves its slots and its places to the others."""
    desk = Desk()
    a, b, c = desk.gate("a"), desk.gate("b"), desk.gate("c")
    a.enter("x", "api")
    a.enter("y", "disk")
    b.enter("x", "api")
    c.enter("x", "api")
    b.close()
    a.close()
    assert desk.woken == {"c": 1}
    assert desk.admission.inside("api") == desk.admission.inside("disk") == 0


def test_retaking() -> None:
    """Nodes in flight after a crash get their slots back, even one more than there are; then the limit holds again."""
    desk = Desk()
    a, b = desk.gate("a"), desk.gate("b")
    a.retake("x", "api")
    b.retake("x", "api")
    b.retake("x", "api")
    assert desk.admission.inside("api") == 2
    assert not a.enter("y", "api")
    a.leave("x")
    assert not desk.woken
    b.leave("x")
    assert desk.woken == {"a": 1}


def test_own_limits() -> None:
    """Each run goes by its own limit; a strict one in line is waited for, not overtaken for ever."""
    desk = Desk()
    generous, strict = desk.gate("generous", limited(3)), desk.gate("strict", limited(1))
    assert generous.enter("x", "api")
    assert generous.enter("y", "api")
    assert not strict.enter("s", "api")
    assert not generous.enter("z", "api")
    generous.leave("x")
    assert not desk.woken
    generous.leave("y")
    assert strict.enter("s", "api")
    assert desk.woken == {"strict": 1, "generous": 1}


def test_room_for_several() -> None:
    """When one that was woken enters and there is still room, the next is woken too."""
    desk = Desk()
    a, b, c = desk.gate("a", limited(2)), desk.gate("b", limited(2)), desk.gate("c", limited(2))
    a.enter("x", "api")
    a.enter("y", "api")
    b.enter("x", "api")
    c.enter("x", "api")
    a.leave("x")
    a.leave("y")
    assert desk.woken == {"b": 1}
    assert b.enter("x", "api")
    assert desk.woken == {"b": 1, "c": 1}
    assert c.enter("x", "api")


def test_inside_a_body() -> None:
    """A node in the body of one with the same key shares its slot, at any depth, or both would wait for ever."""
    desk = Desk()
    gate = desk.gate("a")
    assert gate.enter("each", "api")
    assert gate.enter("each[3]/sub/fetch", "api")
    assert gate.enter("each[3]/other", "disk")
    assert not gate.enter("beside", "api")
    assert desk.admission.inside("api") == 1
    gate.leave("each[3]/sub/fetch")
    assert desk.admission.inside("api") == 1
    gate.leave("each")
    assert desk.admission.inside("api") == 0


def test_rate() -> None:
    """So many starts in a period, in any period, wherever it begins; the gate says when to ask again."""
    desk = Desk()
    gate = desk.gate("a", rated(2, 10))
    desk.clock.at = 4
    assert gate.enter("x", "api")
    desk.clock.at = 9
    assert gate.enter("y", "api")
    assert gate.next_at() is None
    assert not gate.enter("z", "api")
    assert gate.next_at() == 14
    desk.clock.at = 13.5
    assert not gate.enter("z", "api")
    desk.clock.at = 14
    assert gate.enter("z", "api")
    assert gate.next_at() is None
    assert not gate.enter("w", "api")
    assert gate.next_at() == 19


def test_a_rate_alone_sets_no_slots() -> None:
    """Who limits the rate of a key only, does not make its nodes run one after the other."""
    gate = Desk().gate("a", rated(3, 10))
    assert [gate.enter(name, "api") for name in "wxyz"] == [True, True, True, False]


def test_rate_and_slots() -> None:
    """Both hold; while no slot is free it is no matter of time."""
    desk = Desk()
    gate = desk.gate("a", Settings(concurrency={"api": 1}, rates={"api": Rate(1, 10)}))
    gate.enter("x", "api")
    assert not gate.enter("y", "api")
    assert gate.next_at() is None
    gate.leave("x")
    assert not gate.enter("y", "api")
    assert gate.next_at() == 10


def test_a_rate_is_shared() -> None:
    """The starts of other runs count, and who is not first in line has nothing to wait for but its turn."""
    desk = Desk()
    a, b, c = (desk.gate(name, rated(1, 10)) for name in "abc")
    a.enter("x", "api")
    b.enter("x", "api")
    c.enter("x", "api")
    assert (b.next_at(), c.next_at()) == (10, None)
    desk.clock.at = 10
    assert b.enter("x", "api")
    assert desk.woken == {"c": 1}
    assert not c.enter("x", "api")
    assert c.next_at() == 20


def test_a_rate_that_is_due_when_looked_at() -> None:
    """Time that passes between the refusal and the question when to ask again loses nobody."""
    desk = Desk()
    gate = desk.gate("a", rated(1, 10))
    gate.enter("x", "api")
    desk.clock.at = 9.9
    gate.enter("y", "api")
    desk.clock.at = 10.1
    assert gate.next_at() == 10


def test_retaking_is_no_start() -> None:
    """What goes on after a crash counts as started, so that a restart is no way round a rate."""
    desk = Desk()
    gate = desk.gate("a", rated(1, 10))
    assert not gate.enter("y", "api") or desk.admission.inside("api") == 1
    gate.close()
    gate.retake("x", "api")
    assert not gate.enter("z", "api")


def test_idle_keys_are_forgotten() -> None:
    """Documents may bring any number of keys; those that nobody needs go."""
    desk = Desk()
    gate = desk.gate("a", Settings(rates={"slow": Rate(1, 1e9), "k1": Rate(1, 5)}))
    gate.enter("held", "held")
    gate.enter("x", "slow")
    gate.leave("x")
    for number in range(10_000):
        desk.clock.at = number
        gate.enter("n", f"k{number}")
        gate.leave("n")
    assert len(desk.admission) < 200
    assert desk.admission.inside("held") == 1
    assert not gate.enter("y", "slow")


# --- any number of runs, in any order -----------------------------------------------------------------------


@define(eq=False)
class Player:
    """A run as the engine plays it: it asks when it is woken or when the time comes, never by itself."""

    name: str
    settings: Settings
    wanted: list[tuple[str, str]]
    gate: Gate = None  # type: ignore[assignment] # it needs the player's own `wake`
    inside: dict[str, str] = Factory(dict[str, str])
    woken: bool = False
    paused: bool = False

    def wake(self) -> None:
        """Take note."""
        self.woken = True

    def ask(self, desk: Desk, starts: dict[str, list[float]]) -> None:
        """Ask for every node that has not started, as `go_on` does."""
        for node_id, key in [] if self.paused else list(self.wanted):
            if key in self.settings.rates:
                starts.setdefault(key, [])  # from now on starts are counted
            if self.gate.enter(node_id, key):
                self.wanted.remove((node_id, key))
                self.inside[node_id] = key
                starts.get(key, []).append(desk.clock.at)
                limit = self.settings.concurrency.get(key)
                if limit is not None or key not in self.settings.rates:
                    assert desk.admission.inside(key) <= (limit or 1)
                self._check_rate(key, starts.get(key, []))

    def _check_rate(self, key: str, starts: list[float]) -> None:
        rate = self.settings.rates.get(key)
        if rate is not None and len(starts) > rate.limit:
            assert starts[-1] - starts[-1 - rate.limit] >= rate.period - 1e-9  # times are sums of floats

    def answer(self, desk: Desk, starts: dict[str, list[float]]) -> None:
        """Do what a wake-up asks for."""
        self.woken = False
        self.ask(desk, starts)
        self.gate.pass_on()


KEYS = st.sampled_from(["a", "b"])
SETTINGS = st.builds(
    Settings,
    concurrency=st.dictionaries(KEYS, st.integers(1, 3)),
    rates=st.dictionaries(KEYS, st.builds(Rate, st.integers(1, 3), st.sampled_from([1.0, 2.5]))),
)
RUNS = st.lists(st.tuples(SETTINGS, st.lists(KEYS, max_size=5)), min_size=1, max_size=4)
STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "leave", "pause", "resume", "close", "time", "answer"]), st.integers(0, 3)),
    max_size=30,
)


def players(desk: Desk, runs: list[tuple[Settings, list[str]]]) -> list[Player]:
    """The runs, at their gates."""
    found: list[Player] = []
    for number, (settings, keys) in enumerate(runs):
        player = Player(str(number), settings, [(f"n{place}", key) for place, key in enumerate(keys)])
        player.gate = desk.admission.gate(settings, player.wake)
        found.append(player)
    return found


def play(desk: Desk, player: Player, step: str, starts: dict[str, list[float]]) -> None:
    """One thing happens to one run."""
    match step:
        case "ask":
            player.ask(desk, starts)
        case "answer" if player.woken:
            player.answer(desk, starts)
        case "leave" if player.inside:
            node_id, _ = player.inside.popitem()
            player.gate.leave(node_id)
        case "pause":
            player.paused = True
            player.gate.withdraw()
        case "resume":
            player.paused = False
            player.ask(desk, starts)
        case "close":
            player.gate.close()
            player.inside.clear()
            player.wanted.clear()
        case "time":
            desk.clock.at += 0.7
        case _:
            pass


def finish(desk: Desk, everyone: list[Player], starts: dict[str, list[float]]) -> None:
    """Let every run come to its end by wake-ups and timers alone."""
    for player in everyone:
        play(desk, player, "resume", starts)
    for _ in range(100):
        for player in everyone:
            while player.inside:
                play(desk, player, "leave", starts)
        for player in everyone:
            at = player.gate.next_at()
            if player.woken or (at is not None and at <= desk.clock.at):
                player.answer(desk, starts)
        if not any(player.inside or player.woken for player in everyone):
            desk.clock.at = min(
                (at for player in everyone if (at := player.gate.next_at()) is not None), default=desk.clock.at
            )


@given(runs=RUNS, steps=STEPS)
def test_limits_hold_and_everybody_gets_in(
    runs: list[tuple[Settings, list[str]]], steps: list[tuple[str, int]]
) -> None:
    """No limit is ever passed, every node gets in without asking unbidden, and in the end nothing is held."""
    desk, starts = Desk(), dict[str, list[float]]()
    everyone = players(desk, runs)
    for step, who in steps:
        play(desk, everyone[who % len(everyone)], step, starts)
    finish(desk, everyone, starts)
    assert [player.wanted for player in everyone] == [[] for _ in everyone]
    assert desk.admission.inside("a") == desk.admission.inside("b") == 0
