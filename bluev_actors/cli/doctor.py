"""`doctor`: what would keep a daemon from working here, found without starting one."""

from __future__ import annotations

import os
import platform
import resource
import socket
import sqlite3
import stat
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import click
import orjson
from attrs import asdict, frozen

from bluev_actors.cli.columns import columns
from bluev_actors.cli.daemon_flags import daemon_flags
from bluev_actors.cli.options import json_option
from bluev_actors.cli.words import plural
from bluev_actors.client.rest import Rest
from bluev_actors.daemon.config import load_settings
from bluev_actors.daemon.engine import outside_of, secrets_of, user_path
from bluev_actors.engine.plugins import gather_catalogue
from bluev_actors.engine.store.folder import JOURNAL
from bluev_actors.engine.store.health import check
from bluev_actors.errors import BluevError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bluev_actors.daemon.config import Settings
    from bluev_actors.engine.store.health import StoreHealth

State: TypeAlias = Literal["ok", "warning", "wrong"]
FILES_BESIDE: Final = 100
"""Open files that a daemon has besides its connections, and some to spare."""


@frozen
class Finding:
    """One thing that was looked at.

    Attributes:
        part: what.
        state: how it is; only what is `wrong` keeps a daemon from working.
        text: what there is to say.
    """

    part: str
    state: State
    text: str


@click.command()
@daemon_flags
@json_option
def doctor(as_json: bool, **flags: object) -> None:
    """Look at everything that `serve` would need here, with the same flags, and change nothing.

    Ends with 1 when something is wrong. It may be used while a daemon works.
    """
    findings = list(examine(load_settings(flags)))
    if as_json:
        click.echo(orjson.dumps([asdict(finding) for finding in findings]))
    else:
        click.echo("\n".join(columns(("PART", "STATE", "WHAT"), [(it.part, it.state, it.text) for it in findings])))
    sys.exit(any(finding.state == "wrong" for finding in findings))


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at one part after the other."""
    for part, look in PARTS.items():
        try:
            for state, text in look(settings):
                yield Finding(part, state, text)
        except BluevError as error:
            yield Finding(part, "wrong", str(error))


Look: TypeAlias = "Iterator[tuple[State, str]]"


def _versions(_settings: Settings) -> Look:
    ours = " ".join(("bluev-actors", version("bluev-actors")))
    yield "ok", f"{ours}, Python {platform.python_version()}, Trio {version('trio')}, SQLite {sqlite3.sqlite_version}"


def _store(settings: Settings) -> Look:
    folder = settings.folder
    if folder is None:
        yield "ok", "in memory: runs die with the process"
    elif not folder.exists():
        yield "ok", f"{folder} is not there yet, and will be made"
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield "wrong", f"{folder} cannot be written"
    elif not (folder / JOURNAL).exists():
        yield "ok", f"{folder} is empty"
    else:
        yield from _journal(check(folder))


def _journal(found: StoreHealth) -> Look:
    where = f"{found.path.parent}, in use by pid {found.owner}" if _lives(found.owner) else str(found.path.parent)
    counts = f"{plural(found.runs, 'run')}, {found.live} of them live, {plural(found.events, 'event')}"
    sizes = f"{megabytes(found.size)}, log {megabytes(found.log_size)}"
    if found.version:
        yield "ok", f"{where}: version {found.version}, {counts}, {sizes}"
    for problem in found.problems:
        yield "wrong", f"{found.path}: {problem}"


def _lives(pid: int | None) -> bool:
    """Whether there is such a process: the number stays in the folder when a daemon is gone."""
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def megabytes(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1e6:.1f} MB"


def _nodes(settings: Settings) -> Look:
    catalogue, problems = gather_catalogue(settings.nodes, settings.allow)
    yield "ok", plural(len(list(catalogue)), "node type")
    for problem in problems:
        yield "warning", problem


def _secrets(settings: Settings) -> Look:
    yield "ok", plural(len(secrets_of(settings).names), "secret")
    file = user_path(settings.secrets_file)
    if file is not None and file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        yield "warning", f"other users of this machine can read {file} (chmod 600)"


def _files(settings: Settings) -> Look:
    root = outside_of(settings).files_root
    yield "ok", "no node reaches a file" if root is None else f"nodes' files are in {root}"


def _port(settings: Settings) -> Look:
    place = f"{settings.host} port {settings.port}"
    try:
        socket.create_server((settings.host, settings.port), family=_family(settings.host)).close()
    except OSError as error:
        yield ("ok", f"a daemon answers at {place}") if _answers(settings) else ("wrong", f"{place}: {_why(error)}")
    else:
        yield "ok", f"{place} is free"


def _why(error: OSError) -> str:
    """The system's own words; Python's say the address a second time."""
    return str(error) if error.errno is None else os.strerror(error.errno)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _answers(settings: Settings) -> bool:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    try:
        with Rest(f"http://{host}:{settings.port}", timeout=2.0) as rest:
            return bool(rest.get("/healthz") == {"status": "ok"})
    except ClientError:
        return False


def _open_files(settings: Settings) -> Look:
    may, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needs = settings.limits.connections + FILES_BESIDE
    if resource.RLIM_INFINITY != may < needs:
        yield (
            "warning",
            f"{may} may be open, which is too few for {settings.limits.connections} connections (ulimit -n)",
        )
    else:
        yield "ok", "as many as all connections need"


PARTS: Final[dict[str, Callable[[Settings], Look]]] = {
    "versions": _versions,
    "store": _store,
    "nodes": _nodes,
    "secrets": _secrets,
    "files": _files,
    "port": _port,
    "open files": _open_files,
}
"""What is looked at, in this order."""
