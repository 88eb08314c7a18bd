"""Whether both did the same: what is left out of the comparison, and how a disagreement is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otp_script import Call, Held, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from otp_script import Script, TreePath
    from our_player import Record

DEVIATIONS: Final = {
    "alone": "A child that is started or restarted alone is not waited for, nor is the end of one that is stopped by "
    "hand: ours handles requests and other exits meanwhile, OTP stands still. No script does anything meanwhile.",
    "behind": "When a group start breaks off, OTP calls only the one that failed `restarting` and those behind it "
    "stopped. Ours are all `restarting`, for their refs and mailboxes wait, and start even if the one that failed is "
    "given up meanwhile. Between two tries stopped and restarting are the same for the comparison, and no script "
    "deletes, restarts or gives up anybody, or ends a significant child, then where that matters.",
    "orphans": "OTP restarts a killed supervisor while the children of the old one still die, in no order and with a "
    "reason that depends on what they are; ours end first, all at once. Their order and reasons are not compared.",
    "no order": "The children of a dynamic supervisor end all at once, in an order that neither promises. OTP reports "
    "together those that ended for the same wrong reason, ours one by one.",
    "names": "OTP knows dynamic children by their process, and to end one that is gone is ok. Ours have ids, and "
    "those who are gone have none.",
    "template": "OTP counts the one template of a dynamic supervisor as its contracts; ours, as Elixir, the children.",
    "type": "OTP is told whether a child is a supervisor; ours sees it when the factory has made one. No script has a "
    "supervisor whose factory fails.",
    "asked": "An actor that ends well after it was asked to has ended with `shutdown`; in OTP it may say `normal`, and "
    "is reported if it is permanent. No script has such a child.",
    "reasons": "OTP tells `shutdown` from `{shutdown, Term}`, and reports a permanent child that ended with the latter "
    "before it was asked to end. Ours has one kind of shutdown, and does not report it.",
    "ignored": "A dynamic child that ignores its restart is forgotten by ours. OTP keeps it without a process, "
    "counts it as active, and then cannot end. No script has such a child.",
    "texts": "How a start failed is said in other words here and there; that and where it failed are compared.",
}
"""Where ours and OTP are not the same on purpose: what each does, and how the comparison looks away."""


def disagreement(script: Script, otp: Sequence[Record], ours: Sequence[Record]) -> str:
    """The first step after which the two differ, shown side by side; empty if there is none."""
    lens = _Lens(script)
    steps: list[object] = ["start", *script.steps, "end"]
    for number, (step, *records) in enumerate(zip(steps, otp, ours, strict=True)):
        expected, actual = (lens.look(step, record) for record in records)
        if expected != actual:
            return "\n".join(_show(script, number, steps, (expected, actual)))
    return ""


class _Lens:
    """Sees of a record what has to be the same in both."""

    def __init__(self, script: Script) -> None:
        self._supervisors = script.supervisors()

    def look(self, step: object, record: Record) -> Record:
        """A record in the form in which it is compared."""
        answer, events, tree = record
        return [self._answer(step, answer), self._events(events), self._branch(("top",), tree)]

    def _answer(self, step: object, answer: Any) -> Any:  # noqa: ANN401 - answers are of many kinds
        match step, answer:
            case Held(calls=calls), [first, crashes, answers]:
                said = [self._answer(call, each) for call, each in zip(calls, answers, strict=True)]
                return [first, crashes, [_living(each) for each in said]]
            case Call(verb="count", path=path), [_, *rest] if self._is_dynamic(path):
                return rest
            case Call(verb="which", path=path), [*children] if self._is_dynamic(path):
                return sorted(children)
            case Call(verb="end_dynamic"), "not_found":
                return "ok"
            case _:
                return answer

    def _events(self, events: list[Any]) -> list[Any]:
        """The events in order, and then those that have none."""
        ends = [(tuple(event[1]), event[3]) for event in events if event[0] == "stop"]
        killed = [path for path, reason in ends if reason == "killed"]
        dynamic = [path for path, _ in ends if self._is_dynamic(path)]
        ordered: list[Any] = []
        orphans: list[Any] = []
        together: list[Any] = []
        for event in filter(_is_told, map(_plain, events)):
            what, path, *_ = event
            if what in {"stop", "report"} and _below(path, killed):
                orphans.append(event[:3] if what == "stop" else [])
            elif what in {"stop", "report"} and _below(path, dynamic):
                together.append(event)
            elif what == "report" and path in killed:
                continue
            elif what == "report" and path in dynamic and event[2] == "shutdown_error":
                together.append(event)
            else:
                ordered.append(event)
        return [ordered, sorted(event for event in orphans if event), _once(together)]

    def _branch(self, path: TreePath, tree: list[Any]) -> list[Any]:
        if not tree:
            return []
        counts, children = tree
        below = [[name, state, self._branch((*path, name), branch)] for name, state, branch in children]
        return [counts[1:], sorted(below)] if self._is_dynamic(path) else [counts, below]

    def _is_dynamic(self, path: TreePath) -> bool:
        supervisor = self._supervisors.get(place(self._supervisors, path))
        return supervisor is not None and supervisor.is_dynamic


def _plain(event: list[Any]) -> list[Any]:
    """An event whose path can be looked up, without the reason of a failed start, which both say in their own words."""
    what, path, *rest = event
    return [what, tuple(path), *(rest[:2] if rest[0] == "start_error" else rest)]


def _is_told(event: list[Any]) -> bool:
    """Whether ours knows of such a thing."""
    return event[0] != "report" or event[2:] != ["shutdown_error", event[3], "shutdown"]


def _once(events: list[Any]) -> list[Any]:
    """Sorted, and every report once: OTP makes one for all dynamic children that ended for the same wrong reason."""
    return sorted(event for at, event in enumerate(events) if event[0] != "report" or event not in events[:at])


def _living(answer: Any) -> Any:  # noqa: ANN401 - answers are of many kinds
    """Of the children that `which` lists, whether they live."""
    match answer:
        case [[str(), str()], *_]:
            return [[name, state == "alive"] for name, state in answer]
        case _:
            return answer


def _below(path: TreePath, tops: list[TreePath]) -> bool:
    return any(len(path) > len(top) and path[: len(top)] == top for top in tops)


def _show(script: Script, number: int, steps: list[object], sides: tuple[Record, Record]) -> Iterator[str]:
    yield f"They differ after step {number} of:"
    yield f"  {script.top}"
    for at, step in enumerate(steps[: number + 1]):
        yield f"  {at:3} {step}"
    for what, otp, ours in zip(("answer", "events", "tree"), *sides, strict=True):
        if otp != ours:
            yield f"{what}:"
            yield f"  OTP  {otp}"
            yield f"  ours {ours}"
