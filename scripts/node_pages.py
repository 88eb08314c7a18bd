"""The pages on node types, `docs/reference/nodes.md` and `nodes/*.md`, made from what the kinds say of themselves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bluev_actors.engine.node_types import describe
from bluev_actors.engine.nodes import BUILT_INS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.workflows.values import JsonObject

_INDEX = """\
# Node types

These pages are written by `scripts/generate` from the node types themselves. `bluev-actors nodes NAME` prints the same,
and `GET /api/nodes` gives it to programs. [The guide for authors](../node-authors.md) tells how to add your own.

| type | what it does |
|---|---|
{rows}
What holds for every node:

- Every node has the output `done` (null, when it has completed) and the input `after` (for order alone), and with
  `on_error: error_output` the output `error`.
- An input gets its value from its connection, else from the param of the same name, else from its default. One that
  takes *many* is always a list, in the order of the connections.
- Params are values in which `${{...}}` is filled in, unless they are expressions or templates themselves.
- It may fail with codes that are not its own: `missing_input` (what leads to a required input was skipped),
  `invalid_param` and its like (a param came to a value that it cannot have), `expression_failed` (in a `${{...}}`),
  `invalid_output`, `output_too_large`, `timeout`, `interrupted`, `poison`, `executor_crashed`. [Errors](errors.md) and
  [the protocol](protocol.md) explain the codes.
"""

_PAGE = """\
# {name}

{description}

{nature}
{sections}"""


def pages() -> dict[str, str]:
    """Each page by its path below `docs/reference`."""
    kinds = [describe(node_type.kind, enabled=True) for node_type in BUILT_INS]
    found = {f"nodes/{kind['name']}.md": page(kind) for kind in kinds}
    links = [(f"[`{kind['name']}`](nodes/{kind['name']}.md)", _cell(kind["description"])) for kind in kinds]
    rows = "".join(f"| {link} | {purpose} |\n" for link, purpose in links)
    return {"nodes.md": _INDEX.format(rows=rows), **found}


def page(kind: JsonObject) -> str:
    """The page of one kind."""
    sections = "".join(f"\n## {title}\n\n{text}" for title, text in _sections(kind))
    return _PAGE.format(name=kind["name"], description=kind["description"], nature=_nature(kind), sections=sections)


def _nature(kind: JsonObject) -> str:
    facts = [
        f"Version {kind['version']}",
        "pure: same inputs, same outputs, no effect" if kind["pure"] else "not pure",
    ]
    if not kind["body"]:
        facts.append("can be paused in the middle" if kind["pausable"] else "is not cut short by a `checkpoint` pause")
    if kind["outside"]:
        facts.append(f"touches the outside: off until `--allow {kind['name']}`")
    if kind.get("at_most_once"):
        facts.append("at most once")
    if kind["trigger_rule"] != "all_success":
        facts.append(f"runs by the rule `{kind['trigger_rule']}`")
    return "; ".join(facts) + "."


def _sections(kind: JsonObject) -> Iterator[tuple[str, str]]:
    yield "Inputs", _members(kind["inputs"], _others(kind, "inputs") if kind["free_inputs"] or kind["body"] else "")
    cases = [param["name"] for param in kind["params"] if "names_outputs" in param]
    more = kind["free_outputs"] and not cases
    yield "Outputs", _members(kind["outputs"], _others(kind, "outputs") if more else "")
    if kind["params"]:
        yield "Params", _members(kind["params"])
    yield "Errors", _failures(kind["failures"])
    yield "When it is paused, tried again, or the daemon dies", _conduct(kind["conduct"])
    for number, example in enumerate(kind["examples"], 1):
        title = "Example" if len(kind["examples"]) == 1 else f"Example {number}"
        yield title, f"```json\n{json.dumps(example, indent=2, ensure_ascii=False)}\n```\n"


def _others(kind: JsonObject, side: str) -> str:
    """What the ports are called that the kind does not name itself."""
    also = " other" if kind[side] else ""
    return f"The{also} {side} that its body declares.\n" if kind["body"] else f"Any{also} {side} by any name.\n"


def _members(members: list[JsonObject], others: str = "") -> str:
    table = "".join(_row(member) for member in members)
    head = f"| name | type | | meaning |\n|---|---|---|---|\n{table}" if members else ""
    return "\n".join(part for part in (head, others) if part) or "None.\n"


def _row(member: JsonObject) -> str:
    return f"| `{member['name']}` | {_type(member)} | {_need(member)} | {_cell(member['description'])} |\n"


def _type(member: JsonObject) -> str:
    written = {"expression": "CEL expression", "template": "Jinja template", "workflow": "workflow"}
    syntax = written.get(member.get("syntax", "value"))
    plural = {"object": "object of CEL expressions", "list": "list of cases"} if syntax == "CEL expression" else {}
    return plural.get(member["type"]) or syntax or f"`{member['type']}`"


def _need(member: JsonObject) -> str:
    words = ["many"] if member.get("multi") else []
    if "default" in member:
        words.append(f"default `{_cell(json.dumps(member['default'], ensure_ascii=False))}`")
    elif member["required"] and ("syntax" in member or not member.get("multi")):
        words.append("required" if "syntax" in member else "")
    if "minimum" in member:
        words.append(f"from {member['minimum']}")
    if "maximum" in member:
        words.append(f"up to {member['maximum']}")
    if "choices" in member:
        words.append("one of " + ", ".join(f"`{choice}`" for choice in member["choices"]))
    return ", ".join(word for word in words if word)


def _failures(failures: list[JsonObject]) -> str:
    if not failures:
        return "None of its own; see [what holds for every node](../nodes.md).\n"
    rows = "".join(f"| `{failure['code']}` | {_cell(failure['meaning'])} |\n" for failure in failures)
    return f"| code | when |\n|---|---|\n{rows}"


def _conduct(conduct: JsonObject) -> str:
    return (
        f"- Pause: {conduct['pause']}\n- Retry: {conduct['retry']}\n- Crash: {conduct['crash']}\n"
        f"- Security: {conduct['security']}\n"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
