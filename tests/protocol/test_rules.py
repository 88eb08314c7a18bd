"""Tests of `protocol/rules.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.docstrings import sentence_of
from bluev_actors.protocol.messages import (
    CLIENT_MESSAGES,
    ClientMessage,
    ControlWorkflow,
    ExecuteWorkflow,
    HeartbeatResponse,
    Resume,
    Signal,
    Subscribe,
    Unsubscribe,
    Unwatch,
    Watch,
)
from bluev_actors.protocol.rules import ACTION_MODES, RULES, check_rules
from bluev_actors.testing.strategies import MESSAGES
from bluev_actors.workflows.options import Rerun, RunOptions

if TYPE_CHECKING:
    from bluev_actors.protocol.messages import ControlMode
    from bluev_actors.workflows.control import Action


def fault_of(message: ClientMessage) -> tuple[str, str]:
    """The path and the sentence of a message's first fault; empty when there is none."""
    try:
        check_rules(message)
    except ProtocolError as error:
        return error.path, str(error)
    return "", ""


@pytest.mark.parametrize("cls", CLIENT_MESSAGES.values())
@given(data=st.data())
def test_valid_messages_pass(cls: type[ClientMessage], data: st.DataObject) -> None:
    """No rule refuses what the strategies call valid."""
    check_rules(data.draw(MESSAGES[cls]))


@given(st.text() | st.from_regex(r"\A[0-9T:Z.+W-]{1,40}\Z"))
def test_any_time_is_a_time_or_a_fault(until: str) -> None:
    """No text for `until` is a crash."""
    assert fault_of(ControlWorkflow(run_id="r", action="pause", until=until))[0] in {"", "until"}


def _run(options: RunOptions) -> ExecuteWorkflow:
    return ExecuteWorkflow(workflow={}, options=options)


def _rerun(rerun: Rerun) -> ExecuteWorkflow:
    return _run(RunOptions(rerun=rerun))


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (HeartbeatResponse(request_id=""), "request_id"),
        (HeartbeatResponse(request_id="r" * 201), "request_id"),
        (Unwatch(run_id="a\x7f"), "run_id"),
        (Watch(workflow_id=""), "workflow_id"),
        (Signal(run_id="r", node_id="a\nb"), "node_id"),
        (Resume(epoch="", cursor="", watch=("r", "\x00")), "watch[1]"),
        (ExecuteWorkflow(), "workflow"),
        (ExecuteWorkflow(workflow={}, workflow_id="w"), "workflow"),
        (_run(RunOptions(timeout=0.0)), "options.timeout"),
        (_run(RunOptions(timeout=-1.0)), "options.timeout"),
        (_run(RunOptions(concurrent=True, if_running="queue")), "options.concurrent"),
        (_run(RunOptions(concurrent=True, if_running="replace")), "options.concurrent"),
        (_rerun(Rerun(from_run="\t")), "options.rerun.from_run"),
        (_rerun(Rerun(from_run="r", mode="from_nodes", nodes=("a", ""))), "options.rerun.nodes[1]"),
        (_rerun(Rerun(from_run="r", mode="from_nodes")), "options.rerun.nodes"),
        (_rerun(Rerun(from_run="r", nodes=("a",))), "options.rerun.nodes"),
        (ControlWorkflow(action="stop"), "run_id"),
        (ControlWorkflow(run_id="r", action="pause", timeout=0.0), "timeout"),
        (ControlWorkflow(run_id="r", action="pause", until="tomorrow"), "until"),
        (ControlWorkflow(run_id="r", action="pause", until="2026-07-31T12:00:00"), "until"),
        (ControlWorkflow(run_id="r", action="stop", until="2026-07-31T12:00:00Z"), "until"),
        (ControlWorkflow(run_id="r", action="resume", timeout=5.0), "timeout"),
        (Subscribe(run_id="r", workflow_id="w"), "workflow_id"),
        (Subscribe(workflow_id="*"), "workflow_id"),
        (Subscribe(event_types=("a", "")), "event_types[1]"),
        (Subscribe(event_types=("n" * 402,)), "event_types[0]"),
        (Unsubscribe(run_id="r", workflow_id="w"), "workflow_id"),
        (Unsubscribe(event_types=("a\x1b",)), "event_types[0]"),
        (Resume(epoch="", cursor="", event_types=("",)), "event_types[0]"),
        (Watch(), "run_id"),
        (Watch(run_id="r", after=-1), "after"),
        (Signal(node_id="n"), "run_id"),
    ],
)
def test_each_rule_can_be_broken(message: ClientMessage, path: str) -> None:
    """A fault is told with its place and a sentence."""
    where, sentence = fault_of(message)
    assert where == path
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    "message",
    [
        Subscribe(),
        Subscribe(event_types=("*",), run_id="*"),
        Subscribe(event_types=("n" * 200 + "@" + "i" * 200,)),
        Watch(run_id="r", workflow_id="w", after=0),
        Signal(workflow_id="w", node_id="each[3]/fetch"),
        ControlWorkflow(run_id="r", action="pause", until="2026-07-31T12:00:00+02:00", timeout=0.001),
        _run(RunOptions(concurrent=True, if_running="concurrent")),
        _run(RunOptions(concurrent=True)),
    ],
)
def test_the_edge_of_what_is_legal(message: ClientMessage) -> None:
    """Right up to the limit nothing is refused."""
    check_rules(message)


@pytest.mark.parametrize("action", ["pause", "resume", "stop"])
@pytest.mark.parametrize("mode", [None, "checkpoint", "drain", "hard", "graceful", "kill"])
def test_modes_belong_to_their_action(action: Action, mode: ControlMode | None) -> None:
    """A mode of another action would be silently without effect, so it is refused."""
    where, _ = fault_of(ControlWorkflow(run_id="r", action=action, mode=mode))
    assert (where == "") == (mode is None or mode in ACTION_MODES[action])


def test_a_resume_is_told_that_it_has_no_mode() -> None:
    """The sentence does not list modes where there are none."""
    message = ControlWorkflow(run_id="r", action="resume", mode="hard")
    assert fault_of(message)[1] == "With `resume` there is no `mode`."


def test_every_rule_says_itself() -> None:
    """The reference page shows each rule's sentence, so each has one."""
    assert all(sentence_of(rule).endswith(".") for rules in RULES.values() for rule in rules)


def test_every_message_has_its_rules() -> None:
    """A new message cannot be forgotten."""
    assert RULES.keys() == set(CLIENT_MESSAGES.values())
