"""Small scripts that ours and OTP once disagreed about, and what OTP did; run as a program it asks OTP again."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otp_player import OtpPlayer
from otp_script import Call, Crash, Held, Node, Outcome, Script, Step, Strategy, Super, Worker

if TYPE_CHECKING:
    from our_player import Record

RECORDINGS: Final = Path(__file__).with_name("recordings.json")


def _tree(*children: Node, strategy: Strategy = "one_for_one", intensity: int = 3) -> Super:
    return Super("top", strategy=strategy, intensity=intensity, children=children)


def _held(id_: str, *also: Crash | Call, outcome: Outcome = "error") -> Held:
    """A child of the top crashes, and its restart takes time."""
    crashes = tuple(each for each in also if isinstance(each, Crash))
    calls = tuple(each for each in also if isinstance(each, Call))
    return Held(Crash(("top", id_), "boom"), outcome, crashes, calls)


def _boom(id_: str) -> Crash:
    return Crash(("top", id_), "boom")


_TOP = ("top",)
_A_B_C: Final = (Worker("a"), Worker("b"), Worker("c"))
_FAILS_ONCE = Worker("a", starts=("ok", "error"))
_IGNORES_ITS_RESTART = Super("a", restart="transient", starts=("ok", "ignore"))
_MARKED = Worker("a", restart="temporary", significant=True)


def _script(top: Super, *steps: Step) -> Script:
    return Script(top, steps)


SCRIPTS: Final[dict[str, Script]] = {
    "who starts a child by hand has the error, and nobody reports it": _script(
        _tree(), Call("start", _TOP, Worker("a", starts=("error",)))
    ),
    "who restarts a child by hand has the error, and nobody reports it": _script(
        _tree(_FAILS_ONCE), Call("terminate", _TOP, "a"), Call("restart", _TOP, "a"), Call("restart", _TOP, "a")
    ),
    "a dynamic supervisor refuses to restart or delete whatever the id": _script(
        _tree(Worker("a"), strategy="simple_one_for_one"),
        Call("restart", _TOP, "nobody"),
        Call("delete", _TOP, "nobody"),
    ),
    "a request that waits is served before a failed restart is tried again": _script(
        _tree(Worker("a"), strategy="one_for_all"),
        _held("a", Call("delete", _TOP, "a"), Call("which", _TOP), Call("count", _TOP)),
    ),
    "a child that waits for another try can be stopped": _script(
        _tree(Worker("a"), strategy="rest_for_one"),
        _held("a", Call("terminate", _TOP, "a")),
        Call("restart", _TOP, "a"),
    ),
    "a failed restart that is given up in time does not exceed the intensity": _script(
        _tree(Worker("a"), strategy="one_for_all", intensity=1), _held("a", Call("terminate", _TOP, "a"))
    ),
    "a failed group start is reported before the exits that wait": _script(
        _tree(*_A_B_C[:2], strategy="rest_for_one", intensity=1), _held("b", _boom("a"))
    ),
    "the template of a dynamic supervisor is checked at its start": _script(
        _tree(_MARKED, strategy="simple_one_for_one"), Call("which", _TOP)
    ),
    "a child supervisor that ignored its restart still counts as a supervisor": _script(
        _tree(_IGNORES_ITS_RESTART, Worker("b"), strategy="one_for_all"), _boom("b"), Call("count", _TOP)
    ),
    "a bad contract is bad even if its id is taken": _script(
        _tree(Worker("a")), Call("start", _TOP, _MARKED), Call("start", _TOP, Worker("a"))
    ),
    "a group start that broke off goes on with its retry and not before": _script(
        _tree(Worker("a", restart="temporary"), *_A_B_C[1:], strategy="rest_for_one"), _held("b", _boom("a"))
    ),
    "a group start that broke off does not go on when the intensity is exceeded": _script(
        _tree(Worker("a", restart="transient"), *_A_B_C[1:], strategy="one_for_all", intensity=1),
        _held("b", Crash(("top", "a"), "shutdown")),
    ),
    "an exit that waits when the supervisor gives up is reported": _script(
        _tree(*_A_B_C, strategy="rest_for_one", intensity=1), _held("c", _boom("a"), _boom("b"))
    ),
    "an exit that waits when its group is ended is reported": _script(
        _tree(*_A_B_C, strategy="rest_for_one"), _held("c", _boom("a"), _boom("b"), outcome="ok")
    ),
    "a child that waits for another try has no exit to report when it is stopped": _script(
        _tree(Super("a"), strategy="one_for_all"), _held("a", Call("terminate", _TOP, "a"))
    ),
    "those behind the one that failed are started by its retry": _script(
        _tree(*_A_B_C, strategy="rest_for_one"), _held("a", Call("which", _TOP), Call("delete", _TOP, "a"))
    ),
    "a group restart in between makes a retry void": _script(
        _tree(*_A_B_C, strategy="rest_for_one"), _held("c", _boom("a"), Call("which", _TOP), Call("count", _TOP))
    ),
}
"""By what each of them showed."""


def recorded() -> dict[str, list[Record]]:
    """What OTP did in each of the scripts."""
    records: dict[str, list[Record]] = json.loads(RECORDINGS.read_text("utf-8"))
    return records


def ask(folder: Path) -> dict[str, list[Record]]:
    """What OTP does in each of the scripts now."""
    with OtpPlayer(folder) as otp:
        return {name: otp.play(script) for name, script in SCRIPTS.items()}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        answers = ask(Path(temporary))
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(records)}" for name, records in answers.items())
    RECORDINGS.write_text(f"{{\n{lines}\n}}\n", "utf-8")
