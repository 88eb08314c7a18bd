from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.store.folder import JOURNAL, LOCK, locked_folder, owner_of
from bluev_actors.errors import StoreLockedError, StoreOpenError

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys
from pathlib import Path
from bluev_actors.engine.store.folder import locked_folder
with locked_folder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_made(tmp_path: Path) -> None:
    """With all above it, and nobody else may look into it."""
    folder = tmp_path / "deep" / "data"
    with locked_folder(folder) as path:
        assert path == folder / JOURNAL
        assert owner_of(folder) == os.getpid()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / LOCK).stat().st_mode) == 0o600


def test_a_second_one_is_kept_out(tmp_path: Path) -> None:
    """It is told who is in; when that one is gone it may come in."""
    with locked_folder(tmp_path), pytest.raises(StoreLockedError) as refused, locked_folder(tmp_path):
        pass
    assert refused.value.pid == os.getpid()
    assert str(refused.value) == f"the data folder {tmp_path} is in use by the daemon with pid {os.getpid()}"
    with locked_folder(tmp_path):
        pass


def test_another_process_is_kept_out_until_it_is_killed(tmp_path: Path) -> None:
    """The system lifts the lock of whoever dies, in whatever way."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:  # noqa: S603 - ourselves
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StoreLockedError, match=f"pid {other.pid}"), locked_folder(tmp_path):
            pass
        other.kill()
        other.wait()
    with locked_folder(tmp_path):
        assert owner_of(tmp_path) == os.getpid()


def test_a_lock_that_names_nobody_is_one_all_the_same(tmp_path: Path) -> None:
    """Whoever holds it may not have come round to write its number."""
    with locked_folder(tmp_path):
        (tmp_path / LOCK).write_text("")
        with pytest.raises(StoreLockedError, match="another daemon") as refused, locked_folder(tmp_path):
            pass
        assert refused.value.pid is None


def test_what_is_no_folder_cannot_be_used(tmp_path: Path) -> None:
    """A file in its place, or on the way there, is told in one line."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(StoreOpenError, match="cannot be used"), locked_folder(path):
            pass


def test_a_lock_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk shows itself here first."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StoreOpenError, match="No space left"), locked_folder(tmp_path):
        pass
