# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""One attempt at a request: redirects, what it received, and whether the SDK may try again."""

from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing, contextmanager, suppress
from random import uniform
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
from openai import APIConnectionError, DefaultAsyncHttpxClient, DefaultHttpxClient

from .body import body_parts
from .call import CallContext, current_call
from .errors import (
    PATIENCE,
    TRANSPORT_ERRORS,
    broken_off,
    check_size,
    is_retryable,
    may_pass,
    may_try_again,
    reply_error,
    retry_after,
)
from .progress import watched

if TYPE_CHECKING:
    from httpx2 import AsyncClient as _AsyncBase
    from httpx2 import Client as _SyncBase
else:
    _SyncBase = _AsyncBase = object

MAX_REDIRECTS = 10
# Those who were turned away together wait up to half as long again as they were asked to.
_JITTER = 1.5


@contextmanager
def _attempt(request: httpx2.Request, call: CallContext, *, is_closed: bool, asynchronous: bool) -> Iterator[None]:
    if is_closed or (call.attempts and call.is_abandoned()):
        raise APIConnectionError(message="The component was closed during the call.", request=request)
    call.attempts += 1
    call.response = None
    _move_user_info(request, call)
    with watched(request, asynchronous=asynchronous) as progress:
        try:
            yield
        except TRANSPORT_ERRORS as error:
            if may_pass(call.response.status_code) if call.response is not None else may_try_again(error, progress):
                raise
            raise broken_off(error, request, silence=0 if progress.answered else progress.silence) from error
    if call.response is not None and not call.response.is_success:
        _direct_retry(call.response)


def _move_user_info(request: httpx2.Request, call: CallContext) -> None:
    """Send the user information of a URL as httpx2 would, but keep it out of the URL, which is logged."""
    url = request.url
    if url.userinfo:
        credentials = b64encode(f"{url.username}:{url.password}".encode()).decode()
        call.secrets.update(secret for secret in (url.username, url.password, credentials) if secret)
        request.headers["Authorization"] = f"Basic {credentials}"
        request.url = url.copy_with(userinfo=b"")


def _direct_retry(response: httpx2.Response) -> None:
    """Tell the SDK, by headers that it obeys, whether to try again and when."""
    wait = retry_after(response.headers)
    if not is_retryable(response) or wait > PATIENCE:
        response.headers["x-should-retry"] = "false"
    elif wait > 0:
        wait = uniform(wait, min(wait * _JITTER, PATIENCE))  # noqa: S311 since it guards nothing
        response.headers["retry-after-ms"] = str(wait * 1000)


def _redirected(response: httpx2.Response, call: CallContext, *, limit: int, cookies: Any) -> httpx2.Request:
    """
    Follow a redirect within its origin.

    :param response: The redirect.
    :param call: The call.
    :param limit: The most redirects of a call.
    :param cookies: The cookies of the client.
    :returns: The same request to the new address, whatever the status: only a GET could be answered from elsewhere.
    :raises APIError: If it leads to another origin, or there were too many.
    """
    request = response.request
    url = response.next_request.url if response.next_request else httpx2.URL()
    if (url.scheme, url.host, url.port) != (request.url.scheme, request.url.host, request.url.port):
        # As what the server said, which it is: it may repeat a secret.
        origin = f"{url.scheme}://{url.netloc.decode()}" if url.host else "an address without a host"
        raise reply_error(origin, "AIMLAPI redirected the call to another origin, where nothing was sent")
    call.redirects += 1
    if call.redirects > limit:
        raise reply_error(None, f"AIMLAPI redirected the call more than {limit} times")
    headers = request.headers.copy()
    headers.pop("Cookie", None)
    return type(request)(
        method=request.method,
        url=url,
        headers=headers,
        cookies=cookies,
        stream=request.stream,
        extensions=request.extensions,
    )


def _read(response: Any) -> None:
    parts = body_parts(response, asynchronous=False)

    def limited() -> Iterator[bytes]:
        size = 0
        for part in parts:
            size += len(part)
            check_size(size)
            yield part

    # What reads a body calls this method; nothing else knows how long one is that is decompressed.
    response.iter_bytes = limited
    try:
        response.read()
    finally:
        del response.iter_bytes


async def _read_async(response: Any) -> None:
    parts = body_parts(response, asynchronous=True)

    async def limited() -> AsyncIterator[bytes]:
        size = 0
        async for part in parts:
            size += len(part)
            check_size(size)
            yield part

    response.aiter_bytes = limited
    try:
        await response.aread()
    finally:
        del response.aiter_bytes


class _SyncAttempts(_SyncBase):
    def send(
        self, request: httpx2.Request, *, stream: bool = False, follow_redirects: Any = None, **kwargs: Any
    ) -> httpx2.Response:
        follows = follow_redirects if isinstance(follow_redirects, bool) else self.follow_redirects
        # A client that is used by itself, without a component, has no call to tell.
        call = current_call() or CallContext()
        while True:
            with _attempt(request, call, is_closed=self.is_closed, asynchronous=False):
                call.response = response = super().send(request, stream=True, follow_redirects=False, **kwargs)
                if not (response.is_success and stream):
                    with closing(response):
                        _read(response)
            if not (follows and response.has_redirect_location):
                return response
            limit = min(self.max_redirects, MAX_REDIRECTS)
            request = _redirected(response, call, limit=limit, cookies=self.cookies)

    def __del__(self) -> None:
        # As the SDK's default client does: a component that is dropped leaves no connections open.
        with suppress(Exception):
            self.close()


class _AsyncAttempts(_AsyncBase):
    async def send(
        self, request: httpx2.Request, *, stream: bool = False, follow_redirects: Any = None, **kwargs: Any
    ) -> httpx2.Response:
        follows = follow_redirects if isinstance(follow_redirects, bool) else self.follow_redirects
        call = current_call() or CallContext()
        while True:
            with _attempt(request, call, is_closed=self.is_closed, asynchronous=True):
                call.response = response = await super().send(request, stream=True, follow_redirects=False, **kwargs)
                if not (response.is_success and stream):
                    async with aclosing(response):
                        await _read_async(response)
            if not (follows and response.has_redirect_location):
                return response
            limit = min(self.max_redirects, MAX_REDIRECTS)
            request = _redirected(response, call, limit=limit, cookies=self.cookies)


class HTTPClient(_SyncAttempts, DefaultHttpxClient):
    """The SDK's HTTP client."""


class AsyncHTTPClient(_AsyncAttempts, DefaultAsyncHttpxClient):
    """The SDK's asynchronous HTTP client."""


class LegacyHTTPClient(_SyncAttempts, httpx.Client):  # type: ignore[misc]
    """The client for settings that are objects of httpx."""


class AsyncLegacyHTTPClient(_AsyncAttempts, httpx.AsyncClient):  # type: ignore[misc]
    """The asynchronous client for settings that are objects of httpx."""
