from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.outside.outside import Outside
from bluev_actors.engine.outside.process_group import MARKER
from bluev_actors.engine.outside.programs import HANDED_DOWN, environment, find_program
from bluev_actors.errors import Permanent

if TYPE_CHECKING:
    from pathlib import Path


def test_by_its_name() -> None:
    """It is found on the daemon's PATH, and called by its whole path from then on."""
    found = find_program("sh", Outside())
    assert os.path.isabs(found)  # noqa: PTH117 - the path is a text
    assert find_program(found, Outside()) == found


@pytest.mark.parametrize("name", ["no-such-program", "/no/such", "./sh", "bin/sh", "../bin/sh", "/etc/passwd", "/tmp"])  # noqa: S108 - a folder
def test_what_cannot_be_started(name: str) -> None:
    """What is not there, cannot be run, or depends on a folder."""
    with pytest.raises(Permanent) as caught:
        find_program(name, Outside())
    assert caught.value.code == "cannot_start"


def test_the_list_of_the_operator() -> None:
    """Only what stands in it, as it stands in it: a path is not its name, and a name no path."""
    outside = Outside(programs=("sh",))
    path = find_program("sh", outside)
    for name in ("cat", path, "sh ", "SH", "/../bin/sh"):
        with pytest.raises(Permanent) as caught:
            find_program(name, outside)
        assert caught.value.code == "program_not_allowed"
    assert find_program(path, Outside(programs=(path,))) == path


def test_a_program_of_the_same_name_elsewhere(tmp_path: Path) -> None:
    """A variable of the node leads to no other program, for the daemon's own PATH is searched."""
    (tmp_path / "sh").write_text("#!/bin/sh\n")
    (tmp_path / "sh").chmod(0o755)
    environment({"PATH": str(tmp_path)}, Outside(), "key")
    assert find_program("sh", Outside()) != str(tmp_path / "sh")


def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the daemon's variables a program gets those that are known to hold no secret."""
    monkeypatch.setenv("BLUEV_ACTORS_SECRET_TOKEN", "s3cret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.setenv("TZ", "UTC")
    found = environment({"CITY": "Oslo", "TZ": "CET", MARKER: "mine"}, Outside(), "run/it")
    assert found.keys() <= {*HANDED_DOWN, "CITY", MARKER}
    assert "s3cret" not in found.values()
    assert (found["CITY"], found["TZ"], found[MARKER]) == ("Oslo", "CET", "run/it")


@pytest.mark.parametrize("given", [{"": "x"}, {"A=B": "x"}, {"A\0": "x"}, {"A": "s3cret\0"}])
def test_what_no_environment_can_hold(given: dict[str, str]) -> None:
    """It is told, without the value."""
    with pytest.raises(Permanent, match="env") as caught:
        environment(given, Outside(), "key")
    assert caught.value.code == "invalid_param"
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES"])
def test_a_listed_program_is_that_program(name: str) -> None:
    """Where programs are listed, none of them can be turned into another by the loader or by PATH."""
    with pytest.raises(Permanent, match=name):
        environment({name: "/evil"}, Outside(programs=("git",)), "key")
    assert environment({name: "/mine"}, Outside(), "key")[name] == "/mine"
