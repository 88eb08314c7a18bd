"""`doctor`: every part it looks at, sound and not."""

# What is hidden is looked at where no machine can be made to be so.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import os
import resource
import socket
from typing import TYPE_CHECKING

import orjson
import pytest

from bluev_actors.cli import doctor as module
from bluev_actors.cli.doctor import PARTS, Finding, examine
from bluev_actors.daemon.config import Settings
from bluev_actors.engine.node_types import Catalogue

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from bluev_actors.workflows.values import Json
    from tests.cli.conftest import Documents


def of(part: str, settings: Settings) -> list[tuple[str, str]]:
    """What is found of one part."""
    return [(finding.state, finding.text) for finding in examine(settings) if finding.part == part]


def test_all_is_well(type_in: Callable[..., Result]) -> None:
    """0, and a line for each part."""
    shown = type_in("doctor", "--memory", "--port", 0)
    assert shown.exit_code == 0
    parts = [line.split("  ")[0] for line in shown.stdout.splitlines()]
    assert parts == ["PART", *PARTS]


def test_something_is_wrong(type_in: Callable[..., Result]) -> None:
    """1, and every other part is looked at all the same; JSON says the same."""
    words = ("doctor", "--memory", "--port", 0, "--nodes", "gone.py", "--json")
    shown = type_in(*words)
    assert shown.exit_code == 1
    found = [Finding(**it) for it in orjson.loads(shown.stdout)]
    assert {it.part for it in found if it.state == "wrong"} == {"nodes"}
    assert {it.part for it in found} == PARTS.keys()


def test_settings_that_are_wrong_themselves(type_in: Callable[..., Result]) -> None:
    """2, as `serve` would."""
    assert type_in("doctor", "--port", "x").exit_code == 2


def test_the_version_of_everything() -> None:
    """For whoever reports a fault."""
    [(state, text)] = of("versions", Settings(port=0))
    assert state == "ok"
    assert all(word in text for word in ("bluev-actors", "Python", "Trio", "SQLite"))


# --- the store --------------------------------------------------------------------------------------------------


def test_no_store(tmp_path: Path) -> None:
    """In memory, in a folder that is not there yet, and in an empty one: nothing is made of it."""
    assert of("store", Settings()) == [("ok", "in memory: runs die with the process")]
    folder = tmp_path / "runs"
    assert of("store", Settings(data_dir=str(folder))) == [("ok", f"{folder} is not there yet, and will be made")]
    assert not folder.exists()
    folder.mkdir()
    assert of("store", Settings(data_dir=str(folder))) == [("ok", f"{folder} is empty")]


def test_a_store_that_is_sound(
    type_in: Callable[..., Result], write: Callable[[Json], str], documents: Documents, tmp_path: Path
) -> None:
    """How much there is; and whether somebody works in it, which a number left behind does not say."""
    type_in("run", write(documents.hello()), "--data-dir", tmp_path / "runs")
    settings = Settings(data_dir=str(tmp_path / "runs"))
    lock = tmp_path / "runs" / "lock"
    lock.write_text("999999999")
    [(state, text)] = of("store", settings)
    assert (state, text.startswith(f"{tmp_path / 'runs'}: version 1, 1 run, 0 of them live, ")) == ("ok", True)
    for pid in (os.getpid(), 1):
        lock.write_text(str(pid))
        assert f"runs, in use by pid {pid}: " in of("store", settings)[0][1]


def test_a_store_of_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may not be asked lives."""

    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert module._lives(1)
    assert not module._lives(None)


def test_a_store_that_is_damaged(tmp_path: Path) -> None:
    """What is wrong, and no more."""
    (tmp_path / "journal.db").write_text("no database")
    [(state, text)] = of("store", Settings(data_dir=str(tmp_path)))
    assert (state, text.startswith(f"{tmp_path / 'journal.db'}: ")) == ("wrong", True)


def test_a_store_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever is in it."""

    def refuse(_path: object, _mode: int) -> bool:
        return False

    monkeypatch.setattr(os, "access", refuse)
    assert of("store", Settings(data_dir=str(tmp_path))) == [("wrong", f"{tmp_path} cannot be written")]


# --- the rest ---------------------------------------------------------------------------------------------------


def test_plug_ins_that_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Are a warning."""

    def gather(*_: object) -> tuple[Catalogue, list[str]]:
        return Catalogue(()), ["the plug-in x is left out"]

    monkeypatch.setattr(module, "gather_catalogue", gather)
    assert of("nodes", Settings())[1:] == [("warning", "the plug-in x is left out")]


def test_secrets(tmp_path: Path) -> None:
    """How many there are, never what; and who may read them."""
    file = tmp_path / "secrets.toml"
    file.write_text("one = 'hidden'")
    settings = Settings(secrets_file=str(file))
    file.chmod(0o600)
    assert of("secrets", settings) == [("ok", "1 secret")]
    file.chmod(0o640)
    assert of("secrets", settings)[1:] == [("warning", f"other users of this machine can read {file} (chmod 600)")]
    file.unlink()
    assert [state for state, _ in of("secrets", settings)] == ["wrong"]


def test_files(tmp_path: Path) -> None:
    """The folder, if there is one."""
    assert of("files", Settings()) == [("ok", "no node reaches a file")]
    assert of("files", Settings(files_root=str(tmp_path))) == [("ok", f"nodes' files are in {tmp_path}")]
    assert [state for state, _ in of("files", Settings(files_root=str(tmp_path / "gone")))] == ["wrong"]


def test_a_port(daemon: str) -> None:
    """Free, ours, somebody else's, or no address of this machine."""
    assert of("port", Settings(port=0)) == [("ok", "127.0.0.1 port 0 is free")]
    assert of("port", Settings(port=0, host="::1")) == [("ok", "::1 port 0 is free")]
    ours = int(daemon.rpartition(":")[2])
    assert of("port", Settings(port=ours)) == [("ok", f"a daemon answers at 127.0.0.1 port {ours}")]
    with socket.socket() as quiet:
        quiet.bind(("127.0.0.1", 0))
        theirs = quiet.getsockname()[1]
        text = f"127.0.0.1 port {theirs}: Address already in use"
        assert of("port", Settings(port=theirs)) == [("wrong", text)]
    assert of("port", Settings(host="no.such.host.invalid"))[0][0] == "wrong"


def test_an_error_without_a_number() -> None:
    """Says what it says."""
    assert module._why(OSError("odd")) == "odd"


@pytest.mark.parametrize(("may", "state"), [(20_099, "warning"), (20_100, "ok"), (resource.RLIM_INFINITY, "ok")])
def test_open_files(may: int, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection is one, and a daemon needs some beside."""

    def limits(_what: int) -> tuple[int, int]:
        return may, may

    monkeypatch.setattr(resource, "getrlimit", limits)
    assert [found for found, _ in of("open files", Settings())] == [state]
