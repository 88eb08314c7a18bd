"""The peers of the workflow bench: each is a program that runs in a virtualenv of their own and prints its rate."""

from __future__ import annotations

import subprocess
import sys
import venv
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from attrs import frozen
from bench.duels import Case

HERE: Final = Path(__file__).resolve().parent
PINS: Final = HERE / "peers-requirements.txt"
VENV: Final = HERE.parents[1] / ".venv-peers"
PATIENCE: Final = 600.0
"""Seconds after which an installation or a measurement is taken for stuck."""


@frozen
class Peer:
    """Somebody else's engine.

    Attributes:
        name: its name, and that of the program, `workflow_NAME.py`.
        packages: what has to be installed, at the versions of `peers-requirements.txt`.
        disciplines: what it is measured in: the rest of the case's name, the shape, how many nodes, and more arguments.
    """

    name: str
    packages: tuple[str, ...]
    disciplines: tuple[tuple[str, str, int, tuple[str, ...]], ...]


PEERS: Final = (
    Peer(
        "langgraph",
        ("langgraph", "langgraph-checkpoint-sqlite"),
        (
            ("layered, memory", "layered", 10_000, ("memory",)),
            ("layered, durable", "layered", 10_000, ("sqlite",)),
        ),
    ),
    Peer(
        "dbos",
        ("dbos",),
        (
            ("layered, durable", "layered", 2_000, ("gather",)),
            ("chain, durable", "chain", 1_000, ("row",)),
        ),
    ),
    Peer("prefect", ("prefect", "fastapi"), (("layered, durable", "layered", 200, ()),)),
)
"""Those that are slow get fewer nodes; a rate for each node is what is compared."""


def install(peers: tuple[Peer, ...], folder: Path) -> list[Peer]:
    """The peers that are in the virtualenv `folder`, or can be put there; says which cannot.

    It is made where there is none, and installing what is there already takes a second.
    """
    if not (folder / "bin" / "python").exists():
        venv.create(folder, with_pip=True)
    return [peer for peer in peers if _install(peer, folder)]


def _install(peer: Peer, folder: Path) -> bool:
    quiet = ("--quiet", "--disable-pip-version-check")
    done = _run(folder, "-m", "pip", "install", *quiet, "--constraint", str(PINS), *peer.packages)
    if done.returncode:
        why = _last_line(done.stderr)
        print(f"cannot be installed: {peer.name} ({why}); ITS ROWS ARE LEFT OUT", file=sys.stderr)
    return not done.returncode


def cases(peers: list[Peer], folder: Path) -> list[Case]:
    """What they are measured in; what they store is below `folder`."""
    return [
        Case(f"{peer.name}: {name}", partial(rate, peer.name, shape, more, folder), times)
        for peer in peers
        for name, shape, times, more in peer.disciplines
    ]


def rate(peer: str, shape: str, more: tuple[str, ...], folder: Path, times: int) -> float:
    """Nodes a second, as the peer's program says."""
    with TemporaryDirectory(dir=folder) as scratch:
        done = _run(VENV, str(HERE / f"workflow_{peer}.py"), shape, str(times), scratch, *more)
    if done.returncode:
        raise SystemExit(f"{peer} went wrong: {_last_line(done.stderr)}")
    return float(_last_line(done.stdout))


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(folder / "bin" / "python"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]
