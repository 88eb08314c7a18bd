"""Plain tables."""

from __future__ import annotations

from bluev_actors.cli.columns import columns


def test_each_column_is_as_wide_as_its_widest_cell() -> None:
    """Heads and cells line up, and nothing trails."""
    rows = [("a", "long cell", "x"), ("longer", "b", "")]
    assert list(columns(("ONE", "TWO", "THREE"), rows)) == [
        "ONE     TWO        THREE",
        "a       long cell  x",
        "longer  b",
    ]


def test_an_empty_table_is_its_heads() -> None:
    """So that a script sees the same first line in any case."""
    assert list(columns(("RUN", "STATE"), [])) == ["RUN  STATE"]


def test_cells_cannot_steer_the_terminal() -> None:
    """A session may be called anything."""
    assert list(columns(("X",), [("\x1b[2J",)]))[1] == "\\x1b[2J"
