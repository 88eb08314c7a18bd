"""Wall time on the wire: RFC 3339, UTC, `Z`, microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(seconds: float) -> str:
    """Write a time.

    Args:
        seconds: since 1970, in UTC; a part of a microsecond is rounded.

    Returns:
        Text such as `2026-07-31T12:00:00.000000Z`.
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def from_rfc3339(text: str) -> float:
    """Read a time that `rfc3339` wrote, or any other with an offset.

    Returns:
        Seconds since 1970.

    Raises:
        ValueError: it is no such time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    return (moment - _EPOCH) / timedelta(seconds=1)
