"""What a `run` hands on."""

from __future__ import annotations

import pytest
from attrs.exceptions import FrozenInstanceError

from bluev_actors.cli.display import PlainLines
from bluev_actors.cli.order import Order
from bluev_actors.workflows.options import RunOptions


def test_an_order_is_not_changed_on_its_way() -> None:
    """Here and there get the same."""
    order = Order("w.json", {}, {}, RunOptions(), None, PlainLines())
    with pytest.raises(FrozenInstanceError):
        order.file = "other"  # type: ignore[misc] # that is the point
