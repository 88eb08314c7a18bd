"""What the operator lets nodes do beyond the daemon, once their types are allowed by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from pathlib import Path

MIB: Final = 1024 * 1024


@frozen
class Outside:
    """The bounds of every node that touches the outside; a node finds them in `ctx.outside`.

    Attributes:
        allowed_hosts: what `http_request` may reach besides public addresses, as `HOST` or `HOST:PORT`; the host
            as it stands in the URL.
        files_root: the folder that file and SQL nodes, and the `cwd` of programs, are confined to; None: file nodes
            refuse, SQL nodes have a database in memory only, and programs start where the daemon runs.
        programs: the programs that `subprocess` may start, each by its name on the daemon's PATH or by its whole
            path; None: any.
        response_bytes: the largest body that `http_request` takes.
        file_bytes: the largest file that is read or written at once.
        output_bytes: the most that a program may write to its standard output.
        rows: the most rows that a query may give.
    """

    allowed_hosts: tuple[str, ...] = ()
    files_root: Path | None = None
    programs: tuple[str, ...] | None = None
    response_bytes: int = 8 * MIB
    file_bytes: int = 8 * MIB
    output_bytes: int = 8 * MIB
    rows: int = 10_000
