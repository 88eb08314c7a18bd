"""Virtual time for the tests that ask for it; those that talk to real sockets need the real one."""

from __future__ import annotations

import inspect

import pytest

from bluev_actors.testing.virtual_time import run_in_virtual_time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the async tests of a module that says `VIRTUAL_TIME = True` with a clock that jumps."""
    for item in items:
        asks = getattr(getattr(item, "module", None), "VIRTUAL_TIME", False)
        if asks and inspect.iscoroutinefunction(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.trio(run=run_in_virtual_time))
