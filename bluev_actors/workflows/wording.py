"""How messages show what users wrote: short, quoted, and with a hint at what they may have meant."""

from __future__ import annotations

import json
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Collection

    from bluev_actors.workflows.values import Json, JsonObject

SHOWN: Final = 60
"""Characters of a user's text that a message repeats."""
LISTED: Final = 12
"""Names that a message lists."""
_COMPARED: Final = 200


def quoted(value: Json) -> str:
    """A value as a message shows it."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, str) and len(value) > SHOWN:
        value = value[:SHOWN] + "..."
    return json.dumps(value, ensure_ascii=False)


def listed(names: Collection[str]) -> str:
    """Names as a sentence lists them: at most `LISTED`, then how many more there are."""
    if not names:
        return "none"
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(quoted(name) for name in islice(names, LISTED)) + more


@frozen
class Hint:
    """Help with a name that is not there.

    Attributes:
        words: the end of a sentence.
        details: the same for programs, for a problem's `details`.
    """

    words: str
    details: JsonObject | None = None


def hint(name: str, known: Collection[str]) -> Hint:
    """Say which of the known names may be meant, or else which there are."""
    compared = list(islice(known, _COMPARED))
    suggestions = get_close_matches(name[:SHOWN], compared, n=3)
    words = f"did you mean {quoted(suggestions[0])}?" if suggestions else f"there is: {listed(known)}"
    return Hint(words, {"suggestions": suggestions, "known": compared[:LISTED]})
