from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.engine.mask import Mask
from bluev_actors.engine.outcome import Waits
from bluev_actors.engine.waits import WaitDesk
from bluev_actors.workflows.graph import Node, Workflow
from bluev_actors.workflows.kinds import NOTHING

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject

WHOLE: JsonObject = {"type": "integer"}
PAYLOADS = st.lists(st.integers() | st.text(), max_size=6)


def fresh() -> tuple[MemoryJournal, WaitDesk]:
    """A journal that holds a run, and what its nodes wait for."""
    journal = MemoryJournal()
    journal.open_run(RunRecord("r", Workflow("w", (Node("a", "noop"),)), {}, 0.0))
    return journal, WaitDesk(journal, "r")


def taken(desk: WaitDesk, node_id: str = "a") -> list[Json]:
    """All that is delivered to a node, one after the other."""
    found: list[Json] = []
    while (signal := desk.next_signal(node_id)) is not None:
        found.append(signal[0])
        desk.take(node_id)
    return found


def test_a_node_that_never_waited() -> None:
    """Nothing is known of it, and it takes whatever comes."""
    journal, desk = fresh()
    assert desk.of("a") is None
    journal.keep_signal("r", "a", "anything")
    assert taken(desk) == ["anything"]


@given(
    st.none() | st.floats(0, 1e9),
    st.just(NOTHING) | st.none() | st.booleans() | st.lists(st.integers(), max_size=3),
    st.none() | st.just(WHOLE),
)
def test_what_a_wait_takes_is_read_back_as_it_was(
    seconds: float | None, default: Json, schema: JsonObject | None
) -> None:
    """By whoever comes next, as after a crash; a default of null is another thing than none."""
    journal, desk = fresh()
    waits = Waits(seconds, default, schema, "approval")
    desk.keep("a", waits)
    assert WaitDesk(journal, "r").of("a") == waits


def test_a_secret_is_not_kept() -> None:
    """What a node was told in confidence reaches no journal; as an output it would be covered as well."""
    journal, _ = fresh()
    mask = Mask()
    mask.cover("s3cr3t-value")
    desk = WaitDesk(journal, "r", mask)
    desk.keep("a", Waits(1, {"token": "s3cr3t-value"}))
    assert desk.of("a") == Waits(1, {"token": "***"})
    assert "s3cr3t" not in str(journal.notes("r"))


def test_the_newest_wait_counts() -> None:
    """A node that waits again, at its next attempt, takes what it says then."""
    _, desk = fresh()
    desk.keep("a", Waits(1, schema=WHOLE))
    desk.keep("a", Waits(2))
    assert desk.of("a") == Waits(2)


def test_nodes_wait_each_for_itself() -> None:
    """A node inside a body is known by its whole id."""
    journal, desk = fresh()
    desk.keep("each[0]/a", Waits(schema=WHOLE))
    assert desk.of("each[1]/a") is None
    assert desk.of("a") is None
    journal.keep_signal("r", "each[0]/a", 1)
    journal.keep_signal("r", "each[1]/a", 2)
    assert taken(desk, "each[1]/a") == [2]
    assert taken(desk, "each[0]/a") == [1]


@given(PAYLOADS)
def test_the_oldest_that_fits_is_next(payloads: list[int | str]) -> None:
    """In the order they came; those that do not fit are dropped, for nobody will ever take them."""
    journal, desk = fresh()
    desk.keep("a", Waits(schema=WHOLE))
    for payload in payloads:
        journal.keep_signal("r", "a", payload)
    assert taken(desk) == [it for it in payloads if isinstance(it, int)]
    assert not journal.signals("r").get("a")


def test_a_note_that_is_none_counts_for_nothing() -> None:
    """A journal that was tampered with does not keep a run from going on."""
    journal, desk = fresh()
    journal.note("r", "wait/a", "nonsense")
    assert desk.of("a") is None
