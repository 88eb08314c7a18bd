"""The kind that starts a program: `subprocess`."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from signal import Signals
from typing import TYPE_CHECKING, Any, Final

import trio

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.outside.capture import Capture
from bluev_actors.engine.outside.files_root import folder_inside
from bluev_actors.engine.outside.process_group import ProcessGroup, end_leftovers
from bluev_actors.engine.outside.programs import environment, find_program
from bluev_actors.errors import NodeError, Permanent
from bluev_actors.workflows.kinds import NOTHING, Conduct, Param, Port
from bluev_actors.workflows.values import is_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.outside.outside import Outside
    from bluev_actors.workflows.run_events import LogLevel
    from bluev_actors.workflows.values import Json, JsonObject

STDERR_BYTES: Final = 256 * 1024
"""How much of the standard error is kept, the newest."""
DRAIN_SECONDS: Final = 0.5
"""How long its pipes are still read when the program is gone and somebody who left its group holds them open."""
_QUOTED: Final = 300
_SIGNALS: Final = frozenset(signal.value for signal in Signals)
_LEVELS: Final[dict[str, tuple[LogLevel, ...]]] = {
    "all": ("info", "warning"),
    "stderr": ("warning",),
    "none": (),
}


def _argv_flaw(value: Json) -> str | None:
    if not value or not value[0]:
        return "it begins with the name of a program"
    return "an argument cannot hold a NUL character" if any("\0" in text for text in value) else None


def _env_flaw(value: Json) -> str | None:
    return next((f"{name} has to be a text" for name, text in value.items() if not isinstance(text, str | dict)), None)


@node(
    inputs=[Port("stdin", "string", required=False, description="What the program reads; nothing when left out.")],
    outputs=[
        Port("stdout", "string", description="What it wrote to its standard output."),
        Port("stderr", "string", description="What it wrote to its standard error, the newest 256 KiB."),
        Port("code", "int", description="Its exit code; minus the signal if one killed it."),
    ],
    params=[
        Param(
            "argv",
            "list[string]",
            check=_argv_flaw,
            description="The program, by its name or its whole path, and its arguments. No shell reads them.",
        ),
        Param(
            "env",
            "object",
            required=False,
            default={},
            check=_env_flaw,
            description="Variables besides the few it gets of the daemon's, as PATH and HOME; one may be a secret.",
        ),
        Param("cwd", "string", required=False, description="The folder it starts in; by default the files root."),
        Param(
            "ok_codes",
            "list[int]",
            required=False,
            default=[0],
            description="Exit codes that are no failure; an empty list: all of them.",
        ),
        Param(
            "log",
            "string",
            required=False,
            default="all",
            choices=tuple(_LEVELS),
            description="Which of its lines watchers see: standard output as info, standard error as warning.",
        ),
    ],
    pausable=False,
    outside=True,
    failures={
        "nonzero_exit": "The exit code is not among `ok_codes`, or a signal killed the program.",
        "cannot_start": "There is no such program, it may not be run, or the folder is not there.",
        "program_not_allowed": "The operator lists the programs that may be started, and this is none of them.",
        "too_large": "The standard output is larger than the operator lets it be.",
        "forbidden_path": "`cwd` lies outside the files root.",
    },
    conduct=Conduct(
        pause="In a `checkpoint` pause the program and all it started stand still (SIGSTOP) and go on at the resume; "
        "connections it holds may time out meanwhile. A `hard` pause ends them; at the resume it starts anew.",
        retry="Each attempt starts the program anew.",
        crash="What is left of the program is killed before it starts anew: at least once. "
        "It finds the same text in BLUEV_ACTORS_IDEMPOTENCY_KEY each time.",
        security="Arguments are a list, no shell reads them. The environment is clean, the program gets a session of "
        "its own, and its whole process group is ended with it: SIGTERM, the grace, SIGKILL. It may do whatever the "
        "daemon's user may; the operator can list the programs that are allowed. Arguments show in the system's list "
        "of processes, so a secret belongs in `env` or `stdin`.",
    ),
    examples=[
        example(
            "subprocess_example",
            {
                "words": step("constant", {"value": "pear\napple\n"}),
                "sort": step("subprocess", {"argv": ["sort", "--reverse"], "env": {"LC_ALL": "C"}}),
            },
            "words.value -> sort.stdin",
        ),
        example(
            "subprocess_codes_example",
            {
                "same": step("subprocess", {"argv": ["test", "${inputs.left}", "=", "oslo"], "ok_codes": [0, 1]}),
                "verdict": step("expression", {"expr": "code == 0"}),
            },
            "same.code -> verdict.code",
            inputs={"left": {"type": "string", "default": "bergen"}},
        ),
    ],
)
async def subprocess(ctx: NodeContext, stdin: Json = NOTHING) -> JsonObject:
    """Starts a program, waits for its end, and gives what it wrote; a non-zero exit code is a failure."""
    await _end_earlier(ctx)
    given = stdin.encode() if isinstance(stdin, str) else None
    group = await _start(ctx, given)
    ctx.save({"group": group.id})
    stdout = Capture(ctx.outside.output_bytes, _teller(ctx, "info"))
    stderr = Capture(STDERR_BYTES, _teller(ctx, "warning"))
    await _attend(ctx, group, given, stdout, stderr)
    if stdout.overflowed:
        message = f"subprocess: more than {ctx.outside.output_bytes} bytes of standard output"
        raise Permanent(message, code="too_large")
    return {"stdout": stdout.text, "stderr": stderr.text, "code": _checked_code(ctx, group, stderr)}


async def _end_earlier(ctx: NodeContext) -> None:
    """Before it begins anew after a crash of the daemon, end what the crash has left running."""
    group = ctx.resume_state.get("group") if is_object(ctx.resume_state) else None
    if isinstance(group, int) and await trio.to_thread.run_sync(end_leftovers, group, ctx.idempotency_key):
        ctx.log("what was left of an earlier start has been killed", "warning")


async def _start(ctx: NodeContext, stdin: bytes | None) -> ProcessGroup:
    surroundings = partial(_surroundings, ctx.params, ctx.outside, ctx.idempotency_key)
    argv, settings = await trio.to_thread.run_sync(surroundings)
    try:
        return await ProcessGroup.start(argv, stdin=stdin, **settings)
    except OSError as error:
        raise NodeError(f"subprocess: {error.strerror}", code="cannot_start") from error


def _surroundings(params: JsonObject, outside: Outside, key: str) -> tuple[list[str], dict[str, Any]]:
    """What the program is started with; it looks at files, so it runs in a thread."""
    name, *arguments = params["argv"]
    env = environment(params["env"], outside, key)
    return [find_program(name, outside), *arguments], {"env": env, "cwd": folder_inside(outside, params.get("cwd"))}


def _teller(ctx: NodeContext, level: LogLevel) -> partial[None] | None:
    return partial(ctx.log, level=level) if level in _LEVELS[ctx.params["log"]] else None


async def _attend(ctx: NodeContext, group: ProcessGroup, stdin: bytes | None, stdout: Capture, stderr: Capture) -> None:
    """Stay with the program until nothing of it is left, whatever ends it.

    Its pipes are served to the last, a clean-up after SIGTERM included.
    """
    patience = trio.CancelScope(shield=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_serve, patience, group, stdin, stdout, stderr)
        try:
            with ctx.standstill(group.suspend, group.resume):
                await group.leader.wait()
        finally:
            with ctx.shielded(ctx.grace):
                await group.end()
            patience.deadline = trio.current_time() + min(DRAIN_SECONDS, ctx.grace)


async def _serve(
    patience: trio.CancelScope, group: ProcessGroup, stdin: bytes | None, stdout: Capture, stderr: Capture
) -> None:
    with patience:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_feed, group.leader.stdin, stdin)
            nursery.start_soon(_read, group.stdout, stdout, group.kill)
            nursery.start_soon(_read, group.stderr, stderr, None)


async def _feed(stream: trio.abc.SendStream | None, stdin: bytes | None) -> None:
    if stream is None or stdin is None:
        return
    with suppress(trio.BrokenResourceError):  # a program need not read all that it is given
        async with stream:
            await stream.send_all(stdin)


async def _read(stream: trio.abc.ReceiveStream, capture: Capture, too_much: Callable[[], None] | None) -> None:
    async with stream:
        async for piece in stream:
            capture.take(piece)
            if capture.overflowed and too_much is not None:
                too_much()
                break
    capture.finish()


def _checked_code(ctx: NodeContext, group: ProcessGroup, stderr: Capture) -> int:
    code = group.leader.returncode
    if code is None:
        raise NodeError("subprocess: the program could not be killed", code="nonzero_exit")
    if ctx.params["ok_codes"] and code not in ctx.params["ok_codes"]:
        said = f": {stderr.last_line[:_QUOTED]}" if stderr.last_line else ""
        raise NodeError(f"subprocess: the program {_ending(code)}{said}", code="nonzero_exit")
    return code


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    return f"was killed by {Signals(-code).name}" if -code in _SIGNALS else f"was killed by signal {-code}"
