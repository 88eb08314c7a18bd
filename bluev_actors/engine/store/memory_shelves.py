"""What a journal in memory keeps besides runs: requests, cached outputs, documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from attrs import Factory, define

from bluev_actors.engine.store.cache_index import CacheIndex
from bluev_actors.engine.store.json_bytes import from_bytes, to_bytes

if TYPE_CHECKING:
    from bluev_actors.engine.requests import Answered
    from bluev_actors.workflows.values import JsonObject

RequestKey: TypeAlias = tuple[str, str]
"""The session's id and the request's."""


@define
class RequestShelf:
    """The first answers to requests, each kept as long as the run it is about."""

    _answers: dict[RequestKey, Answered] = Factory(dict[RequestKey, "Answered"])
    _by_run: dict[str, list[RequestKey]] = Factory(dict[str, list[RequestKey]])

    def remember(self, key: RequestKey, answered: Answered) -> None:
        """Keep an answer."""
        self._answers[key] = answered
        self._by_run.setdefault(answered.run_id, []).append(key)

    def find(self, key: RequestKey) -> Answered | None:
        """The answer to a request."""
        return self._answers.get(key)

    def forget_run(self, run_id: str) -> None:
        """Drop the answers about a run."""
        for key in self._by_run.pop(run_id, ()):
            if key in self._answers and self._answers[key].run_id == run_id:
                del self._answers[key]


@define
class CacheShelf:
    """Outputs by fingerprint."""

    _index: CacheIndex = Factory(CacheIndex)
    _bodies: dict[bytes, bytes] = Factory(dict[bytes, bytes])

    def keep(self, fingerprint: bytes, outputs: JsonObject, expires_at: float | None) -> None:
        """Keep outputs; as bytes, so that nobody can change them."""
        self._bodies[fingerprint] = body = to_bytes(outputs)
        for gone in self._index.keep(fingerprint, len(body), expires_at):
            del self._bodies[gone]

    def find(self, fingerprint: bytes, now: float) -> JsonObject | None:
        """The outputs, if they are still good."""
        return from_bytes(self._bodies[fingerprint]) if self._index.find(fingerprint, now) else None


@define
class DocumentShelf:
    """Documents by family and name."""

    _families: dict[str, dict[str, JsonObject]] = Factory(dict[str, dict[str, "JsonObject"]])

    def put(self, family: str, name: str, body: JsonObject) -> None:
        """Keep a document."""
        self._families.setdefault(family, {})[name] = body

    def find(self, family: str, name: str) -> JsonObject | None:
        """The document of this name."""
        return self._families.get(family, {}).get(name)

    def all_of(self, family: str) -> dict[str, JsonObject]:
        """All of a family, in the order of their names."""
        return dict(sorted(self._families.get(family, {}).items()))

    def drop(self, family: str, name: str) -> bool:
        """Drop a document; says whether there was one."""
        return self._families.get(family, {}).pop(name, None) is not None
