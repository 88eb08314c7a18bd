"""Which texts may name a thing on the wire."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bluev_actors.workflows.shapes import is_id

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject

MAX_ID_LENGTH: Final = 200
MAX_NAME_LENGTH: Final = 2 * MAX_ID_LENGTH + 1
CONTROLS: Final = r"\u0000-\u001f\u007f-\u009f"
"""The control characters, as a range in a regular expression of Python or of a schema."""

# Lone surrogates are shut out as well: no text can repeat them.
_FREE_OF_CONTROLS: Final = re.compile(rf"[^{CONTROLS}\ud800-\udfff]+")


def is_name(value: str) -> bool:
    """Whether `value` can be a subscription: a name, or a name, `@` and an id."""
    return len(value) <= MAX_NAME_LENGTH and _FREE_OF_CONTROLS.fullmatch(value) is not None


def request_id_of(body: JsonObject) -> str | None:
    """The `request_id` of a decoded message, if it has one that a reply can repeat."""
    request_id: Json = body.get("request_id")
    return request_id if is_id(request_id) else None
