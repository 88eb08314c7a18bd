from __future__ import annotations

import os
import resource
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import binary, sampled_from, text

from bluev_actors.engine.nodes.files import MODES, file_read, file_write
from bluev_actors.engine.outside.outside import Outside
from bluev_actors.errors import NodeError, Permanent

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt

SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)


class Files:
    """Reads and writes by attempts of nodes."""

    def __init__(self, attempt: type[Attempt], root: Path) -> None:
        self.outside = Outside(files_root=root, file_bytes=1000)
        self._attempt = attempt

    async def read(self, path: str, **params: Json) -> str:
        """What `file_read` gives."""
        it = self._attempt(file_read, {"path": path, **params})
        it.context.outside = self.outside
        text = (await it.run())["text"]
        assert isinstance(text, str)
        return text

    async def write(self, path: str, text: str, **params: Json) -> None:
        """Have `file_write` write."""
        it = self._attempt(file_write, {"path": path, **params}, {"text": text})
        it.context.outside = self.outside
        assert await it.run() == {"path": path}


@pytest.fixture
def files(attempt: type[Attempt], tmp_path: Path) -> Files:
    """A root, and nodes that use it."""
    return Files(attempt, tmp_path)


def names(folder: Path) -> list[str]:
    """Everything in a folder, hidden files too."""
    return sorted(os.listdir(folder))  # noqa: PTH208 - their names are wanted


@SAME_FOLDER
@given(written=text(max_size=100), encoding=sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
async def test_what_is_written_is_read(files: Files, written: str, encoding: str) -> None:
    """Any text comes back, character for character, its line ends too."""
    written = written.encode("utf-8", "replace").decode()
    await files.write("a/b.txt", written, encoding=encoding)
    assert await files.read("a/b.txt", encoding=encoding) == written


@SAME_FOLDER
@given(data=binary(max_size=100))
async def test_bytes_too(files: Files, tmp_path: Path, data: bytes) -> None:
    """What is no text travels as base64."""
    await files.write("b.bin", b64encode(data).decode(), encoding="base64")
    assert (tmp_path / "b.bin").read_bytes() == data
    assert await files.read("b.bin", encoding="base64") == b64encode(data).decode()


@pytest.mark.parametrize("mode", MODES)
async def test_a_new_file(files: Files, tmp_path: Path, mode: str) -> None:
    """Each mode makes it, the folders on the way, and nothing else."""
    await files.write("a/b/c.txt", "hello", mode=mode)
    assert (tmp_path / "a/b/c.txt").read_text() == "hello"
    assert names(tmp_path / "a/b") == ["c.txt"]


async def test_replace(files: Files, tmp_path: Path) -> None:
    """The file is another one afterwards, with the same permissions; a link in its place is replaced, not followed."""
    target = tmp_path / "target"
    target.write_text("old")
    target.chmod(0o640)
    inode = target.stat().st_ino
    await files.write("target", "new")
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640
    assert target.stat().st_ino != inode
    (tmp_path / "link").symlink_to(target)
    await files.write("link", "mine")
    assert not (tmp_path / "link").is_symlink()
    assert target.read_text() == "new"


async def test_create(files: Files, tmp_path: Path) -> None:
    """A file that is there stays as it is, and so does a link."""
    (tmp_path / "here").write_text("old")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("here", "link"):
        with pytest.raises(NodeError) as caught:
            await files.write(name, "new", mode="create")
        assert (caught.value.code, caught.value.retryable) == ("file_exists", False)
    assert (tmp_path / "here").read_text() == "old"
    assert names(tmp_path) == ["here", "link"]


async def test_append(files: Files, tmp_path: Path) -> None:
    """What is there stays before it; a link is not followed."""
    await files.write("log", "a\n", mode="append")
    await files.write("log", "b\n", mode="append")
    assert (tmp_path / "log").read_text() == "a\nb\n"
    (tmp_path / "link").symlink_to(tmp_path / "log")
    with pytest.raises(NodeError, match="symbolic link"):
        await files.write("link", "c\n", mode="append")


async def test_a_draft_of_a_crash_is_written_over(files: Files, tmp_path: Path) -> None:
    """Attempts of one node use one name for their drafts, so a crash leaves one at most, and not for long."""
    draft: list[str] = []

    def rename(name: str, *_rest: object, **_folders: object) -> None:
        draft.append(name)

    def unlink(*_arguments: object, **_folders: object) -> None:
        pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rename", rename)
        patch.setattr(os, "unlink", unlink)
        await files.write("x", "cut short")
    assert names(tmp_path) == draft
    await files.write("x", "whole")
    assert names(tmp_path) == ["x"]
    assert (tmp_path / "x").read_text() == "whole"


async def test_a_full_disk_leaves_the_old_file(files: Files, tmp_path: Path) -> None:
    """What cannot be written whole is not written, and nothing of it stays."""
    (tmp_path / "x").write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(NodeError, match="too large") as caught:
            await files.write("x", "n" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.code == "file_error"
    assert (tmp_path / "x").read_text() == "old"
    assert names(tmp_path) == ["x"]


async def test_a_folder_is_no_file(files: Files, tmp_path: Path) -> None:
    """To write where a folder is fails, in each mode."""
    (tmp_path / "folder").mkdir()
    for mode in MODES:
        with pytest.raises(NodeError):
            await files.write("folder", "x", mode=mode)
    assert names(tmp_path) == ["folder"]


async def test_too_large(files: Files, tmp_path: Path) -> None:
    """The operator's limit holds in both directions."""
    (tmp_path / "large").write_bytes(b"x" * 1001)
    (tmp_path / "full").write_bytes(b"x" * 1000)
    assert len(await files.read("full")) == 1000
    with pytest.raises(Permanent, match="1001 bytes") as caught:
        await files.read("large")
    assert caught.value.code == "too_large"
    with pytest.raises(Permanent, match="1002 bytes"):
        await files.write("new", "é" * 501)
    assert names(tmp_path) == ["full", "large"]


async def test_a_file_that_grows_while_it_is_read(files: Files) -> None:
    """Some files say that they are empty, and are not."""
    files.outside = Outside(files_root=Path("/proc/self"), file_bytes=20)
    with pytest.raises(Permanent, match="21 bytes"):
        await files.read("status")


@pytest.mark.parametrize(
    ("data", "encoding"), [(b"\xff", "utf-8"), (b"\xe9", "ascii"), (b"\x00\xd8", "utf-16"), (b"x", "utf-16")]
)
async def test_bytes_that_are_no_text(files: Files, tmp_path: Path, data: bytes, encoding: str) -> None:
    """It is told rather than mended, for what is mended is lost."""
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(Permanent, match=encoding) as caught:
        await files.read("x", encoding=encoding)
    assert caught.value.code == "not_text"


@pytest.mark.parametrize(("written", "encoding"), [("é", "ascii"), ("€", "latin-1"), ("!", "base64"), ("é", "base64")])
async def test_text_that_cannot_be_written(files: Files, tmp_path: Path, written: str, encoding: str) -> None:
    """It fails before anything is touched."""
    with pytest.raises(Permanent, match=encoding) as caught:
        await files.write("x", written, encoding=encoding)
    assert caught.value.code == "not_text"
    assert names(tmp_path) == []


async def test_no_root(attempt: type[Attempt]) -> None:
    """Without a files root there are no files."""
    for node_type, inputs in ((file_read, {}), (file_write, {"text": "x"})):
        with pytest.raises(Permanent) as caught:
            await attempt(node_type, {"path": "x"}, inputs).run()
        assert caught.value.code == "no_files_root"


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x"])
def test_a_bad_path_is_refused_before_the_run(attempt: type[Attempt], path: str) -> None:
    """The document is wrong, and validation says so."""
    with pytest.raises(Exception, match="path"):
        attempt(file_read, {"path": path})


async def test_the_examples(files: Files, attempt: type[Attempt], tmp_path: Path) -> None:
    """The params of the examples do what they seem to."""
    (tmp_path / "cities").mkdir()
    (tmp_path / "cities/oslo.txt").write_text("Oslo")
    assert await files.read("cities/oslo.txt") == "Oslo"
    assert [it["id"] for kind in (file_read.kind, file_write.kind) for it in kind.examples] == [
        "file_read_example",
        "file_write_example",
    ]
    assert attempt is not None


def test_they_are_off_until_allowed() -> None:
    """Files are outside; a pause lets a write end."""
    for node_type in (file_read, file_write):
        assert node_type.kind.outside
        assert not node_type.kind.pausable
