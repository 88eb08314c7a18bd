from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.nodes.complaints import MAX_TEXT, bad_input, listed_input, text_input, truth, typed
from bluev_actors.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.workflows.values import Json

WORDS: list[tuple[Json, str]] = [
    (None, "null"),
    (True, "a bool"),
    (1, "a number"),
    (1.5, "a number"),
    ("", "a string"),
    ([], "a list"),
    ({}, "an object"),
]


@pytest.mark.parametrize(("value", "words"), WORDS)
def test_a_value_has_its_article(value: Json, words: str) -> None:
    """As a sentence wants it."""
    assert typed(value) == words


def test_a_failure_says_whose_it_is() -> None:
    """By the name of the kind; to try again would not mend it."""
    error = bad_input("sort", "items is null")
    assert (str(error), error.code, error.retryable) == ("sort: items is null", "invalid_input", False)


def test_what_fits_is_handed_on() -> None:
    """A list as it is, for to copy a long one takes a while; a tuple as a list."""
    items: list[Json] = [1, 2]
    assert listed_input("sort", "items", items) is items
    assert listed_input("sort", "items", (1, 2)) == [1, 2]
    assert text_input("csv_parse", "text", "x" * MAX_TEXT) == "x" * MAX_TEXT
    assert truth("filter", "where", True) is True
    assert truth("filter", "where", False) is False


UNFIT: list[tuple[Callable[[], object], str, str]] = [
    (lambda: listed_input("sort", "items", "ab"), "invalid_input", "sort: items is a string, it has to be a list"),
    (lambda: text_input("csv_parse", "text", 7), "invalid_input", "csv_parse: text is a number, it has to be a string"),
    (
        lambda: text_input("csv_parse", "text", "x" * (MAX_TEXT + 1)),
        "invalid_input",
        f"csv_parse: text has {MAX_TEXT + 1} characters, {MAX_TEXT} is the most",
    ),
    (
        lambda: truth("filter", "where", 1),
        "invalid_condition",
        "filter: where is of type int, it has to be true or false",
    ),
]


@pytest.mark.parametrize(("look", "code", "sentence"), UNFIT)
def test_what_does_not_fit_is_told(look: Callable[[], object], code: str, sentence: str) -> None:
    """With the name of the input, what it is, and what it should be."""
    with pytest.raises(Permanent) as caught:
        look()
    assert (caught.value.code, str(caught.value)) == (code, sentence)
