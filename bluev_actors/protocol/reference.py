"""The protocol's reference page, written from the message classes, their rules and the tables of codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from bluev_actors.protocol.codes import MESSAGE_CODES, NODE_CODES, REFUSAL_CODES, CloseCode
from bluev_actors.protocol.docstrings import sentence_of
from bluev_actors.protocol.messages import (
    CLIENT_MESSAGES,
    PROTOCOL,
    SERVER_MESSAGES,
    SUBSCRIPTION_NAMES,
    ClientMessage,
    Reply,
    RunMessage,
    ServerMessage,
)
from bluev_actors.protocol.rules import RULES, ids_are_ids
from bluev_actors.protocol.schema import message_schema
from bluev_actors.workflows.values import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bluev_actors.workflows.values import JsonObject

Message: TypeAlias = type[ClientMessage] | type[ServerMessage]
Row: TypeAlias = tuple[str, ...]

_INTRODUCTION: Final = f"""\
# Protocol

This page is written by `scripts/generate` from `bluev_actors/protocol`.

A client and the daemon exchange JSON objects in text frames; the sub-protocol is `{PROTOCOL}`. The `type` of
an object says what it is and which other fields it has. A client ignores types and fields that it does not
know. The daemon ignores fields that it does not know, except in `options` and what is in it.

Every message of the daemon has a `timestamp`: RFC 3339, UTC, with `Z`. Events are in the order of `seq`,
never of time. Only broadcasts go out exactly as they were given.

JSON is taken strictly: no NaN, integers within 64 bits, no lone surrogates, at most {MAX_DEPTH} objects and
lists inside each other (a workflow's own shape takes five). No value is converted: `5` is not `"5"`, `true`
is not `1`; only an integer may stand for a number. A client may write null for an optional field that it
leaves out, lists and `options` excepted. {sentence_of(ids_are_ids)}
"""

_SUBSCRIPTIONS: Final = """\
A subscription is one of these names, an exact type, or `*`, which means all of them but `actor_status`. With
a filter it reads `name@ID`, where the id is that of a run or of a workflow, or `*` for every run.
"""


def render() -> str:
    """The whole page, as Markdown."""
    return "\n".join(
        [
            _INTRODUCTION,
            _chapter("What a client says", CLIENT_MESSAGES.values()),
            _chapter("What the daemon answers", _daemon_says(Reply)),
            _chapter("What happens in a run", _daemon_says(RunMessage)),
            _chapter("What else the daemon says", _daemon_says()),
            f"## Subscription names\n\n{_SUBSCRIPTIONS}",
            _table(("name", "types"), _subscription_names()),
            "## Error codes\n",
            f"Of an `error`, for a message that was not accepted:\n\n{_codes(MESSAGE_CODES)}",
            f"Of other replies and of REST answers:\n\n{_codes(REFUSAL_CODES)}",
            f"Of `error_detail` and `node_log`; nodes may have more of their own:\n\n{_codes(NODE_CODES)}",
            f"## Close codes\n\n{_codes({str(int(code)): code.meaning for code in CloseCode})}",
        ]
    )


def _daemon_says(*kinds: type[ServerMessage]) -> list[Message]:
    """The daemon's messages of these kinds; without kinds, those of none."""
    return [
        cls
        for cls in SERVER_MESSAGES.values()
        if (issubclass(cls, kinds) if kinds else not issubclass(cls, Reply | RunMessage))
    ]


def _chapter(title: str, classes: Iterable[Message]) -> str:
    return "\n".join([f"## {title}\n", *(_section(cls) for cls in classes)])


def _section(cls: Message) -> str:
    fields = _table(("field", "type", "", "meaning"), _fields(message_schema(cls)))
    return f"### `{cls.type}`\n\n{sentence_of(cls)}\n\n{fields}{_rules(cls)}"


def _rules(cls: Message) -> str:
    rules = RULES[cls] if issubclass(cls, ClientMessage) else ()
    lines = [f"- {sentence_of(rule)}\n" for rule in rules if rule is not ids_are_ids]
    return "".join(["\n", *lines]) if lines else ""


def _codes(meanings: Mapping[str, str]) -> str:
    return _table(("code", "meaning"), ((f"`{code}`", meaning) for code, meaning in meanings.items()))


def _subscription_names() -> Iterator[Row]:
    for name, types in SUBSCRIPTION_NAMES.items():
        yield f"`{name}`", _listed(types)


# --- the fields of a message ------------------------------------------------------------------------------


def _fields(schema: JsonObject, path: str = "") -> Iterator[Row]:
    """A row for each field but `type`; those of an object inside follow it, under its name and a dot."""
    for name, field in schema["properties"].items():
        if "const" not in field:
            need = "required" if name in schema["required"] else "optional"
            yield f"`{path}{name}`", _type(field, need), need, field.get("description", "")
        for inner in (field, *field.get("anyOf", ())):
            if "properties" in inner:
                yield from _fields(inner, f"{path}{name}.")


def _type(schema: JsonObject, need: str) -> str:
    if "enum" in schema:
        return _listed(schema["enum"])
    if "anyOf" in schema:
        types = [_type(each, need) for each in schema["anyOf"]]
        return " or ".join(each for each in types if each != "null" or need == "required")
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'], need)}s"
    return str(schema.get("type", "any value"))


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(headings: Row, rows: Iterable[Row]) -> str:
    rule = tuple("---" for _ in headings)
    return "".join(f"| {' | '.join(row)} |\n" for row in (headings, rule, *rows))
