# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""An agent that makes no further call once its conversation has cost as much as a budget in USD."""

import math
from typing import Annotated

from haystack.components.agents import Agent
from haystack.components.agents.state import State
from haystack.dataclasses import ChatMessage
from haystack.tools import tool
from stand_in import api_base_url

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator


class BudgetSpentError(Exception):
    """
    :param spent: What the conversation has cost, in USD.
    :param messages: The conversation so far.
    """

    def __init__(self, spent: float, messages: list[ChatMessage]) -> None:
        super().__init__(f"${spent:.6f} spent")
        self.spent = spent
        self.messages = messages


class Budget:
    """A hook for `before_llm`, with the budget in USD."""

    def __init__(self, usd: float) -> None:
        self.usd = usd

    def run(self, state: State) -> None:
        messages = state.data["messages"]
        costs = [message.meta["cost"] for message in messages if "cost" in message.meta]
        # What a call has cost is not always told in USD: then it may be anything.
        spent = sum(cost.get("usd_spent", math.inf) for cost in costs)
        if spent >= self.usd:
            raise BudgetSpentError(spent, messages)


@tool
def weather(city: Annotated[str, "The city"]) -> str:
    """The weather in a city."""
    return {"Paris": "18 °C and sunny"}.get(city, "unknown")


for usd in (0.01, 0.0002):
    agent = Agent(
        chat_generator=AIMLAPIChatGenerator(api_base_url=api_base_url()),
        tools=[weather],
        hooks={"before_llm": [Budget(usd)]},
    )
    try:
        answer = agent.run([ChatMessage.from_user("What is the weather in Paris?")])["last_message"].text
    except BudgetSpentError as stop:
        answer = f"stopped: {stop}, {len(stop.messages)} messages so far"
    print(f"with ${usd}: {answer}")
