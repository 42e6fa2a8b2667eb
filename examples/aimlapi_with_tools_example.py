# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""An agent that calls two tools and answers from what they return."""

from typing import Annotated

from haystack.components.agents import Agent
from haystack.dataclasses import ChatMessage
from haystack.tools import tool
from stand_in import api_base_url

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator


@tool
def weather(city: Annotated[str, "Name of the city"]) -> str:
    """Current weather in a city."""
    return {"Tokyo": "18 °C and sunny"}.get(city, "unknown")


@tool
def local_time(city: Annotated[str, "Name of the city"]) -> str:
    """Current local time in a city."""
    return {"Tokyo": "21:30"}.get(city, "unknown")


agent = Agent(chat_generator=AIMLAPIChatGenerator(api_base_url=api_base_url()), tools=[weather, local_time])
question = "I land in Tokyo today. What is the weather there, and what time is it?"
messages = agent.run([ChatMessage.from_user(question)])["messages"]

for message in messages:
    for call in message.tool_calls:
        print(f"call    {call.tool_name}({call.arguments})")
    for result in message.tool_call_results:
        print(f"result  {result.result}")
print(f"answer  {messages[-1].text}")
