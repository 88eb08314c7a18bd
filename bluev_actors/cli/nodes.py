"""`nodes`: which node types there are, and what each one takes and gives."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import click
import orjson

from bluev_actors.cli.catalogue import open_catalogue
from bluev_actors.cli.columns import columns
from bluev_actors.cli.options import allow_option, json_option, maybe_url, nodes_option
from bluev_actors.cli.words import compact, printable
from bluev_actors.engine.node_types import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bluev_actors.workflows.values import JsonObject


@click.command()
@click.argument("name", required=False)
@maybe_url
@nodes_option
@allow_option
@json_option
def nodes(name: str | None, url: str | None, nodes: tuple[str, ...], allow: tuple[str, ...], as_json: bool) -> None:
    """List the node types, or explain the type NAME with its ports and params."""
    found = {kind["name"]: kind for kind in (_ask(url) if url else _describe(nodes, allow))}
    if name is not None and name not in found:
        raise click.UsageError(_unknown(name, list(found)))
    if as_json:
        click.echo(orjson.dumps(list(found.values()) if name is None else found[name]))
    else:
        click.echo("\n".join(_table(list(found.values())) if name is None else _page(found[name])))


def _ask(url: str) -> list[JsonObject]:
    from bluev_actors.client.rest import Rest  # noqa: PLC0415 - a list from this process needs no HTTP

    with Rest(url) as rest:
        answer: JsonObject = rest.get("/api/nodes")
    kinds: list[JsonObject] = answer["nodes"]
    return kinds


def _describe(references: tuple[str, ...], allow: tuple[str, ...]) -> list[JsonObject]:
    catalogue = open_catalogue(references, allow)
    return [describe(it.kind, enabled=it.kind.name not in catalogue.disabled) for it in catalogue]


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known))}"
    return f"there is no node type {name!r}; {hint}"


def _table(kinds: Sequence[JsonObject]) -> Iterator[str]:
    rows = [(kind["name"], _ports(kind, "inputs"), _ports(kind, "outputs"), _purpose(kind)) for kind in kinds]
    yield from columns(("TYPE", "INPUTS", "OUTPUTS", "WHAT IT DOES"), sorted(rows))


def _purpose(kind: JsonObject) -> str:
    off = "" if kind["enabled"] else f" (off; --allow {kind['name']})"
    return f"{kind['description']}{off}"


def _ports(kind: JsonObject, side: str) -> str:
    names = [port["name"] for port in kind[side]]
    return ", ".join([*names, *(["any"] if kind[f"free_{side}"] else [])]) or "-"


def _page(kind: JsonObject) -> Iterator[str]:
    """All there is to know of one type."""
    yield f"{printable(kind['name'])}: {_purpose(kind)}"
    yield f"from {printable(kind['source'])}, version {kind['version']}, {_nature(kind)}"
    for side in ("inputs", "outputs", "params"):
        if kind[side]:
            yield f"\n{side}"
            yield from (f"  {line}" for line in _members(kind[side]))
        if kind.get(f"free_{side}"):
            yield f"\nany other {side} by any name" if kind[side] else f"\n{side} by any name"
    yield from _table_of("errors", [(it["code"], it["meaning"]) for it in kind.get("failures", ())])
    yield from _table_of("conduct", [(when, said) for when, said in kind.get("conduct", {}).items() if said])
    for example in kind["examples"]:
        yield "\nexample"
        yield orjson.dumps(example, option=orjson.OPT_INDENT_2).decode()


def _table_of(head: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    if rows:
        width = max(len(name) for name, _ in rows)
        yield f"\n{head}"
        yield from (f"  {name:<{width}}  {said}" for name, said in rows)


def _nature(kind: JsonObject) -> str:
    pure = "pure" if kind["pure"] else "with effects"
    return f"{pure}, {'can' if kind['pausable'] else 'cannot'} be paused in the middle"


def _members(members: Sequence[JsonObject]) -> Iterator[str]:
    rows = [(it["name"], it["type"], _need(it), it["description"]) for it in members]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row[:3], widths, strict=True)]
        yield "  ".join([*cells, row[3]]).rstrip()


def _need(member: JsonObject) -> str:
    words = ["many"] if member.get("multi") else []
    if "default" in member:
        words.append(f"default {compact(member['default'])}")
    elif member.get("required"):
        words.append("required")
    if "choices" in member:
        words.append("one of " + ", ".join(compact(choice) for choice in member["choices"]))
    return ", ".join(words)
