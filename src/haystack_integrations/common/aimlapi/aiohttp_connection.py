# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The connections of the asynchronous transport: aiohttp's, and what stands between them and their sockets."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Protocol, cast

import aiohttp
import httpx2

from .progress import Progress

_FOREVER = 1e9  # Seconds. Not every version of aiohttp takes None.


class Exchange(Protocol):
    """A request and its response: see `AiohttpExchange`."""

    progress: Progress
    transport: asyncio.Transport | None
    loss: Exception | None

    def connected(self, transport: asyncio.Transport) -> None:
        """Learn which connection the request has."""

    def lost(self, error: Exception | None) -> None:
        """Learn that the connection is gone, and why."""


_current: ContextVar[Exchange] = ContextVar("aiohttp_exchange")


class Connector(aiohttp.TCPConnector):
    """
    Connections for one event loop.

    :param ssl_context: The TLS settings.
    :param limits: How many idle connections are kept, and how long. How many there are is not its business.
    """

    def __init__(self, ssl_context: ssl.SSLContext, limits: httpx2.Limits) -> None:
        expiry = _FOREVER if limits.keepalive_expiry is None else limits.keepalive_expiry
        super().__init__(ssl=ssl_context, limit=0, keepalive_timeout=expiry, resolver=aiohttp.ThreadedResolver())
        self._ssl_context = ssl_context
        self.limits = limits
        self.idle: set[_Wire] = set()
        self._uses = 0

    @contextmanager
    def used_by(self, exchange: Exchange) -> Iterator[None]:
        """
        Have the connection that is asked for used by an exchange.

        :param exchange: The exchange.
        """
        token = _current.set(exchange)
        self._uses += 1
        try:
            yield
        finally:
            self._uses -= 1
            # The garbage collector ends a call whose event loop was closed, in another context.
            with suppress(ValueError):
                _current.reset(token)

    # A session or connector that is dropped open logs an error, and it is dropped open when its loop has ended without
    # a word, or together with a client that its loop is about to close.

    @property
    def closed(self) -> bool:
        """Whether it is closed, or nobody asks it for a connection now."""
        return super().closed or not self._uses

    def __del__(self, *_: Any) -> None:
        pass

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        """
        Get a connection for the current exchange.

        :returns: The connection.
        :raises aiohttp.ClientError: If the exchange had one already: aiohttp sends some requests again by itself.
        """
        exchange = _current.get()
        if exchange.transport is not None:
            raise aiohttp.ClientOSError(*exchange.loss.args) if exchange.loss else aiohttp.ServerDisconnectedError()
        # A client of HTTP/2 with the same context would have it offer HTTP/2.
        self._ssl_context.set_alpn_protocols(["http/1.1"])
        connection = await super().connect(*args, **kwargs)
        # Without a transport, the connection was lost just now, and aiohttp will say so.
        if connection.transport is not None:  # pragma: no branch
            wire = connection.transport.get_protocol()
            if not isinstance(wire, _Wire):
                wire = _Wire(connection.transport, self)
            wire.take(exchange)
            connection.add_callback(wire.idle)
        return connection


class _Wire(asyncio.Protocol):
    """
    Sees all that a connection receives before aiohttp does.

    Nothing of aiohttp tells whether a byte came, or why a connection was lost, and what comes without having been asked
    for, it takes for the answer to the next request.
    """

    def __init__(self, transport: asyncio.Transport, connector: Connector) -> None:
        self._transport = transport
        self._connector = connector
        self._inner: Any = transport.get_protocol()
        self._exchange: Exchange | None = None
        self._expiry: asyncio.TimerHandle | None = None
        transport.set_protocol(self)
        # A write is over when all of it is handed on: there is no other way to know that a request was sent.
        transport.set_write_buffer_limits(high=1, low=0)

    def take(self, exchange: Exchange) -> None:
        self._wake()
        self._exchange = exchange
        exchange.connected(self._transport)

    def idle(self) -> None:
        self._exchange = None
        limits, idle = self._connector.limits, self._connector.idle
        is_full = limits.max_keepalive_connections is not None and len(idle) >= limits.max_keepalive_connections
        if is_full or self._inner.should_close:
            # aiohttp would close it, which takes until TLS has said goodbye.
            self._transport.abort()
        if not self._transport.is_closing():
            idle.add(self)
            if limits.keepalive_expiry is not None:
                # aiohttp closes it as well, but up to twice as late.
                self._expiry = asyncio.get_running_loop().call_later(limits.keepalive_expiry, self._transport.abort)

    def _wake(self) -> None:
        self._connector.idle.discard(self)
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def data_received(self, data: bytes) -> None:
        exchange, rest = self._exchange, b""
        if exchange is None:
            self._transport.abort()
            return
        if not exchange.progress.answered:
            exchange.progress.answered = True
            # aiohttp drops a head if what came with it cannot be read.
            head, blank_line, rest = data.partition(b"\r\n\r\n")
            data = head + blank_line
        self._inner.data_received(data)
        if self._transport.is_closing():
            self._transport.abort()
        elif rest:
            self.data_received(rest)

    def eof_received(self) -> bool | None:
        return cast(bool | None, self._inner.eof_received())

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wake()
        exchange, self._exchange = self._exchange, None
        self._inner.connection_lost(exc)
        if exchange is not None:
            exchange.lost(exc)
