"""The addresses under `/api/schedules`: what starts stored workflows by the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from starlette.routing import Route

from bluev_actors.daemon.rest_answers import JsonAnswer
from bluev_actors.daemon.rest_requests import name_in_path, read_body
from bluev_actors.errors import ProtocolError
from bluev_actors.workflows.shapes import is_id
from bluev_actors.workflows.times import rfc3339

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from bluev_actors.engine.planned import Planned
    from bluev_actors.engine.schedules import Schedules
    from bluev_actors.workflows.values import JsonObject


@frozen
class ScheduleEndpoints:
    """The endpoints, for the schedules of one daemon."""

    schedules: Schedules

    def routes(self) -> list[Route]:
        """Where they are."""
        schedule = "/api/schedules/{name}"
        return [
            Route("/api/schedules", self.list_all),
            Route(schedule, self.show),
            Route(schedule, self.put, methods=["PUT"]),
            Route(schedule, self.drop, methods=["DELETE"]),
        ]

    async def list_all(self, _request: Request) -> Response:
        """All of them, by their names."""
        return JsonAnswer({"schedules": [_page(planned) for planned in self.schedules.list_all()]})

    async def show(self, request: Request) -> Response:
        """One of them."""
        return JsonAnswer(_page(self.schedules.find(name_in_path(request, "name"))))

    async def put(self, request: Request) -> Response:
        """Keep the schedule in the body, if there is nothing wrong with it."""
        name, body = name_in_path(request, "name"), await read_body(request, required=True)
        if not is_id(name):
            raise ProtocolError("bad_message", "A name has 1 to 200 characters without control characters.", "name")
        is_new = name not in self.schedules
        planned = await self.schedules.put(name, body)
        return JsonAnswer(_page(planned), 201 if is_new else 200)

    async def drop(self, request: Request) -> Response:
        """Forget one."""
        name = name_in_path(request, "name")
        await self.schedules.drop(name)
        return JsonAnswer({"name": name, "status": "forgotten"})


def _page(planned: Planned) -> JsonObject:
    """What it says, and how far it has come."""
    return {
        "name": planned.name,
        **planned.schedule.as_json(),
        "created_at": rfc3339(planned.created_at),
        "updated_at": rfc3339(planned.updated_at),
        "next_at": rfc3339(planned.next_at) if planned.schedule.enabled else None,
        "last_run": planned.last_run,
        "last_error": planned.last_error,
    }
