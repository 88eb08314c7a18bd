from __future__ import annotations

from typing import get_args

import pytest
from attrs import fields, has
from attrs.exceptions import FrozenInstanceError

from bluev_actors.actors import Request
from bluev_actors.actors.dispatch import find_handler
from bluev_actors.engine import run_commands
from bluev_actors.engine.run import Run
from bluev_actors.engine.run_commands import (
    PauseRun,
    ResumeRun,
    RunCommand,
    SignalRun,
    StopRun,
    SuspendRun,
)

COMMANDS: tuple[type, ...] = get_args(RunCommand)


@pytest.mark.parametrize("cls", COMMANDS)
def test_a_command_is_a_frozen_record(cls: type) -> None:
    """It travels between actors, so nobody may write into it."""
    assert has(cls)
    with pytest.raises(FrozenInstanceError):
        setattr(made(cls), (fields(cls)[0].name if fields(cls) else "anything"), 1)


def made(cls: type) -> object:
    """A command with what it has to have."""
    return SignalRun("a") if cls is SignalRun else cls()


@pytest.mark.parametrize("cls", COMMANDS)
def test_a_run_has_a_handler_for_every_command(cls: type) -> None:
    """A message that nobody handles would crash it."""
    assert callable(find_handler(Run, cls))


def test_who_asks_is_answered() -> None:
    """The four controls are requests; what a run tells itself is none."""
    asked = [issubclass(cls, Request) for cls in COMMANDS]
    assert {cls for cls, it in zip(COMMANDS, asked, strict=True) if it} == {PauseRun, ResumeRun, StopRun, SignalRun}


def test_defaults_are_the_common_case() -> None:
    """A pause as the workflow has it and without an end, a stop with clean-ups, a drain that spares what it can."""
    pause = PauseRun()
    assert (pause.mode, pause.until, pause.timeout, pause.by, pause.heard) == (None, None, None, "", None)
    assert (StopRun().mode, ResumeRun().by, SignalRun("a").payload, SuspendRun().hard) == ("graceful", "", None, False)


def test_nothing_is_forgotten_in_the_list() -> None:
    """Every record of the module is one of a run's commands."""
    records = {
        it for it in vars(run_commands).values() if isinstance(it, type) and it.__module__ == run_commands.__name__
    }
    assert records == set(COMMANDS)
