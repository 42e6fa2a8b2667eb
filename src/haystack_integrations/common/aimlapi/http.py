# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""One attempt at a request: what it received, and whether the SDK may try again."""

from collections.abc import Iterator
from contextlib import aclosing, closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
from openai import APIConnectionError, DefaultAsyncHttpxClient, DefaultHttpxClient

from .call import CallContext, current_call
from .errors import READ_TIMEOUTS, TRANSPORT_ERRORS, broken_off, is_retryable

if TYPE_CHECKING:
    from httpx2 import AsyncClient as _AsyncBase
    from httpx2 import Client as _SyncBase
else:
    _SyncBase = _AsyncBase = object


@contextmanager
def _attempt(request: httpx2.Request, *, is_closed: bool) -> Iterator[CallContext]:
    # A client that is used by itself, without a component, has no call to tell.
    call = current_call() or CallContext()
    if is_closed or (call.attempts and call.is_abandoned()):
        raise APIConnectionError(message="The component was closed during the call.", request=request)
    call.attempts += 1
    call.response = None
    try:
        yield call
    except TRANSPORT_ERRORS as error:
        was_billed = isinstance(error, READ_TIMEOUTS) if call.response is None else call.response.is_success
        if was_billed:
            raise broken_off(error, request) from error
        raise
    if call.response is not None and call.response.is_error and not is_retryable(call.response):
        call.response.headers["x-should-retry"] = "false"


class _SyncAttempts(_SyncBase):
    def send(self, request: httpx2.Request, *, stream: bool = False, **kwargs: Any) -> httpx2.Response:
        with _attempt(request, is_closed=self.is_closed) as call:
            call.response = response = super().send(request, stream=True, **kwargs)
            if response.is_error or not stream:
                with closing(response):
                    response.read()
        return response

    def __del__(self) -> None:
        # As the SDK's default client does: a component that is dropped leaves no connections open.
        with suppress(Exception):
            self.close()


class _AsyncAttempts(_AsyncBase):
    async def send(self, request: httpx2.Request, *, stream: bool = False, **kwargs: Any) -> httpx2.Response:
        with _attempt(request, is_closed=self.is_closed) as call:
            call.response = response = await super().send(request, stream=True, **kwargs)
            if response.is_error or not stream:
                async with aclosing(response):
                    await response.aread()
        return response


class HTTPClient(_SyncAttempts, DefaultHttpxClient):
    """The SDK's HTTP client."""


class AsyncHTTPClient(_AsyncAttempts, DefaultAsyncHttpxClient):
    """The SDK's asynchronous HTTP client."""


class LegacyHTTPClient(_SyncAttempts, httpx.Client):  # type: ignore[misc]
    """The client for settings that are objects of httpx."""


class AsyncLegacyHTTPClient(_AsyncAttempts, httpx.AsyncClient):  # type: ignore[misc]
    """The asynchronous client for settings that are objects of httpx."""
