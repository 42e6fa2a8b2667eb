# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Tools and toolsets that have to be warmed up before they can be sent."""

import asyncio
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import pytest
from haystack.tools import Tool, Toolset

from tests.support.api import Api, chat_generator, responses_generator
from tests.support.modes import SYNC, Mode, async_only, in_all_modes
from tests.support.server import PATIENCE

in_both = pytest.mark.parametrize("make", [chat_generator, responses_generator])


def a_tool(name: str = "weather", kind: type[Tool] = Tool) -> Tool:
    return kind(
        name=name,
        description="Tells the weather",
        parameters={"type": "object", "properties": {"city": {"type": "string"}}},
        function=lambda city: city,
    )


class LazyToolset(Toolset):
    """Knows its tools once it is connected, as `MCPToolset` does."""

    def __init__(self, name: str = "weather", failures: int = 0) -> None:
        super().__init__(tools=[])
        self.name = name
        self.failures = failures
        self.warm_ups = 0

    def warm_up(self) -> None:
        self.warm_ups += 1
        if self.warm_ups <= self.failures:
            msg = "No connection to the server of the tools"
            raise OSError(msg)
        self.tools = [a_tool(self.name)]


class AsyncLazyToolset(LazyToolset):
    async def warm_up_async(self) -> None:
        await asyncio.sleep(0.01)
        LazyToolset.warm_up(self)


class LazyTool(Tool):
    warm_ups = 0

    def warm_up(self) -> None:
        self.warm_ups += 1


class ColdToolset(Toolset):
    """As in a Haystack whose toolsets leave it to others to warm up what is in them."""

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("warm_up"):
            raise AttributeError(name)
        return super().__getattribute__(name)


def names(body: dict[str, Any]) -> list[str]:
    return [tool.get("function", tool)["name"] for tool in body.get("tools", ())]


@in_both
@in_all_modes
@pytest.mark.parametrize("place", ["init", "run"])
@pytest.mark.parametrize("kind", [LazyToolset, AsyncLazyToolset])
def test_lazy_toolset_is_warmed_up_once_and_sent(make: Any, mode: Mode, place: str, kind: Any) -> None:
    api, toolset = Api(), kind()
    generator = make(api, **({"tools": toolset} if place == "init" else {}))
    given = {"tools": toolset} if place == "run" else {}
    for _ in range(3):
        mode.run(generator, "Hi", **given)
    assert [names(body) for body in api.bodies] == [["weather"]] * 3
    assert toolset.warm_ups == 1


@in_both
@in_all_modes
@pytest.mark.parametrize("kind", [Toolset, ColdToolset])
def test_tools_and_toolsets_in_a_list(make: Any, mode: Mode, kind: type[Toolset]) -> None:
    api = Api()
    lazy, single, inner = LazyToolset("lazy"), a_tool("single", LazyTool), a_tool("inner", LazyTool)
    toolset = kind([inner])
    generator = make(api, tools=[lazy, single, toolset])
    mode.run(generator, "Hi")
    assert inner.warm_ups == 1
    mode.run(generator, "Hi", tools=[lazy, inner])
    assert [names(body) for body in api.bodies] == [["lazy", "single", "inner"], ["lazy", "inner"]]
    assert (lazy.warm_ups, single.warm_ups) == (1, 1)
    # Haystack 3.0 to 3.3 warms up what is in a toolset itself, and again when it is asked for it by itself.
    assert inner.warm_ups == 1 + hasattr(toolset, "warm_up")


@in_both
@in_all_modes
def test_new_tool_beside_one_that_is_warm(make: Any, mode: Mode) -> None:
    first, second = LazyToolset("first"), LazyToolset("second")
    generator = make(Api())
    for tools in ([first], [first, second]):
        mode.run(generator, "Hi", tools=tools)
    assert (first.warm_ups, second.warm_ups) == (1, 1)


@in_both
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_warm_up_prepares_the_tools_of_init(make: Any, asynchronous: bool) -> None:
    api, toolset = Api(), LazyToolset()
    generator = make(api, tools=[toolset])
    for _ in range(2):
        if asynchronous:
            await generator.warm_up_async()
        else:
            generator.warm_up()
        assert toolset.warm_ups == 1
    await generator.run_async("Hi")
    generator.run("Hi")
    assert toolset.warm_ups == 1


@in_both
@in_all_modes
def test_warm_up_that_failed_is_tried_again(make: Any, mode: Mode) -> None:
    api, toolset = Api(), LazyToolset(failures=1)
    generator = make(api, tools=toolset)
    with pytest.raises(OSError, match="No connection to the server of the tools"):
        mode.run(generator, "Hi")
    assert api.requests == []
    mode.run(generator, "Hi")
    assert [names(body) for body in api.bodies] == [["weather"]]


@in_both
@pytest.mark.parametrize("kind", [LazyToolset, AsyncLazyToolset])
def test_first_calls_of_many_threads_warm_up_once(make: Any, kind: Any) -> None:
    threads = 8
    together = threading.Barrier(threads)
    api, toolset = Api(), kind()
    generator = make(api, tools=toolset)

    def first_call() -> None:
        together.wait(PATIENCE)
        SYNC.run(generator, "Hi")

    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(first_call) for _ in range(threads)]:
            future.result(PATIENCE)
    assert [names(body) for body in api.bodies] == [["weather"]] * threads
    assert toolset.warm_ups == 1


@in_both
@async_only
@pytest.mark.parametrize("kind", [LazyToolset, AsyncLazyToolset])
async def test_first_calls_of_many_tasks_warm_up_once(make: Any, mode: Mode, kind: Any) -> None:
    api, toolset = Api(), kind()
    generator = make(api, tools=toolset)
    calls = [asyncio.create_task(mode.call(generator, "Hi")) for _ in range(8)]
    await asyncio.sleep(0)
    calls[0].cancel()  # The others do not depend on the one that began.
    await asyncio.gather(*calls, return_exceptions=True)
    await asyncio.gather(*calls[1:])
    assert [names(body) for body in api.bodies][:7] == [["weather"]] * 7
    assert toolset.warm_ups == 1


@in_both
def test_first_calls_of_two_event_loops(make: Any) -> None:
    """Neither waits for a lock of the other's, which fails."""
    both_are_at_it = threading.Barrier(2)

    class MeetingToolset(LazyToolset):
        async def warm_up_async(self) -> None:
            await asyncio.to_thread(both_are_at_it.wait, PATIENCE)
            LazyToolset.warm_up(self)

    component = make(Api(), tools=MeetingToolset())
    with ThreadPoolExecutor(2) as pool:
        for call in [pool.submit(asyncio.run, component.warm_up_async()) for _ in range(2)]:
            call.result()
    assert [tool.name for tool in component.tools] == ["weather"]


@in_both
async def test_tool_that_is_asynchronous_only(make: Any) -> None:
    class AsyncOnly(Toolset):
        async def warm_up_async(self) -> None:
            self.tools = [a_tool()]

    api = Api()
    await make(api, tools=AsyncOnly([])).run_async("Hi")
    assert names(api.bodies[0]) == ["weather"]


@in_both
@pytest.mark.parametrize("travel", [lambda it: pickle.loads(pickle.dumps(it)), deepcopy], ids=["pickle", "deepcopy"])
def test_copies_warm_up_their_own_tools(make: Any, travel: Any) -> None:
    generator = make(Api())
    generator.http_client_kwargs = None
    generator.tools = LazyToolset(failures=9)
    copied = travel(generator)
    with pytest.raises(OSError, match="No connection"):
        copied.warm_up()
    assert (generator.tools.warm_ups, copied.tools.warm_ups) == (0, 1)


@in_all_modes
def test_hosted_tools_are_left_as_they_are(mode: Mode) -> None:
    api, hosted = Api(), [{"type": "web_search_preview"}]
    mode.run(responses_generator(api, tools=hosted), "Hi", tools=hosted)
    assert api.bodies[0]["tools"] == hosted
