"""Which program a node may start, and in which surroundings."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bluev_actors.engine.outside.process_group import MARKER
from bluev_actors.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bluev_actors.engine.outside.outside import Outside

HANDED_DOWN: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
"""What a program gets of the daemon's environment; all else could hold a secret."""
_LOADER: Final = ("LD_", "DYLD_")


def find_program(name: str, outside: Outside) -> str:
    """The whole path of a program.

    Args:
        name: its name on the daemon's PATH, or its whole path. What the node says of PATH counts for nothing here.
        outside: may name all programs that are allowed.

    Raises:
        Permanent: it is not allowed, not there, or named by a path that is not whole.
    """
    if outside.programs is not None and name not in outside.programs:
        raise Permanent("the operator has not allowed this program", code="program_not_allowed")
    if os.sep in name and not Path(name).is_absolute():
        message = "a program is called by its name or by its whole path, for there is no folder to start from"
        raise Permanent(message, code="cannot_start")
    path = shutil.which(name)
    if path is None:
        raise Permanent("there is no such program, or it cannot be run", code="cannot_start")
    return str(Path(path).absolute())


def environment(given: Mapping[str, str], outside: Outside, key: str) -> dict[str, str]:
    """All the variables of a program: a few of the daemon's, those that the node gives, and for whom it works.

    Args:
        given: those of the node.
        outside: where it lists programs, none of these may be replaced by another.
        key: the node's idempotency key.

    Raises:
        Permanent: a variable cannot be given, or would put another program in the place of an allowed one.
    """
    for name, value in given.items():
        if not name or "=" in name or "\0" in name + value:
            raise Permanent("env: a name or a value cannot stand in an environment", code="invalid_param")
        if outside.programs is not None and (name == "PATH" or name.startswith(_LOADER)):
            raise Permanent(f"env: {name} is not for a node to set where programs are listed", code="invalid_param")
    kept = {name: os.environ[name] for name in HANDED_DOWN if name in os.environ}
    return {**kept, **given, MARKER: key}
