"""A terminal in which the commands of a page are typed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from house import ROOT
from pages import matches

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pages import Command

PORT = "8765"
"""The port that the pages show; each terminal has another, so that tests never meet a daemon of yours."""

PATIENCE = 60.0
"""Seconds that a command may take."""


class Terminal:
    """A shell in a folder of its own, with `bluev-actors` on its path and no colours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        command = folder / "bin" / "bluev-actors"
        command.parent.mkdir()
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bluev_actors "$@"\n')
        command.chmod(0o755)
        paths = {"PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        paths["XDG_STATE_HOME"] = str(folder / "state")  # the runs of a page are none of the user's
        self.environment = os.environ | paths | {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "110"}

    def says(self, command: Command) -> str:
        """Run one command to its end; returns all it printed, with the page's port put back."""
        done = subprocess.run(  # noqa: S602 - the commands of our own pages, which are shell commands
            self._own_port(command.line),
            shell=True,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout.replace(str(self.port), PORT)

    @contextmanager
    def daemon(self, command: Command) -> Generator[None]:
        """Keep `bluev-actors serve ...` running for the rest of the page, on a port of its own."""
        line = f"exec {self._own_port(command.line)}"
        line += "" if str(self.port) in line else f" --port {self.port}"
        log = self.folder / "daemon.log"
        with log.open("w") as out:
            process = subprocess.Popen(  # noqa: S602 - as above
                line, shell=True, cwd=self.folder, env=self.environment, stdout=out, stderr=out
            )
            try:
                self._wait_for(process)
                yield
            finally:
                process.terminate()
                assert process.wait(PATIENCE) == 0, log.read_text("utf-8")
        assert matches(command.shown + "...", log.read_text("utf-8").replace(str(self.port), PORT))

    def _wait_for(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)

    def _own_port(self, line: str) -> str:
        return line.replace(PORT, str(self.port))


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def play(terminal: Terminal, script: list[Command]) -> None:
    """Run a page's commands in order; a daemon it starts lives until the page ends."""
    for place, command in enumerate(script):
        if command.line.startswith("bluev-actors serve"):
            with terminal.daemon(command):
                return play(terminal, script[place + 1 :])
        printed = terminal.says(command)
        assert matches(command.shown, printed), f"$ {command.line}\n{printed}\n--- shown:\n{command.shown}"
    return None
