"""`serve`: up with a few lines, down in order, and every way not to come up."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

from attrs import evolve

from bluev_actors.cli import serve
from bluev_actors.cli.serve import banner
from bluev_actors.client.rest import Rest
from bluev_actors.daemon.server import Ready

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from click.testing import Result

    from bluev_actors.daemon.config import Settings

READY = Ready("127.0.0.1", 1, "http://127.0.0.1:1/", "ws://127.0.0.1:1/ws/{session_id}", "memory", "", ("no tokens",))


def test_the_banner() -> None:
    """Where to click, where to connect, where runs are kept, what is unsafe, and how long it took."""
    assert list(banner(READY, 0.31)) == [
        "  console   http://127.0.0.1:1/",
        "  socket    ws://127.0.0.1:1/ws/{session_id}",
        "  store     memory",
        "  warning   no tokens",
        "  ready in 0.31 s. Ctrl-C to stop.",
    ]


def test_the_banner_of_a_folder() -> None:
    """What was found there is said after where it is."""
    lines = list(banner(evolve(READY, store="/runs (sync full)", recovered="2 runs go on"), 0.31))
    assert lines[2:4] == ["  store     /runs (sync full)", "  recovered 2 runs go on"]


def test_flags_reach_the_daemon(monkeypatch: pytest.MonkeyPatch, type_in: Callable[..., Result]) -> None:
    """And what the daemon says when it is ready reaches the terminal."""
    given: list[Settings] = []

    def run_daemon(settings: Settings, on_ready: Callable[[Ready], None]) -> None:
        given.append(settings)
        on_ready(READY)

    monkeypatch.setattr(serve, "run_daemon", run_daemon)
    shown = type_in("serve", "--port", 0, "--allow", "python", "--memory")
    assert shown.exit_code == 0
    assert "console   http://127.0.0.1:1/" in shown.stdout
    assert (given[0].port, given[0].allow, given[0].memory) == (0, ("python",), True)


def test_from_start_to_drain(launch: Callable[..., subprocess.Popen[str]]) -> None:
    """As a user has it: it comes up, answers, and goes at SIGTERM with 0."""
    process = launch("serve", "--port", 0, "--memory")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(4)]
    with Rest(re.findall(r"http://[^/]+", lines[0])[0]) as rest:
        assert rest.get("/healthz") == {"status": "ok"}
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert lines[3].startswith("  ready in ")
    assert process.returncode == 0


def test_a_port_in_use(daemon: str, launch: Callable[..., subprocess.Popen[str]]) -> None:
    """1, and the address."""
    port = daemon.rpartition(":")[2]
    process = launch("serve", "--port", port, "--memory")
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, "")
    assert err.splitlines()[-1].startswith(f"Error: cannot listen on 127.0.0.1 port {port}: ")


def test_bad_settings(type_in: Callable[..., Result]) -> None:
    """2, in words."""
    for words, message in (
        (["--host", "0.0.0.0"], "--insecure"),  # noqa: S104 - it is refused
        (["--port", 70000], "port must be"),
        (["--nodes", "gone.py"], "gone.py"),
        (["--allow", "pyton"], "did you mean 'python'"),
        (["--data-dir", "x"], "exclude each other"),
        (["--secrets-file", "gone.toml"], "gone.toml cannot be read"),
        (["--files-root", "gone"], "files_root must be a folder"),
    ):
        shown = type_in("serve", "--memory", *words)
        assert (shown.exit_code, message in shown.stderr) == (2, True), shown.output


def test_a_folder_that_cannot_be_used(type_in: Callable[..., Result], tmp_path: Path) -> None:
    """1, in one line: a file in its place, another program's file in it."""
    (tmp_path / "file").touch()
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "journal.db").write_text("not a database at all")
    for name, message in (("file", "cannot be used"), ("junk", "is no sound journal")):
        shown = type_in("serve", "--port", 0, "--data-dir", tmp_path / name)
        assert (shown.exit_code, shown.stderr.count("\n")) == (1, 1), shown.output
        assert message in shown.stderr


def test_from_one_process_to_the_next(launch: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    """A run that waits is there after `kill -9`, and goes on."""
    words = ("serve", "--port", 0, "--data-dir", tmp_path / "runs")
    first = launch(*words)
    with Rest(_address(first)) as rest:
        nodes = [{"id": "w", "type": "wait_signal"}]
        run_id = rest.post("/api/runs", {"workflow": {"id": "w", "nodes": nodes, "connections": []}})["run_id"]
    first.kill()
    first.wait()
    second = launch(*words)
    with Rest(_address(second)) as rest:
        rest.post(f"/api/runs/{run_id}/signal", {"node_id": "w", "payload": 3})
        while rest.run(run_id)["state"] != "completed":
            pass
        assert rest.run(run_id)["outputs"] == {"w": {"payload": 3}}


def _address(process: subprocess.Popen[str]) -> str:
    """Where a daemon says that it is, once it has said everything."""
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    while "ready in" not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr and process.stderr.read()
    return str(re.findall(r"http://[^/]+", lines[0])[0])
