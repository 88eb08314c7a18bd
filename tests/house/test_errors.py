"""Every way to fail has a code, a place and a line in the docs."""

from __future__ import annotations

import importlib

import pytest

from bluev_actors.errors import BluevError
from generate import error_classes, error_reference
from house import ROOT, modules


@pytest.mark.parametrize("cls", error_classes())
def test_every_error_has_a_code(cls: type[BluevError]) -> None:
    """The code is a word of lower case letters, digits and underscores, fit for the wire."""
    assert cls.code.replace("_", "").isalnum()
    assert cls.code == cls.code.lower()


@pytest.mark.parametrize("cls", error_classes())
def test_every_error_says_what_it_means(cls: type[BluevError]) -> None:
    """The first sentence of its docstring is what the reference shows."""
    assert cls.__doc__


def test_errors_live_on_their_page() -> None:
    """No other module declares an error of the tree: `errors.py` is the whole of it."""
    for module in modules():
        if not module.endswith("__main__"):
            importlib.import_module(module)
    strangers = [cls for cls in _descendants(BluevError) if cls.__module__.startswith("bluev_actors.")]
    assert {cls.__module__ for cls in strangers} == {"bluev_actors.errors"}


def _descendants(cls: type[BluevError]) -> list[type[BluevError]]:
    return [cls, *(deeper for child in cls.__subclasses__() for deeper in _descendants(child))]


def test_the_error_page_is_up_to_date() -> None:
    """`docs/reference/errors.md` shows every code; `scripts/generate` writes it."""
    assert (ROOT / "docs/reference/errors.md").read_text("utf-8") == error_reference()
