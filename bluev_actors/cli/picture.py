"""The living picture of a run, one frame at a time: a pure function of its state, in rows of styled words.

The frame never grows beyond the height it is given: of a larger graph it shows the counts per state, and the nodes
that somebody will want to see, the failed and the active ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from bluev_actors.cli.words import counted, duration, outputs_text, printable, shortened, telling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.cli.outline import Outline
    from bluev_actors.workflows.run_events import NodeProgress
    from bluev_actors.workflows.run_state import NodeState, RunState


class Word(NamedTuple):
    """A piece of text and the name of its style."""

    text: str
    style: str = ""


Row: TypeAlias = list[Word]

ICONS: Final = {
    "pending": "·",
    "ready": "·",
    "running": "●",
    "retrying": "↻",
    "waiting": "…",
    "paused": "‖",
    "completed": "✓",
    "failed": "✗",
    "skipped": "↷",
    "cancelled": "⊘",
}
ASCII_ICONS: Final = str.maketrans("·●↻…‖✓✗↷⊘━─", ".>~:=+x-/=-")
"""For terminals whose character set has no others."""

STYLES: Final = {
    "running": "cyan",
    "retrying": "yellow",
    "waiting": "yellow",
    "paused": "yellow",
    "pausing": "yellow",
    "stopping": "yellow",
    "completed": "green",
    "failed": "bold red",
    "stopped": "magenta",
    "cancelled": "magenta",
}
INTERESTING: Final = ("failed", "running", "retrying", "waiting", "paused")
"""What is shown of a graph that is too large to be shown whole, in this order."""

LONGEST_NAME: Final = 32
LONGEST_TYPE: Final = 16
BAR: Final = 40
_AROUND: Final = 2
"""The rows that are always there: the head and the bar."""


def frame(state: RunState, outline: Outline, now: float, size: tuple[int, int]) -> Iterator[Row]:
    """Draw a run.

    Args:
        state: the run.
        outline: its workflow.
        now: the time, in seconds since 1970.
        size: columns and rows of the place there is.
    """
    width, height = size
    yield _head(state, outline, now)
    shown = _shown(state, outline, height - _AROUND)
    columns = _columns(shown, outline)
    for node_id in shown:
        yield _node_row(node_id, state.node(node_id), outline, columns, now, width)
    if len(shown) < outline.total:
        yield _rest(state, outline)
    yield _bar(state, outline)


def _head(state: RunState, outline: Outline, now: float) -> Row:
    began = state.started_at or now
    elapsed = (state.finished_at or now) - began
    return [
        Word(printable(outline.name), "bold"),
        Word("  "),
        Word(state.status, STYLES.get(state.status, "")),
        Word(f"  {duration(max(0.0, elapsed))}", "dim"),
    ]


def _shown(state: RunState, outline: Outline, rows: int) -> list[str]:
    """The nodes that get a row of their own."""
    if outline.total <= rows:
        return list(outline.types)
    found: dict[str, list[str]] = {status: [] for status in INTERESTING}
    for node_id, node in state.nodes.items():
        if node.status in found:
            found[node.status].append(node_id)
    return [node_id for status in INTERESTING for node_id in found[status]][: max(0, rows - 1)]


def _columns(shown: list[str], outline: Outline) -> tuple[int, int]:
    """The widths of names and types."""
    names = max((len(printable(node_id)) for node_id in shown), default=0)
    types = max((len(printable(outline.types.get(node_id, ""))) for node_id in shown), default=0)
    return min(names, LONGEST_NAME), min(types, LONGEST_TYPE)


def _node_row(node_id: str, node: NodeState, outline: Outline, columns: tuple[int, int], now: float, width: int) -> Row:
    names, types = columns
    style = STYLES.get(node.status, "dim")
    fixed = 2 + names + 2 + types + 2 + 9 + 2 + 8 + 2
    return [
        Word(f"{ICONS[node.status]} ", style),
        Word(f"{shortened(printable(node_id), names):<{names}}  "),
        Word(f"{shortened(printable(outline.types.get(node_id, '')), types):<{types}}  ", "dim"),
        Word(f"{node.status:<9}  ", style),
        Word(f"{node_time(node, now):>8}  ", "dim"),
        Word(node_note(node, max(0, width - fixed - 1))),
    ]


def node_time(node: NodeState, now: float) -> str:
    """How long a node took, or has taken by `now`."""
    if node.first_started_at is None:
        return ""
    return duration(max(0.0, (node.finished_at or now) - node.first_started_at))


def node_note(node: NodeState, width: int) -> str:
    """What there is to say of a node beside its status."""
    if node.error is not None:
        return shortened(printable(node.error.message), width)
    if node.progress is not None:
        return shortened(_progress(node.progress), width)
    if outputs := telling(node.outputs):
        return outputs_text(outputs, width)
    return shortened(printable(node.reason or ""), width)


def _progress(progress: NodeProgress) -> str:
    parts = [printable(progress.message)] if progress.message else []
    if progress.fraction is not None:
        parts.insert(0, f"{progress.fraction:.0%}")
    elif progress.done is not None:
        total = "" if progress.total is None else f" of {progress.total:g}"
        parts.insert(0, f"{progress.done:g}{total}")
    return "  ".join(parts)


def _rest(state: RunState, outline: Outline) -> Row:
    """The counts per state, for the nodes that have no row."""
    counts: dict[str, int] = {}
    for node in state.nodes.values():
        counts[node.status] = counts.get(node.status, 0) + 1
    counts["pending"] = counts.get("pending", 0) + outline.total - len(state.nodes)
    return [Word(f"  {counted(sorted(counts.items()))}", "dim")]


def _bar(state: RunState, outline: Outline) -> Row:
    done = sum(node.ended for node in state.nodes.values())
    full = BAR * done // max(1, outline.total)
    style = STYLES.get(state.status, "cyan")
    return [Word("━" * full, style), Word("─" * (BAR - full), "dim"), Word(f"  {done} of {outline.total}", "dim")]
