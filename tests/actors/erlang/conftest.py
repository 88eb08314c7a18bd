"""What the comparison with OTP shares."""

from __future__ import annotations

import logging

import pytest


@pytest.fixture(autouse=True)
def _few_words(caplog: pytest.LogCaptureFixture) -> None:  # pyright: ignore[reportUnusedFunction] - pytest uses it
    """Actors crash tens of thousands of times here, which is no news."""
    caplog.set_level(logging.CRITICAL + 1, "bluev_actors")
