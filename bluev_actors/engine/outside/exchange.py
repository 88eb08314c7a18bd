"""One request and its answer over the guarded network, redirects included, every size bounded.

httpx gives the request its form and reads URLs; its client is left out on purpose: it would keep cookies, read
proxies and passwords from the environment, and write whole URLs into the log.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import httpcore
import httpx
import trio

from bluev_actors.engine.outside.answer import Answer
from bluev_actors.engine.outside.body import Body
from bluev_actors.errors import NodeError, Permanent

if TYPE_CHECKING:
    import ssl

    from bluev_actors.engine.outside.network import GuardedNetwork

CONNECT_SECONDS: Final = 15.0
"""How long a connection may take, its TLS handshake not counted, which may take as long again."""
SILENCE_SECONDS: Final = 300.0
"""How long the other side may say nothing, for a node that has no time limit of its own."""
KEPT_HEADERS: Final = frozenset({"accept", "accept-language", "content-type", "content-length", "user-agent"})
"""What a redirect to another origin is sent; all others may be credentials."""

_TIMEOUTS: Final = {"connect": CONNECT_SECONDS, "read": SILENCE_SECONDS, "write": SILENCE_SECONDS, "pool": None}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_BODY_GOES_ALONG: Final = frozenset({307, 308})


async def exchange(
    request: httpx.Request,
    network: GuardedNetwork,
    *,
    redirects: int,
    max_bytes: int,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Send a request and take in the answer.

    Args:
        request: with its body in memory.
        network: opens the connections.
        redirects: how many may be followed; 0: a redirect is an answer like any other.
        max_bytes: the largest body, unpacked.
        tls: who is trusted; by default the authorities that the system or the environment names.

    Raises:
        Permanent: an address is forbidden, the answer is too large, or no more redirects are followed.
        NodeError: there was no answer (code `http_error`).
    """
    followed = 0
    if tls is None and request.url.scheme == "https":
        tls = await trio.to_thread.run_sync(_trust)
    while True:
        answer = await _ask(request, network, max_bytes, tls)
        if answer.status not in _REDIRECTS or "location" not in answer.headers or redirects == 0:
            return answer
        followed += 1
        if followed > redirects:
            raise Permanent(f"more than {redirects} redirects, the last by {answer.origin}", code="http_error")
        request = _redirected(request, answer)


@cache
def _trust() -> ssl.SSLContext:
    """The authorities that are trusted; reading them takes a while, and they do not change."""
    return httpx.create_ssl_context()


async def _ask(request: httpx.Request, network: GuardedNetwork, max_bytes: int, tls: ssl.SSLContext | None) -> Answer:
    try:
        async with httpcore.AsyncConnectionPool(tls, network_backend=network) as pool:
            response = await pool.handle_async_request(_core(request))
            try:
                return await _taken(response, request, max_bytes)
            finally:
                await response.aclose()
    except _BROKEN as error:
        raise NodeError(f"{request.method} {origin_of(request.url)}: {_told(error)}", code="http_error") from error


_BROKEN: Final = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, ValueError)


def _core(request: httpx.Request) -> httpcore.Request:
    url = httpcore.URL(
        scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
    )
    return httpcore.Request(
        request.method, url, headers=request.headers.raw, content=request.read(), extensions={"timeout": _TIMEOUTS}
    )


async def _taken(response: httpcore.Response, request: httpx.Request, max_bytes: int) -> Answer:
    headers, origin = httpx.Headers(response.headers), origin_of(request.url)
    body = Body(headers.get("content-encoding", ""), max_bytes)
    # httpcore reads by generators that want to be run to their end, so what is enough is ended by a cancellation.
    with trio.CancelScope() as reading:
        async for piece in response.aiter_stream():
            body.take(piece)
            if not body.wants_more:
                reading.cancel()
    if body.overflowed:
        raise Permanent(f"{origin} answers with more than {max_bytes} bytes", code="too_large")
    return Answer(response.status, dict(headers.items()), body.whole(), origin)


def _redirected(request: httpx.Request, answer: Answer) -> httpx.Request:
    url = _target(request, answer)
    headers = request.headers.copy()
    del headers["host"]
    if origin_of(url) != origin_of(request.url):
        headers = httpx.Headers({name: value for name, value in headers.items() if name in KEPT_HEADERS})
    if answer.status in _BODY_GOES_ALONG or request.method in ("GET", "HEAD"):
        return httpx.Request(request.method, url, headers=headers, content=request.read())
    for name in ("content-type", "content-length"):
        headers.pop(name, None)
    return httpx.Request("GET", url, headers=headers)


def _target(request: httpx.Request, answer: Answer) -> httpx.URL:
    try:
        url = request.url.join(answer.headers["location"])
    except httpx.InvalidURL as error:
        raise Permanent(f"{answer.origin} redirects to what is no URL", code="http_error") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise Permanent(f"{answer.origin} redirects to what is not HTTP", code="http_error")
    return url.copy_with(userinfo=b"")


def origin_of(url: httpx.URL) -> str:
    """The part of a URL that may be shown: its path and its query may hold credentials."""
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"


def _told(error: Exception) -> str:
    """What went wrong, with the reason that TLS gives, such as a certificate that is not trusted."""
    cause: BaseException | None = error
    while cause is not None:
        reason = getattr(cause, "verify_message", None) or getattr(cause, "reason", None)
        if isinstance(reason, str):
            return reason
        cause = cause.__context__  # httpcore cuts the `__cause__` off
    return str(error) or type(error).__name__
