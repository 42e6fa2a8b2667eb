# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Who shares a client, and when its connections end: event loops, threads, processes, copies; with real sockets."""

import asyncio
import gc
import multiprocessing
import pickle
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from copy import deepcopy
from typing import Any

import pytest

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.modes import (
    ASYNC,
    ASYNC_STREAMED,
    SYNC,
    SYNC_STREAMED,
    Mode,
    async_only,
    in_all_modes,
    in_both_clients,
    plain_only,
)
from tests.support.server import PATIENCE, PLAIN_HELLO, STREAMED_HELLO, Connection, FaultServer, hello, serving, stall

# Event loops


LOOPS = pytest.mark.usefixtures("no_complaints")


@LOOPS
@async_only
@in_both_clients
def test_event_loops_in_a_row_have_connections_of_their_own(mode: Mode, http_client_kwargs) -> None:
    with serving(hello(mode), http_client_kwargs=http_client_kwargs) as (server, generator):
        for count in range(1, 6):
            assert mode.complete(generator).text == "Hello"
            assert server.all_disconnected()
            assert server.connections == count


@LOOPS
@async_only
@in_both_clients
def test_event_loops_at_once_have_connections_of_their_own(mode: Mode, http_client_kwargs) -> None:
    threads, calls = 4, 5
    together = threading.Barrier(threads)

    async def main() -> list[str | None]:
        texts = []
        for _ in range(calls):
            await asyncio.to_thread(together.wait, PATIENCE)
            texts.append((await mode.complete_async(generator)).text)
        return texts

    with serving(hello(mode), http_client_kwargs=http_client_kwargs) as (server, generator):
        with ThreadPoolExecutor(threads) as pool:
            results = [future.result() for future in [pool.submit(asyncio.run, main()) for _ in range(threads)]]
        assert results == [["Hello"] * calls] * threads
        assert server.all_disconnected()
        assert server.connections == threads


@LOOPS
@async_only
def test_a_loop_within_a_loop_is_served(mode: Mode) -> None:
    """As in Jupyter: while one event loop runs, code of its thread runs another, in a thread or where it is."""

    def nested() -> str | None:
        # What nest_asyncio does: the running loop steps aside for another one in the same thread.
        running = asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        try:
            return mode.complete(generator).text
        finally:
            asyncio._set_running_loop(running)

    async def main() -> list[str | None]:
        texts = [(await mode.complete_async(generator)).text]
        texts.append(nested())
        texts.append((await asyncio.to_thread(mode.complete, generator)).text)
        texts.append(SYNC.complete(generator).text if not mode.streamed else "Hello")
        texts.append((await mode.complete_async(generator)).text)
        return texts

    with serving(hello(mode)) as (server, generator):
        assert asyncio.run(main()) == ["Hello"] * 5
        generator.close()
        assert server.all_disconnected()


@LOOPS
def test_coroutine_is_stepped_within_its_own_loop() -> None:
    """Re-entrance into the very same loop: a callback drives another task of it to its end."""

    async def main() -> list[str | None]:
        loop = asyncio.get_running_loop()
        texts = []

        def callback(chunk: Any) -> None:
            if not texts:
                this = asyncio.current_task()
                task = loop.create_task(ASYNC_STREAMED.complete_async(generator))
                asyncio.tasks._leave_task(loop, this)
                try:
                    while not task.done():
                        loop._run_once()
                finally:
                    asyncio.tasks._enter_task(loop, this)
                texts.append(task.result().text)

        texts.append((await generator.run_async("Hi", streaming_callback=callback))["replies"][0].text)
        return texts

    with serving(STREAMED_HELLO) as (server, generator):
        assert asyncio.run(main()) == ["Hello", "Hello"]
        assert server.all_disconnected()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_loop_closed_without_a_shutdown_is_let_go() -> None:
    with serving(PLAIN_HELLO) as (server, generator):
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(ASYNC.complete_async(generator)).text == "Hello"
        loop.close()
        del loop
        assert ASYNC.complete(generator).text == "Hello"
        gc.collect()
        assert server.all_disconnected()


@LOOPS
@in_all_modes
@in_both_clients
# The garbage collector finalizes asyncio's transports, which warn, in the same pass as what would have closed them.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_dropped_component_leaves_no_connection(mode: Mode, http_client_kwargs) -> None:
    with FaultServer(hello(mode)) as server:

        async def main() -> None:
            generator = AIMLAPIChatGenerator(api_base_url=server.url, http_client_kwargs=http_client_kwargs)
            if mode.asynchronous:
                await mode.complete_async(generator)
            else:
                mode.complete(generator)
            assert server.open == 1
            del generator
            gc.collect()
            async with asyncio.timeout(PATIENCE):
                while server.open:
                    await asyncio.sleep(0.001)

        asyncio.run(main())


@LOOPS
@pytest.mark.parametrize("close", ["close", "close_async"])
def test_it_can_be_closed_and_used_again(close: str) -> None:
    async def main() -> None:
        for count in (1, 2, 3):
            reply = await ASYNC.complete_async(generator) if close == "close_async" else SYNC.complete(generator)
            assert reply.text == "Hello"
            assert (server.open, server.connections) == (1, count)
            for _ in range(2):
                if close == "close_async":
                    await generator.close_async()
                else:
                    generator.close()
            assert server.all_disconnected()
            assert generator.client is generator.async_client is None

    with serving(PLAIN_HELLO) as (server, generator):
        asyncio.run(main())


@LOOPS
@plain_only
def test_client_that_the_user_closed_is_made_anew(mode: Mode) -> None:
    async def main() -> None:
        await mode.complete_async(generator)
        if mode.asynchronous:
            await generator.async_client.close()
        else:
            generator.client.close()
        assert (await mode.complete_async(generator)).text == "Hello"

    with serving(PLAIN_HELLO) as (server, generator):
        asyncio.run(main())
        assert server.connections == 2


@LOOPS
@async_only
@in_both_clients
def test_call_of_another_loop_survives_close_async(mode: Mode, http_client_kwargs) -> None:
    gate = threading.Event()

    def wait(connection: Connection) -> None:
        gate.wait(PATIENCE)

    whole = hello(mode)
    begun = whole[: whole.index(b"Hel")]

    async def close() -> None:
        await generator.close_async()

    async def other() -> str | None:
        reply = await mode.complete_async(generator)
        async with asyncio.timeout(PATIENCE):
            while server.open:
                await asyncio.sleep(0.001)
        return reply.text

    answer = (begun, wait, whole[len(begun) :])
    with serving(answer, http_client_kwargs=http_client_kwargs) as (server, generator), ThreadPoolExecutor(1) as pool:
        call = pool.submit(lambda: asyncio.run(other()))
        assert server.received(1)
        asyncio.run(close())
        gc.collect()
        gate.set()
        assert call.result(PATIENCE) == "Hello"


# Threads


def test_first_calls_of_many_threads_make_one_client() -> None:
    threads = 16
    together = threading.Barrier(threads)

    def first_call() -> int:
        together.wait(PATIENCE)
        generator.warm_up()
        return id(generator.client)

    with serving(PLAIN_HELLO) as (_, generator), ThreadPoolExecutor(threads) as pool:
        clients = {future.result() for future in [pool.submit(first_call) for _ in range(threads)]}
    assert len(clients) == 1


def test_first_calls_of_many_tasks_make_one_client() -> None:
    async def first_call() -> int:
        await generator.warm_up_async()
        return id(generator.async_client)

    async def main() -> set[int]:
        return set(await asyncio.gather(*[first_call() for _ in range(16)]))

    with serving(PLAIN_HELLO) as (_, generator):
        assert len(asyncio.run(main())) == 1


def test_close_during_calls_of_other_threads() -> None:
    """They finish, and nobody waits for them; the connections are closed with the last of them."""
    threads, gate = 4, threading.Event()

    def wait(connection: Connection) -> None:
        gate.wait(PATIENCE)

    for mode in (SYNC, SYNC_STREAMED):
        whole = hello(mode)
        begun = whole[: whole.index(b"Hel")]
        for kept in (b"", begun):  # Before anything of the answer has come, and in the middle of it.
            gate.clear()
            with (
                serving((kept, wait, whole[len(kept) :]), max_retries=0) as (server, generator),
                ThreadPoolExecutor(threads) as pool,
            ):
                calls = [pool.submit(mode.complete, generator) for _ in range(threads)]
                assert server.received(threads)
                generator.close()
                generator.close()
                assert generator.client is None
                assert server.open == threads
                gate.set()
                assert [call.result(PATIENCE).text for call in calls] == ["Hello"] * threads
                assert server.all_disconnected()


@LOOPS
@async_only
@in_both_clients
def test_close_async_during_calls_of_other_tasks(mode: Mode, http_client_kwargs) -> None:
    tasks, gate = 4, threading.Event()

    def wait(connection: Connection) -> None:
        gate.wait(PATIENCE)

    async def main() -> list[str | None]:
        calls = [asyncio.create_task(mode.complete_async(generator)) for _ in range(tasks)]
        assert await asyncio.to_thread(server.received, tasks)
        await generator.close_async()
        assert generator.async_client is None
        gate.set()
        texts = [(await call).text for call in calls]
        assert await asyncio.to_thread(server.all_disconnected)
        return texts

    with serving((wait, hello(mode)), http_client_kwargs=http_client_kwargs, max_retries=0) as (server, generator):
        assert asyncio.run(main()) == ["Hello"] * tasks


@in_all_modes
def test_component_that_is_closed_all_the_time_answers(mode: Mode) -> None:
    stop = threading.Event()

    def keep_closing() -> None:
        while not stop.wait(0.001):
            generator.close()
            asyncio.run(generator.close_async())

    def calls() -> list[str | None]:
        return [mode.complete(generator).text for _ in range(20)]

    with serving(hello(mode), max_retries=0) as (_, generator), ThreadPoolExecutor(4) as pool:
        closing_thread = pool.submit(keep_closing)
        results = [pool.submit(calls) for _ in range(3)]
        try:
            assert [result.result(PATIENCE) for result in results] == [["Hello"] * 20] * 3
        finally:
            stop.set()
        closing_thread.result(PATIENCE)


@async_only
@pytest.mark.parametrize("then", ["close", "close_async", "run", "run_async", "drop"])
# The event loop was ended with open connections and a task, which cannot end well: asyncio complains, rightly.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("answered", [False, True])
def test_loop_closed_with_a_pending_call_leaves_no_socket(
    mode: Mode, then: str, answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    complaints: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: complaints.append(unraisable.exc_value))
    begun = hello(mode)[: hello(mode).index(b"Hel")]
    answers = ((begun, stall) if answered else (stall,), hello(mode.plain), hello(mode.plain))
    with FaultServer(*answers) as server:
        generator = AIMLAPIChatGenerator(api_base_url=server.url, max_retries=0)
        loop = asyncio.new_event_loop()
        task = loop.create_task(mode.complete_async(generator))

        async def until_pending() -> None:
            assert await asyncio.to_thread(server.received, 1)

        loop.run_until_complete(until_pending())
        task._log_destroy_pending = False
        loop.close()
        del loop, task
        if then == "run":
            SYNC.complete(generator)
            generator.close()
        elif then == "run_async":
            ASYNC.complete(generator)
        elif then == "close":
            generator.close()
        elif then == "close_async":
            asyncio.run(generator.close_async())
        else:
            del generator
        gc.collect()
        assert server.all_disconnected()
    assert not [complaint for complaint in complaints if isinstance(complaint, ValueError)]


# Travel


@in_all_modes
@pytest.mark.parametrize("travel", [lambda it: pickle.loads(pickle.dumps(it)), deepcopy], ids=["pickle", "deepcopy"])
def test_used_component_travels_without_clients(mode: Mode, travel: Callable[[Any], Any]) -> None:
    with serving(hello(mode), max_retries=1, extra_headers={"X-Title": "Mine"}) as (server, generator):
        mode.complete(generator)
        arrived = travel(generator)
        assert arrived.client is arrived.async_client is None
        assert arrived.to_dict() == generator.to_dict()
        with closing(arrived):
            assert mode.complete(arrived).text == "Hello"
        assert mode.complete(generator).text == "Hello"
        assert len(server.requests) == 3


def complete_in_worker(generator: AIMLAPIChatGenerator, mode: Mode) -> str | None:
    with closing(generator):
        return mode.complete(generator).text


@pytest.mark.slow
def test_used_component_works_in_a_worker_process() -> None:
    context = multiprocessing.get_context("spawn")
    with serving(PLAIN_HELLO) as (server, generator), ProcessPoolExecutor(1, mp_context=context) as pool:
        SYNC.complete(generator)
        ASYNC.complete(generator)
        assert [pool.submit(complete_in_worker, generator, mode).result() for mode in (SYNC, ASYNC)] == ["Hello"] * 2
        assert len(server.requests) == 4
