# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Subclasses override the hooks of Haystack's own generators, as its integrations do."""

from typing import Any

import pytest
from haystack import component
from haystack.dataclasses import ChatMessage
from openai import AsyncStream, Stream

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator, AIMLAPIResponsesChatGenerator
from tests.support.api import Api, over
from tests.support.modes import Mode, in_all_modes

KINDS = (AIMLAPIChatGenerator, AIMLAPIResponsesChatGenerator)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@in_all_modes
async def test_prepare_api_call(kind: Any, mode: Mode) -> None:
    @component
    class Subclass(kind):
        def _prepare_api_call(self, **parameters: Any) -> dict[str, Any]:
            arguments = kind._prepare_api_call(self, **parameters)
            assert arguments["openai_endpoint"] == "create"
            return {**arguments, "temperature": 0.5, "extra_body": {**arguments["extra_body"], "top_k": 3}}

    api = Api()
    generator = Subclass(model="vendor/model", **over(api))
    (reply,) = (await mode.call(generator, "Hi"))["replies"]
    assert reply.text == "Hello"
    (body,) = api.bodies
    assert (body["temperature"], body["top_k"]) == (0.5, 3)
    assert "openai_endpoint" not in body


@in_all_modes
async def test_prepare_api_call_has_the_parameters_where_the_parent_has_them(kind: Any, mode: Mode) -> None:
    """Those of the SDK by name, and all others in `extra_body`: there a subclass changes or takes them."""

    @component
    class Subclass(kind):
        def _prepare_api_call(self, **parameters: Any) -> dict[str, Any]:
            arguments = kind._prepare_api_call(self, **parameters)
            assert arguments["extra_body"].pop("safe_prompt") is True
            arguments["top_p"] = arguments.pop("temperature") / 2
            return arguments

    api = Api()
    generator = Subclass(model="vendor/model", **over(api))
    await mode.call(generator, "Hi", generation_kwargs={"safe_prompt": True, "temperature": 0.5})
    (body,) = api.bodies
    assert body["top_p"] == 0.25
    assert not body.keys() & {"temperature", "safe_prompt"}


@in_all_modes
async def test_handle_stream_response(kind: Any, mode: Mode) -> None:
    """Whoever handles a stream gets it as it comes from the client, and may hand it on."""
    streams: list[Any] = []

    @component
    class Subclass(kind):
        def _handle_stream_response(self, stream: Any, callback: Any) -> list[ChatMessage]:
            streams.append(stream)
            return kind._handle_stream_response(self, stream, callback)

        async def _handle_async_stream_response(self, stream: Any, callback: Any) -> list[ChatMessage]:
            streams.append(stream)
            return await kind._handle_async_stream_response(self, stream, callback)

    generator = Subclass(model="vendor/model", **over(Api()))
    (reply,) = (await mode.call(generator, "Hi"))["replies"]
    assert reply.text == "Hello"
    assert len(streams) == mode.streamed
    assert all(isinstance(stream, (Stream, AsyncStream)) for stream in streams)


@in_all_modes
async def test_handle_stream_response_of_its_own(kind: Any, mode: Mode) -> None:
    @component
    class Subclass(kind):
        def _handle_stream_response(self, stream: Any, callback: Any) -> list[ChatMessage]:
            return [ChatMessage.from_assistant("mine")]

        async def _handle_async_stream_response(self, stream: Any, callback: Any) -> list[ChatMessage]:
            return [ChatMessage.from_assistant("mine")]

    generator = Subclass(model="vendor/model", **over(Api()))
    (reply,) = (await mode.call(generator, "Hi"))["replies"]
    assert reply.text == ("mine" if mode.streamed else "Hello")


@in_all_modes
async def test_resolve_flattened_kwargs(mode: Mode) -> None:
    @component
    class Subclass(AIMLAPIResponsesChatGenerator):
        def _resolve_flattened_kwargs(self, generation_kwargs: dict[str, Any]) -> dict[str, Any]:
            effort = generation_kwargs.pop("how_hard")
            return AIMLAPIResponsesChatGenerator._resolve_flattened_kwargs(
                self, {**generation_kwargs, "reasoning_effort": effort}
            )

    api = Api()
    generator = Subclass(model="vendor/model", **over(api))
    given = {"how_hard": "low"}
    await mode.call(generator, "Hi", generation_kwargs=given)
    (body,) = api.bodies
    assert body["reasoning"] == {"effort": "low"}
    assert given == {"how_hard": "low"}
    assert "how_hard" not in body


@in_all_modes
async def test_client_kwargs(kind: Any, mode: Mode) -> None:
    @component
    class Subclass(kind):
        def _client_kwargs(self) -> dict[str, Any]:
            kwargs = kind._client_kwargs(self)
            return {**kwargs, "base_url": "http://127.0.0.1:9/other", "default_query": {"tenant": "7"}}

    api = Api()
    generator = Subclass(model="vendor/model", **over(api))
    await mode.call(generator, "Hi")
    assert str(api.requests[0].url).startswith("http://127.0.0.1:9/other/")
    assert api.requests[0].url.query == b"tenant=7"


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_run(kind: Any, asynchronous: bool) -> None:
    @component
    class Subclass(kind):
        @component.output_types(replies=list[ChatMessage], count=int)
        def run(self, messages: Any) -> dict[str, Any]:
            result = kind.run(self, messages)
            return {**result, "count": len(result["replies"])}

        @component.output_types(replies=list[ChatMessage], count=int)
        async def run_async(self, messages: Any) -> dict[str, Any]:
            result = await kind.run_async(self, messages)
            return {**result, "count": len(result["replies"])}

    generator = Subclass(model="vendor/model", **over(Api()))
    result = await generator.run_async("Hi") if asynchronous else generator.run("Hi")
    assert (result["replies"][0].text, result["count"]) == ("Hello", 1)
