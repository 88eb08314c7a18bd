"""The daemon's settings: from a TOML file, the environment and flags, the later beating the earlier.

A wrong setting is never guessed at or passed over: each error names the key, where it was found and what would be
right.
"""

from __future__ import annotations

import ipaddress
import os
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from attrs import asdict, field, frozen

from bluev_actors.daemon.guard import Guard, parse_origin
from bluev_actors.daemon.limits import Limits
from bluev_actors.daemon.setting_kinds import LogFormat, read_value
from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.store.connection import Sync  # noqa: TC001 - settings are read by their annotations
from bluev_actors.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typed_settings.types import OptionInfo

ENV_PREFIX: Final = "BLUEV_ACTORS_"

LATER: Final = frozenset({"token_file", "tls_cert", "tls_key"})
"""Settings that the contract names and this version has not."""

_NOT_OURS: Final = (f"{ENV_PREFIX}URL", f"{ENV_PREFIX}SECRET_")
"""Variables with our prefix that are no settings of the daemon: the clients' address, and secrets for nodes."""

_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised, not bound


@frozen
class Settings:
    """How a daemon is to run.

    Attributes:
        host: the address to listen on.
        port: the port to listen on; 0 for any free one.
        data_dir: the folder that runs are kept in; empty for none, which is in memory. `load_settings` fills in the
            user's own one where nobody says anything else.
        memory: whether nothing is to be kept on disk.
        sync: `full` survives a power cut, `normal` the death of the process.
        nodes: files or modules with the user's own node types.
        allow: node types that touch the outside, switched on by exact name.
        program: the programs that `subprocess` may start, by name; any when none is named.
        allow_host: hosts that nodes may call besides public addresses.
        files_root: the folder that nodes' files are confined to; empty for none, and then no node reaches a file.
        secrets_file: TOML with the secrets that workflows name.
        insecure: whether another host than loopback is allowed without tokens.
        allow_origin: origins of pages that may use the daemon besides its own.
        allow_host_header: names by which requests may call it besides loopback names and `host`.
        heartbeat: seconds between two heartbeats.
        drain_timeout: seconds that runs have when the daemon goes down.
        watchdog: seconds for which a node may hold up everybody before it is named; 0: nobody looks.
        log_format: `pretty`, `json`, or `auto`, which is pretty on a terminal.
        config: the file that settings were read from, if any.
        limits: what one peer may cost.
        runs: what the engine takes.
        sources: where each setting comes from that is no default, by its name.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    data_dir: str = ""
    memory: bool = False
    sync: Sync = "full"
    nodes: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    program: tuple[str, ...] = ()
    allow_host: tuple[str, ...] = ()
    files_root: str = ""
    secrets_file: str = ""
    insecure: bool = False
    allow_origin: tuple[str, ...] = ()
    allow_host_header: tuple[str, ...] = ()
    heartbeat: float = 30.0
    drain_timeout: float = 10.0
    watchdog: float = 1.0
    log_format: LogFormat = "auto"
    config: str = ""
    limits: Limits = field(factory=Limits)
    runs: RuntimeLimits = field(factory=RuntimeLimits)
    sources: dict[str, str] = field(factory=dict[str, str], init=False, eq=False, repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the daemon."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def folder(self) -> Path | None:
        """The folder that runs are kept in; None in memory."""
        return Path(self.data_dir).expanduser().absolute() if self.data_dir and not self.memory else None

    def guard(self) -> Guard:
        """The door's rules that follow from these settings."""
        return Guard(
            hosts=(self.host, *self.allow_host_header),
            origins=self.allow_origin,
            any_address=self.host in _WILDCARDS,
        )


def load_settings(flags: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Put the settings together.

    Args:
        flags: by the names of `Settings`; None and () stand for one that was not given. `config` names the file.
        environ: the environment; the process's own by default.

    Raises:
        ConfigError: a setting is unknown, not in this version, of the wrong type, out of its range, or does not
            go with another; or the file cannot be read.
    """
    import typed_settings as ts  # noqa: PLC0415 - takes long to load, and only who starts a daemon needs it
    from typed_settings.cls_utils import deep_options  # noqa: PLC0415 - only where settings are read

    options = {option.path: option for option in deep_options(Settings)}
    layers = list(_layers(options, flags or {}, os.environ if environ is None else environ))
    _choose_store(layers)
    settings = ts.load_settings(Settings, [ts.loaders.DictLoader(_nested(values)) for _, values in layers])
    for sources, _ in layers:
        settings.sources.update(sources)
    _check_mix(settings)
    return settings


def explain(settings: Settings) -> list[tuple[str, object, str]]:
    """Every setting with its name, value and source, which is `default`, a file, a variable or a flag."""
    values = asdict(settings, filter=lambda attribute, _: attribute.name != "sources")
    return [(name, value, settings.sources.get(name, "default")) for name, value in _flat(values)]


Layer: TypeAlias = tuple[dict[str, str], dict[str, object]]
"""Sources and values, both by the setting's name."""


def _layers(
    options: Mapping[str, OptionInfo], flags: Mapping[str, object], environ: Mapping[str, str]
) -> Iterator[Layer]:
    """What holds by default here, and what file, environment and flags say, checked."""
    yield {}, {"data_dir": str(default_folder())}
    given = {name: value for name, value in flags.items() if value not in (None, ())}
    file = given.get("config") or environ.get(f"{ENV_PREFIX}CONFIG")
    if file:
        yield _layer(options, [(key, value, str(file)) for key, value in _flat(_read_file(str(file)))])
    yield _layer(options, _variables(options, environ), from_text=True)
    yield _layer(options, [(key, value, _flag(key)) for key, value in given.items()], from_text=True)


def default_folder() -> Path:
    """Where a daemon keeps its runs when nobody says where: the user's state folder."""
    from platformdirs import user_state_path  # noqa: PLC0415 - only where settings are read

    return user_state_path("bluev-actors", appauthor=False)


def _choose_store(layers: list[Layer]) -> None:
    """Let the last word on where runs are kept hold: `memory` undoes an earlier `data_dir`, and the other way round.

    Raises:
        ConfigError: both are said in one breath.
    """
    for place, (sources, values) in enumerate(layers):
        in_memory, folder = values.get("memory") is True, values.get("data_dir")
        if in_memory and folder is not None:
            both = " and ".join(sorted({sources["memory"], sources["data_dir"]}))
            raise ConfigError(f"memory and data_dir exclude each other (from {both}).")
        for earlier in layers[1:place]:
            _take_back(earlier, "data_dir" if in_memory else "memory" if folder is not None else "")
    if next((values["memory"] for _, values in reversed(layers) if "memory" in values), False):
        _take_back(layers[0], "data_dir")


def _take_back(layer: Layer, name: str) -> None:
    for said in layer:
        said.pop(name, None)


def _layer(
    options: Mapping[str, OptionInfo], found: list[tuple[str, object, str]], *, from_text: bool = False
) -> Layer:
    sources: dict[str, str] = {}
    values: dict[str, object] = {}
    for key, value, source in found:
        name = key.replace("-", "_")
        _check_name(name, options, source)
        values[name] = read_value(name, options[name].cls, value, source, from_text=from_text)
        sources[name] = source
    return sources, values


def _variables(options: Mapping[str, OptionInfo], environ: Mapping[str, str]) -> list[tuple[str, object, str]]:
    names = {_variable(name): name for name in options}
    ours = [name for name in environ if name.startswith(ENV_PREFIX) and not name.startswith(_NOT_OURS)]
    return [(names.get(v, v.removeprefix(ENV_PREFIX).lower()), environ[v], v) for v in ours]


def _variable(name: str) -> str:
    return ENV_PREFIX + name.upper().replace(".", "_")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _check_name(name: str, options: Mapping[str, OptionInfo], source: str) -> None:
    if name in LATER:
        raise ConfigError(f"{_flag(name)} is not in this version yet (from {source}).")
    if name not in options:
        near = get_close_matches(name, options, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ConfigError(f"There is no setting {name!r} (from {source}).{hint}")
    if name == "config" and not source.startswith(("--", ENV_PREFIX)):
        raise ConfigError(f"A config file cannot name another ({source}).")


def _read_file(path: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - most daemons have no config file

    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"The config file {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The config file {path} is not TOML: {error}.") from None


def _check_mix(settings: Settings) -> None:
    """Refuse settings that are right alone and wrong together."""
    if not settings.is_loopback and not settings.insecure:
        raise ConfigError(
            f"host {settings.host} can be reached from other machines, and this version has no tokens: whoever "
            "reaches the port may do everything. Keep a loopback host, or accept that with --insecure."
        )
    if not settings.memory and not settings.data_dir:
        raise ConfigError(f"data_dir must name a folder (from {settings.sources['data_dir']}); memory needs none.")
    for origin in settings.allow_origin:
        if parse_origin(origin) is None:
            source = settings.sources["allow_origin"]
            raise ConfigError(f"allow_origin must be like https://example.org:8443, not {origin!r} (from {source}).")


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Names with dots instead of tables in tables."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(cast("dict[str, Any]", value), f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _nested(values: Mapping[str, object]) -> dict[str, Any]:
    """Tables in tables instead of names with dots; ours are two deep at most."""
    tables: dict[str, Any] = {}
    for name, value in values.items():
        table, _, key = name.rpartition(".")
        (tables.setdefault(table, {}) if table else tables)[key] = value
    return tables
