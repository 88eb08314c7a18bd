"""Values too large for an event: the largest are replaced by references until the rest fits.

A reference tells where the value can be fetched, how large it is and how it begins. Whether something is one
is said by the message's list of names alone, since a value may happen to look like a reference.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

from bluev_actors.protocol.json_text import dump_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bluev_actors.workflows.graph import WorkflowOutput
    from bluev_actors.workflows.values import Json, JsonObject

K = TypeVar("K", bound=Hashable)

PREVIEW_LENGTH: Final = 80
_MOST_BYTES_A_CHARACTER: Final = 4


def address_of(run_id: str, node_id: str, output: str) -> str:
    """Where the value of one output can be fetched in full."""
    return f"/api/runs/{quote(run_id, '')}/nodes/{quote(node_id, '')}/outputs/{quote(output, '')}"


def shorten_outputs(outputs: JsonObject, limit: int, run_id: str, node_id: str) -> tuple[JsonObject, tuple[str, ...]]:
    """Make the outputs of one node fit.

    Args:
        outputs: values by name.
        limit: how many bytes their JSON may have.
        run_id: their run.
        node_id: their node.

    Returns:
        The outputs with references in place of the largest, and the names of those. Only values that are
        larger than a reference are replaced, so a crowd of small ones may stay above the limit.
    """
    references = _references(outputs, _excess(outputs, limit), lambda name: address_of(run_id, node_id, name))
    return {**outputs, **references}, tuple(name for name in outputs if name in references)


def shorten_results(results: JsonObject, limit: int, run_id: str) -> tuple[JsonObject, tuple[str, ...]]:
    """Make the results of a run fit, which are outputs by node; their names read `node.output`."""
    excess = _excess(results, limit)
    if excess <= 0:
        return results, ()
    values = {(node_id, name): value for node_id, outputs in results.items() for name, value in outputs.items()}
    references = _references(values, excess, lambda place: address_of(run_id, *place))
    shortened: JsonObject = {node_id: {} for node_id in results}
    for (node_id, name), value in values.items():
        shortened[node_id][name] = references.get((node_id, name), value)
    return shortened, tuple(".".join(place) for place in values if place in references)


def shorten_declared(
    outputs: JsonObject, limit: int, run_id: str, declared: Mapping[str, WorkflowOutput]
) -> tuple[JsonObject, tuple[str, ...]]:
    """Make the outputs that a workflow declares fit; `declared` tells which node's output each of them is."""
    values = {name: value for name, value in outputs.items() if name in declared}
    references = _references(
        values,
        _excess(outputs, limit),
        lambda name: address_of(run_id, declared[name].node, declared[name].output),
    )
    return {**outputs, **references}, tuple(name for name in outputs if name in references)


def _excess(values: JsonObject, limit: int) -> int:
    # Writing the JSON only to measure it costs 0.1 us for a small object, a fifth of any estimate in Python.
    return len(dump_json(values)) - limit


def _references(values: Mapping[K, Json], excess: int, address: Callable[[K], str]) -> dict[K, JsonObject]:
    """References for the largest values, until `excess` bytes are saved or no reference saves any."""
    references: dict[K, JsonObject] = {}
    texts = {key: dump_json(value) for key, value in values.items()} if excess > 0 else {}
    for key in sorted(texts, key=lambda key: -len(texts[key])):
        # The preview of a short value would be all of it, so its reference could only be longer.
        if excess <= 0 or len(texts[key]) <= PREVIEW_LENGTH:
            break
        reference = _reference(values[key], texts[key], address(key))
        saved = len(texts[key]) - len(dump_json(reference))
        if saved > 0:
            references[key] = reference
            excess -= saved
    return references


def _reference(value: Json, text: bytes, address: str) -> JsonObject:
    begin = value if isinstance(value, str) else _beginning(text)
    preview = begin if len(begin) <= PREVIEW_LENGTH else begin[: PREVIEW_LENGTH - 3] + "..."
    return {"$ref": address, "bytes": len(text), "preview": preview}


def _beginning(text: bytes) -> str:
    return text[: _MOST_BYTES_A_CHARACTER * (PREVIEW_LENGTH + 1)].decode(errors="ignore")
