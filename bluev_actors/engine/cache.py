"""Outputs of earlier runs, to be used again where a pure node is given the same.

What a node is given goes into one hash: its kind, its params and inputs, and what its expressions can see. Secrets
count by their names, so that no hash can be tried against a list of likely ones.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol

import orjson
from attrs import define

from bluev_actors.engine.plain import encoded, plain_copy
from bluev_actors.workflows.interpolation import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.workflows.expressions import Scope
    from bluev_actors.workflows.graph import Node
    from bluev_actors.workflows.inputs import Gathered
    from bluev_actors.workflows.kinds import NodeKind
    from bluev_actors.workflows.params import NodeParams
    from bluev_actors.workflows.values import Json, JsonObject

MAX_CACHED: Final = 1024 * 1024
"""Bytes that a node's outputs may have, as JSON, to be worth keeping."""


class Shelf(Protocol):
    """What the cache needs of a journal."""

    def cached(self, fingerprint: bytes, now: float) -> JsonObject | None:
        """The outputs of this fingerprint, unless they are too old."""
        ...

    def keep_cached(self, fingerprint: bytes, outputs: JsonObject, now: float, ttl: float | None = None) -> None:
        """Keep outputs, for `ttl` seconds."""
        ...


def may_cache(kind: NodeKind, node: Node, use_cache: bool | None) -> bool:
    """Whether a node may take its outputs from the cache, and leave them there.

    Args:
        kind: the node's kind; only pure ones, without a body, ever may.
        node: the node; it may, if it says so itself.
        use_cache: the run's option: True lets all of them, False none.
    """
    wanted = node.cache == "by_inputs" if use_cache is None else use_cache
    return wanted and kind.pure and kind.body is None


@define
class OutputCache:
    """Keeps the outputs of pure nodes in a journal, which bounds how many.

    Attributes:
        now: wall time, in seconds since 1970.
        ttl: seconds after which outputs are not used any more; None for never.
        max_bytes: what is larger is not kept.
    """

    _shelf: Shelf
    now: Callable[[], float]
    ttl: float | None = None
    max_bytes: int = MAX_CACHED

    def find(self, fingerprint: bytes) -> JsonObject | None:
        """A copy of the outputs that were kept, or None."""
        found = self._shelf.cached(fingerprint, self.now())
        return None if found is None else dict(plain_copy(found))

    def keep(self, fingerprint: bytes, outputs: JsonObject) -> None:
        """Keep a copy of outputs, as they are on record: with every secret masked."""
        if len(encoded(outputs)) <= self.max_bytes:
            self._shelf.keep_cached(fingerprint, plain_copy(outputs), self.now(), self.ttl)


def fingerprint(
    kind: NodeKind,
    node: Node,
    compiled: NodeParams,
    scope: Scope,
    gathered: Gathered,
    connected_outputs: tuple[str, ...],
) -> bytes:
    """What a pure node is given, as one hash.

    Args:
        kind: its kind.
        node: the node.
        compiled: its params.
        scope: what its expressions see.
        gathered: its inputs, and where they came from.
        connected_outputs: which of its outputs lead somewhere, for some kinds give only those.
    """
    secrets: dict[str, None] = {}

    def by_name(name: str) -> str:
        secrets[name] = None
        return f"{SECRET}:{name}"

    params = compiled.evaluate(scope, by_name)
    given = [
        [kind.name, kind.version, params, gathered.inputs, gathered.sources, connected_outputs],
        _seen(kind, params, scope),
        # A text may look like the name of a secret; as it is written it cannot be taken for one.
        [list(secrets), node.params] if secrets else None,
    ]
    return sha256(orjson.dumps(given, default=float, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)).digest()


def _seen(kind: NodeKind, params: JsonObject, scope: Scope) -> JsonObject:
    """The parts of the scope that params may read which are evaluated by the node itself."""
    formulas = [params.get(param.name) for param in kind.params if param.syntax in ("expression", "template")]
    return {name: value for name, value in scope.items() if any(_mentions(name, it) for it in formulas)}


def _mentions(name: str, formula: Json) -> bool:
    return re.search(rf"\b{name}\b", orjson.dumps(formula).decode()) is not None
