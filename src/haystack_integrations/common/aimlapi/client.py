# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The settings of an OpenAI SDK client for AIMLAPI, and how long a client lives."""

import asyncio
import math
import os
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar
from urllib.request import getproxies
from weakref import WeakKeyDictionary

import httpx
import httpx2
from haystack.utils import Secret
from openai import DEFAULT_CONNECTION_LIMITS, DEFAULT_TIMEOUT, AsyncOpenAI, OpenAI

from .call import register_secret
from .connection_stack import ConnectionStack
from .http import AsyncHTTPClient, AsyncLegacyHTTPClient, HTTPClient, LegacyHTTPClient
from .parameters import header_value

BASE_URL = "https://api.aimlapi.com/v1"
MAX_RETRIES = 5

_LIMITS = ("max_connections", "max_keepalive_connections", "keepalive_expiry")
_KINDS: dict[Any, str] = {int: "a whole number", float: "a number of seconds"}

T = TypeVar("T", int, float)


def _holds_httpx_objects(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_httpx_objects, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_httpx_objects, value))
    return any(base.__module__.partition(".")[0] == "httpx" for base in type(value).__mro__)


def http_client_settings(http_client_kwargs: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
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

    def __init__(self, **init_parameters: Any) -> None:
        """
        Set up the component that owns the clients.

        :param init_parameters: The parameters of the Haystack component that comes next.
        """
        super().__init__(**init_parameters)
        self._forget_clients()

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
        api_key = header_value(self.api_key.resolve_value() or "", "The API key (AIMLAPI_API_KEY or `api_key`)")
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
                legacy, settings = http_client_settings(self.http_client_kwargs or {})
                self.client = OpenAI(
                    http_client=LegacyHTTPClient(**settings) if legacy else HTTPClient(**settings),
                    **self._client_kwargs(),
                )
                _forget_openai(self.client)
            register_secret(self.client.api_key)
            return self.client

    async def warm_up_async(self) -> None:
        """
        Make the client of the running event loop, if it has none.

        :raises ValueError: If there is no API key, or a number in the environment is none.
        """
        await self._async_client()

    async def _async_client(self) -> tuple[AsyncOpenAI, AsyncGenerator[AsyncOpenAI]]:
        """
        Get the client of the running event loop.

        :returns: The client, and its life: it stays open for as long as a caller holds on to it.
        """
        loop = asyncio.get_running_loop()
        client, lifetime = self._lifetimes.get(loop, (None, None))
        if client is None or lifetime is None or client.is_closed():
            lifetime = self._lifetime()
            client = await anext(lifetime)
            with self._lock:
                # A loop that was closed without a shutdown is kept alive by its open connections.
                for known in [known for known in self._lifetimes if known.is_closed()]:
                    del self._lifetimes[known]
                self._lifetimes[loop] = (client, lifetime)
        register_secret(client.api_key)
        self.async_client = client
        return client, lifetime

    def _lifetime(self) -> AsyncGenerator[AsyncOpenAI]:
        """
        The life of a client, as an asynchronous generator.

        An event loop closes its generators when it shuts down, and those that nobody holds any more: the only public
        way to have the connections closed while their loop still runs.
        """
        legacy, settings = http_client_settings(self.http_client_kwargs or {})
        if not legacy:
            settings = _with_connection_stack(settings, self.http_client_kwargs or {})
        client_kwargs = self._client_kwargs()

        async def lifetime() -> AsyncGenerator[AsyncOpenAI]:
            client = AsyncOpenAI(
                http_client=AsyncLegacyHTTPClient(**settings) if legacy else AsyncHTTPClient(**settings),
                **client_kwargs,
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
