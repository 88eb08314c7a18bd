"""The actor that runs one attempt of one node, and ends.

A node that raises has *failed*, which is an outcome like any other; only a bug in this file is a crash of the actor.
Outputs are checked here, where they are born. What the outcome means for the run is the run's to say.
"""

from __future__ import annotations

import logging
import math
import traceback
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Never, TypeAlias, cast

import trio

from bluev_actors.actors import Actor
from bluev_actors.engine.outcome import Failed, Opens, Outcome, Succeeded, Waits, too_late
from bluev_actors.engine.outside.isolated import run_isolated
from bluev_actors.engine.plain import clean_text, encoded, plain_copy
from bluev_actors.errors import BluevError, NodeError, Permanent, RetryAfter
from bluev_actors.workflows.run_events import ErrorDetail
from bluev_actors.workflows.values import Json, JsonObject, find_flaw, is_list

if TYPE_CHECKING:
    from bluev_actors.engine.cache import OutputCache
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.node_types import NodeType

_log = logging.getLogger(__name__)

BUILT_IN: Final = "built-in"
"""The source of the kinds that come with this package."""
LONG: Final = 2_000
"""Items beyond which a list is looked through in slices, so that nobody else waits for all of it."""
SLICE: Final = 1_000
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
        cache: what nodes gave out before.
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
        cache: OutputCache | None = None,
    ) -> None:
        self.context = context
        self._node_type = node_type
        self._prepare = prepare
        self._timeout = timeout
        self._timeout_code = timeout_code
        self._max_output_bytes = max_output_bytes
        self._cache = cache
        self._scope: trio.CancelScope | None = None
        self._left = math.inf

    @property
    def inline(self) -> bool:
        """Whether it needs no task of its own."""
        return self._node_type.inline

    async def run(self) -> Outcome:
        """Run the attempt to its outcome; only a cancellation gets out."""
        try:
            if self._timeout is None:
                return await self._attempt()
            return await self._timed_attempt(self._timeout)
        except BaseException as error:  # noqa: BLE001 - whatever a node raises is its failure, never ours
            passing = _not_the_nodes(error)
            if passing is None:
                return self._failure(error)
            raise passing from None
        finally:
            self.context.tell_stall()

    async def _timed_attempt(self, timeout: float) -> Outcome:
        if timeout > 0:  # else the attempts before have used up what there was for all of them
            with trio.move_on_after(timeout) as self._scope:
                return await self._attempt()
        return too_late(self._timeout_code)

    async def _attempt(self) -> Outcome:
        self._prepare(self.context)
        if (known := self._recorded()) is not None:
            return Succeeded(known, cached=True)
        if not self._is_ours:
            self.context.own()
        returned = await self.call_node()
        if isinstance(returned, Opens | Waits):
            return returned
        return Succeeded(await self._checked(self._node_type.outputs_from(returned)))

    def _recorded(self) -> JsonObject | None:
        """What the node gave out before, for the same inputs."""
        if self._cache is None or self.context.fingerprint is None:
            return None
        return self._cache.find(self.context.fingerprint)

    def keep_recorded(self, outputs: JsonObject) -> None:
        """Keep what is on record of this attempt for the next node with the same inputs."""
        if self._cache is not None and self.context.fingerprint is not None:
            self._cache.keep(self.context.fingerprint, outputs)

    async def call_node(self) -> object:
        """Call the node's function with what it was given."""
        arguments = dict(self.context.inputs)
        if self._node_type.takes_context:
            arguments["ctx"] = self.context
        function = self._node_type.function
        if self._node_type.is_async:
            result: object = function(**arguments)
            return await cast("Awaitable[object]", result) if isinstance(result, Awaitable) else result
        if self._node_type.isolate == "process":
            return await run_isolated(function, arguments)
        # A thread cannot be cancelled, so it is waited for; only a kill leaves it behind.
        returned: list[object] = []
        with self.context.until_killed():
            returned.append(await trio.to_thread.run_sync(lambda: function(**arguments), abandon_on_cancel=True))
        if returned:
            return returned[0]
        # Left behind by a kill, which comes with a cancel.
        self.context.remark("its thread was left behind by a kill, and may still act", "killed")
        await trio.sleep_forever()
        raise AssertionError("nobody wakes it")

    def suspend(self) -> bool:
        """Make the node stand still, its clock too, if it can; whether it does."""
        if not self.context.suspend():
            return False
        if self._scope is not None:
            self._left = self._scope.deadline - trio.current_time()
            self._scope.deadline = math.inf
        return True

    def resume(self) -> None:
        """Let a node that stands still go on with the time it has left."""
        if self._scope is not None:
            self._scope.deadline = trio.current_time() + self._left
        self.context.resume()

    @property
    def _is_ours(self) -> bool:
        """Whether its code is known to leave alone what it was given, and what it has given out."""
        kind = self._node_type.kind
        return kind.source == BUILT_IN and not kind.outside

    async def _checked(self, outputs: JsonObject) -> JsonObject:
        for name in outputs:
            _refuse(_name_flaw(name))
        return {str.__str__(name): await self._checked_value(name, value) for name, value in outputs.items()}

    async def _checked_value(self, name: str, value: Json) -> Json:
        where = f"output {name}"
        if is_list(value) and len(value) > LONG:
            for first in range(0, len(value), SLICE):
                if find_flaw(value[first : first + SLICE]) is not None:
                    _refuse(find_flaw(value, where))
                await trio.lowlevel.checkpoint()
        else:
            _refuse(find_flaw(value, where))
        if not isinstance(value, bool | int | float | None) and len(encoded(value)) > self._max_output_bytes:
            limit = self._max_output_bytes
            raise Permanent(f"output {name} is larger than {limit} bytes", code="output_too_large")
        return value if self._is_ours else plain_copy(value)

    def _failure(self, error: BaseException) -> Failed:
        retryable = error.retryable if isinstance(error, NodeError) else not isinstance(error, BluevError)
        code = clean_text(error.code) if isinstance(error, BluevError) else "node_error"
        detail = ErrorDetail(code, error_text(error), bool(retryable), self._note(error))
        names = tuple(cls.__name__ for cls in type(error).__mro__)
        return Failed(detail, names, _asked_delay(error), error)

    def _note(self, error: BaseException) -> str | None:
        """Keep the traceback of an error that nobody meant, where the operator finds it."""
        if isinstance(error, BluevError):
            return None
        error_id = uuid.uuid4().hex[:12]
        where = f"{self.context.run_id}/{self.context.node_id}"
        text = self.context.mask("".join(traceback.format_exception(error)))
        _log.error("node %r failed, error_id=%s\n%s", where, error_id, text)
        return error_id


def _refuse(flaw: str | None) -> None:
    if flaw is not None:
        raise Permanent(flaw, code="invalid_output")


def error_text(error: BaseException) -> str:
    """An exception's text as clients see it: its class where it says nothing, and cut at `MAX_ERROR_TEXT`."""
    try:
        text = clean_text(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide that the node failed
        text = type(error).__name__
    return text if len(text) <= MAX_ERROR_TEXT else text[: MAX_ERROR_TEXT - 3] + "..."


def _not_the_nodes(error: BaseException) -> BaseException | None:
    """What of an exception is no failure of the node: a cancellation, or the interruption of the program."""
    if isinstance(error, BaseExceptionGroup):
        return cast("BaseExceptionGroup[BaseException]", error).subgroup((trio.Cancelled, KeyboardInterrupt))
    return error if isinstance(error, trio.Cancelled | KeyboardInterrupt) else None


def _name_flaw(name: object) -> str | None:
    return find_flaw(name, "an output name") if isinstance(name, str) else f"the output name {name!r} is not text"


def _asked_delay(error: BaseException) -> float | None:
    """The seconds that a `RetryAfter` asks for; None, which means the policy's own delay, if they are no such thing."""
    seconds: object = error.seconds if isinstance(error, RetryAfter) else None
    return float(seconds) if isinstance(seconds, int | float) and 0 <= seconds < math.inf else None
