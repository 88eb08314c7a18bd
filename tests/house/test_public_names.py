"""What users may import is a list that is committed, so that a change of it is seen."""

from __future__ import annotations

import importlib
from typing import get_origin

import pytest

from generate import PUBLIC_PACKAGES, public_names
from house import ROOT


def test_public_names_are_the_committed_ones() -> None:
    """A name that comes or goes shows in the diff of the list; `scripts/generate` writes it."""
    assert (ROOT / "tests/house/public_names.txt").read_text("utf-8") == public_names()


@pytest.mark.parametrize("package", PUBLIC_PACKAGES)
def test_every_public_name_exists(package: str) -> None:
    """What `__all__` promises is there and has a docstring if it can have one, which an alias of a type cannot."""
    module = importlib.import_module(package)
    exported = {name: getattr(module, name) for name in getattr(module, "__all__", [])}
    ours = {name: value for name, value in exported.items() if callable(value) and get_origin(value) is None}
    assert [name for name, value in ours.items() if not value.__doc__] == []
