"""Every disagreement with OTP that was ever found, small, with OTP's recorded answer; needs no Erlang."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from otp_compare import disagreement
from otp_player import missing
from otp_recordings import SCRIPTS, ask, recorded
from otp_script import Call, Crash, Script, Super, Worker
from our_player import play

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", SCRIPTS)
def test_ours_does_what_otp_did(name: str) -> None:
    """What once was different is the same, and stays so."""
    assert disagreement(SCRIPTS[name], recorded()[name], play(SCRIPTS[name])) == ""


def test_the_recordings_are_what_otp_does(tmp_path: Path) -> None:
    """A recording is not a memory of how one thought it should be."""
    if missing():
        pytest.skip(f"the recordings cannot be compared with OTP: {missing()}")
    assert ask(tmp_path) == recorded()


def _crash_of_one() -> tuple[Script, list[Any]]:
    script = Script(Super("top", children=(Worker("a"),)), (Crash(("top", "a"), "boom"), Call("count", ("top",))))
    return script, play(script)


def test_alike_is_no_disagreement() -> None:
    """Two records of the same are the same."""
    script, records = _crash_of_one()
    assert disagreement(script, records, play(script)) == ""


@pytest.mark.parametrize(
    ("step", "part", "what"),
    [(2, 0, "answer:"), (1, 1, "events:"), (0, 2, "tree:")],
)
def test_a_disagreement_is_shown_side_by_side(step: int, part: int, what: str) -> None:
    """Whoever reads it sees the script as far as the step, and both versions of what differs and of nothing else."""
    script, records = _crash_of_one()
    changed = [list(record) for record in records]
    changed[step][part] = []
    text = disagreement(script, changed, records)
    assert f"after step {step} of" in text
    assert [line for line in text.splitlines() if line.endswith(":") and line != text.splitlines()[0]] == [what]
    assert "  OTP  [" in text
    assert f"{step:3} " in text
