# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Many calls: at once, and one after the other."""

import asyncio
import gc
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.crowd import CrowdServer, connections_at_once
from tests.support.modes import ASYNC, ASYNC_STREAMED, SYNC_STREAMED, Mode, in_all_modes
from tests.support.server import PATIENCE, STREAMED_HELLO, hello

LOOPS = pytest.mark.usefixtures("no_complaints")


@LOOPS
@pytest.mark.parametrize(("mode", "calls"), [(ASYNC, 500), (ASYNC_STREAMED, 64)], ids=str)
@pytest.mark.parametrize("http_client_kwargs", [None, {"verify": False}], ids=["default", "http_client_kwargs"])
def test_many_calls_at_once(mode: Mode, calls: int, http_client_kwargs) -> None:
    """The server holds back all answers until all calls have arrived: the pool must have room for them."""
    calls = connections_at_once(calls)

    async def main() -> list[str | None]:
        replies = await asyncio.gather(*[mode.complete_async(generator) for _ in range(calls)])
        assert server.open == calls
        return [reply.text for reply in replies]

    with CrowdServer(hello(mode), together=calls) as server:
        generator = AIMLAPIChatGenerator(
            api_base_url=server.url, max_retries=0, timeout=PATIENCE, http_client_kwargs=http_client_kwargs
        )
        assert asyncio.run(main()) == ["Hello"] * calls
        assert server.requests == calls


@LOOPS
def test_many_streams_of_threads_at_once() -> None:
    with CrowdServer(STREAMED_HELLO, together=64) as server:
        generator = AIMLAPIChatGenerator(api_base_url=server.url, max_retries=0, timeout=PATIENCE)
        with closing(generator), ThreadPoolExecutor(64) as pool:
            replies = list(pool.map(lambda _: SYNC_STREAMED.complete(generator).text, range(64)))
        assert replies == ["Hello"] * 64


@LOOPS
@pytest.mark.slow
@in_all_modes
def test_ten_thousand_calls_leak_nothing(mode: Mode) -> None:
    calls = 2500

    async def measure() -> int:
        # An event loop forgets timers that were cancelled once they are more than a hundred, and most of all.
        for timer in [asyncio.get_running_loop().call_later(PATIENCE, gc.collect) for _ in range(300)]:
            timer.cancel()
        await asyncio.sleep(0)
        gc.collect()
        return sys.getallocatedblocks()

    async def main() -> int:
        before = 0
        for call in range(calls):
            if call == calls // 5:
                before = await measure()
            reply = await mode.complete_async(generator) if mode.asynchronous else mode.complete(generator)
            assert reply.text == "Hello"
        grown = await measure() - before
        assert len(asyncio.all_tasks()) == 1
        return grown

    with CrowdServer(hello(mode)) as server:
        with closing(AIMLAPIChatGenerator(api_base_url=server.url)) as generator:
            grown = asyncio.run(main())
            assert server.requests == calls
            assert server.open <= 1
    assert threading.active_count() < 20
    # One object left behind by each call would show twice over.
    assert grown < calls * 0.4
