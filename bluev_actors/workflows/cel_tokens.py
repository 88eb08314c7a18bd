"""Reads the text of a CEL expression as tokens, as far as we must: what it names, where it loops, where it ends.

The language itself belongs to the CEL library. It neither says which members of a variable are used, nor which names
a comprehension binds, nor what a comprehension will cost; those three are read off the tokens here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MACROS: Final = frozenset({"all", "exists", "exists_one", "existsOne", "filter", "map"})
"""What loops over a list, called as a method of it."""
COPYING: Final = frozenset({"filter", "map"})
"""Macros that build a list, which the library copies for every item."""

_LITERALS: Final = frozenset({"true", "false", "null"})

_TOKEN: Final = re.compile(
    r"""
      (?P<space> [\t\n\f\r ]+ | //[^\n]* )
    | (?P<string>
          [bB]?[rR](?: \"{3}.*?\"{3} | '{3}.*?'{3} | "[^"\n\r]*" | '[^'\n\r]*' )
        | [bB]?(?: \"{3}(?:\\.|[^\\])*?\"{3} | '{3}(?:\\.|[^\\])*?'{3}
                 | "(?:\\.|[^"\\\n\r])*" | '(?:\\.|[^'\\\n\r])*' ) )
    | (?P<name> [A-Za-z_][A-Za-z0-9_]* )
    | (?P<number> [0-9][0-9A-Za-z_]* )
    | (?P<mark> [-+*/%!=<>&|?:.,()\[\]{}] )
    """,
    re.VERBOSE | re.DOTALL,
)


@frozen
class Token:
    """One word, literal or mark of an expression."""

    kind: str
    text: str
    start: int


class UnreadableError(ValueError):
    """The text is no CEL; `start` is where it stops being."""

    def __init__(self, start: int) -> None:
        super().__init__(f"no CEL at {start}")
        self.start = start


def tokens(text: str, start: int = 0, end: int | None = None) -> Iterator[Token]:
    """The tokens of `text` from `start` to `end`, without spaces and comments.

    Raises:
        UnreadableError: a character begins no token.
    """
    end = len(text) if end is None else min(end, len(text))
    while start < end:
        match = _TOKEN.match(text, start, end)
        if match is None:
            raise UnreadableError(start)
        if match.lastgroup is not None and match.lastgroup != "space":
            yield Token(match.lastgroup, match[0], start)
        start = match.end()


def closing_brace(text: str, start: int, end: int | None = None) -> int | None:
    """Where the expression that begins at `start` meets a `}` that closes no brace of its own.

    Returns:
        The place of that brace; None when there is none before `end`.
    """
    depth = 0
    try:
        for token in tokens(text, start, end):
            depth += (token.text == "{") - (token.text == "}")
            if depth < 0:
                return token.start
    except UnreadableError:
        return None
    return None


@frozen
class Macro:
    """A loop: `.map(...)` and its like.

    Attributes:
        name: which one.
        place: the place of its dot among the tokens.
        inner: how many more there are in its brackets.
    """

    name: str
    place: int
    inner: int


def macros(found: Sequence[Token]) -> list[Macro]:
    """The macros of an expression, in the order of their dots."""
    inner: dict[int, int] = {}
    open_: list[int] = []
    for place, token in enumerate(found):
        if token.text == "(":
            open_.append(place - 2)
        elif token.text == ")":
            del open_[-1:]
        elif _is_macro(found, place):
            inner[place] = 0
            for outer in open_:
                if outer in inner:
                    inner[outer] += 1
    return [Macro(found[place + 1].text, place, count) for place, count in inner.items()]


def _is_macro(found: Sequence[Token], place: int) -> bool:
    following = found[place : place + 3]
    return (
        len(following) == 3  # noqa: PLR2004 - a dot, a name, a bracket
        and following[0].text == "."
        and following[1].text in MACROS
        and following[2].text == "("
    )


def bound_names(found: Sequence[Token]) -> set[str]:
    """The names that macros bind, as `x` in `rows.map(x, x.id)`."""
    first = [found[macro.place + 3] for macro in macros(found) if macro.place + 3 < len(found)]
    return {token.text for token in first if token.kind == "name"}


def with_tolls(text: str, found: Sequence[Token], toll: str, copying_toll: str) -> str:
    """Put a call before every macro, as `rows.map(...)` becomes `rows.toll(0).map(...)`; it is told `Macro.inner`."""
    pieces: list[str] = []
    end = 0
    for macro in macros(found):
        dot = found[macro.place].start
        name = copying_toll if macro.name in COPYING else toll
        pieces += [text[end:dot], f".{name}({macro.inner})"]
        end = dot
    return "".join([*pieces, text[end:]])


def path(found: Sequence[Token]) -> tuple[str, ...] | None:
    """The keys of an expression that is nothing but a path, as `a.b["c"]`; None of any other."""
    if not found or found[0].kind != "name" or found[0].text in _LITERALS:
        return None
    keys, index = [found[0].text], 1
    while index < len(found):
        key = _member(found, index)
        if key is None:
            return None
        keys.append(key)
        index += 2 if found[index].text == "." else 3
    return tuple(keys)


def members(found: Sequence[Token], root: str) -> tuple[set[str], bool]:
    """Which members of the variable `root` are used, as `root.name` or `root["name"]`.

    Returns:
        The names, and whether `root` is also used in some other way, so that any member may be meant.
    """
    names: set[str] = set()
    other = False
    for index, token in enumerate(found):
        if token.kind != "name" or token.text != root or (index and found[index - 1].text == "."):
            continue
        name = _member(found, index + 1)
        if name is None:
            other = True
        else:
            names.add(name)
    return names, other


def _member(found: Sequence[Token], index: int) -> str | None:
    after = found[index : index + 3]
    if len(after) >= 2 and after[0].text == "." and after[1].kind == "name":  # noqa: PLR2004 - a dot and a name
        is_call = len(after) == 3 and after[2].text == "("  # noqa: PLR2004 - a dot, a name, a bracket
        return None if is_call else after[1].text
    if [token.kind for token in after] == ["mark", "string", "mark"] and after[0].text + after[2].text == "[]":
        return _plain_text(after[1].text)
    return None


def _plain_text(literal: str) -> str | None:
    """What a string literal says, when it says it without escapes."""
    if "\\" in literal or literal[0] not in "\"'" or literal[:3] in ('"""', "'''"):
        return None
    return literal[1:-1]
