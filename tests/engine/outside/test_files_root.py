from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import lists, sampled_from, text

from bluev_actors.engine.outside.files_root import (
    LONGEST_PATH,
    folder_inside,
    folder_of,
    open_file,
    path_flaw,
    refuse,
    root_of,
    steps_of,
)
from bluev_actors.engine.outside.outside import Outside
from bluev_actors.errors import NodeError, Permanent

BAD = [
    "",
    ".",
    "./",
    "/",
    "/etc/passwd",
    "..",
    "../x",
    "a/../b",
    "a/..",
    "..//x",
    "a\0b",
    "a/",
    "x" * (LONGEST_PATH + 1),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a file in a folder, beside a secret that is outside."""
    (tmp_path / "secret").write_text("s3cret")
    folder = tmp_path / "base" / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "file").write_text("hello")
    return tmp_path / "base"


def read(root: Path, path: str) -> str:
    """What stands in a file, by way of the root."""
    with folder_of(Outside(files_root=root), path) as (folder, name):
        file = open_file(folder, name, os.O_RDONLY)
        try:
            return os.read(file, 100).decode()
        finally:
            os.close(file)


def descriptors() -> int:
    """How many files this process has open."""
    return len(list(Path("/dev/fd").iterdir()))


@pytest.mark.parametrize("path", ["a/b/file", "./a//b/./file", "a/b/../b/file".replace("../b/", "")])
def test_a_way(root: Path, path: str) -> None:
    """Steps that go nowhere are left out."""
    before = descriptors()
    assert read(root, path) == "hello"
    assert descriptors() == before


@pytest.mark.parametrize("path", BAD)
def test_what_is_no_way(root: Path, path: str) -> None:
    """Upwards, from the top, to no file, with a NUL, or without an end."""
    with pytest.raises(Permanent) as caught:
        read(root, path)
    assert caught.value.code == "forbidden_path"


@given(lists(sampled_from(["a", "b", "..", ".", "", "file", "link", "\0", "~", "..."]), max_size=6), text(max_size=5))
def test_no_way_leads_up(steps: list[str], tail: str) -> None:
    """Whatever the text, the steps that are walked are names and nothing else."""
    path = "/".join([*steps, tail])
    try:
        folders, name = steps_of(path)
    except Permanent:
        return
    assert not {"", ".", "..", "/"} & {*folders, name}
    assert all("/" not in step and "\0" not in step for step in (*folders, name))


LINKS = {
    "a/out": "../../secret",
    "a/top": "/etc/passwd",
    "a/up": "..",
    "a/inner": "b/file",
    "a/folder": "b",
    "a/loop": "loop",
    "a/dangling": "nowhere",
}


@pytest.mark.parametrize("path", [*LINKS, "a/up/base/a/b/file", "a/up/secret", "a/folder/file", "a/loop/x"])
def test_no_link_is_followed(root: Path, path: str) -> None:
    """Neither at the end nor on the way, nor one that would stay below the root."""
    for link, target in LINKS.items():
        (root / link).symlink_to(target)
    before = descriptors()
    with pytest.raises(NodeError, match="symbolic link") as caught:
        read(root, path)
    assert (caught.value.code, caught.value.retryable) == ("forbidden_path", False)
    assert descriptors() == before


def test_the_root_may_be_a_link(root: Path, tmp_path: Path) -> None:
    """Where it lies is the operator's to say."""
    (tmp_path / "link").symlink_to(root)
    assert read(tmp_path / "link", "a/b/file") == "hello"


def test_a_folder_that_is_swapped_gains_nothing(root: Path) -> None:
    """The way goes on in the folder that was opened, although its name leads elsewhere by now."""
    with folder_of(Outside(files_root=root), "a/b/file") as (folder, name):
        (root / "a").rename(root / "moved")
        (root / "a").symlink_to("/etc")
        file = open_file(folder, name, os.O_RDONLY)
        assert os.read(file, 100) == b"hello"
        os.close(file)


def test_only_regular_files(root: Path) -> None:
    """A pipe would hold the thread, a device has no end, and a folder is no file."""
    os.mkfifo(root / "pipe")
    before = descriptors()
    for name in ("pipe", "a"):
        with pytest.raises(Permanent, match="no regular file"):
            read(root, name)
    with folder_of(Outside(files_root=root), "pipe") as (folder, name), pytest.raises(NodeError) as caught:
        open_file(folder, name, os.O_WRONLY)
    assert caught.value.code == "forbidden_path"
    assert descriptors() == before


def test_folders_are_made(root: Path) -> None:
    """Those that are not there, and only below the root; a file in their place is told."""
    outside = Outside(files_root=root)
    with folder_of(outside, "a/new/newer/file", make=True) as (_, name):
        assert name == "file"
    assert (root / "a/new/newer").is_dir()
    with pytest.raises(NodeError, match="file in the place of a folder"), folder_of(outside, "a/b/file/x", make=True):
        pass


def test_what_is_not_there(root: Path) -> None:
    """A file or a folder may be there later, so another attempt may help."""
    for path in ("a/none", "none/file"):
        with pytest.raises(NodeError, match="No such file") as caught:
            read(root, path)
        assert (caught.value.code, caught.value.retryable) == ("file_not_found", True)
        assert path not in str(caught.value)


def test_a_root_that_went_away(tmp_path: Path) -> None:
    """It is told as any other folder."""
    with pytest.raises(NodeError) as caught:
        read(tmp_path / "none", "x")
    assert caught.value.code == "file_not_found"


def test_no_root() -> None:
    """Without a word of the operator there is no folder to look in."""
    with pytest.raises(Permanent) as caught:
        root_of(Outside())
    assert caught.value.code == "no_files_root"


@pytest.mark.parametrize(
    ("number", "code", "retryable"),
    [
        (errno.ENOSPC, "file_error", True),
        (errno.EACCES, "file_error", False),
        (errno.EROFS, "file_error", False),
        (errno.EEXIST, "file_exists", False),
        (errno.ENAMETOOLONG, "forbidden_path", False),
    ],
)
def test_what_the_system_says(number: int, code: str, *, retryable: bool) -> None:
    """Its words are handed on, the path is not."""
    with pytest.raises(NodeError, match=os.strerror(number)) as caught:
        refuse(OSError(number, os.strerror(number), "s3cret"))
    assert (caught.value.code, caught.value.retryable) == (code, retryable)
    assert "s3cret" not in str(caught.value)


def test_path_flaw() -> None:
    """A good path has none, a lone surrogate breaks nothing."""
    assert path_flaw("a/b...c/..d") is None
    assert path_flaw("\ud800") is None


def test_where_a_program_starts(root: Path) -> None:
    """Below the root; without a root where the daemon runs, or where the node says."""
    assert folder_inside(Outside(), None) is None
    assert folder_inside(Outside(), str(root)) == root
    assert folder_inside(Outside(files_root=root), None) == root
    assert folder_inside(Outside(files_root=root), "a/b") == root / "a/b"
    for path, code in (("a/b/file", "cannot_start"), ("none", "cannot_start"), ("../", "forbidden_path")):
        with pytest.raises(Permanent) as caught:
            folder_inside(Outside(files_root=root), path)
        assert caught.value.code == code
