"""`python -m bluev_actors` is the command `bluev-actors`."""

from __future__ import annotations

from bluev_actors.cli.main import main

if __name__ == "__main__":
    main()
