"""What a class says of itself: the sentence of its docstring and the lines of its `Attributes`."""

from __future__ import annotations

import re
from inspect import cleandoc
from typing import Final

_FIELD: Final = re.compile(r"(\w+): (.*)")


def sentence_of(thing: object) -> str:
    """The first paragraph of a docstring, as one line; empty when there is none of its own."""
    return _one_line(_docstring(thing).split("\n\n")[0])


def attributes_of(cls: type) -> dict[str, str]:
    """The meaning of each documented attribute; a class's own word beats that of its bases."""
    meanings: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        meanings.update(_attributes(_docstring(base)))
    return meanings


def _docstring(thing: object) -> str:
    doc = vars(thing).get("__doc__") if isinstance(thing, type) else getattr(thing, "__doc__", None)
    return cleandoc(doc) if isinstance(doc, str) else ""


def _attributes(docstring: str) -> dict[str, str]:
    section = docstring.partition("\nAttributes:\n")[2].partition("\n\n")[0]
    # A line that goes on is indented more deeply than the line it belongs to.
    lines = re.sub(r"\n {5,}", " ", section).splitlines()
    matches = (_FIELD.fullmatch(line.strip()) for line in lines)
    return {match[1]: match[2] for match in matches if match}


def _one_line(text: str) -> str:
    return " ".join(text.split())
