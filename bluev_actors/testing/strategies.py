"""Hypothesis strategies for everything that travels: JSON, messages, workflow documents, and hostile text.

Use them to test what stands before or behind a daemon, such as the reducer of a front end::

    from bluev_actors.protocol.messages import NodeStatusUpdate
    from bluev_actors.testing.strategies import MESSAGES


    @given(MESSAGES[NodeStatusUpdate])
    def test_the_reducer_takes_any_status(update): ...

Every message of `MESSAGES` and every one of `workflow_documents()` is valid. `hostile_text()` is what a daemon
must survive, and `mutated(...)` is what lies between.
"""

from __future__ import annotations

from copy import deepcopy
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

import orjson
from attrs import fields
from hypothesis import strategies as st

from bluev_actors.protocol.codec import encode
from bluev_actors.protocol.messages import (
    CLIENT_MESSAGES,
    SERVER_MESSAGES,
    SUBSCRIPTION_NAMES,
    ClientMessage,
    ControlWorkflow,
    ExecuteWorkflow,
    Resume,
    ServerMessage,
    Signal,
    Subscribe,
    Unsubscribe,
    ValidateWorkflow,
    Watch,
)
from bluev_actors.protocol.rules import ACTION_MODES, EVERY_RUN, ID_FIELDS
from bluev_actors.workflows.options import Rerun, RunOptions
from bluev_actors.workflows.times import rfc3339
from bluev_actors.workflows.values import INT_MAX, INT_MIN, MAX_DEPTH, Json, JsonObject, is_object

if TYPE_CHECKING:
    from collections.abc import Callable

Strategy: TypeAlias = st.SearchStrategy[Any]
Form: TypeAlias = Any
"""What stands in an annotation."""
Container: TypeAlias = Any
"""A dict or a list of JSON values."""

# --- values -----------------------------------------------------------------------------------------------

_SCALARS: Final = (
    st.none()
    | st.booleans()
    | st.integers(INT_MIN, INT_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)


def json_values(max_leaves: int = 10) -> st.SearchStrategy[Json]:
    """Any plain JSON: finite numbers, integers within 64 bits, whole characters, nested a little."""
    return st.recursive(
        _SCALARS,
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
        max_leaves=max_leaves,
    )


def json_objects(max_leaves: int = 5) -> st.SearchStrategy[JsonObject]:
    """Any JSON object."""
    return st.dictionaries(st.text(max_size=10), json_values(max_leaves), max_size=4)


def ids() -> st.SearchStrategy[str]:
    """What may name a workflow, a run, a node or a request."""
    characters = st.characters(codec="utf-8", exclude_categories=["Cc"])
    return st.text(characters, min_size=1, max_size=12) | st.text("i", min_size=200, max_size=200)


def times() -> st.SearchStrategy[str]:
    """Times as the wire writes them, from this century."""
    return st.integers(1_000_000_000_000_000, 4_000_000_000_000_000).map(lambda us: rfc3339(us / 1e6))


# --- workflow documents -----------------------------------------------------------------------------------

_OUTPUTS: Final = {"noop": "out", "delay": "out", "constant": "value"}
_INPUTS: Final = {"noop": "in", "delay": "in", "constant": "after"}
_PARAMS: Final[dict[str, st.SearchStrategy[JsonObject]]] = {
    "noop": st.just({}),
    "delay": st.fixed_dictionaries({"seconds": st.floats(0, 0.01)}),
    "constant": st.fixed_dictionaries({"value": st.integers(-9, 9) | st.sampled_from(["", "a", True, None])}),
}


@st.composite
def workflow_documents(draw: st.DrawFn, max_nodes: int = 8) -> JsonObject:
    """Workflows that any daemon accepts and that end soon, in any shape a graph without cycles can have."""
    names = draw(st.lists(ids().filter(lambda name: "/" not in name), min_size=1, max_size=max_nodes, unique=True))
    nodes = [draw(_nodes(name)) for name in names]
    pairs = [(nodes[i], nodes[j]) for j in range(len(nodes)) for i in range(j)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique_by=_ends)) if pairs else []
    return {"id": draw(ids()), "nodes": nodes, "connections": [_connection(*pair) for pair in chosen]}


@st.composite
def _nodes(draw: st.DrawFn, name: str) -> JsonObject:
    kind = draw(st.sampled_from(sorted(_PARAMS)))
    return {"id": name, "type": kind, "params": draw(_PARAMS[kind])}


def _ends(pair: tuple[JsonObject, JsonObject]) -> tuple[str, str]:
    return pair[0]["id"], pair[1]["id"]


def _connection(source: JsonObject, target: JsonObject) -> JsonObject:
    return {
        "from_node": source["id"],
        "from_output": _OUTPUTS[source["type"]],
        "to_node": target["id"],
        "to_input": _INPUTS[target["type"]],
    }


@st.composite
def mutated(draw: st.DrawFn, document: Json, max_changes: int = 3) -> Json:
    """The document with a few places deleted, replaced, renamed or doubled; it may still be valid."""
    document = deepcopy(document)
    for _ in range(draw(st.integers(1, max_changes))):
        containers = _containers(document)
        if not containers:
            return draw(json_values())
        draw(st.sampled_from(_CHANGES))(draw, draw(st.sampled_from(containers)))
    return document


def _containers(document: Json) -> list[Container]:
    """Every object and list in a document that is not empty, the document itself first."""
    found = [document]
    for item in found:
        if type(item) in (dict, list):
            found.extend(item[key] for key in _keys(item))
    return [item for item in found if type(item) in (dict, list) and item]


def _keys(container: Container) -> list[Any]:
    return list(container) if is_object(container) else list(range(len(container)))


def _delete(draw: st.DrawFn, container: Container) -> None:
    del container[draw(st.sampled_from(_keys(container)))]


def _replace(draw: st.DrawFn, container: Container) -> None:
    container[draw(st.sampled_from(_keys(container)))] = draw(json_values())


def _rename_or_double(draw: st.DrawFn, container: Container) -> None:
    key = draw(st.sampled_from(_keys(container)))
    if is_object(container):
        container[draw(st.text(max_size=10))] = container.pop(key)
    else:
        container.append(deepcopy(container[key]))


_CHANGES: Final = (_delete, _replace, _rename_or_double)


# --- messages ---------------------------------------------------------------------------------------------

_TIME_FIELDS: Final = frozenset({"timestamp", "next_at", "until", "stop_at"})


def subscription_names() -> st.SearchStrategy[str]:
    """Names to subscribe to: groups, types, `*`, and some that no event has."""
    known = ["*", *SUBSCRIPTION_NAMES, *(kind for kinds in SUBSCRIPTION_NAMES.values() for kind in kinds)]
    return st.sampled_from(known) | ids()


def _field(name: str, form: Form) -> Strategy:
    """A strategy for a field by its name, else by its annotation."""
    optional = NoneType in get_args(form)
    if name in ID_FIELDS:
        return st.none() | ids() if optional else ids()
    if name in _TIME_FIELDS:
        return st.none() | times() if optional else times()
    return _form(form)


def _form(form: Form) -> Strategy:
    if form in _FORMS:
        return _FORMS[form]
    return _GENERIC_FORMS[get_origin(form)](get_args(form))


def _union(forms: tuple[Form, ...]) -> Strategy:
    return st.one_of([_form(form) for form in forms])


_FORMS: Final[dict[Form, Strategy]] = {
    Any: json_values(5),
    str: st.text(max_size=20),
    int: st.integers(0, 2**53),
    float: st.floats(0, 1e9),
    bool: st.booleans(),
    NoneType: st.none(),
}


_GENERIC_FORMS: Final[dict[Form, Callable[[tuple[Form, ...]], Strategy]]] = {
    Literal: st.sampled_from,
    Union: _union,
    UnionType: _union,
    tuple: lambda args: st.lists(_form(args[0]), max_size=3).map(tuple),
    dict: lambda args: st.dictionaries(st.text(max_size=10), _form(args[1]), max_size=3),
}


@st.composite
def _made(draw: st.DrawFn, cls: type[Any], *parts: st.SearchStrategy[dict[str, Any]]) -> Any:  # noqa: ANN401 - an instance of whatever class
    """An instance of `cls`; the parts draw fields that depend on each other, the rest is up to the annotations."""
    known: dict[str, Any] = {}
    for part in parts:
        known.update(draw(part))
    hints = get_type_hints(cls)
    for field in fields(cls):
        if field.name not in known:
            known[field.name] = draw(_field(field.name, hints[field.name]))
    return cls(**known)


def _part(**known: Strategy) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(known)


_NONE: Final = st.none()
_SECONDS: Final = st.none() | st.floats(0.001, 1e9)
_TARGET: Final = _part(run_id=ids(), workflow_id=_NONE | ids()) | _part(run_id=_NONE, workflow_id=ids())
_FILTER: Final = _part(run_id=_NONE | ids() | st.just(EVERY_RUN), workflow_id=_NONE) | _part(
    run_id=_NONE, workflow_id=ids().filter(lambda name: name != EVERY_RUN)
)
_NAMES: Final = st.lists(subscription_names(), max_size=5).map(tuple)
_FILTERED_NAMES: Final = st.lists(
    st.builds("{}@{}".format, subscription_names(), ids()) | subscription_names(), max_size=5
).map(tuple)
_IDS: Final = st.lists(ids(), max_size=3).map(tuple)

_RERUN: Final = _made(
    Rerun,
    _part(from_run=ids()),
    _part(mode=st.sampled_from(["failed", "stale"]), nodes=st.just(()))
    | _part(mode=st.just("from_nodes"), nodes=st.lists(ids(), min_size=1, max_size=3).map(tuple)),
)
_OPTIONS: Final = _made(
    RunOptions,
    _part(timeout=_SECONDS, rerun=_NONE | _RERUN),
    _part(concurrent=st.booleans(), if_running=st.sampled_from(["reject", "concurrent"]))
    | _part(concurrent=st.just(False), if_running=st.sampled_from(["queue", "replace"])),
)
_GRAPH: Final = workflow_documents() | json_objects()
_SOURCE: Final = _part(workflow=_GRAPH, workflow_id=_NONE) | _part(workflow=_NONE, workflow_id=ids())
_CONTROL: Final = st.one_of(
    [
        _part(
            action=st.just(action),
            mode=st.sampled_from([None, *modes]),
            until=_NONE | times() if action == "pause" else _NONE,
            timeout=_SECONDS if action == "pause" else _NONE,
        )
        for action, modes in ACTION_MODES.items()
    ]
)
_PARTS: Final[dict[type[ClientMessage], tuple[st.SearchStrategy[dict[str, Any]], ...]]] = {
    ExecuteWorkflow: (_SOURCE, _part(options=_OPTIONS)),
    ControlWorkflow: (_TARGET, _CONTROL),
    Subscribe: (_FILTER, _part(event_types=_NAMES)),
    Unsubscribe: (_FILTER, _part(event_types=_NAMES)),
    Watch: (_TARGET, _part(after=_NONE | st.integers(0, 2**53))),
    Resume: (_part(event_types=_NONE | _FILTERED_NAMES, watch=_NONE | _IDS),),
    ValidateWorkflow: (_part(workflow=_GRAPH),),
    Signal: (_TARGET,),
}
MESSAGES: Final[dict[type[ClientMessage | ServerMessage], Strategy]] = {
    **{cls: _made(cls, *_PARTS.get(cls, ())) for cls in CLIENT_MESSAGES.values()},
    **{cls: _made(cls) for cls in SERVER_MESSAGES.values()},
}
"""Valid messages, by class."""


# --- hostile text -----------------------------------------------------------------------------------------

_TYPE: Final = '{"type": "subscribe", "request_id": "r", "event_types": ["node_status"], "extra": %s}'

HOSTILE: Final[dict[str, str | bytes]] = {
    "nothing": "",
    "blanks": " \n\t",
    "depth bomb": "[" * 100_000,
    "depth bomb, closed": "[" * 500 + "]" * 500,
    "depth bomb of objects": '{"a":' * 100_000,
    "one level too deep": _TYPE % ("[" * MAX_DEPTH + "]" * MAX_DEPTH),
    "NaN": _TYPE % "NaN",
    "infinity": _TYPE % "-Infinity",
    "beyond a double": _TYPE % "1e999",
    "5,000 digits": _TYPE % ("9" * 5_000),
    "beyond 64 bits": _TYPE % 2**64,
    "below 64 bits": _TYPE % (-(2**63) - 1),
    "duplicate keys": '{"type": "a", "type": "heartbeat_response"}',
    "lone surrogate, escaped": _TYPE % r'"\ud800"',
    "lone surrogate, raw": _TYPE % '"\ud800"',
    "half a pair": _TYPE % r'"\udc00\ud800"',
    "50,000 keys": "{" + ",".join(f'"k{i}": {i}' for i in range(50_000)) + "}",
    "byte order mark": "\ufeff{}",
    "UTF-16": '{"type": "subscribe"}'.encode("utf-16"),
    "not UTF-8": b'{"type": "\xff\xfe"}',
    "overlong UTF-8": b'{"type": "\xc0\xaf"}',
    "binary": bytes(range(256)),
    "control character": '{"type": "a\x00b"}',
    "two values": "{} {}",
    "trailing comma": '{"type": "subscribe",}',
    "comment": '{"type": "subscribe" /* all */}',
    "single quotes": "{'type': 'subscribe'}",
    "not an object": "[1, 2]",
    "null": "null",
    "no type": "{}",
    "type is a list": '{"type": ["subscribe"]}',
    "type without end": '{"type": "%s"}' % ("x" * 100_000),
    "request_id without end": '{"type": "subscribe", "request_id": "%s"}' % ("r" * 100_000),
    "prototype": '{"type": "__proto__", "__class__": {}}',
}
"""Texts that have broken parsers, by name: some are no JSON, some no message, some are harmless after all."""


def hostile_text() -> st.SearchStrategy[str | bytes]:
    """Texts that a daemon must answer politely: noise, broken JSON, and messages changed in a few places."""
    return st.one_of(
        st.sampled_from(sorted(HOSTILE.values(), key=len)),
        st.text(),
        st.text(st.characters(codec=None), max_size=20).map(lambda text: _TYPE % f'"{text}"'),
        st.binary(),
        st.text(max_size=20).map(lambda wire_type: orjson.dumps({"type": wire_type})),
        st.integers(1, 200).map(lambda depth: _TYPE % ("[" * depth + "]" * depth)),
        st.integers(-(2**70), 2**70).map(lambda number: _TYPE % number),
        _changed_messages(),
        _torn_messages(),
    )


def _changed_messages() -> st.SearchStrategy[bytes]:
    bodies = st.one_of(*(MESSAGES[cls] for cls in CLIENT_MESSAGES.values())).map(encode).map(orjson.loads)
    return bodies.flatmap(mutated).map(orjson.dumps)


@st.composite
def _torn_messages(draw: st.DrawFn) -> bytes:
    text = encode(draw(st.one_of(*(MESSAGES[cls] for cls in CLIENT_MESSAGES.values()))))
    at, length = draw(st.integers(0, len(text))), draw(st.integers(0, 3))
    return text[:at] + draw(st.binary(max_size=3)) + text[at + length :]
