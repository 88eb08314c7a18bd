"""`backup`: a copy that a daemon can be started on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from click.testing import Result

    from bluev_actors.workflows.values import Json
    from tests.cli.conftest import Documents


def test_a_copy_while_the_daemon_works(
    launch: Callable[..., subprocess.Popen[str]], type_in: Callable[..., Result], tmp_path: Path
) -> None:
    """The folder is named by the environment, as for the daemon; the copy is a journal."""
    daemon = launch("serve", "--port", 0, "--data-dir", tmp_path / "runs")
    assert daemon.stdout is not None
    assert daemon.stdout.readline()
    copy = tmp_path / "copy" / "journal.db"
    shown = type_in("backup", copy, env={"BLUEV_ACTORS_DATA_DIR": str(tmp_path / "runs")})
    assert (shown.exit_code, shown.stdout) == (0, f"copied to {copy}\n")
    assert type_in("doctor", "--port", 0, "--data-dir", copy.parent).exit_code == 0


def test_a_copy_has_what_was_run(
    type_in: Callable[..., Result], write: Callable[[Json], str], documents: Documents, tmp_path: Path
) -> None:
    """And is not written over."""
    type_in("run", write(documents.hello()), "--data-dir", tmp_path / "runs")
    words = ("backup", tmp_path / "new" / "journal.db", "--data-dir", tmp_path / "runs")
    assert type_in(*words).exit_code == 0
    assert "1 run," in type_in("doctor", "--port", 0, "--data-dir", tmp_path / "new").stdout
    again = type_in(*words)
    assert (again.exit_code, "already" in again.stderr) == (1, True)


def test_nothing_to_copy(type_in: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a journal, and memory."""
    shown = type_in("backup", tmp_path / "copy", "--data-dir", tmp_path)
    assert (shown.exit_code, shown.stderr) == (1, f"Error: there is no journal in {tmp_path}\n")
    monkeypatch.setenv("BLUEV_ACTORS_MEMORY", "yes")
    assert type_in("backup", tmp_path / "copy").exit_code == 2
    assert not (tmp_path / "copy").exists()
