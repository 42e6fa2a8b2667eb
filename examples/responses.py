# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""A model of the Responses endpoint: thought and answer as they stream in, and what they cost."""

from haystack.components.generators.utils import print_streaming_chunk
from stand_in import api_base_url

from haystack_integrations.components.generators.aimlapi import AIMLAPIResponsesChatGenerator

generator = AIMLAPIResponsesChatGenerator(
    model="openai/gpt-5-5",
    api_base_url=api_base_url(),
    streaming_callback=print_streaming_chunk,
    generation_kwargs={"reasoning": {"effort": "low", "summary": "auto"}},
)
question = "A bat and a ball cost 1.10 in total. The bat costs 1.00 more than the ball. What does the ball cost?"
reply = generator.run(question)["replies"][0]
print("reasoning tokens:", reply.meta["usage"]["output_tokens_details"]["reasoning_tokens"])
print("cost:", reply.meta["cost"])
