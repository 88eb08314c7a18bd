"""The version of this package: what a run's summary says it was run by."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
