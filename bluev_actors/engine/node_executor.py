"""The actor that runs one attempt of one node, and ends.

A node that raises has *failed*, which is an outcome like any other; only a bug in this file is a crash of the actor.
Outputs are checked here, where they are born. What the outcome means for the run is the run's to say.
"""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Never, TypeAlias

import orjson
import trio

from bluev_actors.actors import Actor
from bluev_actors.engine.outcome import Failed, Outcome, Succeeded
from bluev_actors.errors import BluevError, NodeError, Permanent, RetryAfter
from bluev_actors.workflows.run_events import ErrorDetail
from bluev_actors.workflows.values import JsonObject, find_flaw

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.node_types import NodeType

_log = logging.getLogger(__name__)

MAX_ERROR_TEXT: Final = 4096
"""Characters of an exception's text that clients see."""


Prepare: TypeAlias = Callable[["NodeContext"], None]
"""Fills in the context's inputs and params; raises when they cannot be had."""


class NodeExecutor(Actor[Never]):
    """Runs one attempt.

    Args:
        context: the attempt.
        node_type: what to run.
        prepare: gathers inputs and evaluates params, in the executor's own task.
        timeout: seconds the attempt may take; None: as long as it likes.
        timeout_code: the error code when it took longer.
        max_output_bytes: the largest value an output may have, as JSON.
    """

    def __init__(
        self,
        context: NodeContext,
        node_type: NodeType,
        prepare: Prepare,
        *,
        timeout: float | None,
        timeout_code: str,
        max_output_bytes: int,
    ) -> None:
        self.context = context
        self._node_type = node_type
        self._prepare = prepare
        self._timeout = timeout
        self._timeout_code = timeout_code
        self._max_output_bytes = max_output_bytes

    async def run(self) -> Outcome:
        """Run the attempt to its outcome; only a cancellation gets out."""
        try:
            if self._timeout is None:
                return Succeeded(await self._attempt())
            return await self._timed_attempt(self._timeout)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a node raises is its failure, never ours
            return self._failure(error)

    async def _timed_attempt(self, timeout: float) -> Outcome:
        with trio.move_on_after(timeout) as scope:
            return Succeeded(await self._attempt())
        if not scope.cancelled_caught:
            raise RuntimeError("a node's body ended without an outcome")
        message = f"took longer than its {self._timeout_code.replace('_', ' ')}"
        return Failed(ErrorDetail(self._timeout_code, message, retryable=self._timeout_code == "timeout"))

    async def _attempt(self) -> JsonObject:
        self._prepare(self.context)
        outputs = self._node_type.outputs_from(await self._call())
        self._check(outputs)
        return outputs

    async def _call(self) -> object:
        arguments = dict(self.context.inputs)
        if self._node_type.takes_context:
            arguments["ctx"] = self.context
        function = self._node_type.function
        if self._node_type.is_async:
            result = function(**arguments)
            return await result if isinstance(result, Awaitable) else result
        return await trio.to_thread.run_sync(lambda: function(**arguments))

    def _check(self, outputs: JsonObject) -> None:
        for name, value in outputs.items():
            if not isinstance(name, str):
                raise Permanent(f"the output name {name!r} is not text", code="invalid_output")
            flaw = find_flaw(value, f"output {name}")
            if flaw is not None:
                raise Permanent(flaw, code="invalid_output")
            if not isinstance(value, bool | int | float | None) and self._size(value) > self._max_output_bytes:
                limit = self._max_output_bytes
                raise Permanent(f"output {name} is larger than {limit} bytes", code="output_too_large")

    @staticmethod
    def _size(value: object) -> int:
        return len(value) if isinstance(value, str) else len(orjson.dumps(value))

    def _failure(self, error: Exception | SystemExit) -> Failed:
        retryable = error.retryable if isinstance(error, NodeError) else not isinstance(error, BluevError)
        code = error.code if isinstance(error, BluevError) else "node_error"
        detail = ErrorDetail(code, error_text(error), retryable, self._note(error))
        names = tuple(cls.__name__ for cls in type(error).__mro__)
        return Failed(detail, names, error.seconds if isinstance(error, RetryAfter) else None, error)

    def _note(self, error: BaseException) -> str | None:
        """Keep the traceback of an error that nobody meant, where the operator finds it."""
        if isinstance(error, BluevError):
            return None
        error_id = uuid.uuid4().hex[:12]
        where = f"{self.context.run_id}/{self.context.node_id}"
        _log.error("node %r failed, error_id=%s\n%s", where, error_id, "".join(traceback.format_exception(error)))
        return error_id


def error_text(error: BaseException) -> str:
    """An exception's text as clients see it: its class where it says nothing, and cut at `MAX_ERROR_TEXT`."""
    try:
        text = str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide that the node failed
        text = type(error).__name__
    clean = text.encode("utf-8", "backslashreplace").decode()
    return clean if len(clean) <= MAX_ERROR_TEXT else clean[: MAX_ERROR_TEXT - 3] + "..."
