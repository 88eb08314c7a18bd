"""The REST half of the daemon's port: what the socket offers, as requests and answers.

Starlette routes and frames the answers; what is asked for goes through the same codec and the same commands as on the
socket, so both give the same verdicts. Importing this imports Starlette, which is why the tree does it late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse
from starlette.routing import Route

from bluev_actors.daemon.rest_answers import Json, error_answer, http_error
from bluev_actors.daemon.rest_runs import RunEndpoints, decoded, text_of
from bluev_actors.daemon.stats import connection_stats, tree
from bluev_actors.daemon.welcome import PAGE
from bluev_actors.engine.node_types import describe
from bluev_actors.errors import BluevError, ProtocolError, RefusedError, RunNotFoundError
from bluev_actors.protocol.json_text import parse_object
from bluev_actors.protocol.schema import workflow_schema

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from bluev_actors.daemon.asgi import ASGIApp
    from bluev_actors.daemon.hub import Hub
    from bluev_actors.daemon.publisher import Publisher
