"""Print the port to listen on: the one asked for, else 8765 or the next one that is free.

Usage: free_port.py PORT, where PORT may be empty. Asking here, and not leaving it to the daemon, keeps
`scripts/start` from greeting another daemon that has the port already.
"""

from __future__ import annotations

import socket
import sys

FIRST = 8765
TRIED = 100
LAST = 65536


def is_free(port: int) -> bool:
    """Whether one may listen on this port of the loopback address now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def choose(asked: str) -> int:
    """The port to use; one `asked` for is taken, or refused by a ValueError, never replaced."""
    if not asked:
        return next(port for port in range(FIRST, FIRST + TRIED) if is_free(port))
    if not asked.isdecimal() or not 0 < int(asked) < LAST:
        raise ValueError(f"--port takes a number from 1 to {LAST - 1}, not {asked}")
    if not is_free(int(asked)):
        raise ValueError(f"port {asked} is in use")
    return int(asked)


if __name__ == "__main__":
    try:
        print(choose(sys.argv[1]))
    except ValueError as error:
        sys.exit(str(error))
