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


def tokens(text: str, start: int = 0) -> Iterator[Token]:
    """The tokens of `text` from `start`, without spaces and comments.

    Raises:
        UnreadableError: a character begins no token.
    """
    while start < len(text):
        match = _TOKEN.match(text, start)
        if match is None:
            raise UnreadableError(start)
        if match.lastgroup is not None and match.lastgroup != "space":
            yield Token(match.lastgroup, match[0], start)
        start = match.end()


def closing_brace(text: str, start: int) -> int | None:
    """Where the expression that begins at `start` meets a `}` that closes no brace of its own.

    Returns:
        The place of that brace; None when there is none.
    """
    depth = 0
    try:
        for token in tokens(text, start):
            depth += (token.text == "{") - (token.text == "}")
            if depth < 0:
                return token.start
    except UnreadableError:
        return None
    return None


def bound_names(found: Sequence[Token]) -> set[str]:
    """The names that comprehensions bind, as `x` in `rows.map(x, x.id)`."""
    return {
        found[index + 3].text for index in _macros(found) if index + 3 < len(found) and found[index + 3].kind == "name"
    }


def with_tolls(text: str, found: Sequence[Token], toll: str, copying_toll: str) -> str:
    """Put a call before every macro, as `rows.map(...)` becomes `rows.toll().map(...)`."""
    pieces: list[str] = []
    end = 0
    for index in _macros(found):
        dot = found[index].start
        name = copying_toll if found[index + 1].text in COPYING else toll
        pieces += [text[end:dot], f".{name}()"]
        end = dot
    return "".join([*pieces, text[end:]])


def _macros(found: Sequence[Token]) -> list[int]:
    """Where macros begin: the places of their dots."""
    return [
        index
        for index in range(len(found) - 2)
        if found[index].text == "." and found[index + 1].text in MACROS and found[index + 2].text == "("
    ]


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
