"""Virtual time for the tests that ask for it; those that talk to real sockets need the real one."""

from __future__ import annotations

import inspect

import pytest

from bluev_actors.testing.virtual_time import run_in_virtual_time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the async tests of a module that says `VIRTUAL_TIME = True` with a clock that jumps."""
    for item in items:
        asks = getattr(getattr(item, "module", None), "VIRTUAL_TIME", False)
        if asks and _is_async(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.trio(run=run_in_virtual_time))


def _is_async(test: object) -> bool:
    """Whether a test is a coroutine function, be it one that Hypothesis calls."""
    given = getattr(test, "hypothesis", None)
    return inspect.iscoroutinefunction(test if given is None else given.inner_test)
