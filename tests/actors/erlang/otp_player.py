"""OTP's side: one Erlang process that plays script after script on the real `supervisor`."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from otp_script import Script, term

if TYPE_CHECKING:
    from types import TracebackType

HERE = Path(__file__).parent


def missing() -> str:
    """What to install before OTP can play; empty if all is there."""
    absent = [tool for tool in ("erl", "erlc") if shutil.which(tool) is None]
    return f"no {' and no '.join(absent)}: install Erlang, in Debian the package erlang-base" if absent else ""


class OtpPlayer:
    """A running Erlang, to be used in a `with` block.

    Args:
        folder: where the compiled modules go.
    """

    def __init__(self, folder: Path) -> None:
        erlc = shutil.which("erlc") or "erlc"
        erl = shutil.which("erl") or "erl"
        sources = [str(source) for source in sorted(HERE.glob("*.erl"))]
        subprocess.run([erlc, "-Wall", "-Werror", "-o", str(folder), *sources], check=True)  # noqa: S603 - our own
        self._process = subprocess.Popen(  # noqa: S603 - our own
            # One scheduler: processes end, and are seen to end, in one order.
            [erl, "+S", "1:1", "-noshell", "-noinput", "-pa", str(folder), "-s", "player", "main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.kill()
        self._process.wait()

    def play(self, script: Script) -> list[Any]:
        """Play a script; returns a record of each step: the answer, the events, the tree."""
        self.begin(script)
        return self.result()

    def begin(self, script: Script) -> None:
        """Hand over a script, without waiting for its end."""
        assert self._process.stdin is not None
        packet = f"{term(script)}.".encode()
        self._process.stdin.write(len(packet).to_bytes(4, "big") + packet)
        self._process.stdin.flush()

    def result(self) -> list[Any]:
        """What happened in the first script whose result was not taken yet."""
        records: list[Any] = json.loads(self._read(int.from_bytes(self._read(4), "big")))
        return records

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(size)
        if len(data) < size:
            raise EOFError(f"Erlang ended with {self._process.wait()} in the middle of a script")
        return data
