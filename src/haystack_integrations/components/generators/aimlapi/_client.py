# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""How an OpenAI SDK client for AIMLAPI is made, and how long it lives."""

import asyncio
import math
import os
import re
import ssl
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing, closing, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.request import getproxies
from weakref import WeakKeyDictionary

import httpx
import httpx2
from haystack.utils import Secret
from openai import (
    DEFAULT_CONNECTION_LIMITS,
    DEFAULT_TIMEOUT,
    APIConnectionError,
    APITimeoutError,
    AsyncOpenAI,
    DefaultAsyncHttpxClient,
    DefaultHttpxClient,
    OpenAI,
)

from haystack_integrations.components.generators.aimlapi._pool import ConnectionStack

BASE_URL = "https://api.aimlapi.com/v1"
MAX_RETRIES = 5

# The call under way, for what the headers of its response tell: the SDK keeps only the body of a plain reply.
_received: ContextVar["Received | None"] = ContextVar("aimlapi_received", default=None)

_TIMEOUTS = (httpx2.TimeoutException, httpx.TimeoutException)
# httpx2 passes some TLS errors on as they are when it is asynchronous: https://github.com/pydantic/httpx2/issues/854
BREAKS = (httpx2.RequestError, httpx.RequestError, ssl.SSLError)

# Messages of 429 and 5xx errors that will be the same on the next try (AIMLAPI docs, errors-and-messages): an upstream
# 4xx passed on as 500, a model taken offline, the free tier's hourly limit.
_LASTING = re.compile(
    r"""(?:^|"message"\s*:\s*")\s*4(?!08|29)\d\d\b|model\b[^"]{0,40}\bunder maintenance|free-tier limit""",
    re.IGNORECASE,
)
_GATEWAY_TIMEOUT = 504

_LIMITS = ("max_connections", "max_keepalive_connections", "keepalive_expiry")
_KINDS: dict[Any, str] = {int: "a whole number", float: "a number of seconds"}

T = TypeVar("T", int, float)

if TYPE_CHECKING:
    from httpx2 import AsyncClient as _AsyncBase
    from httpx2 import Client as _SyncBase
else:
    _SyncBase = _AsyncBase = object


@dataclass
class Received:
    """
    What a call under way has to do with, beside its arguments.

    :param response: The response to its latest try; None if there was none, as when a connection fails.
    :param secrets: The values that it sends and that no message may show.
    :param lifetime: What keeps its client open until it is over.
    """

    response: httpx2.Response | None = None
    secrets: set[str] = field(default_factory=set, repr=False)
    lifetime: object = None

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the response."""
        return {} if self.response is None else self.response.headers


@contextmanager
def recorded_response() -> Iterator[Received]:
    """
    Keep the response that a call receives.

    :returns: What is received.
    """
    received = Received()
    token = _received.set(received)
    try:
        yield received
    finally:
        _received.reset(token)
        # The event loop keeps the context in which a connection was opened for as long as the connection is open.
        received.response = received.lifetime = None
        received.secrets.clear()


def current() -> Received:
    """
    Get what the call under way has received.

    :returns: What is received; of no call, if there is none under way.
    """
    return _received.get() or Received()


def _is_lasting(response: httpx2.Response) -> bool:
    # The next try of a generation that took too long would take, and might cost, the same again.
    return response.status_code == _GATEWAY_TIMEOUT or (
        response.status_code >= httpx2.codes.TOO_MANY_REQUESTS and bool(_LASTING.search(response.text))
    )


def broken_off(error: Exception, request: httpx2.Request) -> APIConnectionError:
    """
    Turn a transport error into the SDK's own exception, which the SDK does not retry.

    :param error: What went wrong once the request had reached the model: another try could be billed a second time.
    :param request: The request.
    :returns: The exception to raise.
    """
    if isinstance(error, _TIMEOUTS):
        return APITimeoutError(request=request)
    return APIConnectionError(message=f"The reply broke off: {str(error) or type(error).__name__}", request=request)


@contextmanager
def _one_try(request: httpx2.Request, *, is_closed: bool) -> Iterator[Received]:
    if is_closed:
        raise APIConnectionError(message="The component was closed during the call.", request=request)
    received = current()
    received.response = None
    try:
        yield received
    except BREAKS as error:
        answer = received.response
        if answer.is_success if answer is not None else isinstance(error, (httpx2.ReadTimeout, httpx.ReadTimeout)):
            raise broken_off(error, request) from error
        raise
    if received.response is not None and received.response.is_error and _is_lasting(received.response):
        received.response.headers["x-should-retry"] = "false"


class _Sender(_SyncBase):
    def send(self, request: httpx2.Request, *, stream: bool = False, **kwargs: Any) -> httpx2.Response:
        with _one_try(request, is_closed=self.is_closed) as received:
            received.response = response = super().send(request, stream=True, **kwargs)
            if response.is_error or not stream:
                with closing(response):
                    response.read()
        return response

    def __del__(self) -> None:
        # As the SDK's default client does: a component that is dropped leaves no connections open.
        with suppress(Exception):
            self.close()


class _AsyncSender(_AsyncBase):
    async def send(self, request: httpx2.Request, *, stream: bool = False, **kwargs: Any) -> httpx2.Response:
        with _one_try(request, is_closed=self.is_closed) as received:
            received.response = response = await super().send(request, stream=True, **kwargs)
            if response.is_error or not stream:
                async with aclosing(response):
                    await response.aread()
        return response


class _Client(_Sender, DefaultHttpxClient):
    """The SDK's HTTP client."""


class _AsyncClient(_AsyncSender, DefaultAsyncHttpxClient):
    """The SDK's asynchronous HTTP client."""


class _LegacyClient(_Sender, httpx.Client):  # type: ignore[misc]
    """The client for settings that are objects of httpx."""


class _AsyncLegacyClient(_AsyncSender, httpx.AsyncClient):  # type: ignore[misc]
    """The asynchronous client for settings that are objects of httpx."""


def _holds_httpx_objects(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_httpx_objects, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_httpx_objects, value))
    return any(base.__module__.partition(".")[0] == "httpx" for base in type(value).__mro__)


def _http_client_settings(http_client_kwargs: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """
    Lay the user's settings over the SDK's defaults.

    :param http_client_kwargs: What the user set; `limits` may be a dictionary, as in YAML.
    :returns: Whether the settings need a client of httpx, and the complete settings.
    """
    legacy = _holds_httpx_objects(http_client_kwargs)
    family: Any = httpx if legacy else httpx2
    limits = {name: getattr(DEFAULT_CONNECTION_LIMITS, name) for name in _LIMITS}
    settings = {
        "timeout": family.Timeout(**DEFAULT_TIMEOUT.as_dict()),
        "limits": {},
        "follow_redirects": True,
        **http_client_kwargs,
    }
    if isinstance(settings["limits"], dict):
        settings["limits"] = family.Limits(**{**limits, **settings["limits"]})
    return legacy, settings


def _with_connection_stack(settings: dict[str, Any], http_client_kwargs: dict[str, Any]) -> dict[str, Any]:
    """
    Have the connections of an asynchronous client kept on a stack, unless the user chose another way to connect.
    """
    trust_env = settings.get("trust_env", True)
    if settings.keys() & {"transport", "mounts", "proxy", "http1", "http2"} or (trust_env and getproxies()):
        return settings
    limits = {name: getattr(settings["limits"], name) for name in _LIMITS}
    chosen = http_client_kwargs.get("limits", {})
    if isinstance(chosen, dict) and "max_keepalive_connections" not in chosen:
        # The SDK keeps only a tenth of its connections, since each idle one makes its pool slower.
        limits["max_keepalive_connections"] = limits["max_connections"]
    verify = httpx2.create_ssl_context(
        verify=settings.get("verify", True), cert=settings.get("cert"), trust_env=trust_env
    )
    return {**settings, "transport": ConnectionStack(verify, **limits)}


def sendable(value: str, name: str) -> str:
    """
    Take a secret for the value of a header, and keep it out of what is told of the call under way.

    :param value: The secret. Read from a file it often ends with a line break.
    :param name: What the secret is.
    :returns: The secret without white space around it.
    :raises ValueError: If no header can carry it: httpx would quote it in its exception.
    """
    value = value.strip()
    if not (value.isascii() and value.isprintable()):
        msg = f"{name} contains characters that no HTTP header can carry."
        raise ValueError(msg)
    if value:
        current().secrets.add(value)
    return value


def _from_environment(name: str, kind: Callable[[str], T], default: T | httpx2.Timeout) -> T | httpx2.Timeout:
    value = os.environ.get(name)
    if not value:
        return default
    try:
        if 0 <= (number := kind(value)) < math.inf:
            return number
    except ValueError:
        pass
    msg = f"The environment variable {name} must be {_KINDS[kind]}, got '{value}'."
    raise ValueError(msg)


def _forget_openai(client: OpenAI | AsyncOpenAI) -> None:
    """
    Undo what the SDK read from OPENAI_* variables: those settings belong to the user's OpenAI account.
    """
    client.organization = client.project = None
    # From OPENAI_CUSTOM_HEADERS; the SDK has no public way to leave that variable aside.
    client._custom_headers = {}


class ClientOwner:
    """
    The clients of a component: one for synchronous use, and one per event loop.

    A connection belongs to the event loop that opened it, so each loop gets its own client. A client is closed when
    its loop shuts down, when its component is dropped or closed.
    """

    api_key: Secret
    api_base_url: str | None
    timeout: float | None
    max_retries: int | None
    http_client_kwargs: dict[str, Any] | None
    client: OpenAI | None
    async_client: AsyncOpenAI | None

    def _forget_clients(self) -> None:
        self.client = None
        self.async_client = None
        self._lock = threading.Lock()
        self._lifetimes: WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[AsyncOpenAI, AsyncGenerator[AsyncOpenAI]]
        ] = WeakKeyDictionary()

    def __getstate__(self) -> dict[str, Any]:
        own = {"client", "async_client", "_lock", "_lifetimes"}
        return {name: value for name, value in self.__dict__.items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget_clients()

    def _client_kwargs(self) -> dict[str, Any]:
        api_key = sendable(self.api_key.resolve_value() or "", "The API key (AIMLAPI_API_KEY or `api_key`)")
        if not api_key:
            msg = "The API key is empty: set the environment variable AIMLAPI_API_KEY or pass `api_key`."
            raise ValueError(msg)
        timeout: Any = self.timeout
        if timeout is None:
            timeout = _from_environment("AIMLAPI_TIMEOUT", float, DEFAULT_TIMEOUT)
            timeout = (self.http_client_kwargs or {}).get("timeout", timeout)
        max_retries: Any = self.max_retries
        if max_retries is None:
            max_retries = _from_environment("AIMLAPI_MAX_RETRIES", int, MAX_RETRIES)
        return {
            "api_key": api_key,
            "base_url": self.api_base_url or BASE_URL,
            "timeout": timeout,
            "max_retries": max_retries,
        }

    def warm_up(self) -> None:
        """
        Make the synchronous client, if there is none.

        :raises ValueError: If there is no API key, or a number in the environment is none.
        """
        self._sync_client()

    def _sync_client(self) -> OpenAI:
        with self._lock:
            if self.client is None or self.client.is_closed():
                legacy, settings = _http_client_settings(self.http_client_kwargs or {})
                self.client = OpenAI(
                    http_client=_LegacyClient(**settings) if legacy else _Client(**settings), **self._client_kwargs()
                )
                _forget_openai(self.client)
            current().secrets.add(self.client.api_key)
            return self.client

    async def warm_up_async(self) -> None:
        """
        Make the client of the running event loop, if it has none.

        :raises ValueError: If there is no API key, or a number in the environment is none.
        """
        await self._async_client()

    async def _async_client(self) -> AsyncOpenAI:
        loop = asyncio.get_running_loop()
        client, lifetime = self._lifetimes.get(loop, (None, None))
        if client is None or client.is_closed():
            lifetime = self._lifetime()
            client = await anext(lifetime)
            with self._lock:
                # A loop that was closed without a shutdown is kept alive by its open connections.
                for known in [known for known in self._lifetimes if known.is_closed()]:
                    del self._lifetimes[known]
                self._lifetimes[loop] = (client, lifetime)
        received = current()
        received.secrets.add(client.api_key)
        received.lifetime = lifetime
        self.async_client = client
        return client

    def _lifetime(self) -> AsyncGenerator[AsyncOpenAI]:
        """
        The life of a client, as an asynchronous generator.

        An event loop closes its generators when it shuts down, and those that nobody holds any more: the only public
        way to have the connections closed while their loop still runs.
        """
        legacy, settings = _http_client_settings(self.http_client_kwargs or {})
        if not legacy:
            settings = _with_connection_stack(settings, self.http_client_kwargs or {})
        client_kwargs = self._client_kwargs()

        async def lifetime() -> AsyncGenerator[AsyncOpenAI]:
            client = AsyncOpenAI(
                http_client=_AsyncLegacyClient(**settings) if legacy else _AsyncClient(**settings), **client_kwargs
            )
            _forget_openai(client)
            try:
                yield client
            finally:
                await client.close()

        return lifetime()

    def close(self) -> None:
        """
        Close the synchronous client. The component can be used again.
        """
        with self._lock:
            client, self.client = self.client, None
        if client is not None:
            client.close()

    async def close_async(self) -> None:
        """
        Close the running event loop's client, and let go of those of other loops: they close after their last call.

        A call of the running loop fails with `openai.APIConnectionError` unless it has its connection already. The
        component can be used again.
        """
        with self._lock:
            _, lifetime = self._lifetimes.pop(asyncio.get_running_loop(), (None, None))
            self._lifetimes.clear()
            self.async_client = None
        if lifetime is not None:
            await lifetime.aclose()
