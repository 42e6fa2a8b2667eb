# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Connections for many calls at once."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from typing import cast

import httpx2


class ConnectionStack(httpx2.AsyncBaseTransport):
    """
    An HTTP transport that keeps each connection in a pool of its own, and idle ones on a stack.

    The pool of httpx2 asks every idle connection for its state twice per request, which makes hundreds of calls at
    once slower the more connections they can use again. Here a request takes the connection that was used last.

    :param verify: The TLS settings.
    :param max_connections: The most connections at a time; further requests wait.
    :param max_keepalive_connections: The most idle connections that are kept.
    :param keepalive_expiry: Seconds that an idle connection is kept; None means for ever.
    """

    def __init__(
        self,
        verify: ssl.SSLContext,
        *,
        max_connections: int | None,
        max_keepalive_connections: int | None,
        keepalive_expiry: float | None,
    ) -> None:
        self._verify = verify
        self._limits = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=keepalive_expiry)
        self._vacancies = None if max_connections is None else asyncio.Semaphore(max_connections)
        self._max_idle = max_keepalive_connections
        self._expiry = float("inf") if keepalive_expiry is None else keepalive_expiry
        self._idle: deque[tuple[float, httpx2.AsyncHTTPTransport]] = deque()
        self._closed = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """
        Send a request.

        :param request: The request.
        :returns: The response, whose connection is free again once it is closed.
        :raises httpx2.PoolTimeout: If no connection gets free within the pool timeout.
        """
        await self._enter(request)
        connection = (
            self._idle.pop()[1] if self._idle else httpx2.AsyncHTTPTransport(verify=self._verify, limits=self._limits)
        )

        async def leave() -> None:
            if self._vacancies:
                self._vacancies.release()
            self._idle.append((monotonic(), connection))
            await self._prune()

        try:
            response = await connection.handle_async_request(request)
        except BaseException:
            await leave()
            raise
        response.stream = _Body(cast(httpx2.AsyncByteStream, response.stream), leave)
        return response

    async def _enter(self, request: httpx2.Request) -> None:
        if self._vacancies is None:
            return
        try:
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("pool")):
                await self._vacancies.acquire()
        except TimeoutError as error:
            msg = "No connection got free within the pool timeout"
            raise httpx2.PoolTimeout(msg, request=request) from error

    async def _prune(self) -> None:
        oldest = monotonic() - self._expiry
        while self._idle and (
            self._closed
            or self._idle[0][0] < oldest
            or (self._max_idle is not None and len(self._idle) > self._max_idle)
        ):
            await self._idle.popleft()[1].aclose()

    async def aclose(self) -> None:
        """
        Close the idle connections now, and each busy one with its response.
        """
        self._closed = True
        await self._prune()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, leave: Callable[[], Awaitable[None]]) -> None:
        self._stream = stream
        self._leave: Callable[[], Awaitable[None]] | None = leave

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.__aiter__()

    async def aclose(self) -> None:
        leave, self._leave = self._leave, None
        try:
            await self._stream.aclose()
        finally:
            if leave:
                await leave()
