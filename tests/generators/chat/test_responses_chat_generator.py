# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import logging
from typing import Any

import openai
import pytest
import yaml
from haystack import Pipeline
from haystack.components.agents import Agent
from haystack.components.builders import ChatPromptBuilder, PromptBuilder
from haystack.dataclasses import ChatMessage, StreamingChunk
from haystack.tools import Tool, Toolset
from pydantic import BaseModel

from examples.stand_in import stand_in
from haystack_integrations.components.generators.aimlapi import (
    AIMLAPIChatGenerator,
    AIMLAPIImageGenerator,
    AIMLAPIResponsesChatGenerator,
)
from tests.support.api import Api, responses_generator
from tests.support.modes import MODES, Mode, in_all_modes, in_both_clients, plain_only
from tests.support.recordings import Recording

MODULE = "haystack_integrations.components.generators.aimlapi.chat.responses_chat_generator"
TYPE = f"{MODULE}.AIMLAPIResponsesChatGenerator"
MODEL = "openai/gpt-5-4"
LOW = {"reasoning": {"effort": "low", "summary": "auto"}}


class Person(BaseModel):
    name: str
    birth_year: int


CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def get_weather(city: str) -> str:
    return "18 °C and sunny"


WEATHER = Tool("weather", "The weather in a city.", CITY, get_weather)


# Recordings


@in_both_clients
@plain_only
async def test_a_recorded_response_becomes_a_reply(mode: Mode, http_client_kwargs: Any, playback: Any) -> None:
    recorded = playback("responses_chat").exchanges[0]["response"]["json"]

    result = await mode.call(
        AIMLAPIResponsesChatGenerator(http_client_kwargs=http_client_kwargs), "What is the capital of France?"
    )

    told = {name: value for name, value in recorded.items() if value or value == 0}
    for name in ("output", "output_text", "meta"):
        del told[name]
    meta = {
        **told,
        "index": 0,
        "finish_reason": "stop",
        "phase": "final_answer",
        "message_id": "msg_0f1c5a",
        "message_status": "completed",
        "cost": {"credits_used": 319, "usd_spent": 0.0001595},
        "inference_id": "rYq2mTkW8bXc4nLs0dVfA",
    }
    assert result == {"replies": [ChatMessage.from_assistant("The capital of France is Paris.", meta=meta)]}


@in_both_clients
@plain_only
async def test_a_recorded_stream_becomes_a_reply_and_chunks(mode: Mode, http_client_kwargs: Any, playback: Any) -> None:
    recorded = playback("responses_stream").exchanges[0]
    question = recorded["request"]["body"]["input"][0]["content"][0]["text"]
    chunks: list[StreamingChunk] = []
    component = AIMLAPIResponsesChatGenerator(
        model="openai/gpt-5-5", generation_kwargs=LOW, http_client_kwargs=http_client_kwargs
    )

    reply = (await mode.call(component, question, streaming_callback=chunks.append))["replies"][0]

    thought = "The ball is x, the bat x + 1.00. So 2x + 1.00 = 1.10, and x = 0.05."
    answer = "The ball costs 0.05, and the bat 1.05."
    assert reply.reasoning.reasoning_text == thought
    assert reply.text == answer
    assert "".join(chunk.reasoning.reasoning_text for chunk in chunks if chunk.reasoning) == thought
    assert "".join(chunk.content for chunk in chunks) == answer
    assert [chunk.index for chunk in chunks if chunk.start] == [0, 1]
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["stop"]
    assert {chunk.component_info.type for chunk in chunks} == {TYPE}
    assert reply.meta["cost"] == {"credits_used": 5530, "usd_spent": 0.002765}
    assert reply.meta["inference_id"] == "kD8sJ2xPq0LmZ7vTnB4eR"
    assert reply.meta["usage"]["total_tokens"] == 123


@in_both_clients
@in_all_modes
async def test_an_agent_sends_encrypted_reasoning_back(mode: Mode, http_client_kwargs: Any, playback: Any) -> None:
    """The recorded second request holds the encrypted reasoning of the first reply."""
    playback("responses_tools_stream" if mode.streamed else "responses_tools")
    component = AIMLAPIResponsesChatGenerator(generation_kwargs=LOW, http_client_kwargs=http_client_kwargs)
    agent = Agent(chat_generator=component, tools=[WEATHER])

    result = await mode.call(agent, [ChatMessage.from_user("What is the weather in Paris?")])

    assert [m.role.value for m in result["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert result["messages"][1].reasoning.reasoning_text == "I need the weather in Paris."
    assert result["messages"][1].meta["finish_reason"] == "tool_calls"
    assert result["messages"][-1].text == "It is 18 °C and sunny in Paris."
    assert result["token_usage"]["total_tokens"] == 102 + 143


@in_both_clients
@plain_only
async def test_structured_output_comes_as_text(mode: Mode, http_client_kwargs: Any, playback: Any) -> None:
    playback("responses_structured")
    component = AIMLAPIResponsesChatGenerator(
        generation_kwargs={"text_format": Person}, http_client_kwargs=http_client_kwargs
    )

    reply = (await mode.call(component, "Who discovered radium?"))["replies"][0]

    assert Person.model_validate_json(reply.text) == Person(name="Marie Curie", birth_year=1867)


# Client


def test_a_plain_call_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        responses_generator(Api()).run("Hi")
    assert caplog.text == ""


# Serialization


@pytest.mark.parametrize("tools", [[WEATHER], Toolset([WEATHER]), [{"type": "web_search_preview"}], []])
def test_tools_and_formats_survive_a_round_trip(tools: Any) -> None:
    parameters = {"text_format": Person, "temperature": 0}
    component = AIMLAPIResponsesChatGenerator(tools=tools, tools_strict=True, generation_kwargs=parameters)
    data = component.to_dict()
    text = yaml.safe_dump(data)
    loaded = [AIMLAPIResponsesChatGenerator.from_dict(data) for _ in range(2)]
    assert [other.to_dict() for other in loaded] == [data, data]
    assert [[type(tool) for tool in other.tools] for other in loaded] == [[type(tool) for tool in tools]] * 2
    assert yaml.safe_dump(data) == text
    assert data["init_parameters"]["generation_kwargs"]["text"]["format"]["name"] == "Person"
    assert component.generation_kwargs == parameters


def test_a_pipeline_of_all_three_components_runs_from_yaml() -> None:
    with stand_in() as url:
        pipeline = Pipeline()
        pipeline.add_component("chat", AIMLAPIChatGenerator(api_base_url=url))
        pipeline.add_component("image", AIMLAPIImageGenerator(api_base_url=url, response_format="b64_json"))
        pipeline.add_component("picture", PromptBuilder("A black cat on a red {{ seat }}."))
        question = ChatMessage.from_user("What is the capital of {{ country }}?")
        pipeline.add_component("prompt", ChatPromptBuilder([question]))
        pipeline.add_component("responses", AIMLAPIResponsesChatGenerator(api_base_url=url))
        pipeline.connect("picture", "image.prompt")
        pipeline.connect("prompt", "chat")
        pipeline.connect("prompt", "responses")
        text = pipeline.dumps()
        assert Pipeline.loads(text).dumps() == text
        result = Pipeline.loads(text).run({"prompt": {"country": "France"}, "picture": {"seat": "sofa"}})

    replies = [result[name]["replies"][0].text for name in ("chat", "responses")]
    assert replies == ["The capital of France is Paris."] * 2
    recorded = Recording("image_openai").exchanges[0]["response"]["json"]["data"][0]["b64_json"]
    assert result["image"]["images"] == [recorded]


async def test_the_stand_in_says_that_it_does_not_know_a_question() -> None:
    with stand_in() as url:
        component = AIMLAPIResponsesChatGenerator(api_base_url=url)
        for mode in MODES:
            reply = (await mode.call(component, "Who?"))["replies"][0]
            assert "no recording of that question" in reply.text
        with pytest.raises(openai.NotFoundError, match="no recording"):
            AIMLAPIImageGenerator(api_base_url=url).run("Who?")
