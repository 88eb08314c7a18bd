"""`config show`: one truth, and where it is from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result


def settings(shown: Result) -> dict[str, tuple[str, str]]:
    """Value and source of each setting of a table."""
    rows = [line.split("  ") for line in shown.stdout.splitlines()[1:]]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    return {row[0]: (row[1], row[2]) for row in cells}


def test_defaults(type_in: Callable[..., Result]) -> None:
    """Every setting is shown, limits too."""
    found = settings(type_in("config", "show"))
    assert found["port"] == ("8765", "default")
    assert found["nodes"] == ("-", "default")
    assert found["sync"] == ("full", "default")
    assert found["runs.kept_runs"] == ("10000", "default")
    assert found["data_dir"][0].endswith("/bluev-actors")
    assert any(name.startswith("limits.") for name in found)


def test_a_flag_beats_the_environment_beats_the_file(type_in: Callable[..., Result], tmp_path: Path) -> None:
    """And each says where it is from."""
    file = tmp_path / "bluev.toml"
    file.write_text("port = 1\nheartbeat = 11\ndrain_timeout = 21\n")
    env = {"BLUEV_ACTORS_HEARTBEAT": "12", "BLUEV_ACTORS_PORT": "2"}
    found = settings(type_in("config", "show", "--config", file, "--port", 3, env=env))
    assert found["port"] == ("3", "--port")
    assert found["heartbeat"] == ("12.0", "BLUEV_ACTORS_HEARTBEAT")
    assert found["drain_timeout"][1] == str(file)


def test_json(type_in: Callable[..., Result]) -> None:
    """For programs."""
    found = orjson.loads(type_in("config", "show", "--memory", "--json").stdout)
    assert found["memory"] == {"value": True, "source": "--memory"}


def test_a_bad_setting_is_one_plain_line(type_in: Callable[..., Result]) -> None:
    """2, as `serve` would."""
    shown = type_in("config", "show", "--token-file", "/x")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert shown.stderr == "Error: --token-file is not in this version yet (from --token-file).\n"
