"""How messages show what users wrote: short, quoted, and with a hint at what they may have meant."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bluev_actors.workflows.values import Json, JsonObject

SHOWN: Final = 60
"""Characters of a user's text that a message repeats."""
LISTED: Final = 12
"""Names that a message lists."""


def quoted(value: Json) -> str:
    """A value as a message shows it."""
    if isinstance(value, list | tuple | dict):
        return "a list" if not isinstance(value, dict) else "an object"
    if isinstance(value, str):
        return json.dumps(value if len(value) <= SHOWN else value[:SHOWN] + "...", ensure_ascii=False)
    return json.dumps(value)


def listed(names: Iterable[str]) -> str:
    """Names as a sentence lists them: at most `LISTED`, then how many more there are."""
    known = list(names)
    if not known:
        return "none"
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    return ", ".join(quoted(name) for name in known[:LISTED]) + more


def near(name: str, known: Iterable[str]) -> list[str]:
    """The known names that `name` may be a slip of, nearest first."""
    return get_close_matches(name[:SHOWN], list(known)[:2000], n=3)


def meant(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: what was meant, or else what there is."""
    names = list(known)
    suggestions = near(name, names)
    if suggestions:
        return f"did you mean {quoted(suggestions[0])}?"
    return f"there is: {listed(names)}."


def hints(name: str, known: Iterable[str]) -> JsonObject:
    """The same for programs, as a problem's `details`."""
    names = list(known)
    return {"suggestions": near(name, names), "known": names[:LISTED]}
