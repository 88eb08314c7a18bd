"""What a node kind says of itself."""

from __future__ import annotations

import pytest

from bluev_actors.workflows.kinds import NOTHING, NodeKind, Param, Port

KIND = NodeKind("fetch", inputs=(Port("url"), Port("body")), outputs=(Port("text", "string"),))


def test_ports_are_found_by_name() -> None:
    """Inputs and outputs are looked up apart."""
    assert KIND.input("body") == Port("body")
    assert KIND.output("text") == Port("text", "string")
    assert KIND.input("text") is None
    assert KIND.output("url") is None
    assert KIND.output("done") is None


@pytest.mark.parametrize("pure", [True, False])
def test_what_is_pure_can_be_paused(pure: bool) -> None:
    """What has no effect can be run again; anything else says for itself that it can go on."""
    assert NodeKind("k", pure=pure).pausable is pure
    assert NodeKind("k", pure=pure, pausable=not pure).pausable is not pure


def test_no_default_is_not_null() -> None:
    """`null` is a default like any other; to have none is something else, and says so."""
    assert Port("a").default is NOTHING
    assert Param("a").default is NOTHING
    assert Port("a", default=None).default is None
    assert repr(NOTHING) == "NOTHING"


def test_kinds_are_plain_data() -> None:
    """Two that say the same are the same, so that catalogues can be compared."""
    assert NodeKind("k", params=(Param("a"),)) == NodeKind("k", params=(Param("a"),))
