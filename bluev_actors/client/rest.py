"""What a daemon can be asked without a socket: one call, one answer, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import httpx

from bluev_actors.client.address import DEFAULT_URL, parse_address
from bluev_actors.errors import RequestTimeoutError, RunNotFoundError, ServerRefusedError, UnreachableError
from bluev_actors.workflows.run_events import RUN_ENDED
from bluev_actors.workflows.values import is_object

if TYPE_CHECKING:
    from types import TracebackType

    from bluev_actors.workflows.values import Json, JsonObject


class Rest:
    """The REST addresses of a daemon, for plain code without an event loop.

    Args:
        url: as for `connect`.
        timeout: seconds that one call may take.
        transport: what carries the requests; tests give their own.
    """

    def __init__(
        self, url: str = DEFAULT_URL, *, timeout: float = 10.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._address = parse_address(url)
        self._http = httpx.Client(base_url=self._address.http, timeout=timeout, transport=transport, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: str | int) -> Json:
        """Ask for the JSON at an address.

        Raises:
            ServerRefusedError: the daemon answers with an error.
            UnreachableError: no daemon answers.
            RequestTimeoutError: there is no answer in time.
        """
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Json = None, **query: str | int) -> Json:
        """Send JSON to an address. Raises as `get` does."""
        return self._call("POST", path, {} if body is None else body, query)

    def _call(self, method: str, path: str, body: Json = None, query: JsonObject | None = None) -> Json:
        try:
            response = self._http.request(method, path, params=query, json=body)
        except httpx.TimeoutException:
            raise RequestTimeoutError(f"{self._address} gave no answer in time") from None
        except httpx.HTTPError as error:
            raise UnreachableError(f"no daemon answers at {self._address}: {error}") from error
        return self._read(response)

    def _read(self, response: httpx.Response) -> Json:
        try:
            said: Json = response.json()
        except ValueError:
            raise UnreachableError(
                f"no daemon answers at {self._address}, but something else does, "
                f"with HTTP status {response.status_code}"
            ) from None
        if response.is_success:
            return said
        problem: JsonObject = said if is_object(said) else {}
        raise ServerRefusedError(
            problem.get("code", f"http_{response.status_code}"),
            problem.get("message", response.reason_phrase),
            problem.get("path", ""),
        )

    def run(self, name: str) -> JsonObject:
        """A run with all that is known of it. `name` is its id, or its workflow's as `find_run` reads it.

        Raises:
            RunNotFoundError: nothing is called so.
            ClientError: as `get` does.
        """
        found: JsonObject | None = self._run(name)
        return found if found is not None else self.get(run_path(self._run_of_workflow(name)))

    def find_run(self, name: str) -> str:
        """The id of the run that `name` means: its own id, or a workflow's for its live run, else its latest.

        Raises:
            RunNotFoundError: nothing is called so.
            ServerRefusedError: the workflow has several live runs (`ambiguous_run`), or as `get` does.
        """
        return name if self._run(name) is not None else self._run_of_workflow(name)

    def _run(self, run_id: str) -> JsonObject | None:
        try:
            found: JsonObject = self.get(run_path(run_id))
        except ServerRefusedError as error:
            if error.code == "not_found":
                return None
            raise
        return found

    def _run_of_workflow(self, workflow_id: str) -> str:
        runs: list[JsonObject] = self.get("/api/runs", workflow_id=workflow_id)["runs"]
        live = [run["run_id"] for run in runs if run["state"] not in RUN_ENDED]
        if len(live) > 1:
            raise ServerRefusedError(
                "ambiguous_run", f"{workflow_id!r} has several live runs: {', '.join(live)}; name one of them"
            )
        if not runs:
            raise RunNotFoundError(f"there is no run or workflow called {workflow_id!r}")
        return str(live[0] if live else runs[0]["run_id"])


def run_path(run_id: str, action: str = "") -> str:
    """The address of a run, or of something to do with it."""
    return f"/api/runs/{quote(run_id, safe='')}{action and '/' + action}"
