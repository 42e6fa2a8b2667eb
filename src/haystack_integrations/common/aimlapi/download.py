# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The download of an image that a model returned by address. The address, and whatever answers there, are hostile."""

import asyncio
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import aclosing, closing, suppress
from typing import Any, TypeVar

import httpx2

from .addresses import DownloadError, PassingError, is_forbidden, is_public, look_up, parse, printable, shown
from .image_types import image_type

__all__ = ["DownloadError", "download_image", "download_image_async", "shown"]

MAX_BYTES = 64 * 1024 * 1024
MAX_REDIRECTS = 5

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING_STATUSES = frozenset({408, 425, 429})
_SERVER_ERROR = 500
_RETRY_DELAYS = (0.5, 8.0)  # seconds: the first, doubled each time, and the longest

# All that an HTTP client raises for what it cannot do, with what its transport or the user's lets through.
_FAULTS = (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, RuntimeError, ExceptionGroup)
_REFUSALS = (httpx2.ConnectError, httpx2.ConnectTimeout)

T = TypeVar("T")


class _ConnectError(PassingError):
    """Nobody was reached: the host's next address may answer."""


def download_image(
    client: httpx2.Client,
    url: str,
    *,
    api_url: str,
    timeout: float,
    declared_type: str | None = None,
    max_retries: int = 0,
    proxied: bool = False,
) -> tuple[bytes, str]:
    """
    Download an image that a model returned by address.

    Every address that the host's name resolves to must be public, or private if the API's own host is private too; it
    is checked again at each redirect, and the connection goes to an address that was checked. Of the client, only its
    connections, the time it takes to connect and its `User-Agent` are used: no other header, cookie or parameter.

    :param client:
        A client without the API's key. It should not use HTTP/2, which shares connections between the hosts at an
        address. A transport of the user's finds the address in the URL, the name in the header `Host` and in the
        extension `sni_hostname`.
    :param url:
        The address, as the model returned it.
    :param api_url:
        The address of the API.
    :param timeout:
        Seconds until the download fails, with all its redirects and retries. A finite number.
    :param declared_type:
        The media type of the image, if the API itself told it. Only `image/svg+xml` matters: without it, SVG is no
        image.
    :param max_retries:
        How often the download is tried again after a fault that may pass.
    :param proxied:
        Whether the client reaches all hosts through a proxy. Names are resolved and checked here all the same, but the
        proxy gets the name, and resolves it again by its own rules: many proxies refuse bare addresses, and replace
        the `Host` of plain HTTP by them.
    :returns:
        The image, and its media type as its first bytes tell it.
    :raises DownloadError:
        If the address, the answer or the network is not as it must be.
    """
    download = _BlockingDownload(
        client,
        api_url=api_url,
        timeout=timeout,
        declared_type=declared_type,
        max_retries=max_retries,
        proxied=proxied,
    )
    return download.run(url)


async def download_image_async(
    client: httpx2.AsyncClient,
    url: str,
    *,
    api_url: str,
    timeout: float,
    declared_type: str | None = None,
    max_retries: int = 0,
    proxied: bool = False,
) -> tuple[bytes, str]:
    """
    Download an image that a model returned by address. Parameters, result and errors are those of `download_image`.
    """
    download = _AsyncDownload(
        client,
        api_url=api_url,
        timeout=timeout,
        declared_type=declared_type,
        max_retries=max_retries,
        proxied=proxied,
    )
    return await download.run(url)


def _location(address: httpx2.URL, response: httpx2.Response) -> str:
    try:
        return str(address.join(response.headers["Location"]))
    except KeyError:
        msg = f"HTTP {response.status_code} without a Location"
    except (httpx2.InvalidURL, ValueError) as error:
        msg = f"it was redirected to no address: {printable(str(error))}"
    raise DownloadError(msg)


def _check_length(length: int) -> None:
    if length > MAX_BYTES:
        msg = f"it is larger than {MAX_BYTES >> 20} MiB"
        raise DownloadError(msg)


class _Download(ABC):
    """One download; how it waits is left to its subclasses."""

    def __init__(
        self,
        client: httpx2.Client | httpx2.AsyncClient,
        *,
        api_url: str,
        timeout: float,
        declared_type: str | None,
        max_retries: int,
        proxied: bool,
    ) -> None:
        self._client: Any = client
        self._user_agent = {"User-Agent": agent} if (agent := client.headers.get("User-Agent")) else {}
        self._connect_timeout = client.timeout.connect
        self._api_url = api_url
        self._timeout = timeout
        self._declared_type = declared_type
        self._max_retries = max_retries
        self._proxied = proxied
        self._deadline = time.monotonic() + min(timeout, threading.TIMEOUT_MAX)

    @abstractmethod
    async def _result(self, future: Future[T]) -> T: ...

    @abstractmethod
    async def _send(self, request: httpx2.Request) -> httpx2.Response: ...

    @abstractmethod
    async def _read(self, response: httpx2.Response, add: Callable[[bytes], None]) -> None: ...

    @abstractmethod
    async def _close(self, response: httpx2.Response) -> None: ...

    @abstractmethod
    async def _sleep(self, seconds: float) -> None: ...

    def _left(self) -> float:
        """
        Get the seconds that are left.

        :raises DownloadError: If there are none.
        """
        if (left := self._deadline - time.monotonic()) <= 0:
            raise self._timed_out()
        return left

    def _timed_out(self) -> DownloadError:
        return DownloadError(f"it timed out, with {self._timeout:g} seconds (`timeout`) for the whole of it")

    async def _guard(self, action: Awaitable[T]) -> T:
        try:
            return await action
        except _FAULTS as fault:
            kind = _ConnectError if isinstance(fault, _REFUSALS) else PassingError
            error = (kind if isinstance(fault, httpx2.TransportError) else DownloadError)(
                printable(f"{type(fault).__name__}: {fault}")
            )
        # Outside of the clause above, so that it does not take along the request, whose query may be secret.
        self._left()
        raise error

    async def _try(self, url: str) -> tuple[bytes, str]:
        for attempt in range(self._max_retries):
            with suppress(PassingError):
                return await self._follow(url)
            first, longest = _RETRY_DELAYS
            await self._sleep(min(first * 2**attempt, longest, self._left()))
        return await self._follow(url)

    async def _follow(self, url: str) -> tuple[bytes, str]:
        for redirect in range(MAX_REDIRECTS + 1):
            try:
                target = parse(url)
                response = await self._open(target)
                try:
                    if response.status_code not in _REDIRECTS:
                        return await self._receive(response)
                    url = _location(target, response)
                finally:
                    with suppress(*_FAULTS):
                        await self._close(response)
            except DownloadError as error:
                if redirect:
                    error.args = (f"it was redirected to {shown(url)}: {error}",)
                raise
        msg = f"it was redirected more than {MAX_REDIRECTS} times"
        raise DownloadError(msg)

    async def _open(self, target: httpx2.URL) -> httpx2.Response:
        host = target.raw_host.decode()
        addresses = await self._checked_addresses(host)
        urls = [target] if self._proxied else [target.copy_with(host=address) for address in addresses]
        for url in urls[:-1]:
            with suppress(_ConnectError):
                return await self._get(url, target, host)
        return await self._get(urls[-1], target, host)

    async def _get(self, url: httpx2.URL, target: httpx2.URL, host: str) -> httpx2.Response:
        left = self._left()
        timeout = httpx2.Timeout(left, connect=min(left, self._connect_timeout or left))
        # A kept connection would be used for another host at the same address, whose certificate was not checked.
        headers = {"Host": target.netloc.decode(), "Accept": "image/*", "Connection": "close", **self._user_agent}
        # What is not compressed cannot be a bomb, and images are compressed by their own format.
        headers["Accept-Encoding"] = "identity"
        extensions = {"timeout": timeout.as_dict(), **({"sni_hostname": host} if target.scheme == "https" else {})}
        return await self._guard(self._send(httpx2.Request("GET", url, headers=headers, extensions=extensions)))

    async def _checked_addresses(self, host: str) -> list[str]:
        addresses = await self._guard(self._result(look_up(host)))
        private = [address for address in addresses if not is_public(address)]
        if private and (any(map(is_forbidden, private)) or not await self._api_is_private()):
            msg = f"the host {printable(host)} has the address {private[0]}, which is not public"
            raise DownloadError(msg)
        return addresses

    async def _api_is_private(self) -> bool:
        try:
            host = httpx2.URL(self._api_url).raw_host.decode()
            return not any(map(is_public, await self._guard(self._result(look_up(host)))))
        except (DownloadError, httpx2.InvalidURL, ValueError):
            return False

    async def _receive(self, response: httpx2.Response) -> tuple[bytes, str]:
        if not response.is_success:
            status = response.status_code
            msg = f"HTTP {status}"
            raise (PassingError if status in _PASSING_STATUSES or status >= _SERVER_ERROR else DownloadError)(msg)
        # Nothing is decoded, even if it comes compressed: that is no image, and inflates to no more than it is.
        encoding = response.headers.pop("Content-Encoding", "")
        length = response.headers.get("Content-Length", "")
        _check_length(int(length[:20]) if length.isdecimal() else 0)
        received = bytearray()

        def add(chunk: bytes) -> None:
            self._left()
            _check_length(len(received) + len(chunk))
            received.extend(chunk)

        await self._guard(self._read(response, add))
        self._left()  # a connection that was cut off at the deadline ends a body without a length
        image = bytes(received)
        if media_type := image_type(image, self._declared_type):
            return image, media_type
        told = " ".join(filter(None, [response.headers.get("Content-Type", ""), encoding]))
        msg = f"the answer is no image, but {len(image)} bytes of type '{printable(told)}'"
        raise DownloadError(msg)


class _BlockingDownload(_Download):
    """A download that keeps its thread waiting: none of its coroutines ever suspends."""

    _stream: Any = None  # of the latest connection
    _is_over = False

    def run(self, url: str) -> tuple[bytes, str]:
        # The timeouts of a synchronous client begin anew with every byte.
        watchdog = threading.Timer(self._left(), self._cut_off)
        watchdog.daemon = True
        watchdog.start()
        try:
            self._try(url).send(None)
        except StopIteration as done:
            image: tuple[bytes, str] = done.value
        finally:
            watchdog.cancel()
        return image

    def _cut_off(self) -> None:
        self._is_over = True
        if sock := self._stream and self._stream.get_extra_info("socket"):
            with suppress(OSError):
                # Not the method of a TLS socket, which takes its state away from the thread that reads.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _trace(self, _: str, info: dict[str, Any]) -> None:
        if hasattr(stream := info.get("return_value"), "get_extra_info"):
            self._stream = stream
            if self._is_over:  # since before there was this connection
                self._cut_off()

    async def _result(self, future: Future[T]) -> T:
        return future.result(self._left())

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        request.extensions["trace"] = self._trace
        response: httpx2.Response = self._client.send(request, stream=True, auth=None, follow_redirects=False)
        return response

    async def _read(self, response: httpx2.Response, add: Callable[[bytes], None]) -> None:
        with closing(response):
            for chunk in response.iter_bytes():
                add(chunk)

    async def _close(self, response: httpx2.Response) -> None:
        response.close()

    async def _sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _AsyncDownload(_Download):
    """A download that lets its event loop go on."""

    async def run(self, url: str) -> tuple[bytes, str]:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._left()):
                return await self._try(url)
        raise self._timed_out()

    async def _result(self, future: Future[T]) -> T:
        return await asyncio.wrap_future(future)

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        response: httpx2.Response = await self._client.send(request, stream=True, auth=None, follow_redirects=False)
        return response

    async def _read(self, response: httpx2.Response, add: Callable[[bytes], None]) -> None:
        async with aclosing(response.aiter_bytes()) as chunks:
            async for chunk in chunks:
                add(chunk)

    async def _close(self, response: httpx2.Response) -> None:
        await response.aclose()

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
