"""What a client's message must obey beyond the types of its fields.

Each rule is a function of one message that names the place and the fault, or nothing. Its docstring is the
sentence that the reference page shows, so a rule cannot be added without being told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.ids import MAX_ID_LENGTH, is_name
from bluev_actors.protocol.messages import (
    CLIENT_MESSAGES,
    ClientMessage,
    ControlWorkflow,
    ExecuteWorkflow,
    Resume,
    Signal,
    Subscribe,
    Unsubscribe,
    Watch,
)
from bluev_actors.workflows.shapes import is_id
from bluev_actors.workflows.times import from_rfc3339

Fault: TypeAlias = tuple[str, str]
"""The path of a fault from the message's root, and a sentence."""
Rule: TypeAlias = Callable[[Any], Fault | None]

ID_FIELDS: Final = ("request_id", "workflow_id", "run_id", "node_id")
ACTION_MODES: Final[dict[str, tuple[str, ...]]] = {
    "pause": ("checkpoint", "drain", "hard"),
    "stop": ("graceful", "kill"),
    "resume": (),
}
EVERY_RUN: Final = "*"


def check_rules(message: ClientMessage) -> None:
    """Let a message pass that obeys every rule of its class.

    Raises:
        ProtocolError: with the code `bad_message` and the first fault.
    """
    for rule in RULES[type(message)]:
        fault = rule(message)
        if fault is not None:
            path, sentence = fault
            raise ProtocolError("bad_message", sentence, path)


# --- the rules --------------------------------------------------------------------------------------------


def ids_are_ids(message: ClientMessage) -> Fault | None:
    """Ids are 1 to 200 characters, any but control characters."""
    return next((_not_an_id(path) for path, text in _ids(message) if not is_id(text)), None)


def one_workflow(message: ExecuteWorkflow) -> Fault | None:
    """Either `workflow` or `workflow_id`, not both."""
    if (message.workflow is None) == (message.workflow_id is None):
        return "workflow", "Give either `workflow` or `workflow_id`, not both."
    return None


def some_run(message: ControlWorkflow | Watch | Signal) -> Fault | None:
    """`run_id` or `workflow_id`; where both are given, `run_id` is meant."""
    if message.run_id is None and message.workflow_id is None:
        return "run_id", "Give `run_id` or `workflow_id`."
    return None


def one_filter(message: Subscribe | Unsubscribe) -> Fault | None:
    """At most one of `run_id` and `workflow_id`; every run is `"run_id": "*"`."""
    if message.run_id is not None and message.workflow_id is not None:
        return "workflow_id", "Give at most one of `run_id` and `workflow_id`."
    if message.workflow_id == EVERY_RUN:
        return "workflow_id", 'Every run is `"run_id": "*"`.'
    return None


def mode_of_action(message: ControlWorkflow) -> Fault | None:
    """`mode` belongs to its action; `resume` has none."""
    modes = ACTION_MODES[message.action]
    if message.mode is None or message.mode in modes:
        return None
    known = f"`mode` can be {', '.join(f'`{mode}`' for mode in modes)}" if modes else "there is no `mode`"
    return "mode", f"With `{message.action}` {known}."


def clocks_of_pause(message: ControlWorkflow) -> Fault | None:
    """`until` and `timeout` belong to `pause`."""
    if message.action == "pause":
        return None
    given = next((name for name in ("until", "timeout") if getattr(message, name) is not None), None)
    return (given, f"`{given}` belongs to `pause`.") if given else None


def until_a_time(message: ControlWorkflow) -> Fault | None:
    """`until` is a time as RFC 3339 writes it, with its offset or `Z`."""
    if message.until is None or _is_time(message.until):
        return None
    return "until", "`until` must be a time such as `2026-07-31T12:00:00Z`."


def positive_pause_timeout(message: ControlWorkflow) -> Fault | None:
    """`timeout` is more than 0."""
    return _not_positive("timeout", message.timeout)


def positive_run_timeout(message: ExecuteWorkflow) -> Fault | None:
    """`options.timeout` is more than 0."""
    return _not_positive("options.timeout", message.options.timeout)


def one_policy(message: ExecuteWorkflow) -> Fault | None:
    """`options.concurrent` does not contradict `options.if_running`."""
    if message.options.concurrent and message.options.if_running in ("queue", "replace"):
        sentence = f"`concurrent` contradicts `if_running` `{message.options.if_running}`."
        return "options.concurrent", sentence
    return None


def nodes_of_rerun(message: ExecuteWorkflow) -> Fault | None:
    """`options.rerun.nodes` belongs to the mode `from_nodes`, which needs it."""
    rerun = message.options.rerun
    if rerun is None or (rerun.mode == "from_nodes") == bool(rerun.nodes):
        return None
    return "options.rerun.nodes", "The mode `from_nodes` needs `nodes`, the others have none."


def after_a_seq(message: Watch) -> Fault | None:
    """`after` is 0 or more."""
    if message.after is not None and message.after < 0:
        return "after", "`after` is a `seq`, or 0 for the start."
    return None


def names_are_names(message: Subscribe | Unsubscribe | Resume) -> Fault | None:
    """Each of `event_types` is a name, or `name@ID`, without control characters."""
    for index, name in enumerate(message.event_types or ()):
        if not is_name(name):
            return f"event_types[{index}]", "A subscription is a name, or a name, `@` and an id."
    return None


_OWN_RULES: Final[dict[type[ClientMessage], tuple[Rule, ...]]] = {
    ExecuteWorkflow: (one_workflow, positive_run_timeout, one_policy, nodes_of_rerun),
    ControlWorkflow: (some_run, mode_of_action, clocks_of_pause, until_a_time, positive_pause_timeout),
    Subscribe: (one_filter, names_are_names),
    Unsubscribe: (one_filter, names_are_names),
    Watch: (some_run, after_a_seq),
    Resume: (names_are_names,),
    Signal: (some_run,),
}
RULES: Final = {cls: (ids_are_ids, *_OWN_RULES.get(cls, ())) for cls in CLIENT_MESSAGES.values()}
"""The rules of each class of messages, in the order in which they are asked."""


# --- what the rules are made of ---------------------------------------------------------------------------


def _ids(message: ClientMessage) -> Iterator[tuple[str, str]]:
    """Every id in a message, with its path."""
    for name in ID_FIELDS:
        text: str | None = getattr(message, name, None)
        if text is not None:
            yield name, text
    if isinstance(message, Resume):
        yield from _numbered("watch", message.watch or ())
    if isinstance(message, ExecuteWorkflow) and (rerun := message.options.rerun) is not None:
        yield "options.rerun.from_run", rerun.from_run
        yield from _numbered("options.rerun.nodes", rerun.nodes)


def _numbered(path: str, texts: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return ((f"{path}[{index}]", text) for index, text in enumerate(texts))


def _not_an_id(path: str) -> Fault:
    return path, f"`{path}` must be 1 to {MAX_ID_LENGTH} characters, none of them a control character."


def _is_time(text: str) -> bool:
    try:
        from_rfc3339(text)
    except ValueError:
        return False
    return True


def _not_positive(path: str, seconds: float | None) -> Fault | None:
    if seconds is None or seconds > 0:
        return None
    return path, f"`{path}` must be more than 0 seconds."
