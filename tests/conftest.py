"""What every test shares: how long Hypothesis searches, and whose test file coverage counts for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Generator

# No deadline: a slow machine is no failure, and time under test is virtual. CI searches longer, and the same
# way each time, so that a red run there is about the change and can be repeated.
settings.register_profile("default", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), max_examples=40, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Tell coverage, if it measures, which test file is at work; `scripts/mirror_coverage.py` reads that."""
    if (measuring := Coverage.current()) is not None:
        measuring.switch_context(item.path.relative_to(item.config.rootpath).as_posix())
    return (yield)
