"""How one attempt of a node ended, as its executor tells its run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import frozen

from bluev_actors.engine.payloads import payload_flaw
from bluev_actors.workflows.kinds import NOTHING
from bluev_actors.workflows.run_events import ErrorDetail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluev_actors.workflows.values import Json, JsonObject


@frozen
class Succeeded:
    """The node gave its outputs."""

    outputs: JsonObject
    cached: bool = False
    """They are those of an earlier run of the same node with the same inputs."""


@frozen
class Failed:
    """The attempt failed."""

    error: ErrorDetail
    class_names: tuple[str, ...] = ()
    """The exception's class and its bases, for `retry_on`."""
    retry_after: float | None = None
    """Seconds the node itself asked for."""
    exception: BaseException | None = None


ItemErrorPolicy: TypeAlias = Literal["fail", "collect", "drop"]


@frozen
class Opens:
    """The node's work is done by its body: once for each item, then the node is called again.

    Attributes:
        items: the inputs of the body for each item, in order.
        concurrency: how many items may be under way at one time; None for all.
        on_item_error: whether an item that fails fails the node, is kept with its error, or is left out.
        indexed: whether the ids inside carry the item's number, as in `each[3]/fetch`.
        after: seconds to wait before the first of the items begins.
    """

    items: Sequence[JsonObject]
    concurrency: int | None = None
    on_item_error: ItemErrorPolicy = "fail"
    indexed: bool = True
    after: float = 0.0


@frozen
class BodyEnd:
    """How the body ended for one item: its outputs, or why there are none."""

    outputs: JsonObject | None = None
    error: ErrorDetail | None = None


@frozen
class Waits:
    """The node's task ends, and the node waits for a signal; the payload is its output `payload`.

    Attributes:
        seconds: how long, while the run is not paused; None for as long as it takes.
        default: the payload when nothing came in that time; `NOTHING`: the node fails with `timeout`.
        schema: a JSON Schema that a payload has to fit.
        reason: what it waits for, in a word.
    """

    seconds: float | None = None
    default: Json = NOTHING
    schema: JsonObject | None = None
    reason: str = "signal"

    def flaw(self, payload: Json) -> str | None:
        """What is wrong with a payload; None when it fits."""
        return None if self.schema is None else payload_flaw(self.schema, payload)


Outcome: TypeAlias = Succeeded | Failed | Opens | Waits


def too_late(code: str) -> Failed:
    """The outcome of an attempt that took too long: by its own limit, or by that of all attempts together."""
    message = f"took longer than its {code.replace('_', ' ')}"
    return Failed(ErrorDetail(code, message, retryable=code == "timeout"))
