"""The front desk: help that is quick and complete, errors in plain words."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from bluev_actors.cli import main
from bluev_actors.cli.main import EXIT_CODES, SECTIONS, Complaint, cli
from bluev_actors.errors import BluevError, ConfigError, InvalidWorkflowError, RunNotFoundError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

COMMANDS = [(name, file, purpose) for section in SECTIONS.values() for name, (file, purpose) in section.items()]
HEAVY = (
    "trio",
    "attrs",
    "attr",
    "cattrs",
    "rich",
    "httpx",
    "starlette",
    "orjson",
    "structlog",
    "typed_settings",
    "cel",
)


def test_help_lists_everything(type_in: Callable[..., Result]) -> None:
    """Each command with its purpose, in sections."""
    shown = type_in("--help")
    assert shown.exit_code == 0
    for title in SECTIONS:
        assert f"{title}:" in shown.output
    for name, _, purpose in COMMANDS:
        assert any(line.split() == [name, *purpose.split()] for line in shown.output.splitlines()), name


@pytest.mark.parametrize(("name", "file", "_"), COMMANDS)
def test_every_command_can_be_fetched(name: str, file: str, _: str, type_in: Callable[..., Result]) -> None:
    """The table names a command that exists, and its own help works."""
    command = getattr(importlib.import_module(f"bluev_actors.cli.{file}"), name)
    assert isinstance(command, click.Command)
    assert command.name == name
    shown = type_in(name, "--help")
    assert shown.exit_code == 0
    assert shown.output.startswith(f"Usage: cli {name}")


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    """Only click and the error classes, so that it answers at once on any machine."""
    code = (
        "import sys\n"
        "from bluev_actors.cli.main import cli\n"
        f"try: cli({words!r})\n"
        "except SystemExit: pass\n"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603 - ours
    assert shown.stdout.splitlines()[-1] == "LOADED []"


def test_completion_knows_every_command() -> None:
    """What the shell offers is what there is."""
    assert cli.list_commands(click.Context(cli)) == [name for name, _, _ in COMMANDS]


def test_the_version(type_in: Callable[..., Result]) -> None:
    """It is the installed one."""
    assert type_in("--version").output.startswith("bluev-actors, version ")


def test_an_unknown_command(type_in: Callable[..., Result]) -> None:
    """Bad usage is a 2."""
    shown = type_in("dance")
    assert (shown.exit_code, "No such command 'dance'" in shown.output) == (2, True)


def complain(error: BaseException, monkeypatch: pytest.MonkeyPatch, type_in: Callable[..., Result]) -> Result:
    """Have a command fail like this."""

    @click.command()
    def ps() -> None:
        raise error

    monkeypatch.setattr(importlib.import_module("bluev_actors.cli.runs"), "ps", ps)
    return type_in("ps")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RunNotFoundError("no such run"), 1),
        (ConfigError("bad setting"), 2),
        (InvalidWorkflowError([]), 2),
        (UnreachableError("nobody there"), 4),
        *((cls("x"), code) for cls, code in EXIT_CODES.items() if cls is not InvalidWorkflowError),
    ],
)
def test_an_error_is_one_plain_line(
    error: BluevError, code: int, monkeypatch: pytest.MonkeyPatch, type_in: Callable[..., Result]
) -> None:
    """No traceback, on standard error, and the exit code says of what kind it is."""
    shown = complain(error, monkeypatch, type_in)
    assert (shown.exit_code, shown.stdout) == (code, "")
    assert shown.stderr.splitlines()[0] == f"Error: {error}"


def test_nobody_there_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, type_in: Callable[..., Result]) -> None:
    """How to start a daemon, for whoever forgot."""
    shown = complain(UnreachableError("no daemon answers at X"), monkeypatch, type_in)
    assert shown.stderr == "Error: no daemon answers at X\nStart a daemon with: bluev-actors serve\n"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), BaseExceptionGroup("", [KeyboardInterrupt()])])
def test_ctrl_c_is_no_error(
    interrupt: BaseException, monkeypatch: pytest.MonkeyPatch, type_in: Callable[..., Result]
) -> None:
    """Whoever presses it knows what happened."""
    shown = complain(interrupt, monkeypatch, type_in)
    assert (shown.exit_code, shown.output) == (130, "")


def test_a_group_of_bugs_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, type_in: Callable[..., Result]) -> None:
    """An interrupt among them does not hide them."""
    with pytest.raises(BaseExceptionGroup):
        complain(BaseExceptionGroup("", [KeyboardInterrupt(), ValueError("ours")]), monkeypatch, type_in)


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """What we did not foresee is not dressed up as the user's mistake."""
    with pytest.raises(ZeroDivisionError):
        complain(ZeroDivisionError("ours"), monkeypatch, lambda *words: cli(words, standalone_mode=False))


def test_a_complaint_is_click_s_own() -> None:
    """So that completion, wrappers and `standalone_mode` treat it as they should."""
    complaint = Complaint(ConfigError("x"))
    assert isinstance(complaint, click.ClickException)
    assert (complaint.format_message(), complaint.exit_code) == ("x", 2)


def test_the_entry_point(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`bluev-actors` is `main`, under its own name."""
    monkeypatch.setattr(sys, "argv", ["anything", "--help"])
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("Usage: bluev-actors [OPTIONS]")
