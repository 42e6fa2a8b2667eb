# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The four ways to make one call, and the two families of HTTP clients to make it with."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from haystack.dataclasses import ChatMessage, StreamingChunk


@dataclass(frozen=True)
class Mode:
    asynchronous: bool
    streamed: bool

    def __str__(self) -> str:
        return self.method + (" streamed" if self.streamed else "")

    @property
    def method(self) -> str:
        return "run_async" if self.asynchronous else "run"

    @property
    def plain(self) -> "Mode":
        return replace(self, streamed=False)

    @property
    def streaming(self) -> "Mode":
        return replace(self, streamed=True)

    async def call(self, component: Any, *args: Any, **kwargs: Any) -> Any:
        """Run a component inside an event loop, streamed with a callback that ignores its chunks if none is given."""
        return (
            (await component.run_async(*args, **self._streaming(kwargs)))
            if self.asynchronous
            else self.run(component, *args, **kwargs)
        )

    def run(self, component: Any, *args: Any, **kwargs: Any) -> Any:
        """Run a component outside an event loop."""
        if self.asynchronous:
            return asyncio.run(self.call(component, *args, **kwargs))
        return component.run(*args, **self._streaming(kwargs))

    def complete(self, generator: Any, **kwargs: Any) -> ChatMessage:
        """The reply to "Hi", outside an event loop."""
        return self.run(generator, "Hi", **kwargs)["replies"][0]

    async def complete_async(self, generator: Any, **kwargs: Any) -> ChatMessage:
        return (await self.call(generator, "Hi", **kwargs))["replies"][0]

    def _streaming(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        if not self.streamed:
            return kwargs
        return {"streaming_callback": ignore_async if self.asynchronous else ignore, **kwargs}


def ignore(chunk: StreamingChunk) -> None:
    pass


async def ignore_async(chunk: StreamingChunk) -> None:
    pass


MODES = [Mode(asynchronous, streamed) for streamed in (False, True) for asynchronous in (False, True)]
PLAIN, STREAMED = MODES[:2], MODES[2:]
SYNC, ASYNC, SYNC_STREAMED, ASYNC_STREAMED = MODES

in_all_modes = pytest.mark.parametrize("mode", MODES, ids=str)
plain_only = pytest.mark.parametrize("mode", PLAIN, ids=str)
streamed_only = pytest.mark.parametrize("mode", STREAMED, ids=str)
async_only = pytest.mark.parametrize("mode", [ASYNC, ASYNC_STREAMED], ids=str)
# Objects of httpx among the settings ask for a client of httpx.
LEGACY = {"limits": httpx.Limits()}
# To load the certificates of all authorities for each client would take longer than most tests.
LEGACY_UNVERIFIED = {**LEGACY, "verify": False}
in_both_clients = pytest.mark.parametrize("http_client_kwargs", [None, LEGACY_UNVERIFIED], ids=["httpx2", "httpx"])
