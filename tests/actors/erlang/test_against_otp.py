"""The same random scripts on our supervisors and on OTP's real `supervisor`: they must do the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otp_census import AT_LEAST, Census
from otp_compare import disagreement
from otp_generator import random_script
from otp_player import OtpPlayer, missing
from otp_script import Script, shrink
from our_player import play

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCRIPTS = 2000
CHUNK = 250


@pytest.fixture(scope="module")
def otp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtpPlayer]:
    """A running Erlang."""
    if missing():
        pytest.skip(f"our supervisors are not compared with OTP's: {missing()}")
    with OtpPlayer(tmp_path_factory.mktemp("otp")) as player:
        yield player


@pytest.fixture(scope="module")
def census() -> Census:
    """What occurred in all scripts so far."""
    return Census()


@pytest.mark.parametrize("first", range(0, SCRIPTS, CHUNK))
def test_random_scripts(otp: OtpPlayer, census: Census, first: int) -> None:
    """Answers, starts, ends, their order and reasons, reports and trees are OTP's, step by step, in every script."""
    for seed in range(first, first + CHUNK):
        script = random_script(seed)
        otp.begin(script)
        ours = play(script)
        theirs = otp.result()
        if disagreement(script, theirs, ours):
            pytest.fail(f"seed {seed}\n{_smallest(otp, script)}")
        census.add(script, theirs)


@pytest.mark.usefixtures("otp")
def test_everything_occurred_often(census: Census, record_property: Callable[[str, object], None]) -> None:
    """Nobody takes agreement about nothing for agreement."""
    if census.total["script"] < SCRIPTS:
        pytest.skip(f"only {census.total['script']} of {SCRIPTS} scripts were played: run the whole file")
    record_property("census", dict(census.total))
    print(f"\n{census}")  # noqa: T201 - how often everything occurred is for people to see
    assert {name: census.total[name] for name, least in AT_LEAST.items() if census.total[name] < least} == {}


def _smallest(otp: OtpPlayer, script: Script) -> str:
    def differs(smaller: Script) -> str:
        return disagreement(smaller, otp.play(smaller), play(smaller))

    return differs(shrink(script, differs))
