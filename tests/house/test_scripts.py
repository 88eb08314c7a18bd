"""The scripts a newcomer starts with do what they say, on machines unlike ours too."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

import free_port
from house import ROOT, mirrored

if TYPE_CHECKING:
    from pathlib import Path

SHELL = [path for path in sorted((ROOT / "scripts").iterdir()) if path.is_file() and not path.suffix]


@pytest.mark.parametrize("script", [*SHELL, ROOT / ".ci/run"], ids=lambda path: path.name)
def test_a_script_can_be_started(script: Path) -> None:
    """It is executable, names its interpreter, and its second line says what it does."""
    first, second, *_ = script.read_text("utf-8").splitlines()
    assert first.startswith("#!")
    assert second.startswith(f"# scripts/{script.name}") or script.name == "run"
    assert os.access(script, os.X_OK)


def test_an_old_python_is_told_in_one_line(tmp_path: Path) -> None:
    """Without Python 3.11 nothing is made, and the reason is plain."""
    for tool in ("sh", "dirname", "cat", "cksum"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2"\n')
    old.chmod(0o755)
    told = subprocess.run(
        [ROOT / "scripts/venv", tmp_path / "venv", "requirements.lock"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert told.stderr == "BlueV Actors needs Python 3.11 or newer, and python3 here is: Python 3.9.2\n"
    assert not (tmp_path / "venv").exists()


def test_a_taken_port_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second checkout can be started beside the first."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(free_port, "FIRST", port)
        assert free_port.choose("") > port


def test_a_port_asked_for_is_never_replaced() -> None:
    """Whoever names a port gets that one, or a sentence why not."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"port {port} is in use"):
            free_port.choose(str(port))
    assert free_port.choose(str(port)) == port


@pytest.mark.parametrize("asked", ["0", "65536", "x", "-1"])
def test_what_is_no_port_is_refused(asked: str) -> None:
    """A slip of the finger is told before anything starts."""
    with pytest.raises(ValueError, match="from 1 to 65535"):
        free_port.choose(asked)


def test_the_mirror_keeps_folders() -> None:
    """A module's test file stands where the module stands."""
    errors = ROOT / "bluev_actors/errors.py"
    assert mirrored()[errors] == ROOT / "tests/test_errors.py"
