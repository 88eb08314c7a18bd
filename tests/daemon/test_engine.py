"""The engine as the settings want it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.engine import open_engine, outside_of, secrets_of, user_path
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.node_types import Catalogue
from bluev_actors.engine.nodes import BUILT_INS
from bluev_actors.errors import ConfigError


async def test_in_memory() -> None:
    """Settings that name no folder."""
    limits = RuntimeLimits(active_runs=3)
    async with open_engine(Settings(runs=limits), Catalogue(BUILT_INS)) as runtime:
        assert not runtime.journal.durable
        assert runtime.limits is limits


async def test_in_a_folder(tmp_path: Path) -> None:
    """What is stored is there for the next one."""
    settings = Settings(data_dir=str(tmp_path / "runs"), sync="normal")
    async with open_engine(settings, Catalogue(BUILT_INS)) as runtime:
        assert runtime.journal.durable
        await runtime.documents.put("a", {"nodes": [{"id": "a", "type": "noop"}]})
    async with open_engine(settings, Catalogue(BUILT_INS)) as runtime:
        assert "a" in runtime.documents


async def test_secrets_and_the_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the file, the environment and the flags, to the nodes."""
    file = tmp_path / "secrets.toml"
    file.write_text("one = 'x'")
    monkeypatch.setenv("BLUEV_ACTORS_SECRET_TWO", "y")
    settings = Settings(secrets_file=str(file), files_root=str(tmp_path), allow_host=("localhost",))
    async with open_engine(settings, Catalogue(BUILT_INS)) as runtime:
        assert set(runtime.secrets.names) == {"one", "TWO"}
        assert (runtime.outside.files_root, runtime.outside.allowed_hosts) == (tmp_path, ("localhost",))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """One plain sentence before anything is opened."""
    with pytest.raises(ConfigError, match="cannot be read"):
        secrets_of(Settings(secrets_file=str(tmp_path / "none")))
    with pytest.raises(ConfigError, match=r"files_root must be a folder, and .*none is none"):
        outside_of(Settings(files_root=str(tmp_path / "none")))
    assert outside_of(Settings()).files_root is None


def test_a_path_as_people_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Home is home, and nothing is nothing."""
    monkeypatch.setenv("HOME", "/home/me")
    assert user_path("~/x") == Path("/home/me/x")
    assert user_path("") is None
