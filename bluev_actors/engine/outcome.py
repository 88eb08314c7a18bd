"""How one attempt of a node ended, as its executor tells its run."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from bluev_actors.workflows.run_events import ErrorDetail
    from bluev_actors.workflows.values import JsonObject


@frozen
class Succeeded:
    """The node gave its outputs."""

    outputs: JsonObject


@frozen
class Failed:
    """The attempt failed."""

    error: ErrorDetail
    class_names: tuple[str, ...] = ()
    """The exception's class and its bases, for `retry_on`."""
    retry_after: float | None = None
    """Seconds the node itself asked for."""
    exception: BaseException | None = None


Outcome: TypeAlias = Succeeded | Failed
