# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The hook of examples/budget.py stops an agent before the call that its budget does not reach to."""

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from haystack.components.agents import Agent
from haystack.dataclasses import ChatMessage

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.counting import CountingStandIn

EXAMPLE = Path(__file__).parents[1] / "examples" / "budget.py"
FIRST, SECOND = 0.0002255, 0.0002495
"""What the two calls cost, in USD."""


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLE.parent)
        patch.delenv("AIMLAPI_API_KEY", raising=False)
        # What was imported before keeps its address, but not the key that it set with it.
        patch.delitem(sys.modules, "stand_in", raising=False)
        return runpy.run_path(str(EXAMPLE))


@pytest.mark.parametrize("is_async", [False, True], ids=["run", "run_async"])
@pytest.mark.parametrize(
    ("before", "budget", "asked"), [(0, FIRST + SECOND, 2), (0, FIRST + 1e-7, 2), (0, FIRST, 1), (FIRST, FIRST, 0)]
)
async def test_no_call_is_made_once_the_budget_is_spent(
    example: dict[str, Any], before: float, budget: float, asked: int, is_async: bool
) -> None:
    """`before` is what the conversation has cost in earlier turns."""
    messages = [
        ChatMessage.from_assistant("Hello", meta={"cost": {"usd_spent": before}}),
        ChatMessage.from_user("What is the weather in Paris?"),
    ]
    hooks = {"before_llm": [example["Budget"](budget)]}
    stopped = None
    with CountingStandIn() as server:
        generator = AIMLAPIChatGenerator(api_base_url=server.base_url)
        agent = Agent(chat_generator=generator, tools=[example["weather"]], hooks=hooks)
        try:
            await agent.run_async(messages) if is_async else agent.run(messages)
        except example["BudgetSpentError"] as error:
            stopped = error
        await agent.close_async()
        agent.close()

    assert server.asked.total() == asked
    assert (stopped is None) == (asked == 2)
    if stopped:
        assert stopped.spent == pytest.approx(before + FIRST * asked)
        assert len(stopped.messages) == 2 + 2 * asked


async def test_a_cost_that_nobody_knows_stops_it(example: dict[str, Any]) -> None:
    messages = [ChatMessage.from_assistant("Hello", meta={"cost": {"credits_used": 5}}), ChatMessage.from_user("Hi")]
    with CountingStandIn() as server:
        agent = Agent(
            chat_generator=AIMLAPIChatGenerator(api_base_url=server.base_url),
            hooks={"before_llm": [example["Budget"](100)]},
        )
        with pytest.raises(example["BudgetSpentError"]):
            agent.run(messages)
        agent.close()
    assert server.asked.total() == 0
