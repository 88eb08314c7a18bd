"""The ids of nodes inside bodies: `each[3]/fetch` is the node `fetch` in item 3 of the node `each`.

A node that is not in a body has its own id. A slash is no part of a node's id, and the id of a node with a body does
not end like an item's number, so a full id can be read in one way only.
"""

from __future__ import annotations

import re
from typing import Final

_ITEM: Final = re.compile(r"(.*)\[([0-9]+)\]", re.DOTALL)


def split(node_id: str) -> list[str | int]:
    """The parts of a full id: `each[3]/fetch` is `["each", 3, "fetch"]`."""
    *containers, own = node_id.split("/")
    parts: list[str | int] = []
    for container in containers:
        match = _ITEM.fullmatch(container)
        parts += [container] if match is None else [match[1], int(match[2])]
    return [*parts, own]


def join(parts: list[str | int]) -> str:
    """The full id that `split` took apart."""
    return "".join(f"[{part}]" if isinstance(part, int) else f"/{part}" for part in parts)[1:]


def static(node_id: str) -> str:
    """Where a node stands in the document, whatever the item: `each/fetch`."""
    if "/" not in node_id:
        return node_id
    return "/".join(part for part in split(node_id) if isinstance(part, str))


def prefix(node_id: str) -> str:
    """What the ids of all nodes of the same item begin with: `each[3]/`; nothing outside of bodies."""
    return node_id[: node_id.rfind("/") + 1]


def own(node_id: str) -> str:
    """The node's own id, as its document has it: `fetch`."""
    return node_id[node_id.rfind("/") + 1 :]


def is_inside(node_id: str, container_id: str) -> bool:
    """Whether a node stands in the body of another one, however deep."""
    around = container(node_id)
    while around is not None and around != container_id:
        around = container(around)
    return around is not None


def container(node_id: str) -> str | None:
    """The full id of the node in whose body a node stands; None outside of bodies."""
    before = prefix(node_id)[:-1]
    if not before:
        return None
    match = _ITEM.fullmatch(before)
    return before if match is None else match[1]


def item_prefix(node_id: str, index: int | None) -> str:
    """What the ids of the nodes in a body begin with.

    Args:
        node_id: the node with the body.
        index: the number of the item; None for a body that has no items.
    """
    return f"{node_id}/" if index is None else f"{node_id}[{index}]/"


def ends_like_an_item(node_id: str) -> bool:
    """Whether an id could be taken for that of an item, so that no node with a body may have it."""
    return _ITEM.fullmatch(node_id) is not None
