"""Kill a real daemon at random moments of random workloads, and check that nothing it had acknowledged is lost.

Usage: crash.py [--rounds N] [--seed N] [--workers N] [--json]

A round is one life of a daemon: it comes up on the folder of the one before, what that had told is checked, work is
given to it over its socket, and it dies by `kill -9`, now and then while it is still coming up. After a lap of rounds
everything is brought to its end and checked once more. Exit 1 when something was lost, doubled or run again.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any, Final

import click
import httpx
import orjson
import trio
from attrs import asdict, define, field

from bluev_actors.engine.store.opening import open_journal
from crash_daemon import Client, HandshakeError, Process, connected
from crash_ledger import TERMINAL, Event, Ledger
from crash_workload import random_workflow

LAP: Final = 12
"""Rounds on one folder."""
LIFE: Final = 1.5
"""Seconds that a daemon lives at most once there is work."""
END_WITHIN: Final = 60.0
"""Seconds within which everything comes to its end, when nobody kills the daemon any more."""


@define
class Figures:
    """What all laps came to."""

    rounds: int = 0
    kills: int = 0
    kills_while_starting: int = 0
    clean_ends: int = 0
    torn_tails: int = 0
    runs: int = 0
    events: int = 0
    completed_nodes: int = 0
    executions: int = 0
    answers: int = 0
    problems: list[str] = field(factory=list[str])

    def add(self, other: Figures) -> None:
        """Count another lap in."""
        for name in ("rounds", "kills", "kills_while_starting", "clean_ends", "torn_tails", "runs", "events"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("completed_nodes", "executions", "answers"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.problems += other.problems


@define(eq=False)
class Lap:
    """Some lives of a daemon on one folder."""

    folder: Path
    dice: Random
    name: str
    ledger: Ledger = field(factory=Ledger)
    figures: Figures = field(factory=Figures)
    last: Client | None = None
    """The connection before; where it was when it was cut is where the next one goes on."""
    pending: dict[str, Event] = field(factory=dict[str, Event])
    """Requests that were sent and not answered: they are repeated in the next life."""
    sent: int = 0

    async def run(self, rounds: int) -> Figures:
        """Live and die so many times, then come to an end."""
        for _ in range(rounds):
            await self.round()
            if self.figures.problems:
                return self.figures
        await self.finish()
        self.figures.runs = len(self.ledger.runs)
        self.figures.events = self.ledger.delivered
        self.figures.completed_nodes = len(self.ledger.executions)
        self.figures.executions = sum(self.executed().values())
        return self.figures

    async def round(self) -> None:
        """One life."""
        self.figures.rounds += 1
        process = Process(self.folder)
        if self.dice.random() < 0.15:  # noqa: PLR2004 - now and then it does not even come up
            await trio.sleep(self.dice.uniform(0.2, 1.5))
            process.kill()
            self.figures.kills_while_starting += 1
            return
        await process.ready()
        try:
            await self.check(process.port)
            with trio.move_on_after(self.dice.uniform(0.02, LIFE)):
                await self.work(process.port)
        finally:
            self.end(process)
        if self.dice.random() < 0.1:  # noqa: PLR2004 - a torn tail costs a copy of the folder
            await self.tear()

    def end(self, process: Process) -> None:
        """Kill it, or now and then let it go down in order."""
        if self.dice.random() < 0.1:  # noqa: PLR2004 - a drain is another way to leave runs in the middle
            code = process.drain()
            self.figures.clean_ends += 1
            if code != 0:
                self.figures.problems.append(f"it drained and ended with {code}")
        else:
            process.kill()
            self.figures.kills += 1

    # --- giving it work -------------------------------------------------------------------------------------------

    async def work(self, port: int) -> None:
        """Ask for this and that, until the time is up or the socket is gone."""
        try:
            async with connected(port, self.name, self.ledger, self.last) as client:
                self.last = client
                await self.repeat(client)
                while not client.gone:
                    await self.ask(client, self.request())
                    await trio.sleep(self.dice.random() * 0.05)
        except* (HandshakeError, OSError):
            pass

    async def repeat(self, client: Client) -> None:
        """Ask again for what was never answered."""
        for request in list(self.pending.values()):
            await self.ask(client, request)

    async def ask(self, client: Client, request: Event) -> None:
        """Send one request; one that stays without an answer is kept."""
        self.pending[request["request_id"]] = request
        reply = await client.ask(request)
        if reply is not None:
            self.figures.answers += 1
            del self.pending[request["request_id"]]
            if reply["type"] in ("error", "workflow_validation_error", "workflow_execution_error"):
                self.figures.problems.append(f"refused: {reply}")

    def request(self) -> Event:
        """Something to ask for."""
        self.sent += 1
        request_id = f"{self.name}-{self.sent}"
        live = [run_id for run_id in self.ledger.runs if not self.has_ended(run_id)]
        if not live or self.dice.random() < 0.5:  # noqa: PLR2004 - half of all requests start something
            workflow = random_workflow(self.dice, f"w-{request_id}", str(self.folder / "executions"))
            return {"type": "execute_workflow", "workflow": workflow, "request_id": request_id}
        run_id = self.dice.choice(live)
        signals = [it for it in self.waiting(run_id) if (run_id, it) not in self.ledger.signals]
        if signals and self.dice.random() < 0.5:  # noqa: PLR2004 - who waits is answered soon
            body = {"type": "signal", "node_id": self.dice.choice(signals), "payload": {"by": request_id}}
        else:
            action = self.dice.choice(["pause", "pause", "resume", "resume", "stop"])
            body = {"type": "control_workflow", "action": action}
            if action == "pause":
                body["mode"] = self.dice.choice(["checkpoint", "drain", "hard"])
        return {**body, "run_id": run_id, "request_id": request_id}

    def waiting(self, run_id: str) -> list[str]:
        """The nodes of a run that are seen to wait."""
        events = self.ledger.events.get(run_id, {}).values()
        last = {it["node_id"]: it["status"] for it in events if it["type"] == "node_status_update"}
        return [node_id for node_id, status in last.items() if status == "waiting"]

    def has_ended(self, run_id: str) -> bool:
        """Whether the end of a run was seen."""
        return any(it["type"] in TERMINAL for it in self.ledger.events.get(run_id, {}).values())

    # --- checking -------------------------------------------------------------------------------------------------

    async def check(self, port: int) -> dict[str, list[Event]]:
        """Compare what is on record with what was told."""
        histories = await histories_of(port)
        self.figures.problems += self.ledger.problems(histories, self.executed())
        return histories

    def executed(self) -> Counter[tuple[str, str]]:
        """How often each node ran, by its own word."""
        log = self.folder / "executions"
        lines = log.read_text().splitlines() if log.exists() else []
        keys = [line.rpartition(" ")[0].partition("/") for line in lines]
        return Counter((run_id, node_id) for run_id, _, node_id in keys)

    async def tear(self) -> None:
        """Cut a copy of the log at a random byte, as a disk may do that lost its last blocks, and open it."""
        self.figures.torn_tails += 1
        copy = self.folder / "torn"
        shutil.copytree(self.folder / "data", copy)
        for wal in copy.glob("*-wal"):
            size = wal.stat().st_size
            with wal.open("r+b") as file:
                file.truncate(self.dice.randint(0, size))
        try:
            async with open_journal(copy) as journal:
                for line in journal.held():
                    places = [it.seq for it in journal.history(line.run_id)]
                    if places != list(range(1, len(places) + 1)):
                        self.figures.problems.append(f"torn: {line.run_id} has {places}")
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not happen
            self.figures.problems.append(f"torn: {error!r}")
        finally:
            shutil.rmtree(copy)

    async def finish(self) -> None:
        """Bring everything to its end, and check that every promise was kept."""
        process = Process(self.folder)
        await process.ready()
        try:
            await self.check(process.port)
            async with connected(process.port, self.name, self.ledger, self.last) as client:
                await self.repeat(client)
                with trio.move_on_after(END_WITHIN):
                    while await self.push(client, process.port):  # noqa: ASYNC110 - it is another process that is waited for
                        await trio.sleep(0.2)
                await trio.sleep(1.0)
            histories = await self.check(process.port)
            self.figures.problems += self.ledger.unfinished(histories)
        finally:
            code = process.drain()
        if code != 0:
            self.figures.problems.append(f"it drained and ended with {code}")

    async def push(self, client: Client, port: int) -> bool:
        """Resume what is paused, and answer what waits; whether anything is left to do."""
        runs = await rest(port, "/api/runs?limit=500")
        live = [it for it in runs["runs"] if it["state"] not in ("completed", "failed", "stopped")]
        for run in live:
            self.sent += 1
            if run["state"] in ("paused", "pausing"):
                body: Event = {"type": "control_workflow", "action": "resume"}
                await self.ask(client, {**body, "run_id": run["run_id"], "request_id": f"{self.name}-{self.sent}"})
            snapshot = await rest(port, f"/api/runs/{run['run_id']}")
            for node_id, node in snapshot["nodes"].items():
                if node["status"] == "waiting" and (run["run_id"], node_id) not in self.ledger.signals:
                    self.sent += 1
                    body = {"type": "signal", "node_id": node_id, "payload": {"by": "the end"}}
                    await self.ask(client, {**body, "run_id": run["run_id"], "request_id": f"{self.name}-{self.sent}"})
        return bool(live)


async def rest(port: int, path: str) -> Any:  # noqa: ANN401 - whatever JSON the daemon answers
    """What the daemon answers to a GET."""
    async with httpx.AsyncClient(timeout=30) as http:
        answer = await http.get(f"http://127.0.0.1:{port}{path}")
        answer.raise_for_status()
        return orjson.loads(answer.content)


async def histories_of(port: int) -> dict[str, list[Event]]:
    """The events of every run that the daemon holds."""
    runs = (await rest(port, "/api/runs?limit=500"))["runs"]
    return {it["run_id"]: await rest(port, f"/api/runs/{it['run_id']}/events?after=0") for it in runs}


async def all_laps(rounds: int, seed: int, workers: int, figures: Figures) -> None:
    """Run laps side by side until all rounds are done, or something was found."""
    laps = iter(enumerate([min(LAP, rounds - first) for first in range(0, rounds, LAP)]))

    async def worker() -> None:
        for number, length in laps:
            with tempfile.TemporaryDirectory(prefix="crash-") as folder:
                lap = Lap(Path(folder), Random(f"{seed}/{number}"), f"lap{number}")  # noqa: S311 - it has to repeat
                figures.add(await lap.run(length))
                if figures.problems:
                    keep = Path(tempfile.mkdtemp(prefix=f"crash-{seed}-{number}-"))
                    shutil.copytree(folder, keep, dirs_exist_ok=True)
                    figures.problems.append(f"lap {number}: its folder is kept in {keep}")
                    return

    async with trio.open_nursery() as nursery:
        for _ in range(workers):
            nursery.start_soon(worker)


@click.command()
@click.option("--rounds", default=50, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(*, rounds: int, seed: int, workers: int, as_json: bool) -> None:
    """Kill a real daemon at random moments and check what it had acknowledged."""
    figures, began = Figures(), perf_counter()
    trio.run(all_laps, rounds, seed, workers, figures)
    shown: dict[str, Any] = {**asdict(figures), "seed": seed, "seconds": round(perf_counter() - began, 1)}
    if as_json:
        click.echo(orjson.dumps(shown).decode())
    else:
        for name, value in shown.items():
            click.echo(f"{name.replace('_', ' '):22} {value if name != 'problems' else len(figures.problems)}")
        for problem in figures.problems[:20]:
            click.echo(f"PROBLEM {problem[:2000]}", err=True)
    sys.exit(1 if figures.problems else 0)


if __name__ == "__main__":
    main()
