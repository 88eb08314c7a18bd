from __future__ import annotations

from bluev_actors.engine.outside.outside import Outside


def test_an_operator_who_says_nothing_opens_nothing() -> None:
    """No host besides the public ones, and no file; every size is bounded."""
    outside = Outside()
    assert outside.allowed_hosts == ()
    assert outside.files_root is None
    assert outside.programs is None
    bounds = (outside.response_bytes, outside.file_bytes, outside.output_bytes, outside.rows)
    assert all(0 < bound < 2**30 for bound in bounds)
