"""Everything a run works with, in one place: its record, the journal, the catalogue, the clock and the limits.

The desk outlives the incarnations of the run's actor, so what a callback or an operator needs after a crash is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, define

from bluev_actors.engine.outside.outside import Outside
from bluev_actors.engine.poison import Bench
from bluev_actors.engine.secrets import RunSecrets, Secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bluev_actors.engine.admission import Admission, Gate
    from bluev_actors.engine.cache import OutputCache
    from bluev_actors.engine.journal import Journal, RunRecord
    from bluev_actors.engine.limits import RuntimeLimits
    from bluev_actors.engine.node_types import Catalogue
    from bluev_actors.engine.run_writer import RunWriter
    from bluev_actors.workflows.kinds import Kinds
    from bluev_actors.workflows.params import NodeParams
    from bluev_actors.workflows.run_events import NodeProgress
    from bluev_actors.workflows.values import JsonObject


@define
class RunDesk:
    """What one run works with.

    Attributes:
        record: the run as it was accepted.
        journal: where its events go.
        catalogue: the code of its nodes.
        kinds: what the nodes say of themselves.
        limits: how much it may take.
        now: wall time, in seconds since 1970.
        show_progress: shows how far a node is, to whoever watches.
        want_turn: asks for the turn of a queued run.
        params: the compiled params of its nodes.
        secrets: what its nodes may know, and what is masked in all they say.
        admission: lets nodes with a key in, over all runs; None where nobody limits anything.
        cache: what pure nodes gave out before; None where nothing is kept.
        outside: what its nodes may reach.
        reused: the outputs of nodes that an earlier run has done already.
        gate: what its nodes with a key hold; it outlives a crash of the run's actor, as the nodes do.
        writer: the pen of the living incarnation; None before the first.
        exceptions: what nodes that failed for good had raised, for callbacks in process.
        other_suspects: how many nodes of other runs could have killed the process that it is taken up from.
        bench: where suspicious runs wait for each other.
        found: it was taken up from a journal of an earlier process, and no incarnation has looked at it yet.
    """

    record: RunRecord
    journal: Journal
    catalogue: Catalogue
    kinds: Kinds
    limits: RuntimeLimits
    now: Callable[[], float]
    show_progress: Callable[[NodeProgress], None]
    want_turn: Callable[[], None]
    params: Mapping[str, NodeParams]
    secrets: RunSecrets = Factory(lambda: RunSecrets(Secrets()))
    admission: Admission | None = None
    cache: OutputCache | None = None
    outside: Outside = Factory(Outside)
    reused: Mapping[str, JsonObject] = Factory(dict[str, "JsonObject"])
    gate: Gate | None = None
    writer: RunWriter | None = None
    exceptions: dict[str, BaseException] = Factory(dict[str, BaseException])
    found: bool = False
    other_suspects: int = 0
    bench: Bench = Factory(Bench)

    def open_gate(self, wake: Callable[[], None]) -> Gate | None:
        """The gate for the next incarnation of the run's actor; None where nobody limits anything.

        Args:
            wake: called when there may be room for a node that was refused.
        """
        if self.gate is not None:
            self.gate.take_over(wake)
        elif self.admission is not None:
            self.gate = self.admission.gate(self.record.workflow.settings, wake)
        return self.gate

    def close_gate(self) -> None:
        """Give back what its nodes held: no incarnation follows."""
        if self.gate is not None:
            self.gate.close()
            self.gate = None
