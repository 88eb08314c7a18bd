"""The node types a command knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.cli.catalogue import open_catalogue
from bluev_actors.engine import plugins
from bluev_actors.engine.node_types import NodeType, node
from bluev_actors.engine.nodes import BUILT_INS
from bluev_actors.errors import NodeTypeError

if TYPE_CHECKING:
    from pathlib import Path


@node
async def shout(text: str) -> str:
    """Makes it loud."""
    return text.upper()


@node("noop")
async def taken() -> None:
    """Bears a name that is taken."""


def install(monkeypatch: pytest.MonkeyPatch, *types: NodeType, problems: tuple[str, ...] = ()) -> None:
    """Pretend that packages offer these types."""
    monkeypatch.setattr(plugins, "entry_point_nodes", lambda: ([("pkg", it) for it in types], list(problems)))


def test_the_built_in_types() -> None:
    """All of them, those that touch the outside switched off."""
    found = open_catalogue()
    assert {it.kind.name for it in BUILT_INS} <= set(found.kinds)
    assert "python" in found.disabled


def test_an_allowed_type() -> None:
    """By its exact name."""
    assert "python" not in open_catalogue(allow=["python"]).disabled


def test_a_slip_in_an_allowance() -> None:
    """What would switch nothing on is refused, with what was meant."""
    with pytest.raises(NodeTypeError, match="did you mean 'python'"):
        open_catalogue(allow=["pyton"])


def test_types_of_a_file(tmp_path: Path) -> None:
    """The user's own."""
    file = tmp_path / "mine.py"
    file.write_text("from bluev_actors import node\n@node\nasync def shout(text: str) -> str: return text.upper()\n")
    assert "shout" in open_catalogue([str(file)])


def test_a_file_that_is_not_there() -> None:
    """Is told by name."""
    with pytest.raises(NodeTypeError, match=r"gone\.py"):
        open_catalogue(["gone.py"])


def test_types_of_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are there without a word."""
    install(monkeypatch, shout)
    assert "shout" in open_catalogue()


def test_a_plug_in_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is left out and told, and the command goes on."""
    install(monkeypatch, taken, problems=("pkg is broken",))
    assert open_catalogue()["noop"].kind.source == "built-in"
    warnings = capsys.readouterr().err.splitlines()
    assert warnings[0] == "Warning: pkg is broken"
    assert warnings[1].startswith("Warning: ")
    assert "'noop'" in warnings[1]
