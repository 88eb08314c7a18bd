"""Covers secrets in whatever a run says: in texts, in values, and in the forms that programs write them in.

A mask can only know what was handed out and how that is usually written. It is there for the slip, such as a header in
an error or a line of a log, not for a node that is out to betray.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, quote_plus

from attrs import define, evolve, field

from bluev_actors.workflows.run_events import (
    ErrorDetail,
    NodeCompleted,
    NodeEmitted,
    NodeFailed,
    NodeLog,
    NodeProgress,
    NodeRetrying,
    NodeWaiting,
    RunEvent,
    RunFailed,
)
from bluev_actors.workflows.values import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.workflows.values import Json, JsonObject

E = TypeVar("E", bound="RunEvent | NodeProgress")

COVER: Final = "***"
"""What stands where a secret stood."""
MIN_LENGTH: Final = 4
"""Characters from which on a secret is covered inside longer texts; a shorter one only where it is all there is."""
MIN_FORM: Final = 8
"""Characters that a line of a secret, or its text in another code, must have to be told from chance."""


@define(eq=False)
class Mask:
    """Covers the secrets it was told of. Its `repr` tells none of them."""

    _wholes: set[str] = field(factory=set[str], repr=False, init=False)
    _forms: dict[str, None] = field(factory=dict[str, None], repr=False, init=False)

    def cover(self, secret: str) -> None:
        """Cover this secret from now on."""
        if secret not in self._wholes:
            self._wholes.update((secret, secret.strip()))
            self._forms.update(dict.fromkeys(_forms(secret)))

    def text(self, text: str) -> str:
        """The text without secrets."""
        if text in self._wholes:
            return COVER
        found = [form for form in self._forms if form in text]
        return _without(text, found) if found else text

    def json(self, value: Json) -> Json:
        """The value without secrets; keys are looked at too, and so are numbers that are one in full."""
        if not self._wholes:
            return value
        if isinstance(value, str):
            return self.text(value)
        if is_object(value):
            return {self.text(key): self.json(item) for key, item in value.items()}
        if is_list(value):
            return [self.json(item) for item in value]
        return COVER if self._is_number(value) else value

    def _is_number(self, value: Json) -> bool:
        written = str(value)
        return not isinstance(value, bool) and len(written) >= MIN_LENGTH and written in self._wholes

    def outputs(self, outputs: JsonObject) -> JsonObject:
        """A node's outputs without secrets; their names, which the document knows, stay."""
        return {name: self.json(value) for name, value in outputs.items()}

    def event(self, event: E) -> E:
        """The event without secrets; ids and the engine's own words stay."""
        names = SPOKEN.get(type(event), ()) if self._wholes else ()
        changes = {name: self._spoken(name, getattr(event, name)) for name in names}
        return evolve(event, **changes) if changes else event

    def _spoken(self, name: str, value: Any) -> Any:  # noqa: ANN401 - whatever stands in a field of an event
        if isinstance(value, ErrorDetail):
            return evolve(value, code=self.text(value.code), message=self.text(value.message))
        return self.outputs(value) if name == "outputs" and value is not None else self.json(value)


SPOKEN: Final[dict[type[object], tuple[str, ...]]] = {
    NodeCompleted: ("outputs",),
    NodeFailed: ("error", "outputs"),
    NodeRetrying: ("error",),
    NodeWaiting: ("reason",),
    NodeLog: ("message",),
    NodeEmitted: ("name", "data"),
    NodeProgress: ("message",),
    RunFailed: ("error",),
}
"""The fields that hold what a node said. Results and summaries are put together from events, so they need no mask."""


def _without(text: str, forms: list[str]) -> str:
    """The text with a cover over every stretch that these make up; they may overlap."""
    pieces: list[str] = []
    done = 0
    for start, end in _stretches(text, forms):
        pieces += (text[done:start], COVER)
        done = end
    return "".join((*pieces, text[done:]))


def _stretches(text: str, forms: list[str]) -> Iterator[tuple[int, int]]:
    spans = sorted(span for form in forms for span in _places(text, form))
    start, end = spans[0]
    for next_start, next_end in spans:
        if next_start > end:
            yield start, end
            start = next_start
        end = max(end, next_end)
    yield start, end


def _places(text: str, form: str) -> Iterator[tuple[int, int]]:
    at = text.find(form)
    while at >= 0:
        end = at + len(form)
        yield at, end
        at = text.find(form, end)


# --- the forms of a secret ----------------------------------------------------------------------------------


def _forms(secret: str) -> Iterator[str]:
    """How a secret may be written inside a text."""
    trimmed = secret.strip()
    if len(trimmed) < MIN_LENGTH:
        return
    yield from _quoted(secret)
    yield from _quoted(trimmed)
    yield from (line for line in map(str.strip, secret.splitlines()) if len(line) >= MIN_FORM)
    yield from (form for text in {secret, trimmed} for form in _encoded(text.encode()) if len(form) >= MIN_FORM)


def _quoted(secret: str) -> Iterator[str]:
    """As text between quotes: plain, as JSON, as Python, in a page, in an address."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield escape(secret)
    for address in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield address
        yield re.sub("%..", lambda found: found[0].lower(), address)


def _encoded(secret: bytes) -> Iterator[str]:
    yield secret.hex()
    yield secret.hex().upper()
    for lead in range(3):
        core = _base64_core(secret, lead)
        yield core
        yield core.replace("+", "-").replace("/", "_")


def _base64_core(secret: bytes, lead: int) -> str:
    """The characters that base64 makes of a secret after `lead` other bytes, whatever stands around it.

    A user's name before a password shifts it against the groups of three, so there are three such texts.
    """
    whole = b64encode(bytes(lead) + secret).decode()
    first, last = -(-lead * 8 // 6), (lead + len(secret)) * 8 // 6
    return whole[first:last]
