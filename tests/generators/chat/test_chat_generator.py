# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import inspect
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import httpx2
import openai
import pytest
from haystack import Pipeline, component
from haystack.components.agents import Agent
from haystack.components.builders import ChatPromptBuilder
from haystack.components.generators.chat import FallbackChatGenerator, OpenAIChatGenerator
from haystack.dataclasses import ChatMessage, StreamingCallbackT
from haystack.tools import Tool
from haystack.utils import Secret

from haystack_integrations.components.generators import aimlapi
from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from haystack_integrations.components.generators.aimlapi.chat._inputs import AnyTools
from tests.support.api import Api, chat_body, chat_generator, plain, responses_generator
from tests.support.modes import Mode, in_all_modes, plain_only
from tests.support.replies import HELLO, MODEL, USAGE, completion, failure


def echo(text: str) -> str:
    return text


ECHO = Tool("echo", "Say it again.", {"type": "object", "properties": {"text": {"type": "string"}}}, echo)
ECHO_SENT = {"type": "function", "function": ECHO.tool_spec}


# What the component is


def test_init_parameters_are_those_of_the_published_component() -> None:
    parameters = list(inspect.signature(AIMLAPIChatGenerator.__init__).parameters.values())[1:]
    assert {parameter.kind for parameter in parameters} == {inspect.Parameter.KEYWORD_ONLY}
    assert [(parameter.name, parameter.default, parameter.annotation) for parameter in parameters] == [
        ("api_key", Secret.from_env_var("AIMLAPI_API_KEY"), Secret),
        ("model", "openai/gpt-5.6-terra", str),
        ("streaming_callback", None, StreamingCallbackT | None),
        ("api_base_url", "https://api.aimlapi.com/v1", str | None),
        ("generation_kwargs", None, dict[str, Any] | None),
        ("tools", None, AnyTools | None),
        ("tools_strict", False, bool),
        ("timeout", None, float | None),
        ("extra_headers", None, Mapping[str, str | Secret] | None),
        ("max_retries", None, int | None),
        ("http_client_kwargs", None, dict[str, Any] | None),
    ]


@pytest.mark.parametrize("method", ["run", "run_async"])
def test_run_parameters_are_those_of_haystacks_own_component(method: str) -> None:
    parameters = list(inspect.signature(getattr(AIMLAPIChatGenerator, method)).parameters.values())[1:]
    positional, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    assert [(parameter.name, parameter.default, parameter.kind) for parameter in parameters] == [
        ("messages", inspect.Parameter.empty, positional),
        ("streaming_callback", None, positional),
        ("generation_kwargs", None, positional),
        ("tools", None, keyword),
        ("tools_strict", None, keyword),
    ]


def test_it_is_an_openai_chat_generator_with_models_of_its_own() -> None:
    models = AIMLAPIChatGenerator.SUPPORTED_MODELS
    assert issubclass(AIMLAPIChatGenerator, OpenAIChatGenerator)
    assert len(models) == len(set(models)) >= 40
    assert AIMLAPIChatGenerator().model in models
    assert not set(models) & set(OpenAIChatGenerator.SUPPORTED_MODELS)
    assert len({model.partition("/")[0] for model in models if "/" in model}) >= 10


def test_types_ship_with_the_package() -> None:
    assert files(aimlapi).joinpath("py.typed").is_file()


# What a call does


@in_all_modes
async def test_an_empty_list_sends_nothing(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIMLAPI_API_KEY")
    api = Api()
    assert await mode.call(chat_generator(api), []) == {"replies": []}
    assert api.requests == []


@in_all_modes
@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "https://api.aimlapi.com/v1/chat/completions"),
        ({"api_base_url": None}, "https://api.aimlapi.com/v1/chat/completions"),
        ({"api_base_url": "http://127.0.0.1:9/v2/"}, "http://127.0.0.1:9/v2/chat/completions"),
    ],
)
async def test_the_base_url_is_where_it_asks(mode: Mode, settings: Any, url: str) -> None:
    api = Api()
    result = await mode.call(chat_generator(api, **settings), "Hi")
    assert [(request.method, str(request.url)) for request in api.requests] == [("POST", url)]
    (reply,) = result["replies"]
    reply.meta.pop("completion_start_time", None)
    assert reply == ChatMessage.from_assistant("Hello", meta=reply.meta)
    assert reply.meta == {
        "model": "m-1",
        "index": 0,
        "finish_reason": "stop",
        "usage": USAGE,
        "id": "c-1",
        "created": 1,
        "object": "chat.completion",
    }


@in_all_modes
@pytest.mark.parametrize("place", ["init", "run"])
async def test_it_runs_in_a_pipeline_with_a_callback_of_init_or_run(mode: Mode, place: str) -> None:
    api, texts = Api(), []

    async def collect_async(chunk: Any) -> None:
        texts.append(chunk.content)

    def collect(chunk: Any) -> None:
        texts.append(chunk.content)

    callback = (collect_async if mode.asynchronous else collect) if mode.streamed else None
    pipeline = Pipeline()
    pipeline.add_component(
        "prompt", ChatPromptBuilder([ChatMessage.from_user("Hi {{ name }}")], required_variables="*")
    )
    pipeline.add_component("llm", chat_generator(api, streaming_callback=callback if place == "init" else None))
    pipeline.connect("prompt.prompt", "llm.messages")
    data = {"prompt": {"name": "Ada"}, "llm": {"generation_kwargs": {"seed": 1}}}
    if place == "run":
        data["llm"]["streaming_callback"] = callback
    result = await mode.plain.call(pipeline, data)
    assert [reply.text for reply in result["llm"]["replies"]] == ["Hello"]
    assert "".join(texts) == ("Hello" if mode.streamed else "")
    assert api.bodies == [chat_body(mode, [{"role": "user", "content": "Hi Ada"}], seed=1)]


@plain_only
async def test_agent_streams_through_run_time_callback_in_a_pipeline(mode: Mode) -> None:
    arguments = {"name": "echo", "arguments": '{"text": "Hi"}'}
    said = {"content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": arguments}]}
    api = Api(completion(said, "tool_calls"), HELLO)
    texts: list[str] = []
    pipeline = Pipeline()
    pipeline.add_component("agent", Agent(chat_generator=chat_generator(api), tools=[ECHO]))

    async def collect_async(chunk: Any) -> None:
        texts.append(chunk.content)

    callback = collect_async if mode.asynchronous else lambda chunk: texts.append(chunk.content)
    data = {"agent": {"messages": [ChatMessage.from_user("Hi")], "streaming_callback": callback}}
    result = await mode.call(pipeline, data)
    assert [message.text for message in result["agent"]["messages"][-1:]] == ["Hello"]
    assert "Hello" in "".join(texts)


@in_all_modes
async def test_it_runs_in_a_fallback(mode: Mode) -> None:
    failing = chat_generator(Api(httpx2.Response(404)))
    api = Api()
    fallback = FallbackChatGenerator([failing, chat_generator(api, model="vendor/other")])
    result = await mode.call(fallback, [ChatMessage.from_user("Hi")], tools=[ECHO], generation_kwargs={"seed": 1})
    assert [reply.text for reply in result["replies"]] == ["Hello"]
    assert result["meta"]["successful_chat_generator_index"] == 1
    assert api.bodies == [{**chat_body(mode, tools=[ECHO_SENT], seed=1), "model": "vendor/other"}]


@in_all_modes
async def test_a_component_may_be_made_of_this_one(mode: Mode) -> None:
    @component
    class Terse(AIMLAPIChatGenerator):
        def __init__(self, *, words: int, **settings: Any) -> None:
            super(Terse, self).__init__(generation_kwargs={"max_tokens": words}, **settings)  # noqa: UP008

    api = Api()
    terse = Terse(words=3, model=MODEL, http_client_kwargs={"transport": api})
    assert [reply.text for reply in (await mode.call(terse, "Hi"))["replies"]] == ["Hello"]
    assert api.bodies == [chat_body(mode, max_tokens=3)]


@in_all_modes
@pytest.mark.parametrize("make", [chat_generator, responses_generator])
async def test_a_model_that_is_nearly_known_is_told(make: Any, mode: Mode) -> None:
    api = Api(plain(failure("Not found", 404), 404))
    with pytest.raises(openai.NotFoundError, match="Did you mean openai/gpt-5-"):
        await mode.call(make(api, model="openai/gpt-5-mni"), "Hi")
