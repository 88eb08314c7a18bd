from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.nodes.signal import wait_signal
from bluev_actors.engine.outcome import Waits
from bluev_actors.errors import InvalidWorkflowError
from bluev_actors.workflows.kinds import NOTHING

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt

SCHEMA: Json = {"type": "object"}


@pytest.mark.parametrize(
    ("params", "waits"),
    [
        ({}, Waits(None, NOTHING, None)),
        ({"timeout": 5}, Waits(5, NOTHING, None)),
        ({"timeout": 0, "default": None}, Waits(0, None, None)),
        ({"default": {"ok": False}, "schema": SCHEMA}, Waits(None, {"ok": False}, SCHEMA)),
    ],
)
async def test_it_says_what_it_waits_for(attempt: type[Attempt], params: dict[str, Json], waits: Waits) -> None:
    """The waiting itself is the run's; a default of null is a default."""
    assert await attempt(wait_signal, params).call() == waits


@pytest.mark.parametrize(
    ("params", "words"),
    [({"schema": {"$ref": "http://x"}}, "cannot be used here"), ({"timeout": -1}, "at least 0")],
)
def test_what_cannot_be_waited_for_is_refused(attempt: type[Attempt], params: dict[str, Json], words: str) -> None:
    """Before the run."""
    with pytest.raises(InvalidWorkflowError, match=words):
        attempt(wait_signal, params)
