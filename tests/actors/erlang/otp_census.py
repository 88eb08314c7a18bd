"""How often everything occurred in the scripts, so that nobody takes agreement about nothing for agreement."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from otp_script import Call, Crash, Held, Node, Script, Step, Super

if TYPE_CHECKING:
    from collections.abc import Iterator

    from our_player import Record

AT_LEAST: Final = {
    **dict.fromkeys(["one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one"], 500),
    **dict.fromkeys(["permanent", "transient", "temporary"], 2000),
    **dict.fromkeys(["auto_shutdown any_significant", "auto_shutdown all_significant", "significant child"], 500),
    **dict.fromkeys(["supervisor at depth 2", "supervisor at depth 3"], 200),
    **dict.fromkeys(["shutdown infinity", "shutdown brutal_kill", "shutdown in milliseconds"], 500),
    **dict.fromkeys([f"crash {reason}" for reason in ("normal", "shutdown", "shutdown_term", "boom", "kill")], 400),
    **dict.fromkeys([f"call {verb}" for verb in ("start", "spawn", "terminate", "restart", "delete", "spec")], 200),
    **dict.fromkeys(["call end_dynamic", "call which", "call count"], 200),
    **dict.fromkeys(["restart held, outcome error", "restart held, outcome ok"], 300),
    **dict.fromkeys(
        ["request while a restart was held", "crash while a restart was held", "crash of a supervisor"], 500
    ),
    **dict.fromkeys(["answer ok", "answer not_found", "answer running", "answer taken"], 300),
    **dict.fromkeys(["answer error", "answer refused", "answer restarting", "answer bad_spec", "answer ignored"], 20),
    **dict.fromkeys(["start", "restart", "start that failed", "start that was ignored"], 500),
    **dict.fromkeys(["end normal", "end shutdown", "end killed", "end crashed"], 500),
    **dict.fromkeys(["report child_terminated", "report start_error", "report shutdown", "report shutdown_error"], 200),
    "intensity exceeded": 500,
    "intensity of a nested supervisor exceeded": 200,
    "supervisor ended with its significant child": 100,
    "step in a living tree": 20_000,
}
"""What has to occur in 2,000 scripts, and how often."""


class Census:
    """Counts what occurs in scripts and in OTP's records of them."""

    def __init__(self) -> None:
        self.total: Counter[str] = Counter()

    def __str__(self) -> str:
        return "\n".join(f"{count:8} {name}" for name, count in sorted(self.total.items()))

    def add(self, script: Script, records: list[Record]) -> None:
        """Count one script."""
        self.total["script"] += 1
        self.total.update(_of_node(script.top, 1))
        for step, record in zip(script.steps, records[1:], strict=False):
            self.total["step"] += 1
            self.total["step in a living tree"] += bool(record[2])
            self.total.update(_of_step(step, record[0], script))
            self.total.update(_of_held(step, record[1]))
            self.total["supervisor ended with its significant child"] += _ended_with_a_child(script, step, record)
        for record in records:
            self.total.update(name for event in record[1] for name in _of_event(event))


def _of_node(node: Node, depth: int) -> Iterator[str]:
    if depth > 1:
        yield "child"
        yield node.restart
        yield f"shutdown {'in milliseconds' if isinstance(node.shutdown, int) else node.shutdown}"
    if node.significant:
        yield "significant child"
    if isinstance(node, Super):
        yield node.strategy
        yield f"auto_shutdown {node.auto_shutdown}"
        yield f"supervisor at depth {depth}"
        for child in node.children:
            yield from _of_node(child, depth + 1)


def _of_step(step: Step, answer: Any, script: Script) -> Iterator[str]:  # noqa: ANN401 - answers are of many kinds
    """What a step was about, if those whom it was about were there."""
    match step:
        case Crash() if answer == "ok":
            yield f"crash {step.reason}"
            if step.path in script.supervisors():
                yield "crash of a supervisor"
        case Call() if answer != "gone":
            yield f"call {step.verb}"
            yield f"answer {answer if isinstance(answer, str) else 'a list'}"
            if not isinstance(step.argument, str | None):
                yield from _of_node(step.argument, len(step.path) + 1)
        case Held():
            first, crashes, answers = answer
            for each, said in ((step.crash, first), *zip(step.crashes, crashes, strict=True)):
                yield from _of_step(each, said, script)
            for call, said in zip(step.calls, answers, strict=True):
                yield from _of_step(call, said, script)
        case _:
            return


def _of_held(step: Step, events: list[Any]) -> Iterator[str]:
    """What happened while a restart was held, if there was one."""
    if isinstance(step, Held) and any(event[:2] == ["start", list(step.crash.path)] for event in events):
        yield f"restart held, outcome {step.outcome}"
        yield from ("crash while a restart was held" for _ in step.crashes)
        yield from ("request while a restart was held" for _ in step.calls)


def _of_event(event: list[Any]) -> Iterator[str]:
    match event:
        case ["start", _, number]:
            yield "start" if number == 1 else "restart"
        case ["error", _, _]:
            yield "start that failed"
        case ["ignore", _, _]:
            yield "start that was ignored"
        case ["stop", _, _, kind]:
            yield f"end {kind}"
        case ["report", path, context, *_]:
            yield f"report {context}"
            if context == "shutdown":
                yield "intensity exceeded"
                if len(path) > 1:
                    yield "intensity of a nested supervisor exceeded"
        case _:
            raise ValueError(f"no event: {event!r}")


def _ended_with_a_child(script: Script, step: Step, record: Record) -> bool:
    """Whether the top supervisor ended although nobody told it to and its intensity was not exceeded."""
    crash = step.crash if isinstance(step, Held) else step
    ended = any(event[:2] == ["stop", ["top"]] for event in record[1])
    gave_up = any(event[:3] == ["report", ["top"], "shutdown"] for event in record[1])
    told = isinstance(crash, Crash) and crash.path == ("top",)
    return script.top.auto_shutdown != "never" and ended and not gave_up and not told
