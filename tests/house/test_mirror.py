"""Tests are a mirror of the package: each module has the test file that bears its name."""

from __future__ import annotations

from house import ROOT, mirrored


def test_every_module_has_its_test_file() -> None:
    """Whoever changes `actors/mailbox.py` knows that `tests/actors/test_mailbox.py` is where to look."""
    missing = [test.relative_to(ROOT).as_posix() for test in mirrored().values() if not test.exists()]
    assert missing == []
