"""`run`: here and on a daemon, in every way it can end."""

from __future__ import annotations

import os
import pty
import signal
import sys
from typing import TYPE_CHECKING

import orjson
import pytest

from bluev_actors.cli.example import examples
from bluev_actors.protocol.codec import UnknownMessage, decode_server

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from bluev_actors.client.rest import Rest
    from bluev_actors.workflows.values import Json, JsonObject
    from tests.cli.conftest import Documents

    Launch = Callable[..., subprocess.Popen[str]]


@pytest.fixture(params=["here", "there"])
def where(request: pytest.FixtureRequest) -> list[str]:
    """Run in this process, or on the daemon."""
    return [] if request.param == "here" else ["--url", request.getfixturevalue("daemon")]


# --- how it ends ------------------------------------------------------------------------------------------------


def test_completed(
    where: list[str], type_in: Callable[..., Result], write: Callable[[Json], str], documents: Documents
) -> None:
    """0, and the results last."""
    shown = type_in("run", write(documents.hello(id="run-hello")), *where)
    assert shown.exit_code == 0
    first, *_, last = shown.stdout.splitlines()
    assert first.split()[1:3] == ["run-hello", "started,"]
    assert last == "  a: value = 2"
    assert "\x1b" not in shown.output


def test_failed(
    where: list[str], type_in: Callable[..., Result], write: Callable[[Json], str], documents: Documents
) -> None:
    """1, and why."""
    shown = type_in("run", write(documents.failing(id="run-failing")), *where)
    assert shown.exit_code == 1
    assert "a failed: it broke" in shown.stdout
    assert shown.stdout.splitlines()[-1] == "error: node a failed: it broke"


def test_invalid(
    where: list[str], type_in: Callable[..., Result], write: Callable[[Json], str], documents: Documents
) -> None:
    """2, with all problems, and nothing on standard output."""
    path = write(documents.chain({"id": "a", "type": "nope"}, {"id": "b", "type": "nope"}))
    shown = type_in("run", path, *where)
    assert (shown.exit_code, shown.stdout) == (2, "")
    head, *lines = shown.stderr.splitlines()
    assert head == f"{path}: 2 problems"
    assert [line.partition(":")[0] for line in lines] == ["nodes[0].type", "nodes[1].type"]


def test_out_of_time(
    where: list[str], type_in: Callable[..., Result], write: Callable[[Json], str], documents: Documents
) -> None:
    """`--timeout` is the run's own: it fails."""
    shown = type_in("run", write(documents.waiting(id="run-slow")), "--timeout", 0.05, *where)
    assert shown.exit_code == 1
    assert "failed in" in shown.stdout


def test_stopped_by_somebody_else(
    daemon: str, rest: Rest, launch: Launch, write: Callable[[Json], str], documents: Documents
) -> None:
    """3: neither good nor bad."""
    process = launch("run", write(documents.waiting(id="run-stopped")), "--url", daemon, "--json")
    rest.post(f"/api/runs/{first_message(process)['run_id']}/stop")
    assert process.wait(20) == 3


def test_unreachable(type_in: Callable[..., Result], write: Callable[[Json], str], documents: Documents) -> None:
    """4, with the address and what to do."""
    shown = type_in("run", write(documents.hello()), "--url", "http://127.0.0.1:1")
    assert shown.exit_code == 4
    assert "127.0.0.1:1" in shown.stderr
    assert "bluev-actors serve" in shown.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"id": "x",\n "nodes" 5}', "standard input:2:10: not JSON"), ("", "standard input:1:1: not JSON")],
)
def test_no_json(text: str, message: str, type_in: Callable[..., Result]) -> None:
    """2, with line and column."""
    shown = type_in("run", "-", text=text)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert message in shown.stderr


def test_no_file(type_in: Callable[..., Result]) -> None:
    """Bad usage."""
    assert type_in("run", "gone.json").exit_code == 2


# --- what it takes ----------------------------------------------------------------------------------------------


def test_standard_input_and_inputs(type_in: Callable[..., Result]) -> None:
    """A document in a pipe, values on the command line."""
    shown = type_in("run", "-", "--input", 'name="Ada"', text=examples()["template"].read_bytes())
    assert shown.exit_code == 0
    assert "Dear Ada" in shown.stdout


def test_an_input_that_is_not_declared(where: list[str], type_in: Callable[..., Result]) -> None:
    """Is a problem of the document like any other."""
    shown = type_in("run", "-", "--input", "nmae=1", *where, text=examples()["template"].read_bytes())
    assert shown.exit_code == 2
    assert "nmae" in shown.stderr


def test_own_node_types(type_in: Callable[..., Result], documents: Documents, tmp_path: Path) -> None:
    """`--nodes` brings them, also those that touch the outside: who names a file means it."""
    file = tmp_path / "mine.py"
    file.write_text(
        "from bluev_actors import node\n@node(outside=True)\nasync def shout(text: str) -> str: return text.upper()\n"
    )
    text = orjson.dumps(documents.chain({"id": "a", "type": "shout", "params": {"text": "hi"}}))
    assert type_in("run", "-", text=text).exit_code == 2
    shown = type_in("run", "-", "--nodes", file, text=text)
    assert (shown.exit_code, shown.stdout.splitlines()[-1]) == (0, '  a: value = "HI"')


def test_a_session(daemon: str, rest: Rest, type_in: Callable[..., Result], documents: Documents) -> None:
    """The run belongs to it."""
    text = orjson.dumps(documents.hello(id="run-session"))
    assert type_in("run", "-", "--url", daemon, "--session", "demo", text=text).exit_code == 0
    assert rest.run("run-session")["session_id"] == "demo"


def test_an_allowance(type_in: Callable[..., Result], documents: Documents) -> None:
    """`--allow` switches on a built-in type that touches the outside."""
    text = orjson.dumps(documents.chain({"id": "a", "type": "python", "params": {"call": "os:getpid"}}))
    refused, allowed = type_in("run", "-", text=text), type_in("run", "-", "--allow", "python", text=text)
    assert (refused.exit_code, "--allow python" in refused.stderr) == (2, True)
    assert (allowed.exit_code, allowed.stdout.splitlines()[-1]) == (0, f"  a: value = {os.getpid()}")


@pytest.mark.parametrize("name", sorted(examples()))
def test_the_examples_run(name: str, where: list[str], type_in: Callable[..., Result]) -> None:
    """Each of them to its end, but for the one that is made to take its time."""
    document: JsonObject = orjson.loads(examples()[name].read_bytes())
    for node in document["nodes"]:
        if node["type"] == "delay":
            node["params"]["seconds"] /= 100
    shown = type_in("run", "-", *where, text=orjson.dumps({**document, "id": f"example-{name}"}))
    assert shown.exit_code == 0, shown.output


# --- JSON -------------------------------------------------------------------------------------------------------


def messages(text: str) -> list[JsonObject]:
    """The messages, each of a type that the protocol knows."""
    for line in text.splitlines():
        assert not isinstance(decode_server(line), UnknownMessage)
    return [orjson.loads(line) for line in text.splitlines()]


def timeless(message: JsonObject) -> JsonObject:
    """What two runs of one workflow have in common."""
    gone = {"timestamp", "run_id", "cursor", "request_id", "summary"}
    return {name: value for name, value in message.items() if name not in gone}


def test_json_is_the_wire(
    daemon: str, type_in: Callable[..., Result], write: Callable[[Json], str], documents: Documents
) -> None:
    """Line by line the same, here and there, every event once and in order."""
    path = write(documents.failing(id="run-json"))
    here, there = (type_in("run", path, "--json", *where) for where in ([], ["--url", daemon]))
    assert (here.exit_code, there.exit_code) == (1, 1)
    assert [timeless(m) for m in messages(here.stdout)] == [timeless(m) for m in messages(there.stdout)]
    assert [m["seq"] for m in messages(here.stdout)] == list(range(1, len(messages(here.stdout)) + 1))


def test_json_of_an_invalid_workflow(type_in: Callable[..., Result]) -> None:
    """Standard output stays JSON, even when that is none at all."""
    shown = type_in("run", "-", "--json", text='{"nodes": []}')
    assert (shown.exit_code, shown.stdout) == (2, "")


# --- Ctrl-C and terminals ---------------------------------------------------------------------------------------


def first_message(process: subprocess.Popen[str]) -> JsonObject:
    """The first line a process prints, as JSON."""
    assert process.stdout is not None
    found: JsonObject = orjson.loads(process.stdout.readline())
    return found


def test_ctrl_c_stops_a_run_here(launch: Launch, write: Callable[[Json], str], documents: Documents) -> None:
    """In order: the nodes get their final states, the last message comes, and then 130."""
    process = launch("run", write(documents.waiting()), "--json")
    first_message(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert messages(out)[-1]["type"] == "workflow_stopped"
    assert err == "Stopping. Ctrl-C again ends at once.\n"


def test_ctrl_c_only_leaves_a_run_there(
    daemon: str, rest: Rest, launch: Launch, write: Callable[[Json], str], documents: Documents
) -> None:
    """130, how to come back, and the run goes on."""
    process = launch("run", write(documents.waiting(id="run-left")), "--url", daemon, "--json")
    run_id = first_message(process)["run_id"]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == f"Left. The run goes on: bluev-actors watch {run_id}\n"
    assert rest.run(run_id)["state"] == "running"
    rest.post(f"/api/runs/{run_id}/stop")


def test_a_reader_that_goes_away(launch: Launch, write: Callable[[Json], str], documents: Documents) -> None:
    """As with `run ... --json | head -1`: an end without a traceback."""
    nodes = [{"id": f"n{i}", "type": "delay", "params": {"seconds": 0.06}} for i in range(5)]
    process = launch("run", write(documents.chain(*nodes)), "--json")
    first_message(process)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(20) != 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


def on_a_terminal(*words: str) -> tuple[int, str]:
    """Run a command on a pseudo-terminal; returns exit code and all that was drawn."""
    drawn: list[bytes] = []

    def read(descriptor: int) -> bytes:
        drawn.append(os.read(descriptor, 4096))
        return drawn[-1]

    status = pty.spawn([sys.executable, "-m", "bluev_actors", *words], read)
    return os.waitstatus_to_exitcode(status), b"".join(drawn).decode()


def test_a_terminal_gets_a_picture(
    write: Callable[[Json], str], documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawn in place, the cursor given back, the results last."""
    monkeypatch.setenv("TERM", "xterm")
    code, drawn = on_a_terminal("run", write(documents.waiting(0.5)))
    assert code == 0
    assert drawn.index("\x1b[?25l") < drawn.index("\x1b[?25h")
    assert drawn.endswith("then: out = null\r\n")
    assert "✓" in drawn or "+" in drawn


# --- what it is run with ----------------------------------------------------------------------------------------


def test_a_folder_and_a_secret(
    type_in: Callable[..., Result], write: Callable[[Json], str], documents: Documents, tmp_path: Path
) -> None:
    """The flags of the daemon, for a run in this process; what was run is kept, and the secret is not."""
    (tmp_path / "secrets.toml").write_text("token = 'a long secret'")
    text = {"id": "a", "type": "log", "params": {"message": {"$secret": "token"}}}
    words = ["--data-dir", tmp_path / "runs", "--secrets-file", tmp_path / "secrets.toml"]
    assert type_in("run", write(documents.chain(text)), *words).exit_code == 0
    kept = b"".join(file.read_bytes() for file in (tmp_path / "runs").iterdir())
    assert b"chain" in kept
    assert b"a long secret" not in kept


def test_a_daemon_has_its_own(
    type_in: Callable[..., Result], write: Callable[[Json], str], documents: Documents
) -> None:
    """Nobody is to think that a folder of theirs is used there."""
    words = ["--url", "http://127.0.0.1:1", "--data-dir", "x", "--allow", "python"]
    shown = type_in("run", write(documents.hello()), *words)
    assert shown.exit_code == 2
    assert "--data-dir, --allow is for a run in this process" in shown.stderr
