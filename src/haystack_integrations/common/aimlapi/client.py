# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The settings of an OpenAI SDK client for AIMLAPI, and how long a client lives."""

import asyncio
import math
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Self, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import httpx2
from haystack import default_from_dict
from haystack.utils import Secret
from haystack.utils.auth import SecretType
from openai import DEFAULT_TIMEOUT, AsyncOpenAI, OpenAI

from .call import current_call, register_secret
from .checks import check_types
from .endpoint import Endpoint
from .http_settings import make_async_http_client, make_http_client
from .parameters import header_value
from .process import PerProcess
from .serialization import deserialize_component_data

BASE_URL = "https://api.aimlapi.com/v1"
MAX_RETRIES = 5

_KINDS: dict[Any, str] = {int: "a whole number", float: "a number of seconds"}

T = TypeVar("T", int, float)
ClientT = TypeVar("ClientT", OpenAI, AsyncOpenAI)


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


def _forget_openai(client: OpenAI | AsyncOpenAI, client_kwargs: Mapping[str, Any]) -> None:
    """
    Undo what the SDK read from OPENAI_* variables: those settings belong to the user's OpenAI account.
    """
    client.organization = client_kwargs.get("organization")
    client.project = client_kwargs.get("project")
    # From OPENAI_CUSTOM_HEADERS; the SDK has no public way to leave that variable aside.
    client._custom_headers = dict(client_kwargs.get("default_headers") or {})


@dataclass(eq=False)
class _Own(Generic[ClientT]):
    """
    A client that a component made. It closes once the component has let go of it and its last call is over.

    :param client: The client.
    :param lifetime: What closes an asynchronous client.
    :param calls: How many calls of the component use it now.
    """

    client: ClientT
    lifetime: AsyncGenerator[AsyncOpenAI] | None = None
    calls: int = 0
    is_released: bool = False


@dataclass(eq=False)
class _Clients:
    """The clients that a component made in one process."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    sync: _Own[OpenAI] | None = None
    by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Own[AsyncOpenAI]] = field(default_factory=WeakKeyDictionary)


class ClientOwner:
    """
    The clients of a component: one for synchronous use, and one per event loop.

    A connection belongs to the process and the event loop that opened it, so each of them gets its own client. It is
    closed when its loop shuts down, or when its component is dropped or closed and the last call that uses it is over.

    A client that somebody else puts into `client` or `async_client` is used as it is, by all loops and processes, and
    never replaced or closed. Copies of the component share it; a pickle takes it along, if it can be pickled.
    """

    _endpoint: ClassVar[Endpoint]
    api_key: Secret
    model: str
    api_base_url: str | None
    timeout: float | None
    max_retries: int | None
    http_client_kwargs: dict[str, Any] | None
    client: OpenAI | None
    async_client: AsyncOpenAI | None

    def __init__(self, *, extra_headers: Mapping[str, str | Secret] | None = None, **init_parameters: Any) -> None:
        """
        Set up the component that owns the clients.

        :param extra_headers: HTTP headers of each request.
        :param init_parameters: The parameters of the Haystack component that comes next.
        :raises TypeError: If a parameter is of another type than it is declared with.
        :raises ValueError: If a number is negative.
        """
        check_types(extra_headers=extra_headers, **init_parameters)
        super().__init__(**init_parameters)
        self.extra_headers = extra_headers
        self.client = None
        self.async_client = None
        self._clients = PerProcess(_Clients)
        # All that were made, by any process: whatever else is in `client` or `async_client` was put there.
        self._made: WeakValueDictionary[int, OpenAI | AsyncOpenAI] = WeakValueDictionary()

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """
        Deserialize this component from a dictionary.

        :param data:
            The dictionary representation of this component. It is left as it is.
        :returns:
            The deserialized component instance.
        """
        return default_from_dict(cls, deserialize_component_data(data))

    def _is_injected(self, client: Any) -> bool:
        return client is not None and self._made.get(id(client)) is not client

    def _prune(self, clients: _Clients) -> None:
        """
        Let go of the clients of closed loops, which their open connections keep alive. The lock must be held.
        """
        for loop in [loop for loop in clients.by_loop if loop.is_closed()]:
            if self.async_client is clients.by_loop.pop(loop).client:
                self.async_client = None

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name != "_made"}
        for name in ("client", "async_client"):
            state[name] = state[name] if self._is_injected(state[name]) else None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._made = WeakValueDictionary()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied = memo[id(self)] = self.__class__.__new__(self.__class__)
        state = self.__getstate__()
        memo.update({id(state[name]): state[name] for name in ("client", "async_client")})
        copied.__setstate__(deepcopy(state, memo))
        return copied

    def _client_kwargs(self) -> dict[str, Any]:
        base_url = self.api_base_url or BASE_URL
        if base_url == BASE_URL:
            base_url = os.environ.get("AIMLAPI_API_BASE") or BASE_URL
        timeout: Any = self.timeout
        if timeout is None:
            timeout = _from_environment("AIMLAPI_TIMEOUT", float, DEFAULT_TIMEOUT)
            timeout = (self.http_client_kwargs or {}).get("timeout", timeout)
        max_retries: Any = self.max_retries
        if max_retries is None:
            max_retries = _from_environment("AIMLAPI_MAX_RETRIES", int, MAX_RETRIES)
        return {
            "api_key": self._resolve_key(),
            "base_url": base_url,
            "timeout": timeout,
            "max_retries": max_retries,
        }

    def _resolve_key(self) -> str:
        in_environment = self.api_key.type is SecretType.ENV_VAR
        variables = " or ".join(self.api_key.to_dict()["env_vars"]) if in_environment else "AIMLAPI_API_KEY"
        try:
            self.api_key.resolve_value()
        except ValueError as error:
            # In the words that tests of Haystack's integrations look for: "None of the ... variables are set".
            missing = f"{error}."
        else:
            if key := header_value(self.api_key, f"The API key ({variables} or `api_key`)"):
                return key
            missing = "There is no API key."
        msg = (
            f"{missing} Make a key at https://aimlapi.com/app/keys, and set the environment variable {variables} or "
            "pass `api_key=Secret.from_token(...)`."
        )
        raise ValueError(msg)

    def warm_up(self) -> None:
        """
        Make the synchronous client, if there is none, and import all that it needs.

        :raises ValueError: If there is no API key, or a number in the environment is none.
        """
        clients = self._clients.get()
        with clients.lock:
            self._ensure_client(clients)

    def _ensure_client(self, clients: _Clients) -> OpenAI:
        self._prune(clients)
        if self.client is not None and self._is_injected(self.client):
            return self.client
        if clients.sync is None or clients.sync.client.is_closed():
            client_kwargs = self._client_kwargs()
            if "http_client" not in client_kwargs:
                client_kwargs["http_client"] = make_http_client(self.http_client_kwargs or {})
            client = OpenAI(**client_kwargs)
            _forget_openai(client, client_kwargs)
            self._endpoint.resource(client)
            self._made[id(client)] = client
            clients.sync = _Own(client)
        self.client = clients.sync.client
        return self.client

    @contextmanager
    def _sync_client(self) -> Iterator[OpenAI]:
        """
        Use the synchronous client for a call.

        :returns: The client, which stays open until the block ends.
        """
        self.warm_up()
        clients = self._clients.get()
        with clients.lock:
            # Another thread may have closed the component since.
            client = self._ensure_client(clients)
            own = clients.sync if clients.sync and clients.sync.client is client else None
            if own:
                own.calls += 1
        _tell_call(client, own)
        try:
            yield client
        finally:
            if own:
                with clients.lock:
                    own.calls -= 1
                    is_over = own.is_released and not own.calls
                if is_over:
                    own.client.close()

    async def warm_up_async(self) -> None:
        """
        Make the client of the running event loop, if it has none, and import all that it needs.

        :raises ValueError: If there is no API key, or a number in the environment is none.
        """
        await self._ensure_async_client()

    async def _ensure_async_client(self) -> tuple[AsyncOpenAI, _Own[AsyncOpenAI] | None]:
        if self.async_client is not None and self._is_injected(self.async_client):
            return self.async_client, None
        loop, clients = asyncio.get_running_loop(), self._clients.get()
        own = clients.by_loop.get(loop)
        if own is None or own.client.is_closed():
            lifetime = self._lifetime()
            own = _Own(await anext(lifetime), lifetime)
            self._made[id(own.client)] = own.client
            with clients.lock:
                self._prune(clients)
                clients.by_loop[loop] = own
        self.async_client = own.client
        return own.client, own

    @asynccontextmanager
    async def _async_client(self) -> AsyncIterator[AsyncOpenAI]:
        """
        Use the client of the running event loop for a call.

        :returns: The client, which stays open until the block ends.
        """
        await self.warm_up_async()
        # What a subclass put there, or the one of this loop: another loop may have put its own there since.
        client, own = await self._ensure_async_client()
        _tell_call(client, own)
        if own is None:
            yield client
            return
        own.calls += 1
        try:
            yield client
        finally:
            own.calls -= 1
            if own.is_released and not own.calls and own.lifetime:
                await own.lifetime.aclose()

    def _lifetime(self) -> AsyncGenerator[AsyncOpenAI]:
        """
        The life of a client, as an asynchronous generator.

        An event loop closes its generators when it shuts down, and those that nobody holds any more: the only public
        way to have the connections closed while their loop still runs.
        """
        client_kwargs = self._client_kwargs()
        if "http_client" not in client_kwargs:
            client_kwargs["http_client"] = make_async_http_client(self.http_client_kwargs or {})

        async def lifetime() -> AsyncGenerator[AsyncOpenAI]:
            client = AsyncOpenAI(**client_kwargs)
            _forget_openai(client, client_kwargs)
            self._endpoint.resource(client)
            try:
                yield client
            finally:
                await client.close()

        return lifetime()

    def close(self) -> None:
        """
        Close the synchronous client, after the last call that uses it, which is not tried again.

        The component can be used again. A client that was put into `client` is let go of, but not closed.
        """
        clients = self._clients.get()
        with clients.lock:
            self._prune(clients)
            own, clients.sync, self.client = clients.sync, None, None
            if own:
                own.is_released = True
            is_over = own is not None and not own.calls
        if own and is_over:
            own.client.close()

    async def close_async(self) -> None:
        """
        Close the clients of the running event loop and of others, each after the last call that uses it.

        These calls are not tried again. The component can be used again. A client that was put into `async_client` is
        let go of, but not closed.
        """
        clients = self._clients.get()
        with clients.lock:
            self._prune(clients)
            this = clients.by_loop.pop(asyncio.get_running_loop(), None)
            # Those of other loops are closed by these, when nobody holds them any more.
            for own in (this, *clients.by_loop.values()):
                if own:
                    own.is_released = True
            clients.by_loop.clear()
            self.async_client = None
        if this and this.lifetime and not this.calls:
            await this.lifetime.aclose()


def _tell_call(client: Any, own: _Own[Any] | None) -> None:
    # A client that somebody put there may be anything.
    if isinstance(key := getattr(client, "api_key", None), str):
        register_secret(key)
    if own and (call := current_call()):
        call.is_abandoned = lambda: own.is_released
