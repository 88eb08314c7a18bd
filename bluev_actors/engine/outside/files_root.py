"""The folder that file nodes are confined to, and the way to a file below it.

The way is walked folder by folder, each opened relative to the one before and never through a symbolic link, so that
nothing can be put in the place of a folder between a check and its use. What remains: a hard link or a mount below
the root, and a folder that somebody moves out of the root while it is open. All of them need rights on the root that
no workflow has by its file nodes.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Final, NoReturn

from bluev_actors.errors import NodeError, Permanent

if TYPE_CHECKING:
    from collections.abc import Generator

    from bluev_actors.engine.outside.outside import Outside

LONGEST_PATH: Final = 4096
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""Not blocking, because a pipe with nobody at its other end would hold the thread for ever."""
_MEANINGS: Final = {
    errno.ENOENT: ("file_not_found", True),
    errno.EEXIST: ("file_exists", False),
    errno.ELOOP: ("forbidden_path", False),
    errno.ENOTDIR: ("forbidden_path", False),
    errno.EISDIR: ("forbidden_path", False),
    errno.ENXIO: ("forbidden_path", False),
    errno.ENAMETOOLONG: ("forbidden_path", False),
    errno.EACCES: ("file_error", False),
    errno.EPERM: ("file_error", False),
    errno.EROFS: ("file_error", False),
}
"""What some of the system's errors mean for a node: its code, and whether another attempt may help."""


def path_flaw(path: str) -> str | None:
    """Say what keeps a text from being the way to something below a folder; None when nothing does."""
    if not path or len(path.encode("utf-8", "replace")) > LONGEST_PATH:
        return f"a path has 1 to {LONGEST_PATH} bytes"
    if "\0" in path:
        return "a path cannot hold a NUL character"
    if path.startswith("/"):
        return "a path begins below the files root, not with a slash"
    if ".." in path.split("/"):
        return "a path may not go up by `..`"
    return None


def steps_of(path: str) -> tuple[list[str], str]:
    """The folders on the way, and the name at its end.

    Raises:
        Permanent: it is no way to something below a folder.
    """
    flaw = path_flaw(path)
    if flaw is not None:
        raise Permanent(flaw, code="forbidden_path")
    steps = [step for step in path.split("/") if step not in ("", ".")]
    if not steps or path.endswith("/"):
        raise Permanent("a path ends with the name of a file", code="forbidden_path")
    return steps[:-1], steps[-1]


@contextmanager
def folder_of(outside: Outside, path: str, *, make: bool = False) -> Generator[tuple[int, str]]:
    """Open the folder that a file is in.

    Args:
        outside: has the root.
        path: the way to the file.
        make: make the folders that are not there.

    Yields:
        The folder's descriptor, and the name of the file in it.

    Raises:
        Permanent: the path leads out of the root, or something on it is no folder.
        NodeError: the system could not open it.
    """
    root = root_of(outside)
    steps, name = steps_of(path)
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        refuse(error)
    try:
        for step in steps:
            folder = _enter(folder, step, make=make)
        yield folder, name
    finally:
        os.close(folder)


def _enter(folder: int, step: str, *, make: bool) -> int:
    """Open the next folder on the way, and close the one before."""
    try:
        if make:
            with suppress(FileExistsError):
                os.mkdir(step, dir_fd=folder)
        inner = os.open(step, _FOLDER, dir_fd=folder)
    except OSError as error:
        refuse(error)
    os.close(folder)
    return inner


def open_file(folder: int, name: str, flags: int, mode: int = 0o666) -> int:
    """Open a regular file in a folder, never through a link.

    Raises:
        Permanent: there is none, or it is something else, such as a link, a folder, a pipe or a device.
        NodeError: the system could not open it.
    """
    try:
        file = os.open(name, flags | _FILE, mode, dir_fd=folder)
    except OSError as error:
        refuse(error)
    if not S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise Permanent("it is no regular file", code="forbidden_path")
    return file


def refuse(error: OSError) -> NoReturn:
    """Say what the system said, without the path.

    Raises:
        NodeError: always; whether it is worth another attempt depends on the error.
    """
    code, retryable = _MEANINGS.get(error.errno or 0, ("file_error", True))
    link = "there is a symbolic link on the path, or a file in the place of a folder"
    message = link if error.errno in (errno.ELOOP, errno.ENOTDIR) else str(error.strerror)
    raise NodeError(message, code=code, retryable=retryable) from error


def root_of(outside: Outside) -> Path:
    """The files root.

    Raises:
        Permanent: the operator has named none.
    """
    if outside.files_root is None:
        raise Permanent("the operator has named no files root (`--files-root`)", code="no_files_root")
    return outside.files_root


def folder_inside(outside: Outside, path: str | None) -> Path | None:
    """The folder that a program starts in.

    It is looked up by its path, for a program is not confined to it.

    Returns:
        A folder below the files root, or the root; without a root the folder as it is given, None for none.

    Raises:
        Permanent: it is outside the root, or no folder.
    """
    if outside.files_root is None:
        folder = None if path is None else Path(path)
    else:
        root = outside.files_root.resolve()
        folder = (root / (path or ".")).resolve()
        if not folder.is_relative_to(root):
            raise Permanent("cwd lies outside the files root", code="forbidden_path")
    if folder is not None and not folder.is_dir():
        raise Permanent("cwd is no folder", code="cannot_start")
    return folder
