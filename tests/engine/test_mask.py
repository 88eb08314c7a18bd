from __future__ import annotations

import base64
import html
import json
import re
from typing import TYPE_CHECKING, get_args
from urllib.parse import quote, quote_plus, urlencode

import pytest
from attrs import fields
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.mask import COVER, MIN_LENGTH, SPOKEN, Mask
from bluev_actors.workflows.run_events import (
    ErrorDetail,
    NodeCompleted,
    NodeEmitted,
    NodeFailed,
    NodeLog,
    NodePaused,
    NodeProgress,
    NodeRetrying,
    NodeWaiting,
    RunCompleted,
    RunEvent,
    RunFailed,
    RunStopped,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = 'p/a+s"w\\ørd <42> &'  # noqa: S105 - made up, and hard to quote
SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=MIN_LENGTH, max_size=30).filter(
    lambda text: len(text.strip()) >= MIN_LENGTH and COVER not in text
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def masking(*secrets: str) -> Mask:
    """A mask that covers these."""
    mask = Mask()
    for secret in secrets:
        mask.cover(secret)
    return mask


FORMS = {
    "plain": SECRET,
    "JSON": json.dumps(SECRET)[1:-1],
    "JSON beyond ASCII": json.dumps(SECRET, ensure_ascii=False)[1:-1],
    "Python": repr(SECRET)[1:-1],
    "page": html.escape(SECRET),
    "path": quote(SECRET),
    "part of a path": quote(SECRET, safe=""),
    "query": quote_plus(SECRET),
    "form": urlencode({"key": SECRET}).removeprefix("key="),
    "query in small letters": re.sub("%..", lambda found: found[0].lower(), quote_plus(SECRET)),
    "hex": SECRET.encode().hex(),
    "HEX": SECRET.encode().hex().upper(),
}


@pytest.mark.parametrize("written", FORMS.values(), ids=FORMS)
def test_forms_a_secret_is_written_in(written: str) -> None:
    """A secret is covered in the forms that programs write it in, wherever it stands."""
    assert masking(SECRET).text(f"before {written} after") == f"before {COVER} after"


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user:"])
@pytest.mark.parametrize("after", ["", "x", "xy", "xyz"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_at_any_place(before: str, after: str, encode: Callable[[bytes], bytes]) -> None:
    """A header of basic authentication gives nothing away but the few bits that it shares with its neighbours."""
    secret = "sesame?>open~seed"  # noqa: S105 - made up, for base64 with both of its special characters
    written = encode(f"{before}{secret}{after}".encode()).decode()
    found = masking(secret).text(f"Basic {written}")
    assert COVER in found
    left = found.removeprefix("Basic ").split(COVER)
    assert all(len(part) <= len(before) * 2 + 2 for part in left[:1])
    assert len(left[-1]) <= len(after) * 2 + 4


def test_two_secrets_that_overlap() -> None:
    """Where one secret runs into the next, all of both is covered."""
    assert masking("abcdef", "defghi").text("<abcdefghi>") == f"<{COVER}>"


def test_secret_inside_another() -> None:
    """The longer one leaves no tail behind."""
    assert masking("pass", "password1").text("password1 pass") == f"{COVER} {COVER}"


def test_every_occurrence() -> None:
    """Each of several is covered, neighbours by one cover."""
    assert masking("tick").text("tick, ticktick and tic") == f"{COVER}, {COVER} and tic"


def test_lines_of_a_long_secret() -> None:
    """A key of many lines is covered line by line, for programs print it so; lines that say nothing are left."""
    mask = masking("-----BEGIN-----\nMIIEvQIBADANBg\n\nab\n-----END-----\n")
    assert mask.text("line 2: MIIEvQIBADANBg!") == f"line 2: {COVER}!"
    assert mask.text("ab is no secret") == "ab is no secret"


def test_newline_at_the_end() -> None:
    """The newline that a file adds to a secret does not save it."""
    mask = masking("sesame\n")
    assert mask.text("open sesame.") == f"open {COVER}."
    assert mask.text("sesame") == COVER


def test_short_secret() -> None:
    """One that is too short to be told from chance is covered only where nothing else stands."""
    mask = masking("a")
    assert mask.text("a banana") == "a banana"
    assert mask.json({"letter": "a", "a": 1}) == {"letter": COVER, COVER: 1}


@pytest.mark.parametrize("length", [MIN_LENGTH - 1, MIN_LENGTH])
def test_shortest_secret_inside_a_text(length: int) -> None:
    """The limit is exact."""
    assert (masking("z" * length).text("<" + "z" * length + ">") == f"<{COVER}>") == (length >= MIN_LENGTH)


def test_short_secret_between_blanks() -> None:
    """Blanks do not make a short secret longer."""
    assert masking("  a  ").text("bad") == "bad"


def test_numbers() -> None:
    """A number that is a secret in full is covered; others, booleans and what is short are not."""
    mask = masking("123456", "12", "True", "3.25")
    value = [123456, 1234567, 12, True, 3.25, None]
    assert mask.json(value) == [COVER, 1234567, 12, True, COVER, None]


def test_nested_values() -> None:
    """Everything nested is looked at, keys too; what holds no secret is equal."""
    mask = masking("sesame")
    value = {"list": [{"open sesame": ["x", "sesame"]}], "plain": {"n": 1.5}}
    assert mask.json(value) == {"list": [{f"open {COVER}": ["x", COVER]}], "plain": {"n": 1.5}}


def test_nothing_to_cover() -> None:
    """A run without secrets pays nothing: its values and events are passed on as they are."""
    value, event = {"a": [1]}, NodeLog("n", 1, "info", "hello")
    assert Mask().json(value) is value
    assert Mask().event(event) is event
    assert Mask().text("hello") == "hello"


def test_the_value_itself_is_left_alone() -> None:
    """A node's own object does not change under its hands."""
    value = {"a": ["sesame"]}
    masking("sesame").json(value)
    assert value == {"a": ["sesame"]}


ERROR = ErrorDetail("no_sesame", "sesame!", retryable=True, error_id="e1")
SAFE = ErrorDetail(f"no_{COVER}", f"{COVER}!", retryable=True, error_id="e1")


@pytest.mark.parametrize(
    ("event", "masked"),
    [
        (NodeCompleted("sesame", 1, {"text": "a sesame"}), NodeCompleted("sesame", 1, {"text": f"a {COVER}"})),
        (NodeFailed("sesame", 1, ERROR), NodeFailed("sesame", 1, SAFE)),
        (
            NodeFailed("n", 1, ERROR, {"error": {"message": "sesame"}}),
            NodeFailed("n", 1, SAFE, {"error": {"message": COVER}}),
        ),
        (NodeRetrying("n", 1, ERROR, 2.0), NodeRetrying("n", 1, SAFE, 2.0)),
        (NodeWaiting("n", 1, "sesame"), NodeWaiting("n", 1, COVER)),
        (NodeLog("n", 1, "info", "sesame"), NodeLog("n", 1, "info", COVER)),
        (NodeEmitted("n", 1, "sesame", ["sesame"]), NodeEmitted("n", 1, COVER, [COVER])),
        (NodeProgress("n", 1, message="sesame"), NodeProgress("n", 1, message=COVER)),
        (NodeProgress("n", 1, done=1), NodeProgress("n", 1, done=1)),
        (RunFailed(ERROR, {}), RunFailed(SAFE, {})),
        (NodePaused("sesame", 1), NodePaused("sesame", 1)),
    ],
    ids=lambda it: type(it).__name__,
)
def test_events(event: RunEvent, masked: RunEvent) -> None:
    """What a node said is covered in every event; ids stay, or nobody would know whose event it is."""
    assert masking("sesame").event(event) == masked


def test_names_of_outputs() -> None:
    """An output keeps its name, for the connections name it too."""
    assert masking("text").event(NodeCompleted("n", 1, {"text": {"text": 1}})).outputs == {"text": {COVER: 1}}


def test_repr() -> None:
    """Printing a mask tells nothing, in no form."""
    assert repr(masking("sesame")) == "Mask()"


def test_every_event_is_thought_of() -> None:
    """An event that learns to carry free text or JSON has to be masked, or be named here with the others."""
    free = {"outputs", "error", "message", "data", "results", "summary"}
    spoken = {cls: set(names) for cls, names in SPOKEN.items()}
    for cls in (*get_args(RunEvent), NodeProgress):
        unmasked = {it.name for it in fields(cls)} & free - spoken.get(cls, set())
        assert not unmasked or cls in {RunCompleted, RunFailed, RunStopped}, cls


@given(secret=SECRETS, before=TEXTS, after=TEXTS)
def test_no_secret_gets_through(secret: str, before: str, after: str) -> None:
    """Whatever stands around a secret, it is gone, and so it is from what was masked already."""
    mask = masking(secret)
    found = mask.text(before + secret + after)
    assert secret not in found
    assert COVER in found


@given(secrets=st.lists(SECRETS, min_size=1, max_size=4), glue=TEXTS)
def test_none_of_several_gets_through(secrets: list[str], glue: str) -> None:
    """Several secrets in one text, as JSON, leave none of them."""
    mask = masking(*secrets)
    assert all(secret not in item for item in [mask.text(glue.join(secrets))] for secret in secrets)
    found = mask.json({"all": [*secrets, {"deep": glue.join(secrets)}]})
    assert all(secret not in text for text in [*found["all"][:-1], found["all"][-1]["deep"]] for secret in secrets)


@given(secret=SECRETS, text=st.text("ÀÁÂÃÄÅ", max_size=30))
def test_other_texts_stay(secret: str, text: str) -> None:
    """A text that shares no letter with any form of a secret stays as it is."""
    assert set(secret) & set(text) or masking(secret).text(text) == text
