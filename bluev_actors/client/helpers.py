"""A nursery for tasks that only help the block they stand around."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@asynccontextmanager
async def open_helpers() -> AsyncGenerator[trio.Nursery]:
    """Open a nursery whose tasks end with the block, and whose one error leaves it bare instead of in a group."""
    try:
        async with trio.open_nursery() as nursery:
            try:
                yield nursery
            finally:
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raised = group
    else:
        return
    # Raised out here and not where it was caught, so that the group does not become its context.
    raise _sole_error(raised)


def _sole_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that counts: what stands beside it is only the cancelling of the others."""
    errors = [error for error in group.exceptions if not isinstance(error, trio.Cancelled)]
    return errors[0] if len(errors) == 1 else group
