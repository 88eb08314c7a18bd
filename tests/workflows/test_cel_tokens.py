"""The text of an expression as tokens."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.workflows.cel_tokens import (
    UnreadableError,
    bound_names,
    closing_brace,
    macros,
    members,
    path,
    tokens,
    with_tolls,
)


def texts(source: str) -> list[str]:
    """The tokens as they are written."""
    return [token.text for token in tokens(source)]


def tolled(source: str) -> str:
    """The source with tolls `T` and, where lists are built, `C`."""
    return with_tolls(source, list(tokens(source)), "T", "C")


def test_a_source_is_its_tokens() -> None:
    """Names, literals and marks, without spaces and comments."""
    source = "rows.map(r, // each } row\n r['a b'] + 1.5e3) != [\"x\"]"
    expected = "rows . map ( r , r [ 'a b' ] + 1 . 5e3 ) ! = [ \"x\" ]"
    assert " ".join(texts(source)) == expected


@pytest.mark.parametrize(
    "literal",
    [
        "'it''s'"[:4],
        "'a\\'b'",
        '"a\\"b"',
        "r'\\'",
        'R"\\"',
        "'''a'b\n''c'''",
        '"""a"b"""',
        "'''a\\'''b'''",
        "r'''a\\'''",
        "b'raw'",
        "br'\\'",
        'B"x"',
        "''",
    ],
)
def test_strings_end_where_cel_ends_them(literal: str) -> None:
    """Escaped quotes do not, raw backslashes escape nothing, and three quotes are one."""
    assert texts(f"{literal} + x") == [literal, "+", "x"]


@pytest.mark.parametrize("source", ["`a`", "a # b", "a @ b", "'open", "a; b", "$x", "é", "'a\nb'", "\x00"])
def test_what_begins_no_token_is_unreadable(source: str) -> None:
    """Before the CEL library is asked, whose complaint about such a text may be megabytes long."""
    with pytest.raises(UnreadableError):
        texts(source)


def test_the_place_of_what_is_unreadable_is_known() -> None:
    """For the message."""
    with pytest.raises(UnreadableError) as caught:
        texts("abc + #")
    assert caught.value.start == 6


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a}b", 1),
        ("{'k': 1}.k} rest", 10),
        ("'}' + x}", 7),
        ("a // }\n + b}", 11),
        ("a // }", None),
        ("a", None),
        ("{", None),
        ("`}", None),
        ("}", 0),
    ],
)
def test_where_an_expression_ends(text: str, place: int | None) -> None:
    """At the brace that closes none of its own: not in a string, not in a comment, not in an object."""
    assert closing_brace(text, 0) == place


def test_names_bound_by_comprehensions() -> None:
    """They are not the scope's."""
    source = "rows.map(r, r.cells.filter(c, c > x)).exists_one ( e , e) && {'a': 1}.all(k, k != y)"
    assert bound_names(list(tokens(source))) == {"r", "c", "e", "k"}
    assert bound_names(list(tokens("map(x, 1) + a.map"))) == set()
    assert bound_names(list(tokens("a.map("))) == set()


def test_tolls_stand_before_every_loop() -> None:
    """One kind before those that build lists, another before those that only look."""
    assert tolled("a.b[0].map(x, x)") == "a.b[0].C(0).map(x, x)"
    assert tolled("a.all(x, x.exists(y, y))") == "a.T(1).all(x, x.T(0).exists(y, y))"
    assert tolled("a\n. // c\n filter // d\n (x, x)") == "a\n.C(0). // c\n filter // d\n (x, x)"


def test_loops_know_what_is_within_them() -> None:
    """All levels of it, and only what is in their own brackets."""
    found = list(tokens("a.map(x, (x.all(y, y.exists(z, z)))).filter(w, w.map(v, v)) + b.map(u, u)"))
    assert [(macro.name, macro.inner) for macro in macros(found)] == [
        ("map", 2),
        ("all", 1),
        ("exists", 0),
        ("filter", 1),
        ("map", 0),
        ("map", 0),
    ]
    assert macros(list(tokens(") ) a.map(x, x)"))) != []


@pytest.mark.parametrize("source", ["a + b", "'.map(x, x)'", "// .map(x, x)\n a", "a.map", "map(a)", "a.mapped(x)", ""])
def test_without_a_loop_there_is_no_toll(source: str) -> None:
    """What only looks like one stays as it is."""
    assert tolled(source) == source


@pytest.mark.parametrize(
    ("source", "names", "otherwise"),
    [
        ("nodes.fetch.body", {"fetch"}, False),
        ("nodes['a-b'].x + nodes.c.y", {"a-b", "c"}, False),
        ('nodes["é"]', {"é"}, False),
        ("nodes", set[str](), True),
        ("nodes[x]", set[str](), True),
        ("nodes['a' + x]", set[str](), True),
        ("nodes['a\\x62']", set[str](), True),
        ("nodes[r'a']", set[str](), True),
        ("nodes['''a''']", set[str](), True),
        ("nodes.size()", set[str](), True),
        ("size(nodes)", set[str](), True),
        ("a.nodes.b + 'nodes.c' + xnodes.d", set[str](), False),
        ("nodes.a + size(nodes)", {"a"}, True),
        ("nodes.", set[str](), True),
    ],
)
def test_members_of_a_name(source: str, names: set[str], otherwise: bool) -> None:
    """Those that are written out, and whether there may be others."""
    assert members(list(tokens(source)), "nodes") == (names, otherwise)


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        ("a", ("a",)),
        ("a.b.c", ("a", "b", "c")),
        ("a['b-c'].d", ("a", "b-c", "d")),
        ("a . b // c", ("a", "b")),
        ("a.b()", None),
        ("a[0]", None),
        ("a[b]", None),
        ("a.b + c", None),
        ("(a)", None),
        ("true", None),
        ("null.a", None),
        ("'a'.b", None),
        ("", None),
        ("a.", None),
        ("a b", None),
    ],
)
def test_paths(source: str, keys: tuple[str, ...] | None) -> None:
    """Keys that are written out, and nothing else."""
    assert path(list(tokens(source))) == keys


@given(st.text(alphabet="abnodes .'\"\\/{}[]()rb\n,+map1", max_size=40))
def test_tokens_cover_the_text(source: str) -> None:
    """Whatever is read, nothing but spaces and comments is left out, and tolls change nothing else."""
    try:
        found = list(tokens(source))
    except UnreadableError:
        return
    rest = source
    for token in reversed(found):
        assert source.startswith(token.text, token.start)
        rest = rest[: token.start] + rest[token.start + len(token.text) :]
    assert all(not line.split("//")[0].strip() for line in rest.split("\n"))
    assert re.sub(r"\.[TC]\(\d+\)", "", tolled(source)) == source
