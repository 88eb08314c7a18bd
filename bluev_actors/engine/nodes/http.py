"""The kind that asks a web server: `http_request`."""

from __future__ import annotations

import re
from base64 import b64encode
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.errors import NodeError, Permanent, RetryAfter
from bluev_actors.workflows.kinds import NOTHING, Conduct, Param, Port

if TYPE_CHECKING:
    import httpx

    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.outside.answer import Answer
    from bluev_actors.workflows.values import Json, JsonObject

METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Those that change nothing on the other side, so a pause may cut them short."""
MAX_REDIRECTS: Final = 20
LONGEST_WAIT: Final = 3600.0
"""Seconds; a server that asks for a longer wait gets this one."""

_TRY_AGAIN: Final = frozenset({408, 425, 429})
_RESERVED_HEADERS: Final = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
_STATUSES: Final = frozenset(status.value for status in HTTPStatus)


def _headers_flaw(value: Json) -> str | None:
    """Say which header cannot be sent; its value stays out of the sentence."""
    for name, text in value.items():
        if not _HEADER_NAME.fullmatch(name):
            return f"{name!r} is no name of a header"
        if name.lower() in _RESERVED_HEADERS or name.lower().startswith("proxy-"):
            return f"{name} is not for a node to set"
        if isinstance(text, str) and not _HEADER_VALUE.fullmatch(text):
            return f"{name} holds a character that no header may have"
        if not isinstance(text, str | dict):
            return f"{name} has to be a text"
    return None


@node(
    inputs=[
        Port("json", required=False, description="The body, sent as JSON."),
        Port("body", "string", required=False, description="Instead: the body as text."),
    ],
    outputs=[
        Port("status", "int", description="The status of the answer."),
        Port("headers", "object", description="Its headers, the names in lower case."),
        Port("body", "string", description="Its body: as text, or as base64 if `encoding` says so."),
        Port("json", description="Its body as a value; null if it is not JSON."),
    ],
    params=[
        Param("url", "string", description="Where to ask: `http://` or `https://`."),
        Param("method", "string", required=False, default="GET", choices=METHODS, description="What to do there."),
        Param(
            "headers",
            "object",
            required=False,
            default={},
            check=_headers_flaw,
            description="Headers by name; a value may be a secret.",
        ),
        Param("query", "object", required=False, default={}, description="Added to the query of the URL."),
        Param("form", "object", required=False, description="Instead of a body: fields of a form."),
        Param(
            "ok_status",
            "list[int]",
            required=False,
            default=[],
            description="Statuses that are no failure; when left out, all below 400.",
        ),
        Param(
            "max_redirects",
            "int",
            required=False,
            default=5,
            minimum=0,
            maximum=MAX_REDIRECTS,
            description="How many redirects are followed; with 0 a redirect is the answer.",
        ),
        Param(
            "encoding",
            "string",
            required=False,
            default="text",
            choices=("text", "base64"),
            description="How the output `body` shows the answer.",
        ),
    ],
    pausable=False,
    outside=True,
    failures={
        "http_4xx": "The answer has a status from 400 to 499. Only 408, 425 and 429 are tried again.",
        "http_5xx": "The answer has a status from 500.",
        "http_error": "There was no answer, or none that could be read.",
        "invalid_json": "The output `json` is connected, and the body is not JSON.",
        "too_large": "The body is larger than the operator lets it be.",
        "forbidden_address": "The host has an address that is not public, and the operator has not allowed it.",
    },
    conduct=Conduct(
        pause="A `checkpoint` pause ends a GET, HEAD or OPTIONS, which begins anew at the resume; others end first.",
        retry="The request is sent again. After 429 or 503 with Retry-After, that long is waited first.",
        crash="The request may be sent twice: at least once. Give the other side `idempotency-key` if it knows one.",
        security="Only public addresses and hosts allowed by `--allow-host` are reached, redirects included. Proxies, "
        "cookies and credentials from the environment are not used; a redirect to another host gets no credentials.",
    ),
    examples=[
        example(
            "http_get_example",
            {
                "ask": step(
                    "http_request",
                    {"url": "https://api.example.com/cities", "query": {"name": "${inputs.city}"}},
                    timeout=30,
                    retry={"max_attempts": 4, "initial": 0.5, "retry_on": ["http_5xx", "http_error", "timeout"]},
                ),
                "pick": step("expression", {"expr": "answer.population"}),
            },
            "ask.json -> pick.answer",
            inputs={"city": {"type": "string", "default": "Oslo"}},
        ),
        example(
            "http_post_example",
            {
                "order": step("constant", {"value": {"item": "book", "count": 2}}),
                "send": step(
                    "http_request",
                    {
                        "url": "https://api.example.com/orders",
                        "method": "POST",
                        "headers": {"idempotency-key": "${run.id}"},
                        "ok_status": [200, 201, 409],
                    },
                ),
            },
            "order.value -> send.json",
        ),
    ],
)
async def http_request(ctx: NodeContext, json: Json = NOTHING, body: Json = NOTHING) -> JsonObject:
    """Asks a web server and gives its answer; statuses from 400 are failures."""
    ctx.pausable = ctx.params["method"] in SAFE_METHODS
    # httpx is heavy, and most daemons never ask a server.
    from bluev_actors.engine.outside.exchange import exchange  # noqa: PLC0415 - httpcore takes long to load
    from bluev_actors.engine.outside.network import GuardedNetwork  # noqa: PLC0415 - likewise

    answer = await exchange(
        _request(ctx.params, json, body),
        GuardedNetwork(ctx.outside.allowed_hosts),
        redirects=ctx.params["max_redirects"],
        max_bytes=ctx.outside.response_bytes,
    )
    _check_status(ctx, answer)
    return {
        "status": answer.status,
        "headers": answer.headers,
        "body": b64encode(answer.body).decode() if ctx.params["encoding"] == "base64" else answer.text,
        "json": _json(ctx, answer),
    }


def _request(params: JsonObject, json: Json, body: Json) -> httpx.Request:
    import httpx  # noqa: PLC0415 - as above

    given = [name for name, value in (("json", json), ("body", body), ("form", params.get("form"))) if _is_given(value)]
    if len(given) > 1:
        raise Permanent(f"http_request: {' and '.join(given)} are given, and there is one body", code="invalid_input")
    headers = {"accept": "*/*", "accept-encoding": "gzip, deflate", "user-agent": "bluev-actors"}
    headers |= {name.lower(): text for name, text in params["headers"].items()}
    content: dict[str, Json] = {}
    if given == ["json"]:
        content, headers = {"content": orjson.dumps(json)}, {"content-type": "application/json", **headers}
    elif given == ["body"]:
        content = {"content": body.encode()}
    elif given == ["form"]:
        content = {"data": params["form"]}
    return httpx.Request(params["method"], _url(params), headers=headers, **content)


def _is_given(value: Json) -> bool:
    return value is not NOTHING and value is not None


def _url(params: JsonObject) -> httpx.URL:
    import httpx  # noqa: PLC0415 - as above

    try:
        url = httpx.URL(params["url"])
        url.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError) as error:
        raise Permanent("http_request: url is no URL", code="invalid_param") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise Permanent("http_request: url has to begin with http:// or https:// and a host", code="invalid_param")
    if url.userinfo:
        raise Permanent("http_request: credentials do not belong in url but in headers", code="invalid_param")
    return url.copy_merge_params(params["query"]) if params["query"] else url


def _check_status(ctx: NodeContext, answer: Answer) -> None:
    allowed: list[int] = ctx.params["ok_status"]
    if answer.status in allowed or (not allowed and answer.status < HTTPStatus.BAD_REQUEST):
        return
    message = f"{ctx.params['method']} {answer.origin} answers {_status(answer)}"
    code = "http_5xx" if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "http_4xx"
    retryable = code == "http_5xx" or answer.status in _TRY_AGAIN
    seconds = answer.asked_wait(ctx.now()) if retryable else None
    if seconds is None:
        raise NodeError(message, code=code, retryable=retryable)
    error = RetryAfter(min(seconds, LONGEST_WAIT), message)
    error.code = code
    raise error


def _status(answer: Answer) -> str:
    """The status, its usual meaning, and the beginning of what the server says about it."""
    phrase = f" {HTTPStatus(answer.status).phrase}" if answer.status in _STATUSES else ""
    return f"{answer.status}{phrase}: {answer.quote}" if answer.quote else f"{answer.status}{phrase}"


def _json(ctx: NodeContext, answer: Answer) -> Json:
    """The body as a value; that it is none matters only where the value is wanted."""
    is_wanted = "json" in ctx.connected_outputs
    if not answer.body or not (is_wanted or answer.says_json):
        return None
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        if is_wanted:
            raise NodeError(f"the answer of {answer.origin} is not JSON: {error}", code="invalid_json") from error
        return None
