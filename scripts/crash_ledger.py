"""What a client was told by a daemon that is killed again and again, and whether all of it is still true.

Pure bookkeeping: the harness notes every answer and every event here, and lays the histories that the next daemon gives
beside it. A problem is a sentence; no sentence means that nothing was lost, doubled or run again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from attrs import Factory, define

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Event: TypeAlias = dict[str, Any]

TERMINAL: Final = frozenset({"workflow_completed", "workflow_failed", "workflow_stopped"})
_PLACE: Final = frozenset({"cursor", "request_id", "coalesced"})
"""What an event carries that belongs to its delivery."""


@define
class Ledger:
    """Everything that was acknowledged.

    Attributes:
        runs: the workflow of each run whose start was acknowledged.
        events: what was delivered, by run and `seq`.
        pauses: runs and the `seq` of the answer to a pause.
        stops: runs whose stop was acknowledged.
        signals: payloads that were acknowledged, by run and node.
        executions: how often a node had run when its end became known.
    """

    runs: dict[str, str] = Factory(dict[str, str])
    events: dict[str, dict[int, Event]] = Factory(dict[str, dict[int, Event]])
    pauses: list[tuple[str, int]] = Factory(list[tuple[str, int]])
    stops: set[str] = Factory(set[str])
    signals: dict[tuple[str, str], list[Any]] = Factory(dict[tuple[str, str], list[Any]])
    executions: dict[tuple[str, str], int] = Factory(dict[tuple[str, str], int])
    doubled: list[str] = Factory(list[str])
    delivered: int = 0

    def see(self, event: Event, *, may_repeat: bool = False) -> None:
        """Note an event that was delivered; one that had been is doubled, unless it may be."""
        self.delivered += 1
        known = self.events.setdefault(event["run_id"], {})
        if event["seq"] in known and not may_repeat:
            self.doubled.append(f"{event['run_id']} seq {event['seq']} was delivered twice")
        known[event["seq"]] = event

    def hear(self, reply: Event) -> None:
        """Note the event that an answer is, even if whoever asked does not wait for it any more."""
        if reply["type"] == "workflow_execution_started":
            self.runs[reply["run_id"]] = reply["workflow_id"]
            if not reply.get("duplicate"):
                self.see(reply)

    def answer(self, request: Event, reply: Event) -> None:
        """Note what an answer promises."""
        if reply.get("status") == "acknowledged":
            self._promise(request, reply)

    def _promise(self, request: Event, reply: Event) -> None:
        run_id = reply["run_id"]
        if request["type"] == "signal":
            self.signals.setdefault((run_id, request["node_id"]), []).append(request["payload"])
        elif request["action"] == "stop":
            self.stops.add(run_id)
        elif request["action"] == "pause" and reply["state"] in ("pausing", "paused"):
            self.pauses.append((run_id, reply["seq"]))

    # --- checking -------------------------------------------------------------------------------------------------

    def problems(self, histories: Mapping[str, Sequence[Event]], executed: Counter[tuple[str, str]]) -> list[str]:
        """Lay what is on record now beside what was acknowledged.

        Args:
            histories: the events of every run that is held.
            executed: how often each node of each run was run at all, as the nodes themselves noted.
        """
        found = [f"{run_id} was acknowledged and is lost" for run_id in self.runs if run_id not in histories]
        found += self.doubled
        self.doubled = []
        for run_id, events in histories.items():
            found += [f"{run_id}: {problem}" for problem in self._of_run(run_id, events)]
            found += self._run_again(run_id, events, executed)
        return [*found, *_told_twice(self.runs)]

    def _of_run(self, run_id: str, events: Sequence[Event]) -> Iterator[str]:
        yield from order_problems(events)
        yield from node_problems(events)
        by_seq = {event["seq"]: event for event in events}
        for seq, seen in self.events.get(run_id, {}).items():
            if seq not in by_seq:
                yield f"event {seq} was delivered and is lost: {seen}"
            elif _bare(by_seq[seq]) != _bare(seen):
                yield f"event {seq} was {seen} and is {by_seq[seq]}"
        for paused, seq in self.pauses:
            if paused == run_id:
                yield from pause_problems(events, seq)

    def _run_again(self, run_id: str, events: Sequence[Event], executed: Counter[tuple[str, str]]) -> Iterator[str]:
        for event in events:
            if event.get("status") == "completed":
                key = (run_id, event["node_id"])
                before = self.executions.setdefault(key, executed[key])
                if executed[key] != before:
                    yield f"{run_id}: {key[1]} had completed and was run again"
                    self.executions[key] = executed[key]

    def unfinished(self, histories: Mapping[str, Sequence[Event]]) -> list[str]:
        """Promises that were not kept once everything has come to its end."""
        found: list[str] = []
        for run_id, events in histories.items():
            last = events[-1]
            if last["type"] not in TERMINAL:
                found.append(f"{run_id} never came to its end: {last}")
            if run_id in self.stops and last["type"] != "workflow_stopped":
                found.append(f"{run_id} was stopped and is {last['type']}")
            found += self._unsignalled(run_id, events)
            if missed := {event["seq"] for event in events} - set(self.events.get(run_id, ())):
                found.append(f"{run_id}: events {sorted(missed)} were never delivered")
        return found

    def _unsignalled(self, run_id: str, events: Sequence[Event]) -> Iterator[str]:
        if events[-1]["type"] != "workflow_completed":
            return
        ends = {it["node_id"]: it["outputs"].get("payload") for it in events if it.get("status") == "completed"}
        for (signalled, node_id), payloads in self.signals.items():
            if signalled == run_id and ends.get(node_id) != payloads[0]:
                yield f"{run_id}: {node_id} was given {payloads[0]} and has {ends.get(node_id)}"


def order_problems(events: Sequence[Event]) -> Iterator[str]:
    """What is wrong with the order of a run's events."""
    if [event["seq"] for event in events] != list(range(1, len(events) + 1)):
        yield f"seq has holes or doubles: {[event['seq'] for event in events]}"
    if events and events[0]["type"] != "workflow_execution_started":
        yield f"it begins with {events[0]['type']}"
    ends = [event["seq"] for event in events if event["type"] in TERMINAL]
    if len(ends) > 1 or (ends and ends[0] != len(events)):
        yield f"it ends at {ends} of {len(events)}"


def node_problems(events: Iterable[Event]) -> Iterator[str]:
    """What no node may do: go on after its end, or start a second time without having been cut short."""
    status: dict[str, str] = {}
    for event in events:
        node_id, now = event.get("node_id"), event.get("status")
        if event["type"] != "node_status_update" or node_id is None or now is None:
            continue
        before = status.get(node_id)
        if before in ("completed", "failed", "skipped", "cancelled"):
            yield f"{node_id} was {before} and is {now} at {event['seq']}"
        if now == "running" and before == "running" and not event.get("recovered"):
            yield f"{node_id} runs twice at {event['seq']}"
        status[node_id] = now


def pause_problems(events: Iterable[Event], seq: int) -> Iterator[str]:
    """A node that starts after the answer to a pause and before the run goes on."""
    for event in events:
        if event["seq"] <= seq:
            continue
        if event["type"] == "workflow_status_update" and event["state"] in ("running", "queued", "stopping"):
            return
        if event.get("status") == "running" and not event.get("recovered"):
            yield f"{event['node_id']} starts at {event['seq']}, after the pause at {seq}"


def _told_twice(runs: Mapping[str, str]) -> Iterator[str]:
    """A request that was repeated must not have acted twice."""
    for workflow_id, times in Counter(runs.values()).items():
        if times > 1:
            yield f"{workflow_id} was asked for once and runs {times} times"


def _bare(event: Event) -> Event:
    return {key: value for key, value in event.items() if key not in _PLACE}
