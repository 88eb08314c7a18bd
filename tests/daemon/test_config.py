"""Where settings come from, and how wrong ones are told."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from attrs import fields
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.daemon.config import LATER, Settings, default_folder, explain, load_settings
from bluev_actors.daemon.limits import Limits
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str], str]:
    """Write a config file, and say where it is."""

    def write(text: str) -> str:
        path = tmp_path / "bluev.toml"
        path.write_text(text)
        return str(path)

    return write


def test_without_a_word_the_defaults_hold() -> None:
    """And they are the contract's."""
    settings = load_settings(environ={})
    assert settings == Settings(data_dir=str(default_folder()))
    assert (settings.host, settings.port, settings.heartbeat, settings.drain_timeout) == ("127.0.0.1", 8765, 30, 10)
    assert settings.limits == Limits()
    assert settings.runs == RuntimeLimits()


def test_flag_beats_environment_beats_file(toml: Callable[[str], str]) -> None:
    """And what nobody sets stays as it is."""
    file = toml("port = 1\nheartbeat = 1\ndrain_timeout = 1")
    environ = {"BLUEV_ACTORS_PORT": "2", "BLUEV_ACTORS_HEARTBEAT": "2", "BLUEV_ACTORS_CONFIG": file}
    settings = load_settings({"port": 3}, environ)
    assert (settings.port, settings.heartbeat, settings.drain_timeout) == (3, 2.0, 1.0)
    assert settings.config == file


def test_a_flag_that_is_not_given_says_nothing(toml: Callable[[str], str]) -> None:
    """A parser hands over None, or an empty tuple for a flag that can be repeated."""
    flags = {"config": toml("port = 1\nnodes = ['a.py']"), "port": None, "nodes": ()}
    settings = load_settings(flags, {})
    assert (settings.port, settings.nodes) == (1, ("a.py",))


def test_the_file_can_be_named_by_flag_or_variable(tmp_path: Path) -> None:
    """The flag wins, and the other file is not even read."""
    path = tmp_path / "a.toml"
    path.write_text("port = 1")
    assert load_settings({"config": str(path)}, {"BLUEV_ACTORS_CONFIG": "/nowhere.toml"}).port == 1


def test_every_setting_can_be_set_everywhere(toml: Callable[[str], str]) -> None:
    """Limits in tables, with hyphens or underscores, and in the environment by one long name."""
    file = toml("[limits]\nhead-size = 100\nidle_time = 5\n[runs]\nactive_runs = 7")
    settings = load_settings(
        {"config": file}, {"BLUEV_ACTORS_LIMITS_IDLE_TIME": "6", "BLUEV_ACTORS_ALLOW": "python,sql_query"}
    )
    assert (settings.limits.head_size, settings.limits.idle_time, settings.runs.active_runs) == (100, 6.0, 7)
    assert settings.allow == ("python", "sql_query")


def test_variables_of_others_are_left_alone() -> None:
    """Clients and secrets share the prefix."""
    environ = {"BLUEV_ACTORS_URL": "ws://x", "BLUEV_ACTORS_SECRET_TOKEN": "x", "PATH": "/bin", "BLUEV_PORT": "x"}
    assert load_settings(environ=environ).sources == {}


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to pass it."""
    monkeypatch.setenv("BLUEV_ACTORS_PORT", "4321")
    assert load_settings().port == 4321


@pytest.mark.parametrize(
    ("flags", "environ", "message"),
    [
        ({"prot": 1}, {}, "There is no setting 'prot' (from --prot). Did you mean port?"),
        ({}, {"BLUEV_ACTORS_QQQ": "1"}, "There is no setting 'qqq' (from BLUEV_ACTORS_QQQ)."),
        ({"port": "x"}, {}, "port must be a whole number from 0 to 65535, not 'x' (from --port)."),
        (
            {},
            {"BLUEV_ACTORS_LIMITS_IDLE_TIME": "0"},
            "limits.idle_time must be a number above 0, not 0.0 (from BLUEV_ACTORS_LIMITS_IDLE_TIME).",
        ),
        ({"log_format": "xml"}, {}, "log_format must be auto, pretty or json, not 'xml' (from --log-format)."),
        (
            {"allow_origin": ("a.org",)},
            {},
            "allow_origin must be like https://example.org:8443, not 'a.org' (from --allow-origin).",
        ),
        ({"config": "/nowhere.toml"}, {}, "The config file /nowhere.toml cannot be read: No such file or directory."),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(flags: dict[str, object], environ: dict[str, str], message: str) -> None:
    """Key, source, and what would be right."""
    with pytest.raises(ConfigError) as error:
        load_settings(flags, environ)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port = '8765'", "port must be a whole number from 0 to 65535, not '8765' (from {file})."),
        ("heartbeat = true", "heartbeat must be a number, not True (from {file})."),
        (
            "[limits]\nhed_size = 1",
            "There is no setting 'limits.hed_size' (from {file}). Did you mean limits.head_size?",
        ),
        ("limits = 3", "There is no setting 'limits' (from {file})."),
        ("[port]\nx = 1", "There is no setting 'port.x' (from {file}). Did you mean port?"),
        ("config = 'x'", "A config file cannot name another ({file})."),
        ("port = ", "The config file {file} is not TOML: Invalid value (at end of document)."),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_in_one_line(toml: Callable[[str], str], text: str, message: str) -> None:
    """With the file's name."""
    file = toml(text)
    with pytest.raises(ConfigError) as error:
        load_settings({"config": file}, {})
    assert str(error.value) == message.format(file=file)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    """TOML is UTF-8."""
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_settings({"config": str(path)}, {})


@pytest.mark.parametrize("name", sorted(LATER))
def test_what_this_version_has_not_is_refused_by_name(name: str, toml: Callable[[str], str]) -> None:
    """A daemon that ignored `--token-file` would be open to everybody."""
    flag = "--" + name.replace("_", "-")
    sources: list[tuple[dict[str, object], dict[str, str]]] = [
        ({name: "x"}, {}),
        ({}, {f"BLUEV_ACTORS_{name.upper()}": "x"}),
        ({"config": toml(f"{name} = 'x'")}, {}),
    ]
    for flags, environ in sources:
        with pytest.raises(ConfigError, match=f"^{flag} is not in this version yet"):
            load_settings(flags, environ)


# --- where runs are kept ----------------------------------------------------------------------------------


def test_runs_are_kept_in_the_users_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unless somebody says something else; settings that were not loaded are for tests, and know of no folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    settings = load_settings(environ={})
    assert settings.folder == tmp_path / "bluev-actors"
    assert ("data_dir", str(tmp_path / "bluev-actors"), "default") in explain(settings)
    assert Settings().folder is None


def test_a_folder_may_be_written_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No shell has a hand in files and variables; and what is relative is shown whole."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={"BLUEV_ACTORS_DATA_DIR": "~/runs"}).folder == tmp_path / "runs"
    assert load_settings({"data_dir": "runs"}, {}).folder == tmp_path / "runs"


def test_the_last_word_on_it_holds(toml: Callable[[str], str]) -> None:
    """`--memory` undoes a folder that is named elsewhere, and the other way round; what is undone has no source."""
    file = toml("data_dir = '/somewhere'")
    settings = load_settings({"config": file, "memory": True}, {})
    assert (settings.folder, settings.memory) == (None, True)
    assert ("data_dir", "", "default") in explain(settings)
    settings = load_settings({"data_dir": "/there"}, {"BLUEV_ACTORS_MEMORY": "yes"})
    assert (str(settings.folder), settings.memory, settings.sources) == ("/there", False, {"data_dir": "--data-dir"})
    settings = load_settings({"config": toml("memory = true")}, {"BLUEV_ACTORS_MEMORY": "no"})
    assert (settings.data_dir, settings.memory) == (str(default_folder()), False)


@pytest.mark.parametrize(
    ("flags", "environ", "message"),
    [
        (
            {"memory": True, "data_dir": "/x"},
            {},
            "memory and data_dir exclude each other (from --data-dir and --memory).",
        ),
        (
            {},
            {"BLUEV_ACTORS_MEMORY": "1", "BLUEV_ACTORS_DATA_DIR": "/x"},
            "memory and data_dir exclude each other (from BLUEV_ACTORS_DATA_DIR and BLUEV_ACTORS_MEMORY).",
        ),
        ({"data_dir": ""}, {}, "data_dir must name a folder (from --data-dir); memory needs none."),
        ({"sync": "off"}, {}, "sync must be full or normal, not 'off' (from --sync)."),
        ({"runs.kept_for": "0"}, {}, "runs.kept_for must be a number above 0, not 0.0 (from --runs.kept-for)."),
    ],
)  # fmt: skip
def test_what_does_not_go_together(flags: dict[str, object], environ: dict[str, str], message: str) -> None:
    """Two answers to one question in one breath, and no answer at all."""
    with pytest.raises(ConfigError) as error:
        load_settings(flags, environ)
    assert str(error.value) == message


def test_what_nodes_may_do_outside() -> None:
    """Each from its own flag."""
    said: dict[str, object] = {"allow_host": ("localhost:1",), "files_root": "/f", "secrets_file": "s.toml"}
    settings = load_settings({**said, "sync": "normal"}, {})
    assert (settings.allow_host, settings.files_root, settings.secrets_file) == (("localhost:1",), "/f", "s.toml")
    assert settings.sync == "normal"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_no_tokens(host: str) -> None:
    """Only this machine gets there."""
    assert load_settings({"host": host}, {}).is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])  # noqa: S104 - refused, not bound
def test_another_host_must_be_said_to_be_insecure(host: str) -> None:
    """Whoever reaches the port may do everything."""
    with pytest.raises(ConfigError, match=f"^host {host} can be reached from other machines"):
        load_settings({"host": host}, {})
    assert load_settings({"host": host, "insecure": True}, {}).host == host


def test_the_guard_follows_from_the_settings() -> None:
    """Names, origins, and whether every address of the machine is ours."""
    said: dict[str, object] = {"host": "192.168.1.5", "allow_host_header": ["flows"], "allow_origin": ["http://a:1"]}
    settings = load_settings({**said, "insecure": True}, {})
    guard = settings.guard()
    assert guard.hosts == {"192.168.1.5", "flows"}
    assert len(guard.origins) == 1
    assert not guard.any_address
    assert Settings(host="0.0.0.0").guard().any_address  # noqa: S104 - not bound either


def test_everything_can_be_explained(toml: Callable[[str], str]) -> None:
    """Each setting once, with its value and where it comes from."""
    file = toml("heartbeat = 3")
    lines = explain(load_settings({"port": 1, "config": file}, {"BLUEV_ACTORS_LIMITS_HEAD_SIZE": "9"}))
    assert ("port", 1, "--port") in lines
    assert ("heartbeat", 3.0, file) in lines
    assert ("limits.head_size", 9, "BLUEV_ACTORS_LIMITS_HEAD_SIZE") in lines
    assert ("host", "127.0.0.1", "default") in lines
    plain = len(fields(Settings)) - 3
    assert len({name for name, _, _ in lines}) == len(lines) == plain + len(fields(Limits)) + len(fields(RuntimeLimits))


@given(st.dictionaries(st.text(min_size=1), st.one_of(st.none(), st.integers(), st.text(), st.lists(st.integers()))))
def test_whatever_is_said_gives_settings_or_a_config_error(flags: dict[str, object]) -> None:
    """And no other exception, for these come from people."""
    with suppress(ConfigError):
        assert load_settings(flags, {}).sources.keys() <= flags.keys()
