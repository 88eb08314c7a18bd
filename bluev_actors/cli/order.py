"""What is to be run, and how: the words of a `run`, read and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from bluev_actors.cli.display import Display
    from bluev_actors.workflows.options import RunOptions
    from bluev_actors.workflows.values import Json, JsonObject


@frozen
class Order:
    """What is to be run and how.

    Attributes:
        file: what to call the document.
        document: the workflow.
        inputs: values for its declared inputs.
        options: how to start it.
        session: the session to start it in; None for any.
        display: where it is shown.
    """

    file: str
    document: Json
    inputs: JsonObject
    options: RunOptions
    session: str | None
    display: Display
