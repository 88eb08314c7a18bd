"""What the tests of the actors share: time that jumps, and a system to live in."""

from __future__ import annotations

import inspect
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import MockClock

from bluev_actors.actors import open_system

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from bluev_actors.actors import Ref, System
    from bluev_actors.actors.cell import Cell

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run every async test of this folder in virtual time, without an argument in each of them."""
    for item in items:
        if HERE in item.path.parents and inspect.iscoroutinefunction(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.trio(run=in_virtual_time))


def in_virtual_time(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as `trio.run`
    """Run a Trio program with a clock that jumps to the next deadline whenever nobody has anything to do."""
    clock = kwargs.pop("clock", None) or MockClock(autojump_threshold=0)
    return trio.run(partial(function, *args), clock=clock, **kwargs)


@pytest.fixture
async def system() -> AsyncGenerator[System]:
    """An empty actor system."""
    async with open_system() as system:
        yield system


@pytest.fixture
def cell_of() -> Callable[[Ref[Any]], Cell[Any]]:
    """What stands behind a ref: for tests of the runtime itself, which see more than users do."""
    return lambda ref: ref._cell  # pyright: ignore[reportPrivateUsage] - this is the one place that looks
