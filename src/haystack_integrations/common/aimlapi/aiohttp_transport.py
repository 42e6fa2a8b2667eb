# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
Asynchronous HTTP/1.1 over aiohttp, as a transport of httpx2.

No limit of time is aiohttp's own: it has none for writing, and the one for reading costs a timer per read.
"""

import asyncio
import math
import ssl
from collections.abc import AsyncIterator
from time import monotonic
from types import FunctionType
from typing import cast

import aiohttp
import httpcore2
import httpx2
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from .aiohttp_connection import Connector
from .progress import Progress

_TIMEOUTS: dict[str, type[httpx2.TimeoutException]] = {
    "pool": httpx2.PoolTimeout,
    "connect": httpx2.ConnectTimeout,
    "write": httpx2.WriteTimeout,
    "read": httpx2.ReadTimeout,
}
_WRITE_SIZE = _HEADER_SIZE = 65536
_HEADERS = 10_000
# Where mocks and tracers put themselves between a client and the network.
_PATCHED = (
    httpx2.AsyncHTTPTransport,
    httpcore2.AsyncConnectionPool,
    httpcore2.AsyncHTTPConnection,
    httpcore2.AsyncHTTP11Connection,
)


def is_patched() -> bool:
    """
    Tell whether something stands in the place of httpx2's own way to send asynchronous requests.

    :returns: True if it does, whether it came before this module or after.
    """
    for kind in _PATCHED:
        method = kind.handle_async_request
        # A wrapper may bear the name and the module of what it wraps, but its code is from another file.
        if type(method) is not FunctionType or method.__code__.co_filename != kind.__init__.__code__.co_filename:
            return True
    return False


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """
    Sends the requests of one event loop.

    :param ssl_context: The TLS settings.
    :param limits: The most requests at a time, further ones wait; the most idle connections that are kept; and the
        seconds after which an idle connection is closed. None means any number, or never.
    """

    def __init__(self, *, ssl_context: ssl.SSLContext, limits: httpx2.Limits) -> None:
        self._ssl_context = ssl_context
        self._limits = limits
        self._places = None if limits.max_connections is None else asyncio.Semaphore(limits.max_connections)
        self._under_way: set[AiohttpExchange] = set()
        self._connector: Connector | None = None
        self._session: aiohttp.ClientSession | None = None
        self._patched: httpx2.AsyncHTTPTransport | None = None
        self._is_closed = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """
        Send a request.

        :param request: The request. Its extensions may hold `timeout` (seconds by phase), `sni_hostname`, and
            `progress`, which is kept up to date.
        :returns: The response. A body that is read to its end sets its connection free, one that is closed before
            closes it.
        :raises httpx2.TransportError: If the request fails.
        """
        if self._is_closed:
            msg = "The transport is closed"
            raise httpx2.ConnectError(msg)
        if is_patched():
            if self._patched is None:
                self._patched = httpx2.AsyncHTTPTransport(verify=self._ssl_context, limits=self._limits)
            return await self._patched.handle_async_request(request)
        if self._connector is None or self._session is None:
            self._connector = Connector(self._ssl_context, self._limits)
            self._session = aiohttp.ClientSession(
                connector=self._connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
                timeout=aiohttp.ClientTimeout(),
                auto_decompress=False,
                max_line_size=_HEADER_SIZE,
                max_field_size=_HEADER_SIZE,
                max_headers=_HEADERS,
            )
        return await AiohttpExchange(request, self._under_way, self._connector).start(self._session, self._places)

    async def aclose(self) -> None:
        """
        Close all connections. Requests that are under way fail with `httpx2.ReadError`.
        """
        self._is_closed = True
        for exchange in tuple(self._under_way):
            exchange.fail(httpx2.ReadError("The transport was closed during the request"))
        if self._connector is not None:
            await self._connector.close()
        if self._patched is not None:
            await self._patched.aclose()


class AiohttpExchange(httpx2.AsyncByteStream):
    """A request, and the body of its response."""

    transport: asyncio.Transport | None = None
    loss: Exception | None = None
    _response: aiohttp.ClientResponse | None = None
    _place: asyncio.Semaphore | None = None
    _timer: asyncio.TimerHandle | None = None
    _failure: httpx2.TransportError | None = None
    _phase = "pool"
    _since = math.inf
    _has_ended = _is_cut = False

    def __init__(self, request: httpx2.Request, under_way: set["AiohttpExchange"], connector: Connector) -> None:
        self.request = request
        self.progress: Progress = request.extensions.get("progress") or Progress()
        # A redirected request takes its extensions along.
        self.progress.sent = self.progress.answered = False
        self.progress.sent_at = None
        self._limits: dict[str, float | None] = request.extensions.get("timeout", {})
        self._has_body = "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"
        self._under_way = under_way
        self._connector = connector
        self._loop = asyncio.get_running_loop()
        self._deadline = asyncio.timeout(None)

    async def start(self, session: aiohttp.ClientSession, places: asyncio.Semaphore | None) -> httpx2.Response:
        """Send the request once there is a place for it, and get its response."""
        failure: Exception | None = None
        try:
            async with self._deadline:
                self._under_way.add(self)
                if places is not None:
                    self.enter("pool")
                    await places.acquire()
                    self._place = places
                self.enter("connect")
                self._response = response = await self._send(session)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = self._explain(error)
        finally:
            if self._response is None:
                self._end()
                # A socket is closed in the next turn of the loop.
                await asyncio.sleep(0)
        if failure is not None:
            # Not where it is explained: it would have aiohttp's error in its context, which has the headers.
            raise failure
        self._phase, self._since = "read", math.inf
        self._set_timer()
        return httpx2.Response(
            response.status,
            headers=list(response.raw_headers),
            stream=self,
            extensions={
                "http_version": b"HTTP/%d.%d" % cast(tuple[int, int], response.version),
                "reason_phrase": (response.reason or "").encode("utf-8", "surrogateescape"),
            },
        )

    async def _send(self, session: aiohttp.ClientSession) -> aiohttp.ClientResponse:
        url = self.request.url
        with self._connector.used_by(self):
            return await session.request(
                self.request.method,
                URL(f"{url.scheme}://{url.netloc.decode()}{url.raw_path.decode()}", encoded=True),
                headers=[
                    (name.decode(), value.decode())
                    for name, value in self.request.headers.raw
                    if name.lower() != b"transfer-encoding"  # aiohttp insists on setting it itself.
                ],
                data=_Upload(self) if self._has_body else None,
                allow_redirects=False,
                server_hostname=self.request.extensions.get("sni_hostname"),
            )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content, time = cast(aiohttp.ClientResponse, self._response).content, self._loop.time
        failure: Exception | None = None
        try:
            while failure is None:
                self._since = time()
                try:
                    part = await content.readany()
                except Exception as error:
                    failure = self._explain(error)
                    # aiohttp raises before it hands over what came in time, and nothing public of it does.
                    part = b"".join(content._buffer)
                self._since = math.inf
                if part:
                    yield part
                elif failure is None:
                    break
        finally:
            self._end()
        if failure is None and self.loss is not None:
            # Where the end of the connection is the end of the body, aiohttp takes any end for a good one.
            failure = httpx2.ReadError(_text(self.loss))
        if failure is not None:
            raise failure

    async def aclose(self) -> None:
        """Close the response, and its connection if it was not read to its end."""
        self._end()
        if self._is_cut:
            await asyncio.sleep(0)

    def enter(self, phase: str) -> None:
        """Begin a phase, and the time it may take."""
        # What is still sent when the answer has begun has no limit.
        if self._response is None and not self._has_ended:
            self._phase, self._since = phase, self._loop.time()
            self._set_timer()

    def connected(self, transport: asyncio.Transport) -> None:
        """Learn which connection the request has."""
        self.transport = transport
        if self._has_body:
            self.enter("write")
        else:
            self.sent()

    def sent(self) -> None:
        """Learn that the whole request was handed to the operating system."""
        self.progress.sent = True
        self.progress.sent_at = monotonic()
        self.enter("read")

    def lost(self, error: Exception | None) -> None:
        """Learn that the connection is gone, and why."""
        self.loss = error
        if isinstance(error, ssl.SSLError):
            # What cannot be decrypted is something that came.
            self.progress.answered = True
        content = None if self._response is None else self._response.content
        if content is not None and not content.is_eof() and content.exception() is None:
            # aiohttp closes the connection on a chunk that it cannot read, and leaves the reader waiting for ever.
            self.fail(httpx2.RemoteProtocolError("The body of the response is malformed"))

    def fail(self, failure: httpx2.TransportError) -> None:
        """End the request with an error, now."""
        self._failure = failure
        if self._response is not None:
            self._end()
        elif not self._deadline.expired():
            self._deadline.reschedule(0)

    def _end(self) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        self._under_way.discard(self)
        if self._place is not None:
            self._place.release()
        if self._timer is not None:
            self._timer.cancel()
        if self._response is None or not self._response.content.is_eof():
            self._is_cut = True
            if self.transport is not None:
                # To close it would take until what was to be sent is sent, and TLS has said goodbye.
                self.transport.abort()
            if self._response is not None:
                self._response.close()

    def _set_timer(self) -> None:
        # One that goes off too early is cheaper than a new one for each phase and read.
        limit = self._limits.get(self._phase)
        if limit is not None:
            due = min(self._since, self._loop.time()) + limit
            if self._timer is None or due < self._timer.when():
                if self._timer is not None:
                    self._timer.cancel()
                self._timer = self._loop.call_at(due, self._check_time)

    def _check_time(self) -> None:
        self._timer = None
        limit = self._limits.get(self._phase)
        if limit is not None and self._since + limit <= self._loop.time():
            self.fail(_TIMEOUTS[self._phase](f"The {self._phase} timeout of {limit} s is over"))
        else:
            self._set_timer()

    def _explain(self, error: Exception) -> Exception:
        """Find the error of httpx2 for one of aiohttp."""
        failure: Exception
        cause: BaseException | None = error
        if self._failure is not None:
            return self._failure
        if self._response is not None:
            failure = self._explain_cut(self._response)
        elif isinstance(error, aiohttp.ClientConnectorError):
            failure = httpx2.ConnectError(_text(error.__cause__ or error))
        elif isinstance(error, aiohttp.ServerDisconnectedError):
            what = "its whole head" if self.progress.answered else "a response"
            failure = httpx2.RemoteProtocolError(f"Server disconnected without sending {what}.")
        elif isinstance(error, aiohttp.ClientResponseError):
            failure, cause = httpx2.RemoteProtocolError(" ".join(error.message.split())), error.__cause__
        elif type(error) is aiohttp.ClientConnectionError and isinstance(error.__cause__, Exception):
            return error.__cause__  # What the body of the request raised.
        elif isinstance(error, (aiohttp.ClientError, OSError)):
            broken = httpx2.ReadError if self.progress.sent else httpx2.WriteError
            failure = (broken if self.transport else httpx2.ConnectError)(_text(error))
        else:
            failure = httpx2.LocalProtocolError(_text(error))
        # Its frames are aiohttp's, and hold the headers of the request.
        failure.__cause__ = cause.with_traceback(None) if cause else None
        return failure

    def _explain_cut(self, response: aiohttp.ClientResponse) -> httpx2.TransportError:
        if self.loss is not None:
            return httpx2.ReadError(_text(self.loss))
        length = response.headers.get("Content-Length")
        received = f"received {response.content.total_bytes} bytes, expected {length}"
        what = "incomplete chunked read" if length is None else received
        return httpx2.RemoteProtocolError(f"peer closed connection without sending complete message body ({what})")


class _Upload(aiohttp.Payload):
    """The body of a request."""

    def __init__(self, exchange: AiohttpExchange) -> None:
        super().__init__(None)
        self._exchange = exchange

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise NotImplementedError

    async def write(self, writer: AbstractStreamWriter) -> None:
        async for part in cast(httpx2.AsyncByteStream, self._exchange.request.stream):
            for start in range(0, len(part), _WRITE_SIZE):
                self._exchange.enter("write")
                await writer.write(part[start : start + _WRITE_SIZE])
            self._exchange.enter("body")  # Which may take its time to go on.
        self._exchange.enter("write")
        await writer.write_eof()
        self._exchange.sent()


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
