# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The connections of the asynchronous transport: how many there are, and when they are given back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai
import pytest

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.crowd import CrowdServer, connections_at_once, until
from tests.support.server import PATIENCE


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[tuple[CrowdServer, AIMLAPIChatGenerator]]:
    with CrowdServer() as server:
        generator = AIMLAPIChatGenerator(api_base_url=server.url, max_retries=0, **settings)
        try:
            yield server, generator
        finally:
            server.release()
            await generator.close_async()
            await until(lambda: not server.open)


async def hold(server: CrowdServer, generator: AIMLAPIChatGenerator, calls: int) -> list[asyncio.Task[Any]]:
    server.hold()
    tasks = [asyncio.create_task(generator.run_async("Hi")) for _ in range(calls)]
    await until(lambda: server.waiting == calls)
    return tasks


@pytest.mark.parametrize("http_client_kwargs", [None, {"timeout": 60}, {"limits": {"keepalive_expiry": 60}}])
async def test_calls_in_a_row_share_a_connection_and_calls_at_once_have_their_own(http_client_kwargs: Any) -> None:
    async with serving(http_client_kwargs=http_client_kwargs, timeout=PATIENCE) as (server, generator):
        for _ in range(5):
            await generator.run_async("Hi")
        assert server.accepted == 1

        calls = connections_at_once(150)
        for _ in range(2):
            tasks = await hold(server, generator, calls)
            server.release()
            await asyncio.gather(*tasks)
        assert server.accepted == calls


@pytest.mark.parametrize("http_client_kwargs", [{}, {"transport": None}], ids=["stack", "pool of httpx2"])
async def test_limits_hold(http_client_kwargs: dict[str, Any]) -> None:
    limits = {"max_connections": 3, "max_keepalive_connections": 1, "keepalive_expiry": 60}
    async with serving(http_client_kwargs={"limits": limits, **http_client_kwargs}) as (server, generator):
        await asyncio.gather(*(generator.run_async("Hi") for _ in range(20)))

        assert server.most == 3
        await until(lambda: server.open == 1)


async def test_no_free_connection_within_the_pool_timeout() -> None:
    limits, timeout = {"max_connections": 1}, httpx2.Timeout(60, pool=0.01)
    async with serving(http_client_kwargs={"limits": limits, "timeout": timeout}) as (server, generator):
        (task,) = await hold(server, generator, 1)
        with pytest.raises(openai.APITimeoutError, match="pool timeout"):
            await generator.run_async("Hi")

        server.release()
        assert (await task)["replies"][0].text == "Hello"
        assert (await generator.run_async("Hi"))["replies"][0].text == "Hello"


async def test_without_a_maximum_nothing_waits() -> None:
    async with serving(http_client_kwargs={"limits": {"max_connections": None}}) as (server, generator):
        tasks = await hold(server, generator, 20)
        server.release()
        await asyncio.gather(*tasks)
        assert server.open == 20


async def test_connections_idle_for_too_long_are_closed() -> None:
    limits = {"max_connections": 10, "keepalive_expiry": 0.0}
    async with serving(http_client_kwargs={"limits": limits}) as (server, generator):
        tasks = await hold(server, generator, 5)
        server.release()
        await asyncio.gather(*tasks)
        await generator.run_async("Hi")
        assert server.accepted == 6
        await until(lambda: server.open <= 1)


async def test_a_cancelled_call_gives_its_place_back() -> None:
    async with serving(http_client_kwargs={"limits": {"max_connections": 1}}) as (server, generator):
        (task,) = await hold(server, generator, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not server.open or server.waiting == 1)
        server.release()
        assert (await generator.run_async("Hi"))["replies"][0].text == "Hello"


async def test_closing_closes_busy_connections_with_their_response() -> None:
    async with serving() as (server, generator):
        (task,) = await hold(server, generator, 1)
        await generator.close_async()
        server.release()
        assert (await task)["replies"][0].text == "Hello"
        await until(lambda: not server.open)


async def test_proxies_of_the_environment_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as (server, generator):
        monkeypatch.setenv("HTTP_PROXY", generator.api_base_url.removesuffix("/v1"))
        generator.api_base_url = "http://aimlapi.invalid/v1"
        assert (await generator.run_async("Hi"))["replies"][0].text == "Hello"
        assert server.accepted == 1


async def test_a_connection_is_given_back_once() -> None:
    async with serving(http_client_kwargs={"limits": {"max_connections": 1}}) as (server, generator):
        await generator.warm_up_async()
        http_client = generator.async_client._client
        request = http_client.build_request("POST", f"{generator.api_base_url}/chat/completions", json={})
        response = await http_client.send(request, stream=True)
        await response.stream.aclose()
        await response.stream.aclose()

        (task,) = await hold(server, generator, 1)
        waiting = asyncio.create_task(generator.run_async("Hi"))
        await asyncio.sleep(0.05)
        assert server.waiting == 1
        server.release()
        await asyncio.gather(task, waiting)
