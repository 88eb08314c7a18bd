"""The daemon's log: lines for people on a terminal, JSON for machines.

Texts from outside stand in what is logged, so neither form lets them end a line or speak to the terminal: a log line
cannot be forged. Tracebacks are indented, for the same reason.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

import structlog

from bluev_actors.protocol.json_text import dump_json

if TYPE_CHECKING:
    from structlog.typing import EventDict, ExcInfo, WrappedLogger

LogFormat = Literal["auto", "pretty", "json"]

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def configure_logging(format_: LogFormat = "auto", stream: TextIO | None = None) -> None:
    """Set the process's logging up.

    Args:
        format_: `auto` is `pretty` on a terminal, else `json`.
        stream: where lines go; standard error by default.
    """
    out = stream or sys.stderr
    pretty = format_ == "pretty" or (format_ == "auto" and out.isatty())
    handler = logging.StreamHandler(out)
    handler.setFormatter(_formatter(pretty=pretty, colors=out.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


def _formatter(*, pretty: bool, colors: bool) -> structlog.stdlib.ProcessorFormatter:
    before: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper("iso", utc=True),
        one_line,
    ]
    last: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if pretty:
        last.append(structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=indented_traceback))
    else:
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_as_text)]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=last)


def one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep what is said on one line, without a word to the terminal."""
    event["event"] = escaped(str(event["event"]))
    return event


def escaped(text: str) -> str:
    """A text whose control characters are shown instead of obeyed."""
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def indented_traceback(out: TextIO, exc_info: ExcInfo) -> None:
    """Write a traceback of which every line, the exception's own text included, is visibly part of it."""
    lines = "".join(traceback.format_exception(*exc_info)).splitlines()
    out.writelines(f"\n    {escaped(line)}" for line in lines)


def _as_text(event: EventDict, **_options: Any) -> str:  # noqa: ANN401 - structlog's own signature
    return dump_json(event, repr).decode()
