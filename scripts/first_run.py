"""Wait for the daemon, run the example `hello` on it as a user would, and print the console's address.

Usage: first_run.py URL PID, where PID is the daemon's process. Ends by itself, at the latest after a minute.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

READY_WITHIN = 30.0
"""Seconds that the daemon may take until it answers."""

RUN_WITHIN = 30.0
"""Seconds that the example may take; it needs one or two."""


def is_alive(pid: int) -> bool:
    """Whether a process of this number exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_ready(url: str) -> bool:
    """Whether the daemon answers its health check."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=1.0) as answer:  # noqa: S310 - our own http URL
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's word for fine
    except (OSError, urllib.error.URLError):
        return False


def wait_until_ready(url: str, pid: int) -> bool:
    """Ask until the daemon answers, is gone, or has had its time."""
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and is_alive(pid):
        if is_ready(url):
            return True
        time.sleep(0.1)
    return False


def run_example(url: str) -> None:
    """Write the example to a file and run it on the daemon; raises `SubprocessError` if it fails."""
    command = Path(sys.executable).with_name("bluev-actors")
    with tempfile.TemporaryDirectory() as folder:
        workflow = Path(folder, "hello.json")
        shown = subprocess.run([command, "example", "hello"], check=True, stdout=subprocess.PIPE)
        workflow.write_bytes(shown.stdout)
        subprocess.run([command, "run", workflow, "--url", url], check=True, timeout=RUN_WITHIN)


def main(url: str, pid: int) -> str:
    """Do it all; returns what to complain about, empty when all went well."""
    if not wait_until_ready(url, pid):
        return "the daemon did not come up" if is_alive(pid) else ""
    try:
        run_example(url)
    except subprocess.SubprocessError as error:
        return f"the example did not complete: {error}"
    print(f"\nThe console is at {url}/\nCtrl-C stops the daemon.", flush=True)
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])) or 0)
