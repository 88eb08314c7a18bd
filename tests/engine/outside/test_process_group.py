from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.engine.outside.process_group import MARKER, ProcessGroup, end_leftovers, is_alive, send

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("running_clock")

FAMILY = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); print(flush=True); {then}"
SLEEP = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a process's environment")


async def started(code: str, key: str = "run/it") -> ProcessGroup:
    """A Python program that has said its first line."""
    argv = [sys.executable, "-c", code]
    group = await ProcessGroup.start(argv, env={MARKER: key}, cwd=None, stdin=None)
    await group.stdout.receive_some()
    return group


async def close(group: ProcessGroup) -> None:
    """Close the pipes that a node would have served."""
    for stream in (group.stdout, group.stderr):
        await stream.aclose()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that takes its time in another process."""
    with trio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - another process sets no event of ours
            await trio.sleep(0.01)


async def test_a_group_ends_together() -> None:
    """What a program has started ends with it."""
    group = await started(FAMILY.format(child=SLEEP, then="time.sleep(60)"))
    with trio.fail_after(5):
        await group.end()
    assert not is_alive(group.id)
    assert group.leader.returncode == -signal.SIGTERM
    await close(group)


async def test_an_orphan_ends_too() -> None:
    """When the program has ended by itself, what it left behind is still in its group."""
    group = await started(FAMILY.format(child=SLEEP, then="pass"))
    await group.leader.wait()
    assert is_alive(group.id)
    await group.end()
    assert not is_alive(group.id)
    await close(group)


async def test_the_deaf_are_killed() -> None:
    """Who ignores SIGTERM is killed when the patience of the caller ends."""
    group = await started(DEAF)
    with trio.move_on_after(0.2) as patience:
        await group.end()
    assert patience.cancelled_caught
    assert group.leader.returncode == -signal.SIGKILL
    await close(group)


async def test_who_stands_still_ends() -> None:
    """A program that was suspended hears SIGTERM, and has its clean-up."""
    code = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print(flush=True); {}"
    group = await started(code.format("time.sleep(60)"))
    group.suspend()
    await group.end()
    assert group.leader.returncode == 7
    await close(group)


@LINUX
async def test_suspend_and_resume() -> None:
    """The whole group stands still, and goes on."""
    group = await started(FAMILY.format(child=SLEEP, then="time.sleep(60)"))

    def states() -> set[str]:
        stats = [path.read_text().rpartition(")")[2].split() for path in Path("/proc").glob("[0-9]*/stat")]
        return {stat[0] for stat in stats if int(stat[2]) == group.id}

    group.suspend()
    await until(lambda: states() == {"T"})
    group.resume()
    await until(lambda: "T" not in states())
    group.kill()
    await group.end()
    await close(group)


async def test_nobody_is_there_any_more() -> None:
    """A signal to a group that has ended is no error, and it is not alive."""
    group = await started("print(flush=True)")
    await group.leader.wait()
    await group.end()
    send(group.id, signal.SIGTERM)
    group.kill()
    assert not is_alive(group.id)
    await close(group)


async def test_a_program_that_is_not_there() -> None:
    """The system's own error gets out."""
    with pytest.raises(FileNotFoundError):
        await ProcessGroup.start(["/no/such"], env={}, cwd=None, stdin=None)


@LINUX
async def test_leftovers_are_known_by_their_key() -> None:
    """A crash leaves a group behind: it is killed if it is ours, and left alone if the number is another's by now."""
    group = await started(SLEEP.replace("import", "print(flush=True); import"), key="run/it")
    assert not end_leftovers(group.id, "run/other")
    assert not end_leftovers(group.id, "run/i")
    assert is_alive(group.id)
    assert end_leftovers(group.id, "run/it")
    await group.leader.wait()
    assert not end_leftovers(group.id, "run/it")
    await close(group)


@LINUX
def test_a_process_that_waits_to_be_collected_is_not_alive() -> None:
    """Nobody collects the children of the dead in a container without an init, and they are as dead as can be."""
    child = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    os.killpg(child.pid, 0)
    assert not is_alive(child.pid)
    child.wait()
