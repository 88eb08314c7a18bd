"""The kinds that read and write files below the files root: `file_read` and `file_write`."""

from __future__ import annotations

import hashlib
import os
from base64 import b64decode, b64encode
from contextlib import suppress
from functools import partial
from stat import S_IMODE
from typing import TYPE_CHECKING, Final

import trio

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.outside.files_root import folder_of, open_file, path_flaw, refuse
from bluev_actors.errors import Permanent
from bluev_actors.workflows.kinds import Conduct, Param, Port

if TYPE_CHECKING:
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.outside.outside import Outside
    from bluev_actors.workflows.values import JsonObject

BASE64: Final = "base64"
ENCODINGS: Final = ("utf-8", "utf-8-sig", "utf-16", "latin-1", "ascii", BASE64)
MODES: Final = ("replace", "create", "append")

_PATH: Final = Param("path", "string", check=path_flaw, description="The file, below the files root.")
_ENCODING: Final = Param(
    "encoding",
    "string",
    required=False,
    default="utf-8",
    choices=ENCODINGS,
    description="How its bytes stand for text; `base64` for what is no text.",
)
_FAILURES: Final = {
    "forbidden_path": "The path leads out of the files root, over a symbolic link, or to what is no regular file.",
    "file_error": "The system could not do it.",
    "too_large": "There are more bytes than the operator lets a node read or write.",
    "not_text": "The bytes are no text in this encoding, the text cannot stand in it, or it is not base64.",
    "no_files_root": "The operator has named no files root.",
}
_SECURITY: Final = (
    "Only files below `--files-root` are touched. The way there is walked folder by folder and never "
    "over a symbolic link. Hard links and mounts below the root are followed: who may make those may reach further."
)


@node(
    outputs=[Port("text", "string", description="What stands in the file.")],
    params=[_PATH, _ENCODING],
    outside=True,
    failures={"file_not_found": "There is no such file.", **_FAILURES},
    conduct=Conduct(
        retry="Each attempt reads the file as it is then.",
        crash="It reads the file again, as it is then.",
        security=_SECURITY,
    ),
    examples=[
        example(
            "file_read_example",
            {
                "read": step("file_read", {"path": "cities/${inputs.city}.txt"}),
                "shout": step("expression", {"expr": "text + '!'"}),
            },
            "read.text -> shout.text",
            inputs={"city": {"type": "string", "default": "oslo"}},
        )
    ],
)
async def file_read(ctx: NodeContext) -> JsonObject:
    """Reads a file below the files root."""
    data = await trio.to_thread.run_sync(_read, ctx.outside, ctx.params["path"])
    return {"text": _decoded(data, ctx.params["encoding"])}


@node(
    inputs=[Port("text", "string", description="What is to stand in the file.")],
    outputs=[Port("path", "string", description="The file, below the files root.")],
    params=[
        _PATH,
        _ENCODING,
        Param(
            "mode",
            "string",
            required=False,
            default="replace",
            choices=MODES,
            description="Replace a file that is there, create one that must not be there, or append.",
        ),
    ],
    outside=True,
    failures={
        "file_exists": "The mode is `create`, and there is such a file.",
        "file_not_found": "A folder went away while it was written to.",
        **_FAILURES,
    },
    conduct=Conduct(
        retry="`replace` writes the same again, `create` finds the file there if an earlier attempt made it, and "
        "`append` may append twice.",
        crash="`replace` and `create`: the file is there whole or not at all, for it is written under another name "
        "first. `append`: at least once, and a part may be there if the machine went down.",
        security=_SECURITY,
    ),
    examples=[
        example(
            "file_write_example",
            {
                "greet": step("template", {"text": "Hello {{ who }}!\n", "who": "Ada"}),
                "write": step("file_write", {"path": "greetings/${inputs.name}.txt"}),
            },
            "greet.text -> write.text",
            inputs={"name": {"type": "string", "default": "ada"}},
        )
    ],
)
async def file_write(ctx: NodeContext, text: str) -> JsonObject:
    """Writes a file below the files root, whole or not at all; folders on the way are made."""
    path, mode = ctx.params["path"], ctx.params["mode"]
    data = _encoded(text, ctx.params["encoding"])
    _check_size(len(data), ctx.outside)
    job = _append if mode == "append" else partial(_put, replace=mode == "replace", key=ctx.idempotency_key)
    await trio.to_thread.run_sync(job, ctx.outside, path, data)
    return {"path": path}


def _check_size(size: int, outside: Outside) -> None:
    if size > outside.file_bytes:
        raise Permanent(f"{size} bytes are more than the {outside.file_bytes} that are allowed", code="too_large")


def _decoded(data: bytes, encoding: str) -> str:
    if encoding == BASE64:
        return b64encode(data).decode()
    try:
        return data.decode(encoding)
    except UnicodeError as error:
        raise Permanent(f"the file is no text in {encoding}", code="not_text") from error


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return b64decode(text, validate=True) if encoding == BASE64 else text.encode(encoding)
    except ValueError as error:
        raise Permanent(f"the text cannot be written as {encoding}", code="not_text") from error


# --- in a thread ------------------------------------------------------------------------------------------


def _read(outside: Outside, path: str) -> bytes:
    with folder_of(outside, path) as (folder, name), open(open_file(folder, name, os.O_RDONLY), "rb") as file:  # noqa: PTH123 - it opens a descriptor
        _check_size(os.fstat(file.fileno()).st_size, outside)
        data = file.read(outside.file_bytes + 1)  # it may have grown meanwhile
    _check_size(len(data), outside)
    return data


def _append(outside: Outside, path: str, data: bytes) -> None:
    with folder_of(outside, path, make=True) as (folder, name):
        _write(open_file(folder, name, os.O_WRONLY | os.O_APPEND | os.O_CREAT), data)
        os.fsync(folder)


def _put(outside: Outside, path: str, data: bytes, *, replace: bool, key: str) -> None:
    """Write a file under another name, and give it its own when all of it is on disk.

    The other name is the same for every attempt of a node, so what a crash has left behind is written over.
    """
    draft = f".{hashlib.sha256(key.encode()).hexdigest()[:24]}.part"
    with folder_of(outside, path, make=True) as (folder, name):
        mode = _mode_of(folder, name)
        with suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=folder)
        try:
            _write(open_file(folder, draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), data, mode)
            _name(folder, draft, name, replace=replace)
            os.fsync(folder)
        except OSError as error:
            refuse(error)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=folder)


def _mode_of(folder: int, name: str) -> int | None:
    """The permissions of the file that is there."""
    try:
        return S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return None


def _write(file: int, data: bytes, mode: int | None = None) -> None:
    try:
        with open(file, "wb") as stream:
            if mode is not None:
                os.fchmod(file, mode)
            stream.write(data)
            stream.flush()
            os.fsync(file)
    except OSError as error:
        refuse(error)


def _name(folder: int, draft: str, name: str, *, replace: bool) -> None:
    if replace:
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        os.link(draft, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
