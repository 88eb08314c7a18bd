from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.engine.nodes.process import DRAIN_SECONDS, STDERR_BYTES, subprocess
from bluev_actors.engine.outside.outside import Outside
from bluev_actors.engine.outside.process_group import MARKER, ProcessGroup, is_alive
from bluev_actors.errors import InvalidWorkflowError, NodeError, Permanent
from bluev_actors.workflows.params import NodeParams
from bluev_actors.workflows.run_events import NodeLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt

pytestmark = pytest.mark.usefixtures("running_clock")

SLEEP = "import time; print(flush=True); time.sleep(60)"
CHILD = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {code!r}], start_new_session={own}); {then}"
)


def python(code: str, *arguments: str) -> list[str]:
    """The arguments that run a piece of Python."""
    return [sys.executable, "-c", code, *arguments]


def lines(it: Attempt) -> list[tuple[str, str]]:
    """What watchers have seen, with its level."""
    return [(said.level, said.message) for said in it.port.said if isinstance(said, NodeLog)]


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that takes its time in another process."""
    with trio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - another process sets no event of ours
            await trio.sleep(0.01)


def group_of(it: Attempt) -> int:
    """The group of the program that an attempt has started."""
    group = it.port.saved[0]["group"]
    assert isinstance(group, int)
    return group


# --- what goes in and out ---------------------------------------------------------------------------------


async def test_a_program(attempt: type[Attempt]) -> None:
    """It reads what it is given, and what it writes comes out, line by line on the way."""
    code = "import sys; text = sys.stdin.read(); print(text.upper()); print('done', file=sys.stderr)"
    it = attempt(subprocess, {"argv": python(code)}, {"stdin": "a\nb"})
    assert await it.run() == {"stdout": "A\nB\n", "stderr": "done\n", "code": 0}
    assert sorted(lines(it)) == [("info", "A"), ("info", "B"), ("warning", "done")]


async def test_nothing_to_read(attempt: type[Attempt]) -> None:
    """Without an input its standard input is at its end."""
    it = attempt(subprocess, {"argv": python("import sys; print(repr(sys.stdin.read()))")})
    assert (await it.run())["stdout"] == "''\n"


async def test_it_need_not_read(attempt: type[Attempt]) -> None:
    """A program that ends before it has read everything is no failure."""
    it = attempt(subprocess, {"argv": python("print('enough')")}, {"stdin": "x" * 10_000_000})
    assert (await it.run())["stdout"] == "enough\n"


@pytest.mark.parametrize(("log", "seen"), [("stderr", [("warning", "err")]), ("none", [])])
async def test_what_watchers_see(attempt: type[Attempt], log: str, seen: list[tuple[str, str]]) -> None:
    """Its lines may be kept from the log, where they belong to nobody else."""
    code = "import sys; print('out'); print('err', file=sys.stderr)"
    it = attempt(subprocess, {"argv": python(code), "log": log})
    await it.run()
    assert lines(it) == seen


HOSTILE = ["; touch {}", "$(touch {})", "`touch {}`", "| touch {}", "&& touch {}", "> {}", "--help", "*", "~", "$HOME"]


async def test_no_shell_reads_the_arguments(attempt: type[Attempt], tmp_path: Path) -> None:
    """What a shell would act on is text like any other."""
    hostile = [text.format(tmp_path / "touched") for text in HOSTILE]
    it = attempt(subprocess, {"argv": python("import sys; print('\\n'.join(sys.argv[1:]))", *hostile)})
    assert (await it.run())["stdout"].splitlines() == hostile
    assert not (tmp_path / "touched").exists()


async def test_the_environment(attempt: type[Attempt], monkeypatch: pytest.MonkeyPatch) -> None:
    """A few variables of the daemon's, the node's own, and for whom it works."""
    monkeypatch.setenv("BLUEV_ACTORS_SECRET_KEY", "s3cret")
    it = attempt(subprocess, {"argv": ["env"], "env": {"CITY": "Oslo"}})
    found = dict(line.split("=", 1) for line in (await it.run())["stdout"].splitlines())
    assert (found["CITY"], found[MARKER], found["PATH"]) == ("Oslo", "run/it", os.environ["PATH"])
    assert "s3cret" not in found.values()


# --- how it ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("raise SystemExit(3)", "ended with code 3"),
        ("import sys; sys.exit('no such\\ncity\\n')", "ended with code 1: city"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ("import os; os.kill(os.getpid(), 40)", "was killed by signal 40"),
    ],
)
async def test_a_bad_end(attempt: type[Attempt], code: str, sentence: str) -> None:
    """The failure says how it ended, with the last that the program said; another attempt may help."""
    with pytest.raises(NodeError, match=sentence) as caught:
        await attempt(subprocess, {"argv": python(code)}).run()
    assert (caught.value.code, caught.value.retryable) == ("nonzero_exit", True)


@pytest.mark.parametrize("ok_codes", [[0, 3], []])
async def test_a_code_that_is_no_failure(attempt: type[Attempt], ok_codes: list[Json]) -> None:
    """Some programs answer by their code; an empty list takes any."""
    it = attempt(subprocess, {"argv": python("raise SystemExit(3)"), "ok_codes": ok_codes})
    assert (await it.run())["code"] == 3


async def test_too_much_output(attempt: type[Attempt]) -> None:
    """A program that never stops talking is killed, not half heard."""
    it = attempt(subprocess, {"argv": python("while True: print('x' * 1000)"), "log": "none"})
    it.context.outside = Outside(output_bytes=100_000)
    with pytest.raises(Permanent, match="more than 100000 bytes") as caught, trio.fail_after(10):
        await it.run()
    assert caught.value.code == "too_large"
    assert not is_alive(group_of(it))


async def test_the_newest_of_its_errors(attempt: type[Attempt]) -> None:
    """Of a long standard error the end is kept, which says what went wrong."""
    code = f"import sys; sys.stderr.write('x' * {STDERR_BYTES} + 'the end')"
    it = attempt(subprocess, {"argv": python(code), "log": "none"})
    stderr = (await it.run())["stderr"]
    assert len(stderr) == STDERR_BYTES
    assert stderr.endswith("the end")


@pytest.mark.parametrize("argv", [["no-such-program"], ["./x"], ["/etc/passwd"]])
async def test_what_cannot_be_started(attempt: type[Attempt], argv: list[Json]) -> None:
    """It fails for good, and the argument is not repeated."""
    with pytest.raises(Permanent) as caught:
        await attempt(subprocess, {"argv": argv}).run()
    assert caught.value.code == "cannot_start"
    assert argv[0] not in str(caught.value)


async def test_a_program_in_a_strange_form(attempt: type[Attempt], tmp_path: Path) -> None:
    """What the system refuses to run is told as it tells it."""
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF nonsense")
    program.chmod(0o755)
    with pytest.raises(NodeError, match="Exec format error") as caught:
        await attempt(subprocess, {"argv": [str(program)]}).run()
    assert caught.value.code == "cannot_start"


@pytest.mark.parametrize(
    "params",
    [
        {"argv": []},
        {"argv": [""]},
        {"argv": ["a\0b"]},
        {"argv": "ls -l"},
        {"argv": ["ls", 1]},
        {"argv": ["ls"], "env": {"A": 1}},
        {"argv": ["ls"], "log": "loud"},
    ],
)
def test_what_validation_refuses(params: dict[str, Json]) -> None:
    """A line for a shell, an empty list, a NUL: a slip is told before anything runs."""
    with pytest.raises(InvalidWorkflowError):
        NodeParams.compile(params, subprocess.kind)


# --- what the operator allows -----------------------------------------------------------------------------


async def test_only_listed_programs(attempt: type[Attempt]) -> None:
    """The operator's list is the end of it."""
    for argv, allowed in ((["env"], True), (["sort"], False)):
        it = attempt(subprocess, {"argv": argv})
        it.context.outside = Outside(programs=("env",))
        if allowed:
            assert (await it.run())["code"] == 0
            continue
        with pytest.raises(Permanent) as caught:
            await it.run()
        assert caught.value.code == "program_not_allowed"


@pytest.mark.parametrize(("cwd", "where"), [(None, "."), ("inner", "inner"), ("./inner/..", ".")])
async def test_it_starts_below_the_root(attempt: type[Attempt], tmp_path: Path, cwd: str | None, where: str) -> None:
    """With a files root a program starts there, or in a folder below it."""
    (tmp_path / "inner").mkdir()
    it = attempt(subprocess, {"argv": ["pwd"]} | ({"cwd": cwd} if cwd else {}))
    it.context.outside = Outside(files_root=tmp_path)
    assert (await it.run())["stdout"].strip() == str((tmp_path / where).resolve())


@pytest.mark.parametrize("cwd", ["..", "/", "/tmp", "inner/../..", "link"])  # noqa: S108 - it is refused
async def test_it_starts_nowhere_else(attempt: type[Attempt], tmp_path: Path, cwd: str) -> None:
    """Not above the root, and not where a link leads."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "link").symlink_to("/")
    it = attempt(subprocess, {"argv": ["pwd"], "cwd": cwd})
    it.context.outside = Outside(files_root=tmp_path)
    with pytest.raises(Permanent) as caught:
        await it.run()
    assert caught.value.code == "forbidden_path"


# --- nothing is left behind -------------------------------------------------------------------------------


async def test_a_cancel_ends_the_family(attempt: type[Attempt]) -> None:
    """The program and what it has started are gone when the node is."""
    it = attempt(
        subprocess, {"argv": python(CHILD.format(code=SLEEP, own=False, then="print(flush=True); time.sleep(60)"))}
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run)
        await until(lambda: lines(it))
        assert is_alive(group_of(it))
        with trio.fail_after(3):
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await until(lambda: not is_alive(group_of(it)))


async def test_it_may_clean_up(attempt: type[Attempt]) -> None:
    """After SIGTERM it has the grace, and is heard to the end."""
    code = "import os, signal, time\ndef bye(*_): os.write(1, b'x' * 200_000 + b'bye'); os._exit(0)\n"
    code += "signal.signal(signal.SIGTERM, bye); print('ready', flush=True); time.sleep(60)"
    it = attempt(subprocess, {"argv": python(code)})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run)
        await until(lambda: lines(it))
        nursery.cancel_scope.cancel()
    assert lines(it)[-1][1].endswith("bye")


async def test_the_deaf_are_killed_after_the_grace(attempt: type[Attempt]) -> None:
    """A program that ignores SIGTERM gets the run's grace and not a moment more."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    it = attempt(subprocess, {"argv": python(code)})
    it.context.grace = 0.3
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run)
        await until(lambda: lines(it))
        before = trio.current_time()
        nursery.cancel_scope.cancel()
    assert 0.25 < trio.current_time() - before < 2
    assert not is_alive(group_of(it))


async def test_a_kill_is_at_once(attempt: type[Attempt]) -> None:
    """No grace, also when one was under way already."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    it = attempt(subprocess, {"argv": python(code)})
    it.context.grace = 60
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run)
        await until(lambda: lines(it))
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.sleep(0.1)
        assert is_alive(group_of(it))
        it.context.end_grace()
        before = trio.current_time()
    assert trio.current_time() - before < 1
    assert not is_alive(group_of(it))


async def test_what_it_leaves_behind_ends_with_it(attempt: type[Attempt]) -> None:
    """A program that has ended well, but not its child, which holds the pipe: the child is ended."""
    it = attempt(subprocess, {"argv": python(CHILD.format(code=SLEEP, own=False, then="print('done')"))})
    with trio.fail_after(4):
        assert "done" in (await it.run())["stdout"]
    assert not is_alive(group_of(it))


async def test_who_left_the_group_is_not_waited_for(attempt: type[Attempt]) -> None:
    """A child in a session of its own holds the pipe; the node does not wait for it."""
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(30)"
    it = attempt(subprocess, {"argv": python(CHILD.format(code=child, own=True, then="time.sleep(1); print('done')"))})
    before = trio.current_time()
    words = (await it.run())["stdout"].split()
    assert "done" in words
    assert trio.current_time() - before < 1 + DRAIN_SECONDS + 3
    words.remove("done")
    os.kill(int(words[0]), 9)


async def test_a_pause_makes_it_stand_still(attempt: type[Attempt]) -> None:
    """Suspended it says nothing, and after the resume it goes on where it was."""
    it = attempt(
        subprocess, {"argv": python("import time\nfor i in range(1000): print(i, flush=True); time.sleep(0.01)")}
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run)
        await until(lambda: len(lines(it)) > 3)
        assert it.context.suspend()
        await trio.sleep(0.1)
        seen = len(lines(it))
        await trio.sleep(0.2)
        assert len(lines(it)) == seen
        it.context.resume()
        await until(lambda: len(lines(it)) > seen)
        assert [int(message) for _, message in lines(it)] == list(range(len(lines(it))))
        it.context.suspend()
        nursery.cancel_scope.cancel()
    assert not is_alive(group_of(it))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a process's environment")
async def test_after_a_crash_the_old_one_goes_first(attempt: type[Attempt]) -> None:
    """The daemon died and its program did not: it is killed before the node starts another."""
    old = await ProcessGroup.start(python(SLEEP), env={MARKER: "run/it"}, cwd=None, stdin=None)
    await until(lambda: MARKER.encode() in Path(f"/proc/{old.id}/environ").read_bytes())
    it = attempt(subprocess, {"argv": ["echo", "new"]}, resume_state={"group": old.id})
    assert (await it.run())["stdout"] == "new\n"
    assert await old.leader.wait() == -9
    assert lines(it)[0] == ("warning", "what was left of an earlier start has been killed")
    for pipe in (old.stdout, old.stderr):
        await pipe.aclose()


@pytest.mark.parametrize("state", [{"group": 2**22 + 1}, {"other": 1}, [1], "x", {"group": "1"}])
async def test_a_checkpoint_that_means_nothing(attempt: type[Attempt], state: Json) -> None:
    """A group that is gone, or a state of another node type, keeps nobody from starting."""
    it = attempt(subprocess, {"argv": ["echo", "new"]}, resume_state=state)
    assert (await it.run())["stdout"] == "new\n"
    assert len(lines(it)) == 1


async def test_one_that_cannot_be_killed(attempt: type[Attempt], monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is stuck in the system has no code, and that is told."""
    monkeypatch.setattr(trio.Process, "returncode", property(lambda _process: None))

    async def end(_group: ProcessGroup) -> None:
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr(ProcessGroup, "end", end)
    with pytest.raises(NodeError, match="could not be killed"):
        await attempt(subprocess, {"argv": ["true"]}).run()


def test_what_it_says_of_itself() -> None:
    """It is off until allowed, is never cut short by a usual pause, and has a code for each of its failures."""
    kind = subprocess.kind
    assert kind.outside
    assert not kind.pausable
    assert {it.code for it in kind.failures} >= {"nonzero_exit", "cannot_start", "program_not_allowed", "too_large"}
    assert "SIGSTOP" in kind.conduct.pause
