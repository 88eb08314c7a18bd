"""A program and all it starts, as one group that is signalled together and ends together.

The program leads a session of its own, so its group is its process id. What it starts belongs to the group unless it
begins a session of its own on purpose; such a process is out of reach, and is not waited for.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import trio
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MARKER: Final = "BLUEV_ACTORS_IDEMPOTENCY_KEY"
"""The variable by which a program knows for whom it works, and by which its group is known after a crash."""
_GLANCE: Final = 0.01
"""Seconds until the second look at whether a group is gone; each further one takes twice as long to come."""
_LONGEST_GLANCE: Final = 0.2
_PROC: Final = Path("/proc")


@frozen
class ProcessGroup:
    """A program that was started, with what it writes coming through pipes."""

    leader: trio.Process
    stdout: trio.abc.ReceiveStream
    stderr: trio.abc.ReceiveStream

    @classmethod
    async def start(
        cls, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path | None, stdin: bytes | None
    ) -> ProcessGroup:
        """Start a program in a session of its own.

        Args:
            argv: the whole path of the program, and its arguments.
            env: all its environment.
            cwd: the folder it starts in; None: where the daemon runs.
            stdin: what its standard input will be given; None: it gets the end at once.

        Raises:
            OSError: it cannot be started.
        """
        leader = await trio.lowlevel.open_process(
            argv,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
        return cls(leader, cast("trio.abc.ReceiveStream", leader.stdout), cast("trio.abc.ReceiveStream", leader.stderr))

    @property
    def id(self) -> int:
        """The group's id, which is its leader's process id."""
        return self.leader.pid

    def suspend(self) -> None:
        """Have the whole group stand still."""
        send(self.id, signal.SIGSTOP)

    def resume(self) -> None:
        """Have it go on."""
        send(self.id, signal.SIGCONT)

    def kill(self) -> None:
        """End the whole group at once."""
        send(self.id, signal.SIGKILL)

    async def end(self) -> None:
        """End what is left of the group: politely until this is cancelled, then by force."""
        try:
            await self._end_politely()
        finally:
            if is_alive(self.id):
                self.kill()
            # Nobody survives that; only a system that is stuck keeps a process any longer.
            with trio.move_on_after(1, shield=True):
                await self.leader.wait()

    async def _end_politely(self) -> None:
        if is_alive(self.id):
            send(self.id, signal.SIGTERM)
            self.resume()  # what stands still would not hear it
        glance = _GLANCE
        while is_alive(self.id):
            await trio.sleep(glance)
            glance = min(2 * glance, _LONGEST_GLANCE)


def send(group: int, signal_number: signal.Signals) -> None:
    """Send a signal to every process of a group, if there still is one."""
    with suppress(ProcessLookupError, PermissionError):  # macOS refuses where only zombies are left
        os.killpg(group, signal_number)


def is_alive(group: int) -> bool:
    """Whether any process of a group still lives; one that has ended and waits to be collected does not."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return not _PROC.is_dir() or any(True for _ in _members(group))


def end_leftovers(group: int, key: str) -> bool:
    """Kill the group that an earlier daemon started and could not end, if that is what `group` still is.

    Its processes are known by their environment, for after a crash the number may be somebody else's.

    Returns:
        Whether there was one.
    """
    wanted = f"{MARKER}={key}".encode()
    if not any(wanted in _environment(process) for process in _members(group)):
        return False
    send(group, signal.SIGKILL)
    return True


def _members(group: int) -> Iterator[Path]:
    """The living processes of a group, as far as this system tells."""
    for process in _PROC.glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            state, _parent, process_group = (process / "stat").read_text().rpartition(")")[2].split()[:3]
            if state != "Z" and int(process_group) == group:
                yield process


def _environment(process: Path) -> list[bytes]:
    with suppress(OSError):  # it has ended meanwhile, or belongs to somebody else
        return (process / "environ").read_bytes().split(b"\0")
    return []
