# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from typing import Annotated

import httpx2
import openai
import pytest
from haystack.components.agents import Agent
from haystack.dataclasses import ChatMessage, StreamingChunk
from haystack.tools import tool
from haystack.utils import Secret
from pydantic import BaseModel

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator

pytestmark = pytest.mark.integration


class City(BaseModel):
    name: str
    country: str


@tool
def weather(city: Annotated[str, "Name of the city"]) -> str:
    """Current weather in a city."""
    return f"18 °C and sunny in {city}"


@pytest.fixture(params=[False, True], ids=["plain", "streamed"])
def callback(request: pytest.FixtureRequest) -> Callable[[StreamingChunk], None] | None:
    return (lambda chunk: None) if request.param else None


def test_chat(callback: Callable[[StreamingChunk], None] | None) -> None:
    reply = AIMLAPIChatGenerator(streaming_callback=callback).run("What is the capital of France?")["replies"][0]

    assert "Paris" in reply.text
    assert reply.meta["finish_reason"] == "stop"
    assert reply.meta["usage"]["total_tokens"] > 0
    assert reply.meta["cost"]["credits_used"] > 0
    assert reply.meta["inference_id"]


async def test_chat_async(callback: Callable[[StreamingChunk], None] | None) -> None:
    generator = AIMLAPIChatGenerator(streaming_callback=callback)
    result = await generator.run_async("What is the capital of France?")
    await generator.close_async()

    assert "Paris" in result["replies"][0].text


def test_reasoning(callback: Callable[[StreamingChunk], None] | None) -> None:
    generator = AIMLAPIChatGenerator(model="deepseek/deepseek-v4-flash", streaming_callback=callback)
    reply = generator.run("What is 17 times 23?")["replies"][0]

    assert reply.reasoning.reasoning_text
    assert "391" in reply.text


def test_agent(callback: Callable[[StreamingChunk], None] | None) -> None:
    agent = Agent(chat_generator=AIMLAPIChatGenerator(), tools=[weather], streaming_callback=callback)
    messages = agent.run([ChatMessage.from_user("What is the weather in Paris?")])["messages"]

    assert messages[1].tool_call.arguments == {"city": "Paris"}
    assert "18" in messages[-1].text


def test_structured_output(callback: Callable[[StreamingChunk], None] | None) -> None:
    generator = AIMLAPIChatGenerator(generation_kwargs={"response_format": City}, streaming_callback=callback)
    reply = generator.run("Which city is the Eiffel tower in?")["replies"][0]

    assert City.model_validate_json(reply.text).name == "Paris"


def test_wrong_key() -> None:
    generator = AIMLAPIChatGenerator(api_key=Secret.from_token("wrong"))
    with pytest.raises(openai.AuthenticationError):
        generator.run("Hi")


def test_supported_models_are_in_the_catalogue() -> None:
    catalogue = httpx2.get("https://api.aimlapi.com/v1/models", timeout=60).json()["data"]
    chat = [model for model in catalogue if model["type"] == "openai/chat-completions"]
    known = {name for model in chat for name in (model["id"], *model.get("aliases", []))}

    assert [model for model in AIMLAPIChatGenerator.SUPPORTED_MODELS if model not in known] == []
