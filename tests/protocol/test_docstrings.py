"""Tests of `protocol/docstrings.py`."""

from __future__ import annotations

import pytest

from bluev_actors.protocol.docstrings import attributes_of, sentence_of


class Parent:
    """The first paragraph
    on two lines.

    More of it.

    Attributes:
        name: what it is called.
        size: how large it is,
            in bytes: all of it.

    And an end: with a colon.
    """  # noqa: D205 - a sentence over two lines is read as well


class Child(Parent):
    """Another.

    Attributes:
        size: in words.
        extra: only here.
    """


class Bare(Parent):  # noqa: D101 - having no docstring is what it is for
    pass


def function() -> None:
    """Do it."""


@pytest.mark.parametrize(
    ("thing", "sentence"),
    [(Parent, "The first paragraph on two lines."), (Child, "Another."), (Bare, ""), (function, "Do it.")],
)
def test_the_sentence_is_the_first_paragraph(thing: object, sentence: str) -> None:
    """On one line; a class does not speak with its parent's voice."""
    assert sentence_of(thing) == sentence


def test_attributes_are_read_over_lines() -> None:
    """A meaning that needs two lines is one text; what stands after the section is none."""
    assert attributes_of(Parent) == {
        "name": "what it is called.",
        "size": "how large it is, in bytes: all of it.",
    }


def test_attributes_are_inherited() -> None:
    """A class's own word beats that of its parent."""
    assert attributes_of(Child) == {"name": "what it is called.", "size": "in words.", "extra": "only here."}
    assert attributes_of(Bare) == attributes_of(Parent)


def test_without_docstrings_there_is_nothing() -> None:
    """Nor is anything made up."""
    assert attributes_of(type("Plain", (), {})) == {}
