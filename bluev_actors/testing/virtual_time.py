"""Time that jumps: whenever nobody has anything to do, the next deadline is now.

What happens in threads and in real sockets counts for nothing here: the clock jumps on while they work. So this is for
what lives on the loop alone. With pytest-trio, a test runs in it by `@pytest.mark.trio(run=run_in_virtual_time)`; one
of Hypothesis is a plain function that calls it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import trio
from trio.testing import MockClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def run_in_virtual_time(function: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as `trio.run`
    """Run a Trio program with a clock that jumps.

    Args:
        function: the program.
        *args: its arguments.
        **options: those of `trio.run`; a `clock` among them is used instead.
    """
    clock = options.pop("clock", None) or MockClock(autojump_threshold=0)
    return trio.run(partial(function, *args), clock=clock, **options)
