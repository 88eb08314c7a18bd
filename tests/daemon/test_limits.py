"""The limits of door and sockets."""

from __future__ import annotations

from attrs import asdict, fields

from bluev_actors.daemon.limits import Limits


def test_every_limit_is_explained() -> None:
    """The docstring has a line for each, because its name is all that a configuration shows."""
    text = Limits.__doc__ or ""
    assert [attribute.name for attribute in fields(Limits) if f"        {attribute.name}: " not in text] == []


def test_the_defaults_are_the_contracts() -> None:
    """What clients were promised."""
    limits = Limits()
    assert limits.connections == 20_000
    assert limits.message_size == limits.body_size == 16 * 1024 * 1024
    assert (limits.message_rate, limits.message_burst) == (1000, 5000)
    assert (limits.outbox_soft, limits.outbox_hard, limits.outbox_stall) == (256 * 1024, 4 * 1024 * 1024, 10)


def test_every_limit_is_above_zero() -> None:
    """Zero would shut somebody out, and there is no sign for `without limit`."""
    assert min(asdict(Limits()).values()) > 0
