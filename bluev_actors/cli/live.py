"""The living picture on a terminal, redrawn at most ten times a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bluev_actors.cli.lines import closing_lines, line_of
from bluev_actors.cli.picture import ICONS, PLAIN_ICONS, frame
from bluev_actors.protocol.messages import NodeEventMessage, NodeLogMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluev_actors.cli.outline import Outline
    from bluev_actors.client.feed import RunUpdate
    from bluev_actors.workflows.run_state import RunState
